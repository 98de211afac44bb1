"""Which action an element takes (PS3.15 Table E.1-1)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from streamdicom._cache import BoundedCache
from streamdicom.converters import PrivateKey
from streamdicom.deidentification.options import DeidentificationOption as Option
from streamdicom.deidentification.table import Row, tables
from streamdicom.dicom import (
    FILE_META_GROUP,
    FILE_META_INFORMATION_VERSION,
    MEDIA_STORAGE_SOP_CLASS_UID,
    TRANSFER_SYNTAX_UID,
    dictionary_vrs,
    keyword,
)

METHOD_CODES = {
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}
"""The codes of the options in PS3.16 CID 7050."""

_FILE_META = frozenset(
    {
        FILE_META_INFORMATION_VERSION,
        MEDIA_STORAGE_SOP_CLASS_UID,
        TRANSFER_SYNTAX_UID,
    }
)
_DIRECTORY_GROUP = 0x0004
_DATES = {str(Option.RETAIN_FULL_DATES): "K", str(Option.RETAIN_MODIFIED_DATES): "C"}
_NAMES_OF_CLASSES = ("SOPClass", "TransferSyntax", "CodingSchemeUID", "CreatorUID", "ContextUID", "MappingResourceUID")

# Attributes that Table E.1-1 does not have, although they reveal as much as others.
_BEYOND: dict[int, Row] = {
    0x00080051: ("X", {}),  # Issuer of Accession Number Sequence
    0x00100024: ("X", {}),  # Issuer of Patient ID Qualifiers Sequence
    0x00100033: ("X", {}),  # Patient's Birth Date in Alternative Calendar
    0x00100034: ("X", {}),  # Patient's Death Date in Alternative Calendar
    0x00101021: ("X", {str(Option.RETAIN_PATIENT_CHARACTERISTICS): "K"}),  # Patient's Size Code Sequence
    0x00181003: ("X", {str(Option.RETAIN_DEVICE_IDENTITY): "K"}),  # Device ID
    0x00181803: ("X", {str(Option.RETAIN_DEVICE_IDENTITY): "K"}),  # NTP Source Address
    0x00321031: ("X", {}),  # Requesting Physician Identification Sequence
    0x00321034: ("X", {}),  # Requesting Service Code Sequence
    0x00380044: ("X", {str(Option.CLEAN_DESCRIPTORS): "C"}),  # Discharge Diagnosis Code Sequence
    0x00400400: ("X", {str(Option.CLEAN_DESCRIPTORS): "C"}),  # Comments on the Scheduled Procedure Step
    0x00404009: ("X", {}),  # Human Performer Code Sequence
    0x0040A068: ("X", {}),  # Document Author Identifier Code Sequence (Trial)
    0x0040A076: ("X", {}),  # Documenting Observer Identifier Code Sequence (Trial)
    0x0040A160: ("D", {str(Option.CLEAN_DESCRIPTORS): "C"}),  # Text Value, of content items elsewhere
    0x30100019: ("D", {}),  # Author Identification Sequence
}
_BEYOND_BY_VR: dict[str, Row] = {
    "PN": ("Z", {}),
    "DA": ("D", _DATES),
    "DT": ("D", _DATES),
    "TM": ("D", _DATES),
    "UI": ("U", {str(Option.RETAIN_UIDS): "K"}),
}


class Profile:
    """The basic profile with some options.

    Args:
        options: The options.
        safe_private: Safe private elements that the standard lacks.

    >>> profile = Profile(["retain-uids"])
    >>> profile.action(0x00100010, ""), profile.action(0x0020000D, ""), profile.action(0x00280010, "")
    ('Z', 'K', 'K')
    """

    def __init__(self, options: Iterable[str] = (), safe_private: Iterable[PrivateKey] = ()) -> None:
        self._options = frozenset(map(str, options))
        self._retains_private = Option.RETAIN_SAFE_PRIVATE in self._options
        self._own_private = _by_key(safe_private)
        self._actions: BoundedCache[tuple[int, str, bool, bool], str] = BoundedCache()

    def has(self, option: Option) -> bool:
        """Return whether an option is chosen."""
        return option in self._options

    def action(self, tag: int, sop_class: str, *, is_nested: bool = False, is_basic: bool = False) -> str:
        """Return the letter of the action for an element that is not private.

        A compound action is resolved by the type of the attribute in the IOD. Where the type is unknown, in items and
        for unknown SOP classes, the result is the last letter, which every type allows.

        Args:
            tag: The tag.
            sop_class: The SOP Class UID of the data set; it may be unknown, or "" if it is missing.
            is_nested: True within an item.
            is_basic: True for the basic profile, without the options.
        """
        key = tag, sop_class if sop_class in tables().types else "", is_nested, is_basic
        found = self._actions.get(key)
        return found or self._actions.remember(key, self._action(*key))

    def _action(self, tag: int, sop_class: str, is_nested: bool, is_basic: bool) -> str:
        action, options = self._row(tag)
        chosen = {options[name] for name in self._options & options.keys()} if not is_basic else ()
        if chosen:
            return "C" if "C" in chosen else "K"
        if "/" not in action:
            return action
        if is_nested or not sop_class:
            return action.rstrip("*")[-1]
        kind = tables().types[sop_class].get(tag)
        if kind is None:
            return action[0]
        if kind == "2" and "Z" in action:
            return "Z"
        return action.rstrip("*")[-1]

    def _row(self, tag: int) -> Row:
        group = tag >> 16
        found = tables().attributes.get(tag)
        if found:
            return found
        if group == FILE_META_GROUP:
            return ("K" if tag in _FILE_META else "X"), {}
        if _is_removed(tag) or not dictionary_vrs(tag):
            return "X", {}
        vr = dictionary_vrs(tag)[0]
        if vr == "UI" and any(name in keyword(tag) for name in _NAMES_OF_CLASSES):
            return "K", {}
        return _BEYOND.get(tag) or _BEYOND_BY_VR.get(vr, ("K", {}))

    def is_in_table(self, tag: int) -> bool:
        """Return whether an element is counted if it is retained."""
        return tag in tables().attributes or tag in _BEYOND

    def safe_private(self, creator: str, tag: int) -> str:
        """Return "X" if a private element is not safe, "SQ" for a safe sequence, else "K"."""
        if not self._retains_private:
            return "X"
        group, element = tag >> 16, tag & 0xFF
        is_sequence = tables().safe_private.get((creator, group, element))
        if is_sequence is not None:
            return "SQ" if is_sequence else "K"
        own = self._own_private.get((creator, element), ())
        return "own" if group in own or None in own else "X"

    def keeps_creator(self, creator: str) -> bool:
        """Return whether some element of a private creator is retained."""
        return self._retains_private and (
            creator in _safe_creators() or any(creator == own for own, _ in self._own_private)
        )

    def content_action(self, scheme: str, code: str, value_type: str) -> str:
        """Return the action for the concept of a content item (Table E.3.4-1), or "".

        A value type that the table does not have for a concept takes the first action it has.
        """
        rows = tables().content_items.get((scheme, code))
        if not rows:
            return ""
        action, options = rows.get(value_type) or next(iter(rows.values()))
        chosen = {options[name] for name in self._options & options.keys()}
        if chosen:
            return "C" if "C" in chosen else "K"
        return action[-1]


@lru_cache(maxsize=8)
def profile_of(options: tuple[str, ...], safe_private: tuple[PrivateKey, ...]) -> Profile:
    """Return a profile, which equal arguments share because it remembers actions.

    >>> profile_of(("retain-uids",), ()) is profile_of(("retain-uids",), ())
    True
    """
    return Profile(options, safe_private)


def _by_key(keys: Iterable[PrivateKey]) -> dict[tuple[str, int], set[int | None]]:
    found: dict[tuple[str, int], set[int | None]] = {}
    for creator, element, group in keys:
        found.setdefault((creator, element), set()).add(group)
    return found


def _is_removed(tag: int) -> bool:
    """Return whether an element is removed although the table does not say so.

    Group lengths would be wrong, directory records name files, and a plane of curves or overlays is useless without
    its data.
    """
    group = tag >> 16
    is_plane = 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF
    return not tag & 0xFFFF or group == _DIRECTORY_GROUP or is_plane


@cache
def _safe_creators() -> frozenset[str]:
    return frozenset(creator for creator, _, _ in tables().safe_private)
