"""ONNX: networks as graphs of its operators, and back."""
