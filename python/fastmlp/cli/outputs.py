"""Where results go, found out before any work."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastmlp.cli.typed import PACKED, SHEETS, TYPED
from fastmlp.data import files


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Find out before any work whether a result can be written, and overwrites no input."""
    if output.is_dir():
        raise ValueError(f"--output {output} is a folder; give the name of a file")
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}")
    if (output.is_file() or not output.exists()) and not _takes_files(output.parent):
        raise ValueError(f"--output {output}: the folder {output.parent} cannot be written to")
    for given in inputs:
        if output.exists() and given.exists() and output.samefile(given):
            raise ValueError(f"--output {output} would overwrite what is read")


def check_is_csv(output: Path) -> None:
    """Raise if the name of a file promises another format than CSV, which is what is written."""
    ending = output.suffix.lower()
    if ending in (*PACKED, *TYPED, *SHEETS, ".tsv", ".safetensors"):
        what = "packed" if ending in PACKED else ending.removeprefix(".")
        name = output.with_suffix("") if ending in PACKED else output
        raise ValueError(
            f"--output {output}: predictions are written as CSV, not {what}: name it "
            f"{name.with_suffix('.csv')}"
        )


def _takes_files(folder: Path) -> bool:
    """Tell whether files can be made in a folder: in /proc nobody can, whatever its rights say."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return os.access(folder, os.W_OK)
    except OSError:
        return False


def check_folder(folder: Path) -> None:
    """Find out before any work whether pictures can be saved in a folder, which may be new."""
    place = next((p for p in (folder, *folder.absolute().parents) if p.exists()), folder)
    if not place.is_dir():
        raise ValueError(f"--plot {folder}: {place} is a file; give the name of a folder")
    if not _takes_files(place):
        raise ValueError(f"--plot {folder}: the folder {place} cannot be written to")


def save_picture(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib as PNG, whole or not at all."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=150)
    files.write(path, [written.getvalue()])
