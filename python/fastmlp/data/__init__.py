"""What comes in: arrays, sparse rows, tables, streams, files; nothing here knows of networks.

Data that do not fit in memory come as streams of batches, read ahead by a thread while the core
trains: see `Model.fit`, `Parquet` for files, and `shuffled` for a random order.
"""

from __future__ import annotations

from fastmlp import _lazy

__getattr__, __dir__, _HOME = _lazy.attach(
    __name__, {"parquet": "Parquet", "window": "shuffled"}, instead=_lazy.ELSEWHERE
)
__all__ = sorted(_HOME)
