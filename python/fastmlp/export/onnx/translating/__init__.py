"""What each operator of an ONNX graph makes of the values that it reads, a file a family."""

from fastmlp.export.onnx.translating import elements as elements
from fastmlp.export.onnx.translating import products as products
from fastmlp.export.onnx.translating import rows as rows
from fastmlp.export.onnx.translating import shapes as shapes
