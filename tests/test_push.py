"""The error protocol of push parsers and writers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamdicom._push import PushParser, StickyWriter
from streamdicom.errors import InputError, Location, OutputError, StreamDicomError, TruncatedError
from tests.support.each import each


class _Words(PushParser[bytes]):
    """Parses words; a word that is a key of ``errors`` raises."""

    def __init__(self, **errors: BaseException) -> None:
        super().__init__()
        self._errors = {word.encode(): error for word, error in errors.items()}
        self._count = 0

    def _feed(self, data: bytes, results: list[bytes]) -> None:
        for word in data.split():
            self._count += 1
            if word in self._errors:
                raise self._errors[word]
            results.append(word)

    def _close(self, results: list[bytes]) -> None:
        self._feed(b"end", results)

    def _locate(self, error: StreamDicomError) -> None:
        error.location = Location(self._count)


class _DeferringWords(_Words):
    _deferred = Exception


def _calls(parser: _Words) -> list[Callable[[], object]]:
    return [lambda: parser.feed(b"a"), parser.close, lambda: parser.feed(b""), parser.close]


def test_results_are_returned() -> None:
    parser = _Words()
    assert parser.feed(b"a b") == [b"a", b"b"]
    assert parser.feed(b"") == []
    assert parser.close() == [b"end"]
    assert parser.error is None


def test_closed_parser_closes_again_and_rejects_data() -> None:
    parser = _Words()
    parser.close()
    assert parser.close() == []
    for _ in range(2):
        with pytest.raises(ValueError, match="closed") as caught:
            parser.feed(b"a")
        assert not isinstance(caught.value, InputError)
    assert parser.error is None


def test_error_without_results_raises_at_once() -> None:
    parser = _Words(x=InputError("wrong"))
    with pytest.raises(InputError, match=r"wrong \(byte 1\)") as first:
        parser.feed(b"x")
    for call in _calls(parser):
        with pytest.raises(InputError) as again:
            call()
        assert again.value is first.value is parser.error


@each("number", range(4))
def test_results_before_error_are_returned_first(number: int) -> None:
    error = InputError("wrong")
    parser = _Words(x=error)
    assert parser.feed(b"a b x c") == [b"a", b"b"]
    assert parser.error is error
    with pytest.raises(InputError) as caught:
        _calls(parser)[number]()
    assert caught.value is error
    assert error.location == Location(3)


def test_error_of_close_raises_at_once() -> None:
    parser = _Words(end=TruncatedError("too short"))
    parser.feed(b"a")
    for call in (parser.close, parser.close, lambda: parser.feed(b"")):
        with pytest.raises(TruncatedError):
            call()


class _Late(_Words):
    """Has a fault after the last result."""

    def _close(self, results: list[bytes]) -> None:
        self._feed(b"last x", results)


def test_finish_returns_the_results_before_an_error_of_close() -> None:
    error = TruncatedError("too short")
    parser = _Late(x=error)
    assert (parser.finish(), parser.error) == ([b"last"], error)
    for call in (parser.close, parser.finish, lambda: parser.feed(b"")):
        with pytest.raises(TruncatedError) as caught:
            call()
        assert caught.value is error
    assert not hasattr(error, "__notes__")


def test_error_of_close_says_that_results_are_lost() -> None:
    parser = _Late(x=TruncatedError("too short"))
    with pytest.raises(TruncatedError) as caught:
        parser.close()
    assert caught.value.__notes__ == ["results before this error are lost; take them with finish, before close"]


def test_finish_without_a_fault_leaves_nothing_to_close() -> None:
    parser = _Words()
    assert (parser.finish(), parser.finish(), parser.close()) == ([b"end"], [], [])


@each("kind", [OSError, KeyboardInterrupt, MemoryError])
def test_foreign_exception_raises_once_and_becomes_the_cause(kind: type[BaseException]) -> None:
    foreign = kind()
    parser = _Words(x=foreign)
    with pytest.raises(kind) as first:
        parser.feed(b"a x")
    assert first.value is foreign
    for call in _calls(parser):
        with pytest.raises(InputError, match=f"stopped by {kind.__name__}") as again:
            call()
        assert again.value is parser.error
        assert again.value.__cause__ is foreign
        assert again.value.location == Location(2)


@each("number", range(4))
def test_deferred_exception_follows_results(number: int) -> None:
    foreign = OSError()
    parser = _DeferringWords(x=foreign)
    assert parser.feed(b"a x") == [b"a"]
    assert parser.error
    with pytest.raises(OSError) as first:  # noqa: PT011 - compared below
        _calls(parser)[number]()
    assert first.value is foreign
    for call in _calls(parser):
        with pytest.raises(InputError, match="stopped by OSError"):
            call()


def test_interrupt_is_not_deferred() -> None:
    parser = _DeferringWords(x=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        parser.feed(b"a x")


class _Writer(StickyWriter):
    def write(self, error: BaseException | None = None) -> None:
        self._raise_error()
        try:
            if error:
                raise error
        except BaseException as caught:
            self._fail(caught)
            raise


def test_writer_raises_its_own_error_again() -> None:
    writer, error = _Writer(), OutputError("wrong")
    writer.write()
    with pytest.raises(OutputError):
        writer.write(error)
    with pytest.raises(OutputError) as again:
        writer.write()
    assert again.value is error


@pytest.mark.parametrize("error", [InputError("of the source"), OSError("of the target")])
def test_writer_is_stopped_by_other_exceptions(error: Exception) -> None:
    writer = _Writer()
    with pytest.raises(type(error)):
        writer.write(error)
    with pytest.raises(OutputError, match="the writer was stopped by") as again:
        writer.write()
    assert again.value.__cause__ is error
