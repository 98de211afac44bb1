"""The tables of legal moves match the moves of the parser and the writer."""

from __future__ import annotations

import io
from itertools import pairwise

from streamdicom._encoded import ENCODED
from streamdicom.events import EventType
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.part10.single_pass import SinglePassWriter
from streamdicom.formats.part10.states import PARSER_TRANSITIONS, WRITER_TRANSITIONS, ParserState, WriterState
from streamdicom.options import WriteOptions
from tests.formats.part10.files import BUNDLED, EXPLICIT, JPEG_UID, parse, start

PIXELS, PRIVATE, REFERENCES = 0x7FE00010, 0x00091001, 0x00081140
LONG = 70_000


def files() -> list[bytes]:
    """Return files with every structure, in the data set and in items."""
    values = [
        EXPLICIT.element(PRIVATE, "OB", bytes(LONG)),
        EXPLICIT.element(PRIVATE, "OD", bytes(LONG)),
        EXPLICIT.element(PRIVATE, "SV", bytes(80_000)),
        EXPLICIT.element(PRIVATE, "UT", b"a" * LONG),
        EXPLICIT.fragments(PIXELS, b"", b"ab"),
    ]
    contents = [*values, *(EXPLICIT.sequence(REFERENCES, EXPLICIT.item(value), EXPLICIT.item()) for value in values)]
    return [start(JPEG_UID) + content for content in contents]


class _RecordingParser(Part10Parser):
    """A parser that records its states."""

    def __init__(self) -> None:
        self.states: list[ParserState] = []
        super().__init__()

    @property
    def _state(self) -> ParserState:
        return self.states[-1]

    @_state.setter
    def _state(self, state: ParserState) -> None:
        self.states.append(state)


def test_parser_makes_the_moves_of_the_table() -> None:
    found: set[tuple[ParserState, ParserState]] = set()
    small = [path.read_bytes() for path in BUNDLED if path.stat().st_size < 2000]
    for data in [*files(), *[data for data in small if parse([data])[1] is None]]:
        parser = _RecordingParser()
        for place in range(0, len(data), 997):
            parser.feed(data[place : place + 997])
        parser.close()
        found |= {(before, after) for before, after in pairwise(parser.states) if before is not after}
    assert found == {(state, after) for state, row in PARSER_TRANSITIONS.items() for after in row}


def test_writer_has_a_move_for_each_event_of_the_table() -> None:
    errors = {EventType.BULK_DATA}  # with a message of its own
    for state in WriterState:
        # The bytes of the engine stand for the events of the table in these states.
        encoded = {ENCODED} if state in (WriterState.HEAD, WriterState.DATASET, WriterState.SEQUENCE) else set()
        moves = set(SinglePassWriter._moves[state]) - errors
        assert moves & {ENCODED} == encoded
        moves -= encoded | ({EventType.END_FRAGMENTS} if state is WriterState.FRAGMENT else set())
        expected = set(WRITER_TRANSITIONS[state]) - errors
        assert moves == (expected if state is not WriterState.END else {EventType.START_DATASET})


def test_writer_enters_the_states_of_the_table() -> None:
    for data in files():
        events, error = parse([data])
        assert error is None
        writer = SinglePassWriter(io.BytesIO(), io.BytesIO, WriteOptions(), in_utf_8=False)
        for event in events:
            before = WriterState(writer._state)
            writer.write(event)
            after = WriterState(writer._state)
            expected = {WRITER_TRANSITIONS[before][EventType(event[0])]}
            if before is WriterState.ELEMENT and isinstance(event[3], str):
                expected = {WriterState.SPOOLED}
            if expected == {WriterState.DATASET}:
                expected.add(WriterState.HEAD)
            assert after in expected, (before, event[0])
