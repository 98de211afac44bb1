"""Paths of imported files, made from a template and values of the data set.

Values are untrusted: characters that are unsafe in a file name on any common system are replaced, and no path leads
out of the folder. The same values always make the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from streamdicom._dictionary import tag_of_keyword
from streamdicom._encoded import ENCODED, path_of
from streamdicom._typing import Any
from streamdicom.dicom import (
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    dictionary_vrs,
    is_uid,
    parse_tag,
)
from streamdicom.events import ELEMENT, END_SEQUENCE, START_SEQUENCE, Event

DEFAULT_LAYOUT = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"

# Loading the data dictionary takes longer than importing a small stream.
_DEFAULT_FIELDS = {
    "StudyInstanceUID": STUDY_INSTANCE_UID,
    "SeriesInstanceUID": SERIES_INSTANCE_UID,
    "SOPInstanceUID": SOP_INSTANCE_UID,
}
_UIDS = frozenset(_DEFAULT_FIELDS.values())

_UNSAFE = frozenset(map(chr, range(0x20))) | frozenset('{}\\:*?"<>|')
_MAX_VALUE_LENGTH = 64  # characters
_MAX_NAME_SIZE = 200  # bytes; systems allow 255, and a suffix may be added
# Names of devices on Windows, with any suffix.
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}


class Layout:
    """A template of relative paths, with keywords or tags of elements in braces.

    A missing value becomes ``unknown``, and a missing SOP Instance UID ``unknown-17``, with the index of the data set
    in its stream. An invalid UID becomes ``invalid-`` and a digest of the value.

    Args:
        template: A relative path with ``/`` between its parts.

    Raises:
        ValueError: The path is not relative, leads out of the folder, or names an unknown element.

    >>> Layout("{PatientID}/{00080018}.dcm").path({0x00100020: "17/3", 0x00080018: "1.2.3"}, 0)
    '17_3/1.2.3.dcm'
    """

    def __init__(self, template: str) -> None:
        parts = template.split("/")
        self._names = [part.replace("}", "{").split("{") for part in parts]  # texts and fields take turns
        if not all(map(_is_safe, parts, self._names)):
            raise ValueError(f"expected a layout of relative paths such as {DEFAULT_LAYOUT}, found {template!r}")
        if template.startswith("."):
            raise ValueError(f"a layout must not start with a dot: {template!r}")
        self._tags = {field: _tag_of(field) for name in self._names for field in name[1::2]}

    @property
    def tags(self) -> frozenset[int]:
        """The tags in the template."""
        return frozenset(self._tags.values())

    def path(self, values: Mapping[int, str], index: int) -> str:
        """Return the path of a data set.

        Args:
            values: The first value of each element, by tag.
            index: The index of the data set in its stream.
        """
        return "/".join(self._name(parts, values, index) for parts in self._names)

    def _name(self, parts: list[str], values: Mapping[int, str], index: int) -> str:
        fields = [_component(self._tags[field], values, index) for field in parts[1::2]]
        texts = list(parts)
        texts[1::2] = fields
        name = "".join(texts)
        if name.partition(".")[0].rstrip(" ").lower() in _RESERVED:
            name = f"_{name}"
        if len(name.encode()) > _MAX_NAME_SIZE:
            ending = parts[-1][-16:]
            start = name.encode()[: _MAX_NAME_SIZE - 40].decode(errors="ignore")
            name = f"{start}-{_digest(name)}{ending}"
        return name


def _is_safe(part: str, name: list[str]) -> bool:
    """Return whether a part of a layout is a name with pairs of braces.

    Args:
        part: The part.
        name: Its texts and its fields, which take turns.
    """
    pairs = "".join([f"{{{text}}}" if index % 2 else text for index, text in enumerate(name)])
    literal = "x".join(name[::2])
    return pairs == part and literal not in ("", ".", "..") and _UNSAFE.isdisjoint(literal)


def _tag_of(field: str) -> int:
    if field in _DEFAULT_FIELDS:
        return _DEFAULT_FIELDS[field]
    try:
        return parse_tag(field)
    except ValueError:
        tag = tag_of_keyword(field) if field else None  # "" is the keyword of some retired elements
    if tag is None:
        raise ValueError(f"unknown element {field!r} in the layout: expected a keyword of the data dictionary or a tag")
    return tag


def _component(tag: int, values: Mapping[int, str], index: int) -> str:
    value = values.get(tag, "")
    if not value:
        return f"unknown-{index}" if tag == SOP_INSTANCE_UID else "unknown"
    return _safe_uid(value) if _has_uids(tag) else _safe_text(value)


def _has_uids(tag: int) -> bool:
    return tag in _UIDS or dictionary_vrs(tag) == ["UI"]


def _safe_uid(value: str) -> str:
    if is_uid(value):
        return value
    return f"invalid-{_digest(value)}"


def _digest(value: str) -> str:
    from hashlib import sha256  # which takes long to import

    return sha256(value.encode(errors="surrogatepass")).hexdigest()[:32]


def _safe_text(value: str) -> str:
    """Keep letters and digits of any script and safe punctuation; replace the rest."""
    from unicodedata import normalize  # which takes long to import

    plain = normalize("NFC", value[:_MAX_VALUE_LENGTH])
    safe = "".join(character if character.isalnum() or character in "-_^ ." else "_" for character in plain)
    return safe.strip(". ") or "unknown"


def with_values(events: Iterable[Event], tags: frozenset[int], values: dict[int, str]) -> Iterator[Event]:
    """Yield the same events, and store the first values of top-level elements.

    Args:
        events: The events of a data set.
        tags: The tags of the elements.
        values: The dict for the values, by tag.

    >>> values = {}
    >>> _ = list(with_values([(3, 0x00100020, "LO", ("17",))], frozenset({0x00100020}), values))
    >>> values
    {1048608: '17'}
    """
    depth = 0
    for event in events:
        kind, tag, _, value = event
        if kind == ELEMENT:
            if tag in tags and not depth and value:
                values[tag] = _value_text(value[0])
        elif kind == START_SEQUENCE:
            depth += 1
        elif kind == END_SEQUENCE:
            depth -= 1
        elif kind == ENCODED:
            depth = len(path_of(value).seen)
        yield event


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):  # a person name
        return next(filter(None, value), "")
    if isinstance(value, str):
        return value.rstrip("\0 ")
    return "" if value is None or isinstance(value, bytes) else str(value)
