"""The log of deviations, and the warnings about them."""

from __future__ import annotations

import asyncio
import inspect
import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterator

import streamdicom
from streamdicom import DEVIATIONS, Deviation, DeviationLog, DeviationWarning, Location, ReadOptions, Severity
from tests.support.codes import MODULE_CODES, VALUE_CODES
from tests.support.each import each

_SCALAR = b'{"00100020": {"vr": "LO", "Value": "17"}}'


def test_log_keeps_the_first_deviations_and_counts_all() -> None:
    log = DeviationLog(max_kept=1)
    list(streamdicom.iter_events(_SCALAR * 3, options=ReadOptions(on_deviation=log)))
    assert [deviation.location.dataset_index for deviation in log.first] == [0]
    assert log.counts == {"scalar-value": 3}


def test_log_has_a_repr() -> None:
    log = DeviationLog()
    assert repr(log) == "<DeviationLog empty>"
    for code in ("null-value", "scalar-value", "scalar-value"):
        log(Deviation(code, DEVIATIONS[code].severity, Location(), "odd"))
    assert repr(log) == "<DeviationLog scalar-value: 2, null-value: 1>"


@each("code", sorted(DEVIATIONS.keys() - {"converter-failed"}))  # about a converter, not a form
def test_deviation_has_a_clause_and_an_example(code: str) -> None:
    assert re.search(r"PS3\.\d|RFC \d|CP-\d|XML 1\.0", DEVIATIONS[code].meaning)
    assert DEVIATIONS[code].example


def test_deviations_that_no_parser_finds_are_marked() -> None:
    checked = {code for code, row in DEVIATIONS.items() if row.is_checked}
    assert checked == (VALUE_CODES | MODULE_CODES) - {"character-set"}  # which the parser of DICOM files finds


def test_deviation_prints_its_keyword() -> None:
    deviation = Deviation("null-value", Severity.SLIGHT, Location(31, 0, "00100020"), "a 'Value' of null")
    assert str(deviation) == "slight null-value: a 'Value' of null (byte 31, [0].00100020 PatientID)"


def _feed() -> None:
    streamdicom.DatasetParser().feed(_SCALAR)


def _aiter() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield _SCALAR

    async def main() -> None:
        async for _ in streamdicom.aiter_datasets(source()):
            pass

    asyncio.run(main())


_WAYS: dict[str, Callable[[], object]] = {
    "loads": lambda: streamdicom.loads(_SCALAR),
    "iter_datasets": lambda: list(streamdicom.iter_datasets(_SCALAR)),
    "iter_events": lambda: list(streamdicom.iter_events(_SCALAR)),
    "feed": _feed,
    "aiter_datasets": _aiter,
}


@each("way", _WAYS)
def test_warning_points_at_the_line_of_the_caller(way: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _WAYS[way]()
    [warning] = caught
    assert warning.category is DeviationWarning
    assert warning.filename == __file__
    lines, first = inspect.getsourcelines(_WAYS[way])
    assert first <= warning.lineno < first + len(lines)


def test_warning_of_a_file_points_at_the_line_of_the_caller() -> None:
    def source() -> Iterator[bytes]:
        yield b"\x08\x00\x05\x00CS\x06\x00BOGUS \x10\x00\x10\x00PN\x02\x00\xe9 "

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(streamdicom.iter_events(source()))
    assert {warning.filename for warning in caught} == {__file__}
