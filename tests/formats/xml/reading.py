"""Documents for tests of the XML parser, and ways to feed them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from streamdicom.deviations import Deviation
from streamdicom.errors import InputError
from streamdicom.events import Event
from streamdicom.formats.xml import XmlParser
from streamdicom.options import ReadOptions
from tests.formats.json.reading import KEY, MARK, Shown, shown, ways_to_cut

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def document(*attributes: str) -> str:
    return f"<NativeDicomModel>{''.join(attributes)}</NativeDicomModel>"


def attribute(vr: str, content: str = "", tag: str = KEY, more: str = "") -> str:
    """Return the text of a DicomAttribute."""
    return f'<DicomAttribute tag="{tag}" vr="{vr}"{more}>{content}</DicomAttribute>'


def values(*texts: str) -> str:
    return "".join(f'<Value number="{number}">{text}</Value>' for number, text in enumerate(texts, 1))


# The documents here have no namespace.
_PLAIN = {"no-namespace": "ignore"}


def run(chunks: Iterable[bytes], options: ReadOptions) -> tuple[list[Shown], list[Deviation], InputError | None]:
    """Return events, deviations and the final error, and check that it is sticky."""
    deviations: list[Deviation] = []
    options = replace(options, on_deviation=deviations.append, deviations={**_PLAIN, **options.deviations})
    parser = XmlParser(options=options)
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except InputError as error:
        raised = error
    else:
        raised = parser.error
    assert parser.error is raised
    if raised:
        for again in (lambda: parser.feed(b"<a/>"), parser.close):
            with pytest.raises(InputError) as caught:
                again()
            assert caught.value is raised
    return shown(events), deviations, raised


def read_fully(
    text: str | bytes, options: ReadOptions | None = None
) -> tuple[list[Shown], list[Deviation], InputError | None]:
    """Return the outcome of a document, and check that cuts do not matter."""
    data = text.encode() if isinstance(text, str) else text
    outcomes = [run(chunks, options or ReadOptions()) for chunks in ways_to_cut(data)]
    events, deviations, error = outcomes[0]
    for other_events, other_deviations, other_error in outcomes[1:]:
        assert other_events == events
        assert other_deviations == deviations
        assert _fields(other_error) == _fields(error)
    offsets = [deviation.location.byte_offset or 0 for deviation in deviations]
    assert offsets == sorted(offsets)
    return events, deviations, error


def read_every_way(text: str | bytes, options: ReadOptions | None = None) -> tuple[list[Shown], InputError | None]:
    """Return the events and the error of a document; check that cuts do not matter."""
    events, _, error = read_fully(text, options)
    return events, error


def _fields(error: InputError | None) -> tuple[Any, ...] | None:
    return error and (type(error), error.message, error.location, getattr(error, "limit", ""))


def read_well(text: str | bytes, options: ReadOptions | None = None) -> list[Shown]:
    """Return the events of a document without deviations."""
    events, deviations, error = read_fully(text, options)
    assert error is None
    assert deviations == []
    return events


def read_oddly(text: str, options: ReadOptions | None = None) -> tuple[list[Shown], list[str]]:
    """Return events and codes of a document, and check the offset by the mark."""
    before, mark, after = text.partition(MARK)
    events, deviations, error = read_fully(before + after, options)
    assert error is None
    if mark:
        assert {one.location.byte_offset for one in deviations} == {len(before.encode())}
    return events, [one.code for one in deviations]


def read_badly(text: str, options: ReadOptions | None = None) -> tuple[list[Shown], InputError]:
    """Return the events before an error, and the error; check its offset by the mark."""
    before, mark, after = text.partition(MARK)
    events, error = read_every_way(before + after, options)
    assert error is not None
    if mark:
        assert error.location.byte_offset == len(before.encode())
    return events, error
