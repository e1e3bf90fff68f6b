"""Writing files whole or not at all, and what the names of model files may end in.

A file is written as a draft beside its place and renamed when the disk has all of it. Who writes a
draft holds a lock on it: a draft that can be locked was left by a process that was killed, and the
next file written to that folder removes it.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

POSIX = os.name == "posix"
DRAFT = ".fastmlp-{}.draft"
# Endings of other formats, and whose they are: names of model files may not end in them.
FOREIGN = {
    **dict.fromkeys((".keras", ".h5", ".hdf5", ".tf", ".pb", ".tflite"), "Keras"),
    **dict.fromkeys((".pt", ".pth", ".pt2", ".ckpt"), "PyTorch"),
    **dict.fromkeys((".pkl", ".pickle"), "pickle"),
    ".joblib": "joblib",
    ".skops": "skops",
    ".onnx": "ONNX",
    **dict.fromkeys((".npy", ".npz"), "NumPy"),
    ".json": "JSON",
    ".pmml": "PMML",
}


def path_of(path: Any, name: str = "path") -> Path:
    """Return the name of a file as a path; TypeError of anything else, such as an open file.

    Examples
    --------
    >>> path_of("model.safetensors").suffix
    '.safetensors'
    >>> path_of(b"model.safetensors")
    Traceback (most recent call last):
        ...
    TypeError: path must be a str or a path, the name of a file, got bytes
    """
    try:
        found = os.fspath(path)
    except TypeError:
        found = None
    if not isinstance(found, str):
        given = type(path).__name__
        raise TypeError(f"{name} must be a str or a path, the name of a file, got {given}")
    if not found:
        raise ValueError(f"{name} must be a name, got ''")
    if "\0" in found:
        raise ValueError(f"{name} must not have a null character in it, got {found!r}")
    return Path(found)


def foreign(path: str | PathLike[str]) -> str | None:
    """Return whose format the ending of a name promises; None if not one that we know.

    Examples
    --------
    >>> foreign("model.keras"), foreign("model.safetensors"), foreign("model")
    ('Keras', None, None)
    """
    return FOREIGN.get(path_of(path).suffix.lower())


def check_model_name(path: str | PathLike[str], name: str = "path") -> Path:
    """Return the path of a model's file, unless its ending says that something else is in it.

    Examples
    --------
    >>> check_model_name("model.safetensors").name
    'model.safetensors'
    """
    found = path_of(path, name)
    if owner := foreign(found):
        raise ValueError(
            f"{name}={str(found)!r}: {found.suffix!r} is the ending of another format ({owner}), "
            f"and what is written is safetensors: write {str(found.with_suffix('.safetensors'))!r}"
        )
    return found


def check_place(path: str | PathLike[str]) -> Path:
    """Return where a file of this name lies in the end, if one can lie there; links are followed.

    Raises
    ------
    OSError
        If it is a folder or a device, or the folder it should be in is missing.

    Examples
    --------
    >>> check_place("nowhere/model.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] there is no such folder: 'nowhere'
    """
    place = Path(os.path.realpath(path_of(path)))
    if place.is_symlink():  # what is left of links that lead in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; give the name of a file", str(path))
    if place.exists() and not place.is_file():
        raise OSError(errno.EINVAL, "it is no file, but a device or the like", str(path))
    if not place.parent.is_dir():
        folder = str(Path(path).parent if Path(path).name == place.name else place.parent)
        kind = NotADirectoryError if place.parent.exists() else FileNotFoundError
        number = errno.ENOTDIR if place.parent.exists() else errno.ENOENT
        raise kind(number, "there is no such folder", folder)
    return place


def write(path: str | PathLike[str], parts: Iterable[Any]) -> None:
    """Write a file of these bytes, or leave what is there as it is.

    A symbolic link stays one: the file it leads to is replaced. A file that is there keeps its
    permissions, a new one has those that any new file has.

    Raises
    ------
    OSError
        If it cannot be written; then there is no draft either.
    """
    place = check_place(path)
    _remove_abandoned_drafts(place.parent)
    draft = place.with_name(DRAFT.format(secrets.token_hex(8)))
    try:
        descriptor = _claimed(draft, place)
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor has no path)
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(descriptor)
            if POSIX:
                draft.replace(place)
        if not POSIX:  # there an open file cannot be renamed, nor removed: it needs no lock
            draft.replace(place)
        _keep_name(place.parent)
    except OSError as error:
        raise named(error, path) from None
    finally:
        draft.unlink(missing_ok=True)


def named(error: OSError, path: str | PathLike[str]) -> OSError:
    """Return an error of the system's with the name of the file that was asked for.

    It names a draft, or nothing, as where a disk is full. Others are returned as they are.

    Examples
    --------
    >>> print(named(OSError(28, "No space left on device"), "model.safetensors"))
    [Errno 28] No space left on device: 'model.safetensors'
    """
    if error.errno is None:
        return error
    return OSError(error.errno, error.strerror, str(path))


def _claimed(draft: Path, place: Path) -> int:
    """Return the descriptor of a new draft, locked, with the permissions of the file in place."""
    permissions = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        descriptor = os.open(draft, flags, 0o666 if permissions is None else permissions)
        try:
            _lock(descriptor)
            if POSIX and permissions is not None:
                os.fchmod(descriptor, permissions)  # whatever the umask is
            # Before it was locked another process may have removed it as abandoned.
            if not POSIX or os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock a file until it is closed; return False if it cannot be locked."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another's, or the file system knows no locks
        return False
    return True


def _remove_abandoned_drafts(folder: Path) -> None:
    """Remove the drafts of processes that were killed: nobody holds their lock."""
    try:
        drafts = list(folder.glob(DRAFT.format("*")))
    except OSError:
        return
    for draft in drafts:
        _remove_if_free(draft)


def _remove_if_free(draft: Path) -> None:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not POSIX:
            draft.unlink()
            return
        descriptor = os.open(draft, os.O_RDONLY | flags)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor, wait=False):
                draft.unlink()
        finally:
            os.close(descriptor)
    except OSError:  # gone meanwhile, another user's, or open on a system that keeps it then
        return


def _keep_name(folder: Path) -> None:
    """Let the disk know of the new name, where a folder can be asked to."""
    if not POSIX:
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
