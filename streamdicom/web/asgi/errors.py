"""Answers to invalid requests."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from streamdicom.errors import InputError, LimitError, RequestError

_BODILESS = ("GET", "HEAD")  # methods whose body has no meaning (RFC 9110, section 9.3)


def status_of(error: InputError) -> int:
    """Return the status code for an error in a request.

    PS3.18 8.5, and RFC 9110, section 15.5.

    >>> [status_of(error) for error in (InputError(""), LimitError("", "depth"), RequestError("", 406))]
    [400, 413, 406]
    """
    if isinstance(error, RequestError):
        return error.status
    return 413 if isinstance(error, LimitError) else 400


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    if not isinstance(error, RequestError) and request.method in _BODILESS:
        raise error  # the fault is in data that the application read, not in the request
    # The message names the place and quotes no content.
    return PlainTextResponse(f"{error}\n", status_of(error))


exception_handlers: dict[Any, Callable[[Request, Exception], Coroutine[Any, Any, Response]]] = {InputError: _answer}
"""The ``exception_handlers`` of a Starlette or FastAPI application: answer an invalid request with 4xx and the message.

With GET and HEAD, only a RequestError is the client's fault; any other InputError becomes 500. With other methods, an
application that also reads data sets from elsewhere must catch their InputError itself.

>>> from starlette.applications import Starlette
>>> app = Starlette(exception_handlers=exception_handlers)
"""
