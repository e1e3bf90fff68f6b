"""Models as files that run elsewhere: ONNX and more, see `Model.export`."""

from __future__ import annotations

from fastmlp import _lazy

__getattr__, __dir__, _HOME = _lazy.attach(__name__, {"skl2onnx": "register_skl2onnx"})
__all__ = sorted(_HOME)
