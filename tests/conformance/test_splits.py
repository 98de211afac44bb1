"""The DICOM files of pydicom as one stream, cut into any number of parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

import streamdicom
from streamdicom import Deviation, Event, ReadOptions, plan_splits
from tests.conformance.bundled import files, read

_MAX_TEXT = 20_000  # bytes of a data set


def _texts() -> list[str]:
    """Return the JSON of the files as pydicom writes it."""
    found = []
    for path in files():
        try:
            text = read(path).to_json()
        except Exception:  # pydicom may raise anything for a broken file
            continue
        if 2 < len(text) < _MAX_TEXT:
            found.append(text)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["array", "lines", "indented"])
def test_any_number_of_parts_has_the_events_of_the_whole(form: str, tmp_path: Path) -> None:
    texts, path = _texts(), tmp_path / "in.json"
    assert len(texts) > 50
    if form == "indented":
        path.write_text(json.dumps([json.loads(text) for text in texts], indent=1))
    else:
        path.write_text("\n".join(texts) if form == "lines" else f"[{', '.join(texts)}]")

    events, deviations = _read([partial(streamdicom.iter_events, path)])
    for count in range(1, 51):
        parts = plan_splits(path, parts=count)
        assert len(parts) > count // 4
        assert _read([part.iter_events for part in parts]) == (events, deviations), count


def _read(sources: list[Callable[..., Iterable[Event]]]) -> tuple[list[Event], list[Deviation]]:
    deviations: list[Deviation] = []
    options = ReadOptions(on_deviation=deviations.append, on_error="keep")
    return [event for source in sources for event in source(options=options)], deviations
