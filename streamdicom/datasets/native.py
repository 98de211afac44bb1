"""The compiled engine within the builder of data sets.

It fills data sets with the events that it knows, and Python takes the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from types import ModuleType

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdicom import _native
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias
from streamdicom.datasets._pydicom import (
    RAW_FIELDS,
    RAW_TAIL,
    RAW_TAIL_OF_UN,
    Elements,
    construct_dataset,
    construct_raw,
    is_same,
    new_raw,
    raw_element,
    sequence_element,
    templates,
)
from streamdicom.datasets.elements import known_vr
from streamdicom.datasets.encodings import DEFAULT_SETS, encodings_of
from streamdicom.datasets.open_dataset import OpenDataset, add_unencoded
from streamdicom.datasets.values import MAX_LENGTH
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    START_ITEM,
    START_SEQUENCE,
    Event,
)

DEFAULT_ENCODINGS = encodings_of(DEFAULT_SETS)

# One of each kind that the engine makes.
_TEXT, _UNKNOWN, _SEQUENCE = BaseTag(0x00080008), BaseTag(0x00091001), BaseTag(0x00081140)
_EVENTS: list[Event] = [
    (ELEMENT, _TEXT, "CS", ("A", "B")),
    (START_SEQUENCE, _SEQUENCE, "SQ", None),
    (START_ITEM, _SEQUENCE, "SQ", 0),
    (ELEMENT, _UNKNOWN, "UN", (b"\1\2",)),
    (END_ITEM, _SEQUENCE, "SQ", None),
    (END_SEQUENCE, _SEQUENCE, "SQ", None),
    (END_DATASET, 0, "", None),
]
_SIZE = 1 << 20


Fill: TypeAlias = Callable[
    [Iterator[Event], OpenDataset, list[OpenDataset], int, int, int, bool, bool],
    tuple[OpenDataset, int, int, Dataset | None, Event | None, Exception | None],
]
"""Fills data sets from events, up to the end of a data set or an event that is left to Python.

Its arguments are the events; the current data set or item; those around it, of which it removes and appends some; the
size so far and its bound; the last tag; whether it may end data sets; and whether the garbage collector is held off.

It returns the current data set or item, the size, the last tag, and a data set that is complete, or the first event
that it did not take, or an exception. A size beyond the bound is an error after the last event.

A data set has many objects that refer to others. The garbage collector would traverse them several times while they are
made, and find nothing: that is most of the time of a data set of many items. It is held off only within one call for
the events of a list. No code of others runs there, so that nobody sees it held off or could turn it off meanwhile, and
the objects are bounded by the list.
"""


class Filler(NamedTuple):
    """Compiled functions for this pydicom.

    Attributes:
        fill: Fills data sets.
        raws: Makes raw elements. A parser may use it to put them in the place of events.
    """

    fill: Fill
    raws: Any


def native_filler() -> Filler | None:
    """Return the compiled functions.

    Returns:
        None if there is no engine, or if it would make other objects than the constructors of this pydicom.
    """
    functions = _native.functions
    return None if functions is None else _compiled(functions)


@lru_cache(maxsize=1)
def _compiled(functions: ModuleType) -> Filler | None:
    try:
        filler = new_filler(functions)
        return filler if _makes_same_objects(filler.fill) else None
    except Exception:  # pydicom has changed in a way that cannot be foreseen
        return None


def new_filler(functions: ModuleType) -> Filler:
    """Return the compiled functions for this pydicom.

    Raises:
        ValueError: This pydicom does not allow for them.
    """
    if new_raw is construct_raw:
        raise ValueError("an unknown class")
    dataset, sequence, element = templates()
    raws = functions.RawMaker(kind=RawDataElement, tail=RAW_TAIL, tail_of_un=RAW_TAIL_OF_UN, base_tag=BaseTag)
    fill: Fill = functions.DatasetFill(
        dataset=dataset,
        sequence=sequence,
        element=element,
        raws=raws,
        open_dataset=OpenDataset,
        add_unencoded=add_unencoded,
        encodings=DEFAULT_ENCODINGS,
        settings=config.settings,
    )
    return Filler(fill, raws)


RawEvents: TypeAlias = Callable[
    [int, DataElement | RawDataElement, Iterator[tuple[int, DataElement | RawDataElement]], list[Event]],
    tuple[int, DataElement | RawDataElement] | None,
]
"""Appends the events of raw elements to a list.

Its arguments are the tag and the element; those after it, which it consumes; and the list. It returns the first tag and
element that it did not take, or None at the end.

A sequence in bytes is read at once if all of it is plain, and pydicom makes no data sets of its items.
"""


def native_raw_events() -> RawEvents | None:
    """Return the compiled function, or None."""
    functions = _native.functions
    return None if functions is None else _compiled_raw_events(functions)


@lru_cache(maxsize=1)
def _compiled_raw_events(functions: ModuleType) -> RawEvents | None:
    if getattr(RawDataElement, "_fields", ())[: len(RAW_FIELDS)] != RAW_FIELDS:
        return None
    compiled: RawEvents = functions.RawEventRun(kind=RawDataElement, known_vr=known_vr, max_length=MAX_LENGTH)
    return compiled


def _makes_same_objects(fill: Fill) -> bool:
    current = OpenDataset(DEFAULT_SETS, DEFAULT_ENCODINGS)
    dataset = fill(iter(_EVENTS), current, [], 0, _SIZE, 0, True, False)[3]
    item: Elements = {_UNKNOWN: raw_element(_UNKNOWN, "UN", b"\1\2")}
    elements: Elements = {
        _TEXT: raw_element(_TEXT, "CS", b"A\\B "),
        _SEQUENCE: sequence_element(_SEQUENCE, [construct_dataset(item, DEFAULT_ENCODINGS)]),
    }
    return is_same(dataset, construct_dataset(elements, DEFAULT_ENCODINGS))
