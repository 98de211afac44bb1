"""The innermost loops of the parser and the writer."""

from __future__ import annotations

import io
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import _native
from streamdicom.dicom import EXPLICIT_BIG_ENDIAN, EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, VRS, Encoding
from streamdicom.events import Event, EventType
from streamdicom.formats.part10 import Part10Writer
from streamdicom.formats.part10.context import NO_END, PUBLIC, Context, ElementContext
from streamdicom.formats.part10.runs import READ_TABLES, WRITE_TABLES, bytes_of_engine, run_of_engine, write_entry
from streamdicom.formats.part10.states import OpenItem
from tests.formats.part10.files import EXPLICIT, element, parse, sequence, start
from tests.support.each import each

PATIENT_ID, REFERENCES, PRIVATE = 0x00100020, 0x00081140, 0x00091001
ENCODINGS = [IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN]


def run(
    data: bytes, encoding: Encoding = EXPLICIT_LITTLE_ENDIAN, *, end: int = NO_END
) -> tuple[int, list[Event], bool]:
    """Return the stop position, the events, and whether an item is due."""
    events: list[Event] = []
    context = Context(encoding, READ_TABLES[encoding], 0, end, end, end, ElementContext())
    pos, _, is_item_due = run_of_engine()(data, 0, 0, context, [], events, 84, False)
    return pos, events, is_item_due


@pytest.fixture(autouse=True)
def _known_elements() -> None:
    content = EXPLICIT.element(PATIENT_ID, "LO", b"ab")
    parse([start(EXPLICIT.uid) + EXPLICIT.sequence(REFERENCES, EXPLICIT.item(content)) + content])


def test_known_elements_and_sequences_are_read() -> None:
    content = EXPLICIT.element(PATIENT_ID, "LO", b"ab")
    data = EXPLICIT.open_sequence(REFERENCES, EXPLICIT.item(content), EXPLICIT.open_item()) + content
    inner = [element(PATIENT_ID, "LO", "ab")]
    assert run(data) == (len(data), [*sequence(REFERENCES, inner, []), *inner], False)


def test_padding_alone_is_an_empty_text_and_no_bytes_are_no_value() -> None:
    padded, empty = EXPLICIT.element(PATIENT_ID, "LO", b"  "), EXPLICIT.element(PATIENT_ID, "LO", b"")
    for _ in range(2):
        assert run(padded)[1] == [element(PATIENT_ID, "LO", "")]
        assert run(empty)[1] == [element(PATIENT_ID, "LO")]


@each(
    "stop",
    [
        EXPLICIT.element(PATIENT_ID, "SH", b"ab"),
        EXPLICIT.element(PATIENT_ID, "LO", b"\xe9 "),
        EXPLICIT.element(PATIENT_ID, "LO", b"ab")[:-1],
        EXPLICIT.header(REFERENCES, "SQ", 8)[:-1],
        EXPLICIT.end_item(),
        b"\0" * 20,
    ],
    ids=["another VR", "text beyond ASCII", "incomplete value", "incomplete header", "stray delimiter", "zeros"],
)
def test_reading_stops_before_anything_else(stop: bytes) -> None:
    before = EXPLICIT.element(PATIENT_ID, "LO", b"ab")
    assert run(before + stop) == (len(before), [element(PATIENT_ID, "LO", "ab")], False)


def test_private_creators_of_the_last_group_are_known_after_a_run() -> None:
    creators = [(0x00190010, b"GEMS_ACQU_01"), (0x00210010, b"GEMS_RELA_01"), (0x00210011, b"other ")]
    data = b"".join([EXPLICIT.element(tag, "LO", name) for tag, name in creators])
    parse([start(EXPLICIT.uid) + data])
    facts = ElementContext()
    context = Context(EXPLICIT_LITTLE_ENDIAN, READ_TABLES[EXPLICIT_LITTLE_ENDIAN], 0, NO_END, NO_END, NO_END, facts)
    pos, _, _ = run_of_engine()(data, 0, 0, context, [], list[Event](), 84, False)
    assert pos == len(data)
    # In pydicom's dictionary (0019,1002) of GEMS_ACQU_01 is SL, and (0021,1003) of GEMS_RELA_01 is SS.
    assert [context.facts.effective_vr(tag, "UN", 2) for tag in (0x00191002, 0x00211003)] == ["UN", "SS"]
    assert facts.effective_vr(0x00211003, "UN", 2) == "UN"
    assert context.facts.inherited.effective_vr(0x00211003, "UN", 2) == "UN"


def test_pixel_representation_is_known_after_a_run() -> None:
    data = EXPLICIT.number(0x00280103, "US", 1)
    parse([start(EXPLICIT.uid) + data])
    context = Context(
        EXPLICIT_LITTLE_ENDIAN, READ_TABLES[EXPLICIT_LITTLE_ENDIAN], 0, NO_END, NO_END, NO_END, ElementContext()
    )
    pos, _, _ = run_of_engine()(data, 0, 0, context, [], list[Event](), 84, False)
    assert pos == len(data)
    # PS3.5 6.2.2, PS3.6: Smallest Image Pixel Value is US or SS by Pixel Representation.
    assert context.facts.effective_vr(0x00280106, "UN", 2) == "SS"


def test_reading_stops_before_a_value_past_the_end_of_its_item() -> None:
    data = EXPLICIT.element(PATIENT_ID, "LO", b"ab")
    assert run(data, end=len(data) - 1) == (0, [], False)


