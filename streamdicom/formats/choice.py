"""The elements that the compiled engine may write, by the options.

The others are events, which pass the filters in Python: references to bulk data that are loaded, values that a policy
may move to a store, and the elements with a condition on the data set.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from streamdicom import _native
from streamdicom._records import NamedTuple
from streamdicom._typing import Any
from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy
from streamdicom.dicom import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from streamdicom.formats.levels import Levels
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.patterns import DatasetConditions, Selection, selection

_IDENTIFIERS = (SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
"""The elements after the File Meta Information that a store is told of."""


class _Choice(NamedTuple):
    """Fields of ``OutputChoice`` of the engine.

    Attributes:
        top: The selection of a data set, or None if every element is written.
        passes_over: Whether the parser of JSON need not read attributes that are unwanted for every VR.
        condition_tags: The tags with a condition on the data set.
        threshold: Bytes of a binary value from which on Python must see it, or None.
        vrs: The VRs that Python must see.
        tags: The tags that Python must see.
        refuses_references: Whether Python must see references to bulk data.
    """

    top: Selection | None
    passes_over: bool
    condition_tags: frozenset[int]
    threshold: int | None
    vrs: tuple[str, ...]
    tags: tuple[int, ...]
    refuses_references: bool


_DEFAULT_POLICY = BulkDataPolicy()
_ALL = _Choice(None, False, frozenset(), None, (), (), False)


def chosen_form(
    form: Any, reading: ReadOptions, writing: WriteOptions, seen: Iterable[int] = (), sees_references: bool = False
) -> Any:
    """Return the form for the elements that the engine may write.

    Args:
        form: The form of the writer, an ``OutputForm`` of the engine.
        reading: Options for reading.
        writing: Options for writing.
        seen: More tags that Python must see.
        sees_references: Whether Python must see references to bulk data, even if none are loaded.

    Returns:
        The form; None if the engine may write no elements.
    """
    read = selection(reading.include, reading.exclude)
    written = selection(writing.include, writing.exclude)
    if not (read.is_whole or written.is_whole):
        return None
    threshold, vrs, tags = _of_policy(writing)
    choice = _Choice(
        None if read.is_whole and written.is_whole else written if read.is_whole else read,
        not read.is_whole,
        DatasetConditions(reading.where, reading.limits).tags,
        threshold,
        vrs,
        (*tags, *seen),
        sees_references or reading.bulk_data_store is not None,
    )
    has_stages = writing.bulk_data_store is not None or writing.bulk_data_policy != _DEFAULT_POLICY
    return form if choice == _ALL and not has_stages else form.choosing(_for_engine(choice))


def _of_policy(options: WriteOptions) -> tuple[int | None, tuple[str, ...], tuple[int, ...]]:
    policy = options.bulk_data_policy
    stores = options.bulk_data_store is not None
    actions = {BulkDataAction.DROP, BulkDataAction.STORE} if stores else {BulkDataAction.DROP}
    vrs = tuple(vr for vr, action in policy.by_vr.items() if action in actions)
    tags = tuple(tag for tag, action in policy.by_tag.items() if action in actions)
    return policy.threshold if policy.above in actions else None, vrs, (*tags, *(_IDENTIFIERS if stores else ()))


@lru_cache(maxsize=16)  # the answers are useful for the next file
def _for_engine(choice: _Choice) -> Any:
    assert _native.functions is not None
    top = choice.top
    return _native.functions.OutputChoice(
        judge=None if top is None else Levels(top, choice.condition_tags).answer,
        passes_over=choice.passes_over,
        is_exact=choice.passes_over and top is not None and _is_exact(top, choice.condition_tags),
        head=max(choice.condition_tags, default=-1),
        threshold=choice.threshold,
        vrs=list(choice.vrs),
        tags=list(choice.tags),
        refuses_references=choice.refuses_references,
    )


def _is_exact(top: Selection, condition_tags: frozenset[int]) -> bool:
    return top.is_flat and not any(map(top.skips, condition_tags))
