"""What is answered to a request that cannot be taken."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from streamdicom.errors import InputError, LimitError, RequestError

_BODILESS = ("GET", "HEAD")  # methods for which a body means nothing (RFC 9110, section 9.3)


def status_of(error: InputError) -> int:
    """The status code that tells of an error in what a client has sent (PS3.18 8.5, RFC 9110, section 15.5).

    >>> [status_of(error) for error in (InputError(""), LimitError("", "depth"), RequestError("", 406))]
    [400, 413, 406]
    """
    if isinstance(error, RequestError):
        return error.status
    return 413 if isinstance(error, LimitError) else 400


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    if not isinstance(error, RequestError) and request.method in _BODILESS:
        raise error  # it is what the application has read, of which the client knows nothing
    # The message has the place, and quotes nothing of what was sent.
    return PlainTextResponse(f"{error}\n", status_of(error))


exception_handlers: dict[Any, Callable[[Request, Exception], Coroutine[Any, Any, Response]]] = {InputError: _answer}
"""What Starlette and FastAPI take under this name: an answer of 4xx, with the message as text, for what is wrong in a
request. With GET and HEAD only a RequestError is the client's fault; another InputError becomes 500. In answering other
methods, an application that reads data sets from elsewhere too catches the InputError of those itself.

>>> from starlette.applications import Starlette
>>> app = Starlette(exception_handlers=exception_handlers)
"""
