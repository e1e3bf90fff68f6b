"""Which endings of names there are, and who writes such files."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastmlp import _checks, _lazy
from fastmlp.data import files
from fastmlp.data.arrays import check_finite
from fastmlp.models.members import Members
from fastmlp.models.model import Model

if TYPE_CHECKING:
    from os import PathLike

# Ending of the file's name -> the module of this room whose `export(model, path, *, …)` writes it,
# and what it is. Loaded when first used.
FORMATS: dict[str, tuple[str, str]] = {
    ".onnx": ("onnx.writing", "ONNX"),
    ".keras": ("keras.writing", "Keras"),
    ".h": ("c", "C"),
    ".js": ("javascript", "JavaScript"),
    ".mjs": ("javascript", "JavaScript"),
    ".py": ("numpy", "NumPy"),
}
# Of these, those that hold any graph, and not the layers of one model.
GRAPHS = (".onnx", ".h", ".js", ".mjs", ".py")
# What to do where an ending is that of another's format, by whose it is.
ELSEWHERE = {
    "Keras": "Keras 3 reads '.keras'",
    "PyTorch": "for PyTorch, write torch.save(fastmlp.to_torch(model), path)",
    "pickle": "for a pickle, write pickle.dump(model, file)",
    "joblib": "for joblib, write joblib.dump(model, path)",
    "NumPy": "for arrays, write np.savez(path, *model.get_weights())",
}


def check_estimator_path(path: str | PathLike[str]) -> None:
    """Raise ValueError unless the ending is that of a format that holds an estimator's labels."""
    suffix = files.path_of(path).suffix.lower()
    if suffix != ".onnx":
        advice = "; its network alone is written by model_.export" if suffix in FORMATS else ""
        hint = _checks.hint(suffix, [".onnx"])
        raise ValueError(f"path={str(path)!r}: estimators are written as '.onnx'{hint}{advice}")


def check_graph(path: str | PathLike[str], what: str) -> None:
    """Raise ValueError unless the ending of a file's name is of a format that holds any graph."""
    suffix = files.path_of(path).suffix.lower()
    if suffix not in GRAPHS:
        known = ", ".join(map(repr, GRAPHS))
        raise ValueError(
            f"path={str(path)!r}: {what} is written as one of {known}{_checks.hint(suffix, GRAPHS)}"
        )


def export(model: Any, path: str | PathLike[str], **settings: Any) -> Any:
    """Write a model in the format that the name's ending says, see `Model.export`."""
    suffix = files.path_of(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"{ending!r} ({what})" for ending, (_, what) in FORMATS.items())
        owner = files.foreign(path) or ""
        hint = "" if owner else _checks.hint(suffix, FORMATS)
        advice = f"; {ELSEWHERE[owner]}" if owner in ELSEWHERE else ""
        if suffix == ".safetensors":
            advice = f"; {str(path)!r} can be written by save"
        raise ValueError(
            f"path={str(path)!r}: its ending says the format, one of {known}{hint}{advice}"
        )
    module, what = FORMATS[suffix]
    write = _lazy.load(f"fastmlp.export.{module}").export
    taken = [
        name
        for name, parameter in inspect.signature(write).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    if unknown := [name for name in settings if name not in taken]:
        can = f"takes {', '.join(taken)}" if taken else "takes none"
        raise TypeError(f"export to {what} has no setting {unknown[0]!r}: it {can}")
    for one in model if isinstance(model, Members) else [model]:
        if isinstance(one, Model):  # an estimator of tables has no weights to be written to
            views = one.network.views(one.parameters.view)
            for name, view in views.items():
                check_finite(view, name, view.dtype)
    return write(model, path, **settings)
