"""Where a data set goes: a path made of a template and of values of the data set, that never leads out of a folder.

A value may be anything, so what is not harmless in a name on every common system is replaced. The values of one data
set always make the same path.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streamdicom.dicom import (
    SOP_INSTANCE_UID,
    is_uid,
    parse_tag,
)
from streamdicom.events import ELEMENT, END_SEQUENCE, START_SEQUENCE, Event

DEFAULT_LAYOUT = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"

_FIELD = re.compile(r"\{([^{}]*)\}")
_LONGEST_VALUE = 64  # characters
_LONGEST_NAME = 200  # bytes; systems allow 255, and a suffix may be added
# Names of devices on Windows, with whatever ending.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)

_DEEPER = frozenset({START_SEQUENCE})
_HIGHER = frozenset({END_SEQUENCE})


class Layout:
    """A template of paths, with names or tags of attributes in braces.

    A value that is missing is ``unknown``; a missing SOP Instance UID is ``unknown-17``, with the number of the data
    set in its stream. A UID that is none is ``invalid-`` and a digest of it.

    Args:
        template: A relative path with ``/`` between its parts.

    Raises:
        ValueError: The path is not relative, leads out of the folder, or names an attribute that does not exist.

    >>> Layout("{PatientID}/{00080018}.dcm").path({0x00100020: "17/3", 0x00080018: "1.2.3"}, 0)
    '17_3/1.2.3.dcm'
    """

    def __init__(self, template: str) -> None:
        self._names = [_FIELD.split(part) for part in template.split("/")]
        self._tags = {field: _tag_of(field) for parts in self._names for field in parts[1::2]}
        for part in template.split("/"):
            literal = _FIELD.sub("x", part)
            if literal in ("", ".", "..") or re.search(r'[\x00-\x1f{}\\:*?"<>|]', literal):
                raise ValueError(f"not a layout of relative paths: {template!r}")
        if template.startswith("."):
            raise ValueError(f"not a layout of paths that can be seen: {template!r}")

    @property
    def tags(self) -> frozenset[int]:
        """The tags whose values it needs."""
        return frozenset(self._tags.values())

    def path(self, values: Mapping[int, str], index: int) -> str:
        """The path for a data set.

        Args:
            values: What is known of the data set.
            index: Its number in the stream.
        """
        return "/".join(self._name(parts, values, index) for parts in self._names)

    def _name(self, parts: list[str], values: Mapping[int, str], index: int) -> str:
        fields = [_component(self._tags[field], values, index) for field in parts[1::2]]
        texts = list(parts)
        texts[1::2] = fields
        name = "".join(texts)
        if _RESERVED.fullmatch(name):
            name = f"_{name}"
        if len(name.encode()) > _LONGEST_NAME:
            ending = parts[-1][-16:]
            start = name.encode()[: _LONGEST_NAME - 40].decode(errors="ignore")
            name = f"{start}-{_digest(name)}{ending}"
        return name


def _tag_of(field: str) -> int:
    from pydicom.datadict import tag_for_keyword

    try:
        return parse_tag(field)
    except ValueError:
        tag = tag_for_keyword(field) if field else None  # some old elements have no keyword
    if tag is None:
        raise ValueError(f"{field!r} in the layout is neither a keyword of the data dictionary nor a tag")
    return tag


def _component(tag: int, values: Mapping[int, str], index: int) -> str:
    value = values.get(tag, "")
    if not value:
        return f"unknown-{index}" if tag == SOP_INSTANCE_UID else "unknown"
    return _uid(value) if _has_uids(tag) else _text(value)


def _has_uids(tag: int) -> bool:
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag) == "UI"
    except KeyError:
        return False


def _uid(value: str) -> str:
    if is_uid(value):
        return value
    return f"invalid-{_digest(value)}"


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:32]


def _text(value: str) -> str:
    """A text as part of a name: letters and digits of any script, and what is harmless between them."""
    plain = unicodedata.normalize("NFC", value[:_LONGEST_VALUE])
    found = "".join(character if character.isalnum() or character in "-_^ ." else "_" for character in plain)
    return found.strip(". ") or "unknown"


def noted(events: Iterable[Event], tags: frozenset[int], values: dict[int, str]) -> Iterator[Event]:
    """The same events; the first values of some elements at the top of the data set are noted as they pass.

    >>> values = {}
    >>> _ = list(noted([(3, 0x00100020, "LO", ("17",))], frozenset({0x00100020}), values))
    >>> values
    {1048608: '17'}
    """
    depth = 0
    for event in events:
        kind, tag, _, value = event
        if kind == ELEMENT:
            if tag in tags and not depth and value:
                values[tag] = _plain(value[0])
        elif kind in _DEEPER:
            depth += 1
        elif kind in _HIGHER:
            depth -= 1
        yield event


def _plain(value: Any) -> str:
    if isinstance(value, tuple):  # a person name
        return next(filter(None, value), "")
    if isinstance(value, str):
        return value.rstrip("\0 ")
    return "" if value is None or isinstance(value, bytes) else str(value)
