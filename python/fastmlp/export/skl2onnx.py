"""What skl2onnx needs to know of the estimators, so that pipelines with them can be converted."""

from __future__ import annotations

from typing import Any


def register_skl2onnx() -> None:
    """Tell skl2onnx how to convert `MLPClassifier` and `MLPRegressor`, in pipelines too.

    This happens by itself as soon as both skl2onnx and the estimators of fastmlp are imported,
    whichever comes first.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    Classifiers have the options of skl2onnx's own: ``zipmap``, ``nocl``, ``output_class_labels``.
    What is computed is computed in the type of the input: float64 for `DoubleTensorType`, else
    float32.

    Examples
    --------
    >>> import fastmlp as fm
    >>> fm.export.register_skl2onnx()  # doctest: +SKIP
    """
    from skl2onnx import update_registered_converter

    from fastmlp.estimators import MLPClassifier, MLPRegressor

    update_registered_converter(
        MLPClassifier,
        "FastmlpMLPClassifier",
        _classifier_shapes,
        _convert,
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
        },
    )
    update_registered_converter(MLPRegressor, "FastmlpMLPRegressor", _regressor_shapes, _convert)


def _computed(operator: Any) -> Any:
    """Return the type of numbers that an operator computes: its input's, or float32."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    (x,) = operator.inputs
    return DoubleTensorType if isinstance(x.type, DoubleTensorType) else FloatTensorType


def _regressor_shapes(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = _computed(operator)([rows, operator.raw_operator.n_outputs_])


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    rows = operator.inputs[0].get_first_dimension()
    labels = operator.raw_operator._labels(_numbered(operator.scope_inst, operator))
    columns = len(labels.classes) if labels.several else max(2, len(labels.classes))
    texts = isinstance(labels.classes[0], str)
    kind = StringTensorType if texts else Int64TensorType
    operator.outputs[0].type = kind([rows, columns] if labels.several else [rows])
    operator.outputs[1].type = _computed(operator)([rows, columns])


def _numbered(scope: Any, operator: Any) -> bool:
    """Tell whether labels are to be places of classes."""
    return bool(scope.get_options(operator.raw_operator, {"nocl": False}, fail=False)["nocl"])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, guess_proto_type
    from skl2onnx.helpers import add_onnx_graph

    double = _computed(operator) is DoubleTensorType
    written = operator.raw_operator._as_onnx(
        dtype="float64" if double else "float32",
        element=guess_proto_type(operator.inputs[0].type),
        numbered=_numbered(scope, operator),
    )
    if all(node.op_type != "LayerNormalization" for node in written.graph.node):
        written.opset_import[0].version = 13  # all else means the same since then
    add_onnx_graph(scope, operator, container, written)