def test_reading_stops_within_a_sequence_before_other_bytes() -> None:
    data = EXPLICIT.header(REFERENCES, "SQ", 20)
    assert run(data + bytes(20)) == (len(data), sequence(REFERENCES)[:1], True)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([EXPLICIT.element(PATIENT_ID, "LO", b"ab"), EXPLICIT.item(), EXPLICIT.end_item()]),
            st.integers(0, 2**32 - 1).map(lambda length: EXPLICIT.header(REFERENCES, "SQ", length)),
        )
    ).map(b"".join),
    st.integers(0, 100),
)
@each("encoding", ENCODINGS, ids=["implicit", "explicit", "big endian"])
def test_reading_random_bytes_never_raises(encoding: Encoding, data: bytes, end: int) -> None:
    for limit in (end, NO_END):
        if limit >= 8:
            context = Context(encoding, READ_TABLES[encoding], 0, NO_END, NO_END, NO_END, ElementContext())
            item = Context(encoding, READ_TABLES[encoding], 0, limit, limit, limit, ElementContext())
            context.open_sequence(REFERENCES, PUBLIC, -1, NO_END)
            pos, _, _ = run_of_engine()(data, 0, 0, item, [context], [], 84, False)
            assert 0 <= pos <= len(data)


# --- writing -----------------------------------------------------------------------------------------------------


def write(events: list[Event], max_size: int = 1 << 20) -> tuple[Event | None, bytes]:
    parts: list[bytes] = []
    table = WRITE_TABLES[False]
    table.elements.remember(PATIENT_ID, write_entry(PATIENT_ID, "LO", implicit=False))
    table.sequences.remember(REFERENCES, EXPLICIT.header(REFERENCES, "SQ", 0xFFFFFFFF))
    event, size = bytes_of_engine(implicit=False)(
        iter(events), [OpenItem((), ElementContext())], parts, 0, max_size, 84
    )
    assert size >= len(b"".join(parts))
    return event, b"".join(parts)


def test_known_events_are_written() -> None:
    inner = [element(PATIENT_ID, "LO", "ab")]
    content = EXPLICIT.element(PATIENT_ID, "LO", b"ab")
    expected = EXPLICIT.open_sequence(REFERENCES, EXPLICIT.open_item(content)) + content
    assert write([*sequence(REFERENCES, inner), *inner]) == (None, expected)


UNKNOWN = [
    element(PATIENT_ID, "SH", "ab"),
    element(0x6EEF10EF, "LO", "ab"),  # in no other test: tags that were written once are known
]


@each(
    "stop",
    [
        *UNKNOWN,
        element(PATIENT_ID, "LO", "\xe9"),
        element(PATIENT_ID, "LO", 5),
        element(PATIENT_ID, "LO", "a" * 70_000),
        element(REFERENCES - 1, "LO", "ab"),
        (EventType.END_ITEM, REFERENCES, "SQ", None),
        (EventType.END_DATASET, 0, "", None),
        (99, 0, "", None),
    ],
    ids=["VR", "tag", "text", "type", "length", "order", "END_ITEM", "END_DATASET", "event"],
)
def test_writing_stops_before_anything_else(stop: Event) -> None:
    if _native.functions and stop in UNKNOWN:
        pytest.skip("the compiled loop needs no table")
    before = sequence(REFERENCES)
    assert write([*before, stop, *before]) == (stop, EXPLICIT.open_sequence(REFERENCES))


def test_writing_stops_at_the_maximum_size() -> None:
    events = iter([element(PATIENT_ID, "LO", "ab"), element(0x00100021, "LO", "ab")])
    parts: list[bytes] = []
    assert write([]) == (None, b"")  # fills the table
    event, size = bytes_of_engine(implicit=False)(events, [OpenItem((), ElementContext())], parts, 0, 1, 84)
    assert (event, size > 0, len(list(events))) == (None, True, 1)


_VALUES = st.one_of(st.none(), st.text(max_size=3), st.integers(), st.floats(), st.binary(max_size=3), st.just(("a",)))
_EVENTS = st.tuples(
    st.integers(0, 18), st.integers(0, 2**32), st.sampled_from(["", *VRS]), st.one_of(_VALUES, st.tuples(_VALUES))
)


@given(st.lists(_EVENTS, max_size=5))
def test_writing_random_events_never_raises(events: list[Event]) -> None:
    write(events)
    known = [(kind, PATIENT_ID, "LO", value) for kind, _, _, value in events]
    write(known)
    for vr in VRS:
        if vr != "SQ":
            table = WRITE_TABLES[False]
            table.elements.remember(PRIVATE, write_entry(PRIVATE, vr, implicit=False))
            for _, _, _, value in events:
                event = EventType.ELEMENT, PRIVATE, vr, value
                bytes_of_engine(implicit=False)(iter([event]), [OpenItem((), ElementContext())], [], 0, 100, 84)


def test_cut_runs_write_the_same_file() -> None:
    inner = [element(0x00080060, "CS", "MR"), element(PATIENT_ID, "LO", "\u5c71"), element(0x00280010, "US", 5)]
    events = [
        (EventType.START_DATASET, 0, "", 0),
        *sequence(REFERENCES, inner, inner),
        element(0x0020000D, "UI", "1.2"),
        *sequence(0x00400555, inner, []),
        (EventType.END_DATASET, 0, "", None),
    ]
    files = []
    for length in (1, 2, 5, len(events)):
        target = io.BytesIO()
        writer = Part10Writer(target, io.BytesIO)
        for place in range(0, len(events), length):
            writer.write_all(events[place : place + length])
        writer.close()
        files.append(target.getvalue())
    assert files == files[-1:] * 4
    assert pack("<HH", 0x0040, 0x0555) in files[0]
