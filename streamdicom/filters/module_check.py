"""A check of data sets against the modules of their IOD (PS3.3, PS3.5 7.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from streamdicom._records import NamedTuple
from streamdicom._typing import Any, Protocol, TypeAlias
from streamdicom.deviations import DEVIATIONS, Deviation
from streamdicom.dicom import (
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    format_tag,
)
from streamdicom.errors import Location
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ITEM,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
)

Path: TypeAlias = tuple[int, ...]
"""The tags of the sequences around an attribute, outermost first."""

_FUNCTIONAL_GROUPS = ((0x52009229,), (0x52009230,))  # shared and per frame: each macro stands in one of them
_CONTENT_SEQUENCE = 0x0040A730  # the Value Type decides about the macros of content items, which the tables lack
_MODALITY = 0x00080060  # of type 1 in General Series, but of type 3 in SC Equipment
_FRAME_OF_REFERENCE_UID = 0x00200052
_REQUIRED = ("1", "2")
_WITH_VALUE = ("1", "1C")


class Module(NamedTuple):
    """A module of an IOD.

    Attributes:
        name: Its name.
        is_mandatory: Whether its usage is M.
        types: The type of each attribute by its path and its tag.
    """

    name: str
    is_mandatory: bool
    types: dict[Path, dict[int, str]]


class ModuleTables(Protocol):
    """The tables of PS3.3."""

    def modules(self, sop_class_uid: str) -> list[Module] | None:
        """Return the modules of the IOD of a SOP Class; None if the class is not known."""


class _Iod:
    """The requirements of an IOD.

    Attributes:
        required: By path, the types of attributes that every item must have; at the top by mandatory modules only.
        with_value: By path, the attributes that must have a value if they are present.
        optional: Of each module that is not mandatory, the types of the attributes that it requires at the top, and
            that no other module has.
    """

    def __init__(self, modules: list[Module]) -> None:
        self.required: dict[Path, dict[int, str]] = {}
        self.with_value: dict[Path, set[int]] = {}
        self.optional: list[tuple[str, dict[int, str]]] = []
        paths = {path for module in modules for path in module.types}
        for path in paths:
            found = [module for module in modules if path in module.types]
            types = _merged([module.types[path] for module in found])
            self.with_value[path] = {tag for tag, kinds in types.items() if all(kind in _WITH_VALUE for kind in kinds)}
            if not path:
                found = [
                    module for module in found if module.is_mandatory and _CONTENT_SEQUENCE not in module.types[path]
                ]
                types = _merged([module.types[path] for module in found])
                self.required[path] = {
                    tag: min(kinds)
                    for tag, kinds in types.items()
                    if min(kinds) in _REQUIRED and not (tag == _MODALITY and "3" in kinds)
                }
            elif path not in _FUNCTIONAL_GROUPS and _CONTENT_SEQUENCE not in path:
                count = len(found)
                self.required[path] = {
                    tag: max(kinds)
                    for tag, kinds in types.items()
                    if len(kinds) == count and all(kind in _REQUIRED for kind in kinds)
                }
        counts = Counter(tag for module in modules for tag in module.types.get((), {}))
        for module in modules:
            if not module.is_mandatory:
                top = module.types.get((), {})
                own = {tag: kind for tag, kind in top.items() if kind in _REQUIRED and counts[tag] == 1}
                self.optional.append((module.name, own))


def _merged(tables: list[dict[int, str]]) -> dict[int, list[str]]:
    merged: dict[int, list[str]] = {}
    for table in tables:
        for tag, kind in table.items():
            merged.setdefault(tag, []).append(kind)
    return merged


class _Level:
    """A data set or an item that is open.

    Attributes:
        path: The tags of the sequences around it.
        place: Its tag path, with a dot at the end unless it is empty.
        index: The index of its first event in the batch.
        offset: The byte offset of that event, once it is known.
        found: The tags of its elements, and whether they have a value.
    """

    __slots__ = ("found", "index", "offset", "path", "place", "sequence")

    def __init__(self, path: Path, place: str, index: int) -> None:
        self.path = path
        self.place = place
        self.index = index
        self.offset: int | None = None
        self.found: dict[int, bool] = {}
        self.sequence = 0


class ModuleCheck:
    """Reports attributes that modules require and that are missing or empty.

    Checked are the attributes of types 1 and 2 of mandatory modules, of other modules that are present, and of items;
    that attributes of types 1 and 1C have a value; and that UIDs of the data set agree with the File Meta Information
    and differ from each other. The conditions of types 1C and 2C are not looked at. A module
    that is not mandatory counts as present if an attribute is that it requires, and that no other module has.

    Args:
        report: Takes each deviation.
        tables: The modules of each IOD.
    """

    def __init__(self, report: Callable[[Deviation], object], tables: ModuleTables) -> None:
        self._report_to = report
        self._tables = tables
        self._iods: dict[str, _Iod | None] = {}
        self.start()

    def start(self) -> None:
        """Start a stream."""
        self._dataset: int | None = None
        self._levels: list[_Level] = []
        self._iod: _Iod | None = None
        self._uids: dict[int, Any] = {}
        self._offset_of: Callable[[int], int] | None = None

    def check(self, events: Sequence[Event], offset_of: Callable[[int], int] | None = None) -> None:
        """Check the next events of the stream.

        Args:
            events: The events.
            offset_of: Returns the byte offset of an event, by its index.
        """
        self._offset_of = offset_of
        for index, (kind, tag, _, value) in enumerate(events):
            if kind == ELEMENT:
                level = self._levels[-1]
                level.found[tag] = any(one is not None and one != "" for one in value)
                if tag in _UIDS and len(self._levels) == 1 and value:
                    self._learn_uid(tag, value[0])
            elif kind == START_SEQUENCE:
                level = self._levels[-1]
                level.found[tag] = False
                level.sequence = tag
            elif kind in OPENING or kind == JSON_ELEMENT:
                self._levels[-1].found[tag] = True
            elif kind == START_ITEM:
                level = self._levels[-1]
                level.found[tag] = True
                self._levels.append(_Level((*level.path, tag), f"{level.place}{format_tag(tag)}[{value}].", index))
            elif kind == END_ITEM:
                self._end_item(self._levels.pop())
            elif kind == START_DATASET:
                self._dataset, self._iod, self._uids = value, None, {}
                self._levels = [_Level((), "", index)]
            elif kind == END_DATASET:
                self._end_dataset(self._levels.pop())
        for level in self._levels:
            level.offset = self._offset(level)
        self._offset_of = None

    def _learn_uid(self, tag: int, uid: Any) -> None:
        self._uids[tag] = uid
        if tag not in _CLASSES:
            return
        uid = self._uids.get(SOP_CLASS_UID) or uid
        if uid not in self._iods:
            if len(self._iods) >= _MAX_IODS:
                self._iods.clear()
            modules = self._tables.modules(uid)
            self._iods[uid] = None if modules is None else _Iod(modules)
        self._iod = self._iods[uid]

    def _end_item(self, level: _Level) -> None:
        if self._iod is not None:
            self._require(level, self._iod.required.get(level.path, {}), "its item")
            self._require_values(level, self._iod)

    def _end_dataset(self, level: _Level) -> None:
        iod = self._iod
        if iod is None:
            self._report(
                "unknown-sop-class", "expected a SOP Class of PS3.3, found another or none", level, SOP_CLASS_UID
            )
            return
        self._require(level, iod.required.get((), {}), "its IOD")
        for name, types in iod.optional:
            if any(tag in level.found for tag in types):
                self._require(level, types, f"the module {name}, which is present,")
        self._require_values(level, iod)
        self._compare_uids(level)

    def _compare_uids(self, level: _Level) -> None:
        uids = self._uids
        for meta, tag in _IN_FILE_META.items():
            if meta in uids and uids.get(tag, uids[meta]) != uids[meta]:
                message = "expected the UID that the data set has (PS3.10 7.1), found another one"
                self._report("file-meta-differs", message, level, meta)
        seen = set()
        for tag in _OWN_UIDS:
            if tag in uids:
                if uids[tag] in seen:
                    message = "expected a UID of its own (PS3.5 9), found that of another entity of the data set"
                    self._report("shared-uid", message, level, tag)
                seen.add(uids[tag])

    def _require(self, level: _Level, types: dict[int, str], around: str) -> None:
        for tag in sorted(types.keys() - level.found.keys()):
            message = f"expected an attribute of type {types[tag]} that {around} requires (PS3.3), found none"
            self._report("missing-attribute", message, level, tag)

    def _require_values(self, level: _Level, iod: _Iod) -> None:
        for tag in sorted(iod.with_value.get(level.path, set()) & level.found.keys()):
            if not level.found[tag]:
                message = "expected a value of an attribute of type 1 or 1C (PS3.5 7.4), found none"
                self._report("empty-attribute", message, level, tag)

    def _report(self, code: str, message: str, level: _Level, tag: int) -> None:
        location = Location(self._offset(level), self._dataset, f"{level.place}{format_tag(tag)}")
        self._report_to(Deviation(code, DEVIATIONS[code].severity, location, message))

    def _offset(self, level: _Level) -> int | None:
        if level.offset is None and self._offset_of is not None:
            level.offset = self._offset_of(level.index)
        return level.offset


_CLASSES = (MEDIA_STORAGE_SOP_CLASS_UID, SOP_CLASS_UID)
_IN_FILE_META = {MEDIA_STORAGE_SOP_CLASS_UID: SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID: SOP_INSTANCE_UID}
_OWN_UIDS = (SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, _FRAME_OF_REFERENCE_UID)
_UIDS = frozenset({*_IN_FILE_META, SOP_CLASS_UID, *_OWN_UIDS})
_MAX_IODS = 256
