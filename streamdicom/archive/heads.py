"""Some elements of DICOM files, of which no more is read than the start.

The compiled engine takes files in canonical form: a preamble, an ascending order of tags, a transfer syntax that it
knows, and an end where the lengths say. It passes over the values of other elements, and over the pixel data. Every
other file is left to the parser.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from streamdicom import _native
from streamdicom._typing import Any
from streamdicom.converters import converters_in_force
from streamdicom.dicom import definition_of
from streamdicom.events import Event
from streamdicom.options import ReadOptions

_SIZES = (16 * 1024, 1024 * 1024)  # bytes of a file that are read, one after the other
_FIRST_GROUP = 0x0008
_PIXEL_GROUP = 0x7FE0
_PADDING = b"\xfc\xff\xfc\xff"
_END = b"\xfe\xff\xdd\xe0\0\0\0\0"  # a Sequence Delimitation Item (PS3.5 A.4)
_READ = os.O_RDONLY
for _flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"):  # not every system has all of them
    _READ |= getattr(os, _flag, 0)

_WHOLE, _FRAGMENTS, _MORE = 0, 1, 2


class Heads:
    """Reads the wanted elements of DICOM files.

    Args:
        function: Of the compiled engine.
    """

    def __init__(self, function: Any) -> None:
        self._function = function

    @classmethod
    def of(cls, tags: Collection[int], options: ReadOptions) -> Heads | None:
        """Return the reader of some elements, or None if the parser is needed.

        Args:
            tags: The tags of the elements, which are no sequences.
            options: Options for reading; their ``include`` has the same elements.
        """
        functions = _native.functions
        is_plain = options == ReadOptions(include=options.include) and not converters_in_force(options.converters)
        if functions is None or not is_plain or not all(_FIRST_GROUP <= tag >> 16 < _PIXEL_GROUP for tag in tags):
            return None
        return cls(functions.Part10Head([_wanted(tag) for tag in tags]))

    def read(self, path: str, size: int) -> list[Event] | None:
        """Return the events of the elements of a file, or None if it needs the parser.

        Args:
            path: The path of a regular file.
            size: Its size in bytes.
        """
        try:
            descriptor = os.open(path, _READ)
        except OSError:
            return None
        try:
            head = b""
            for target in _SIZES:
                head += os.read(descriptor, target - len(head))
                events, end, offset = self._function(head, size)
                if end != _MORE:
                    break
            is_whole = (end == _WHOLE and (offset == size or _is_padding(descriptor, offset, size))) or (
                end == _FRAGMENTS and _read_at(descriptor, size - len(_END), len(_END)) == _END
            )
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return events if is_whole else None


def _is_padding(descriptor: int, offset: int, size: int) -> bool:
    """Return whether the rest of a file is one Data Set Trailing Padding (PS3.10 7.2)."""
    header = _read_at(descriptor, offset, 12)
    length = header[8:] if header[4:8] == b"OB\0\0" else header[4:8]
    start = offset + (12 if header[4:8] == b"OB\0\0" else 8)
    return header[:4] == _PADDING and start + int.from_bytes(length, "little") == size


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


def _wanted(tag: int) -> tuple[int, str, bool]:
    """Return a tag, its VR, and whether the VR depends on the tag alone."""
    definition = definition_of(tag)
    if definition is None or tag & 0x10000:
        return tag, "UN", False
    return tag, definition.vrs[0], len(definition.vrs) == 1
