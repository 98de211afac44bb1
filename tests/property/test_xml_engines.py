"""The compiled engine and plain Python agree on Native DICOM XML."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamdicom import _native
from streamdicom.errors import OutputError
from streamdicom.events import Event
from streamdicom.formats.xml import XmlWriter
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions
from tests.support.events import dataset, members

_ENGINE = _native.functions
pytestmark = [
    pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built"),
    pytest.mark.filterwarnings("ignore"),  # of elements that XML cannot represent
]


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


def _written(engine: Any, events: list[Event], options: WriteOptions, count: int) -> tuple[bytes, Any]:
    """Return the XML and the error of events that are written in batches."""
    blocks: list[bytes] = []
    error = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        writer = XmlWriter(blocks.append, options=options)
        try:
            for start in range(0, len(events), count):
                writer.write_all(events[start : start + count])
                writer.flush()
            writer.close()
        except OutputError as raised:
            error = type(raised), str(raised), raised.location
    return b"".join(blocks), error


@settings(max_examples=200)
@given(
    parts=st.lists(st.one_of(members(2, wild=False), members(2)).map(dataset), min_size=1, max_size=2),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    file_meta=st.booleans(),
    utf8=st.booleans(),
    depth=st.sampled_from([512, 9]),
)
def test_engines_write_the_same_xml(
    parts: list[list[Event]], on_error: Any, file_meta: bool, utf8: bool, depth: int
) -> None:
    events = [event for part in parts for event in part]
    options = WriteOptions(
        on_error=on_error,
        file_meta=file_meta,
        character_set="utf-8" if utf8 else "keep",
        limits=Limits(depth=depth),
    )
    expected = _written(None, events, options, 1)
    assert _written(_ENGINE, events, options, 1) == expected
    output, error = _written(_ENGINE, events, options, len(events))
    assert error == expected[1]
    assert output == expected[0] if error is None else expected[0].startswith(output)
