"""The policy that all formats share: errors, reports, or nothing."""

from __future__ import annotations

import warnings

import pytest

from streamdicom.deviations import Deviation, DeviationLog, DeviationWarning, Severity
from streamdicom.errors import DicomFileError, InputError, Location
from streamdicom.formats.deviation_policy import PlacedDeviationPolicy
from streamdicom.options import OnError, ReadOptions
from tests.support.each import each

_PLACE = Location(17, 0, "00100020")


def _policy(options: ReadOptions, on_error: OnError = "raise") -> PlacedDeviationPolicy:
    return PlacedDeviationPolicy(options, DicomFileError, lambda: _PLACE, on_error)


def test_report_reaches_the_callback_with_its_place() -> None:
    log = DeviationLog()
    _policy(ReadOptions(on_deviation=log)).report("backslash", "a backslash")
    assert log.first == [Deviation("backslash", Severity.WARNING, _PLACE, "a backslash")]


def test_first_report_of_a_code_warns_with_its_place() -> None:
    policy = _policy(ReadOptions())
    with pytest.warns(DeviationWarning, match=r"^backslash: a backslash \(byte 17, \[0\]\.00100020 PatientID\)\. "):
        policy.report("backslash", "a backslash")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy.report("backslash", "a backslash")
        policy.report("empty-array", "an empty array")  # too slight for a warning


def test_refused_code_is_an_error_of_the_format() -> None:
    for options in (ReadOptions(profile="strict"), ReadOptions(deviations={"backslash": "error"})):
        assert not _policy(options).accepts("backslash")
        with pytest.raises(DicomFileError, match="a backslash"):
            _policy(options).report("backslash", "a backslash")


def test_ignored_code_is_not_reported() -> None:
    log = DeviationLog()
    _policy(ReadOptions(on_deviation=log, deviations={"backslash": "ignore"})).report("backslash", "a backslash")
    assert not log.first


@each(
    ("chosen", "default", "accepts", "keeps"),
    [
        (None, "raise", False, False),
        (None, "keep", True, True),
        ("raise", "keep", False, False),
        ("skip", "keep", True, False),
        ("keep", "raise", True, True),
    ],
)
def test_format_sets_the_default_of_on_error(
    chosen: OnError | None, default: OnError, accepts: bool, keeps: bool
) -> None:
    log = DeviationLog()
    policy = _policy(ReadOptions(on_error=chosen, on_deviation=log), default)
    assert (policy.accepts_wrong_values, policy.keeps) == (accepts, keeps)
    if accepts:
        policy.reject_value("a wrong value")
        assert log.counts == {"wrong-value": 1}
    else:
        with pytest.raises(InputError, match="a wrong value"):
            policy.reject_value("a wrong value")


def test_strict_profile_raises_for_every_wrong_value() -> None:
    policy = _policy(ReadOptions(profile="strict", on_error="keep"))
    assert not policy.accepts_wrong_values
    with pytest.raises(InputError, match="another message"):
        policy.reject_value("a wrong value", InputError("another message"))
