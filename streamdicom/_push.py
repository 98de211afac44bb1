"""The error protocol of push parsers and writers.

A parser returns the results before an error first, raises at the next call, and then always raises the same error. An
object that has failed stays failed. Its own errors are raised again by every later call. Any other exception, such
as one of a callback in the options, is raised once as it is; from then on it is the ``__cause__`` of the error that is
raised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from streamdicom._typing import Any, ClassVar, Generic, Protocol, TypeVar
from streamdicom.errors import InputError, OutputError, StreamDicomError, aborted

PIECE_SIZE = 16 * 1024
"""Bytes that a parser processes at once.

Their tokens or events may need forty times the memory; more bytes are not faster."""

LOST = "results before this error are lost; take them with finish, before close"
"""The note of an error of ``close`` that results precede."""

_T = TypeVar("_T")


def check_data(data: object) -> None:
    """Check that a parser is fed bytes.

    Raises:
        TypeError: The data is something else.

    >>> check_data("[")
    Traceback (most recent call last):
        ...
    TypeError: expected bytes, found str; encode text as UTF-8
    """
    if isinstance(data, bytes):
        return
    try:
        memoryview(data)  # type: ignore[arg-type]  # the check that the type is right
    except TypeError:
        cure = "; encode text as UTF-8" if isinstance(data, str) else ""
        raise TypeError(f"expected bytes, found {type(data).__name__}{cure}") from None


class StickyError:
    """Keeps the error that ended an object.

    A subclass calls ``_raise_error`` first, and ``_fail`` with every exception that it does not handle.
    """

    _role: ClassVar[str]  # names the object in the message about a foreign exception
    _own: ClassVar[type[StreamDicomError]] = StreamDicomError  # is raised again as it is
    _made: ClassVar[type[StreamDicomError]]  # is raised after any other exception

    def __init__(self) -> None:
        self._error: StreamDicomError | None = None

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _fail(self, error: BaseException) -> StreamDicomError:
        self._error = error if isinstance(error, self._own) else aborted(self._made, self._role, error)
        return self._error


class StickyWriter(StickyError):
    """A writer that cannot be used after an error."""

    _role = "writer"
    _own = OutputError
    _made = OutputError


class PushParser(StickyError, ABC, Generic[_T]):
    """A parser that is fed: bytes in, results out.

    A subclass implements ``_feed`` and ``_close``, which append to a list of results and raise.

    >>> class Lines(PushParser[bytes]):
    ...     def _feed(self, data, results):
    ...         for line in data.split():
    ...             if line == b"?":
    ...                 raise InputError("not a line")
    ...             results.append(line)
    ...     def _close(self, results):
    ...         pass
    >>> parser = Lines()
    >>> parser.feed(b"a ? b"), parser.error
    ([b'a'], InputError('not a line'))
    >>> parser.feed(b"c")
    Traceback (most recent call last):
        ...
    streamdicom.errors.InputError: not a line
    """

    _role = "parser"
    _made = InputError
    _deferred: ClassVar[type[Exception]] = InputError  # is raised after the results before it; others at once

    def __init__(self) -> None:
        super().__init__()
        self._pending: Exception | None = None
        self._is_closed = False

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if results before it were returned first."""
        return self._error

    @property
    def has_more(self) -> bool:
        """Whether the bytes so far have more results; ``feed(b"")`` returns the next."""
        return self._error is None and self._has_more()

    def feed(self, data: bytes) -> list[_T]:
        """Take the next bytes; return the first results of them.

        Their number is bounded by the number of bytes, and of those that the parser has held. If the bytes have more,
        ``has_more`` is true, and ``feed(b"")`` returns the next. A caller that feeds further bytes instead gets all of
        them at once.

        A fault raises at once if there are no results before it. Otherwise those are returned and the next call
        raises. From then on every call raises the same error.

        Args:
            data: Any number of bytes, cut anywhere. The results do not depend on the cuts.

        Raises:
            InputError: The input is at fault; the class lists the types.
            TypeError: The data is something other than bytes.
            ValueError: The parser is closed.
        """
        check_data(data)
        if self._is_closed and self._error is None:
            raise ValueError("the parser is closed")
        return self._guard(self._feed, data)

    def finish(self) -> list[_T]:
        """Finish the stream; return the results before a fault, which ``close`` raises.

        Raises:
            InputError: As in ``feed``.
        """
        if self._is_closed and self._error is None:
            return []
        self._is_closed = True
        return self._guard(self._close)

    def close(self) -> list[_T]:
        """Finish the stream; return all remaining results. Closing twice does nothing.

        A fault raises at once, because no call has to follow. The results before it are then lost, unless ``finish``
        has returned them; a note of the exception says so.

        Raises:
            TruncatedError: The stream stopped within a document, or had none.
            InputError: As in ``feed``.
        """
        results = self.finish()
        if self._error is not None:
            (self._pending or self._error).add_note(LOST)
            self._raise_error()
        return results

    def _raise_error(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            raise pending
        super()._raise_error()

    def _guard(self, step: Callable[..., None], *arguments: Any) -> list[_T]:
        self._raise_error()
        results: list[_T] = []
        try:
            step(*arguments, results)
        except self._deferred as error:
            self._fail(error)
            if not results:
                raise
            if error is not self._error:
                self._pending = error
        except BaseException as error:
            self._fail(error)
            raise
        return results

    def _fail(self, error: BaseException) -> StreamDicomError:
        failure = super()._fail(error)
        self._locate(failure)
        return failure

    def _has_more(self) -> bool:
        return False

    @abstractmethod
    def _feed(self, data: bytes, results: list[_T]) -> None: ...

    @abstractmethod
    def _close(self, results: list[_T]) -> None: ...

    def _locate(self, error: StreamDicomError) -> None:
        """Add the position of the parser to an error."""


class _Fed(Protocol[_T]):
    """A parser; see ``PushParser``."""

    @property
    def has_more(self) -> bool: ...

    def feed(self, data: bytes) -> list[_T]: ...

    def finish(self) -> list[_T]: ...

    def close(self) -> list[_T]: ...


def finished(parser: _Fed[_T]) -> Iterator[list[_T]]:
    """Finish the stream of a parser; yield its last results before a fault raises.

    Args:
        parser: As for ``drained``.

    Raises:
        InputError: As ``PushParser.close`` does.
    """
    yield parser.finish()
    parser.close()


def drained(parser: _Fed[_T], data: bytes) -> Iterator[list[_T]]:
    """Feed bytes to a parser; yield their results in lists of bounded length.

    All of them must be consumed before the next bytes.

    Args:
        parser: A ``PushParser``, or an object with its methods.
        data: As for ``PushParser.feed``.

    Raises:
        InputError: As ``PushParser.feed`` does.
    """
    yield parser.feed(data)
    while parser.has_more:
        yield parser.feed(b"")
