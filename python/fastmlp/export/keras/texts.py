"""Texts in attributes of an HDF5 file, read without its library.

Where such a text is damaged, the library may never return: its heap is a list that may lead into
itself. Here every step goes forward, and no more is read than the file holds. The numbers of
sections in comments are those of the HDF5 File Format Specification 3.0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

_MOST_BLOCKS: Final = 64  # of one header
_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10  # kinds of messages
_FIXED, _VARIABLE = 3, 9  # classes of datatypes
_STRINGS = 1  # the kind of variable length that is text


class Texts:
    """The attributes of a file that are texts or lists of texts.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    ValueError
        If it is of another version than the first, in which h5py writes unless told otherwise.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = len(data)  # so much text may be read in all, however often it is named
        version, offsets, lengths = self._at(8, "<B4xBB")  # II.A
        (base,) = self._at(24, "<Q")
        if (version, offsets, lengths, base) != (0, 8, 8, 0):
            raise ValueError(
                f"it is HDF5 of version {version} of its superblock with words of {offsets} and "
                f"{lengths} bytes at {base}: Keras writes version 0, with 8 bytes, at 0"
            )
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def read(self, address: int, name: str) -> list[str] | None:
        """Return the texts of an attribute, None if there is no such attribute.

        Parameters
        ----------
        address : int
            Where the header of its object begins, as `h5py.h5o.get_info` tells.
        name : str
        """
        for kind, start, size in self._messages(address):
            if kind == _ATTRIBUTE:
                found = self._attribute(start, size, name)
                if found is not None:
                    return found
        return None

    def _at(self, start: int, form: str) -> tuple[int, ...]:
        """Return the numbers that begin here."""
        if start + struct.calcsize(form) > len(self.data):
            raise ValueError("it ends before what it names")
        return struct.unpack_from(form, self.data, start)

    def _messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Go through kind, beginning and size of the messages of a header (IV.A.1.a)."""
        version, _, size = self._at(address, "<BxHxxxxI")
        if version != 1:
            raise ValueError(f"it has headers of version {version}: Keras writes version 1")
        blocks = [(address + 16, size)]
        for start, size in blocks:  # which become more on the way
            if size > len(self.data) or len(blocks) > _MOST_BLOCKS:
                raise ValueError("a header of it is larger than the file")
            end = start + size
            while start + 8 <= end:
                kind, length, flags = self._at(start, "<HHB")
                start += 8
                if start + length > end:
                    raise ValueError("a message of it is longer than its header")
                if kind == _CONTINUATION:
                    blocks.append(self._at(start, "<QQ"))  # type: ignore[arg-type]
                elif not flags & 2:  # else it is elsewhere, as no attribute of Keras's is
                    yield kind, start, length
                start += length

    def _attribute(self, start: int, size: int, name: str) -> list[str] | None:
        """Return the texts if the attribute has this name (IV.A.2.m)."""
        version, flags, *lengths = self._at(start, "<BBHHH")
        if version not in (1, 2, 3):
            raise ValueError(f"it has attributes of version {version}, expected 1 to 3")
        places, end = [start + (9 if version == 3 else 8)], start + size
        for length in lengths:  # of name, datatype and dataspace
            padded = length + -length % 8 if version == 1 else length
            places.append(places[-1] + padded)
        if places[3] > end:
            raise ValueError("an attribute of it is longer than its message")
        given = self.data[places[0] : places[0] + lengths[0]].rstrip(b"\0")
        if given != name.encode():
            return None
        if flags & 3:
            raise ValueError(f"the type of its {name!r} is elsewhere")
        count = self._count(places[2], name)
        if count == 0:
            return []
        sort, kind, width = self._at(places[1], "<BBxxI")  # IV.A.2.d
        if count * width > end - places[3]:
            raise ValueError(f"its {name!r} claims {count * width} bytes and has fewer")
        elements = range(places[3], places[3] + count * width, max(width, 1))
        if sort & 15 == _FIXED:
            return [self._text(at, width) for at in elements]
        if sort & 15 == _VARIABLE and kind & 15 == _STRINGS and width == 16:
            return [self._in_heap(at) for at in elements]
        raise ValueError(f"its {name!r} is no text")

    def _count(self, start: int, name: str) -> int:
        """Return how many elements a dataspace has (IV.A.2.b)."""
        version, rank, _, kind = self._at(start, "<BBBB")
        if version not in (1, 2) or rank > 1:
            raise ValueError(f"its {name!r} must be a text or a list of texts")
        if version == 2 and kind == 2:  # null
            return 0
        return math.prod(self._at(start + (8 if version == 1 else 4), f"<{rank}Q"))

    def _in_heap(self, at: int) -> str:
        """Return a text of variable length (IV.B)."""
        length, heap, index = self._at(at, "<IQI")
        if heap not in self._heaps:
            self._heaps[heap] = self._objects(heap)
        start, size = self._heaps[heap].get(index, (0, 0))
        if length > size:
            raise ValueError(f"a text of it claims {length} bytes and has {size}")
        return self._text(start, length)

    def _objects(self, heap: int) -> dict[int, tuple[int, int]]:
        """Return where the objects of a global heap begin, and their sizes (III.E)."""
        if self.data[heap : heap + 5] != b"GCOL\1":
            raise ValueError("a text of it lies in no heap")
        (size,) = self._at(heap + 8, "<Q")
        at, end = heap + 16, min(heap + size, len(self.data))
        found = {}
        while at + 16 <= end:
            index, length = self._at(at, "<HxxxxxxQ")
            if index == 0:  # what is free
                break
            if at + 16 + length > end:
                raise ValueError("a text of it reaches beyond its heap")
            found[index] = at + 16, length
            at += 16 + length + -length % 8
        return found

    def _text(self, start: int, length: int) -> str:
        self.left -= length
        if self.left < 0:
            raise ValueError("its texts claim more bytes than the file has")
        return self.data[start : start + length].rstrip(b"\0").decode()
