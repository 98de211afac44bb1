"""GET requests to one server: which origins are asked, who gets credentials, and what errors become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from httpx2 import URL, Client, HTTPError, InvalidURL, TimeoutException
from httpx2 import Response as HttpResponse

from streamdicom.errors import ResponseError
from streamdicom.limits import Limits
from streamdicom.web.content import ContentDecoder

_TIMEOUT = 30.0  # seconds without a byte, unless the caller's client has another
_MOST_REDIRECTS = 5
_LONGEST_URL = 8192
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip"}


def url_of(text: str) -> URL:
    """An absolute URL of HTTP.

    Raises:
        ValueError: The text is none.

    >>> url_of("http://localhost/dicom-web/studies").host
    'localhost'
    """
    try:
        url = URL(text) if len(text) <= _LONGEST_URL else URL()
    except InvalidURL:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("an absolute URL of http or https is needed")
    return url


def oserror(error: HTTPError) -> OSError:
    """What it is to those who know nothing of HTTP, that a server cannot be reached, or stops to answer."""
    kind = TimeoutError if isinstance(error, TimeoutException) else ConnectionError
    return kind(f"the server cannot be reached, or stopped to answer: {error}")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body is still to come.

    Attributes:
        status: The status code.
        url: Where it came from, without credentials.
        media_type: The header field Content-Type, or nothing.
        warnings: The header fields Warning.
        chunks: The body, without its Content-Encoding.
    """

    status: int
    url: str
    media_type: str
    warnings: list[str]
    chunks: Iterator[bytes]


class Exchange:
    """Requests to the origin of a URL with the credentials of a client, and to others that are named with none.

    Args:
        url: Whose origin is asked (RFC 9110 4.3.1: scheme, host and port).
        client: What has the credentials; without one there are none but those in the URL.
        origins: Which others may be asked.
        limits: ``max_expansion_ratio`` bounds what comes out of a compressed body.

    Raises:
        ValueError: Of the origins one is none.
    """

    def __init__(self, url: URL, client: Client | None, origins: Iterable[str], limits: Limits) -> None:
        self._home = url.origin
        self._userinfo = url.userinfo
        self._given = client
        self._others = frozenset(url_of(origin).origin for origin in origins)
        self._limits = limits
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._client = self._given or self._stack.enter_context(Client(timeout=_TIMEOUT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def get(self, url: URL, accept: str) -> Iterator[Response]:
        """The answer to a request, or to that which it is redirected to.

        Raises:
            ResponseError: It is redirected to another origin, or too often.
            ValueError: The URL has another origin, or credentials of its own.
            HTTPError: The connection failed.
        """
        self.check(url)
        for _ in range(_MOST_REDIRECTS + 1):
            with self._sent(url, accept) as response:
                if not response.has_redirect_location:
                    yield self._opened(response, url)
                    return
                status = response.status_code
                url = self._redirected(response)
        raise ResponseError(f"more than {_MOST_REDIRECTS} redirects", status)

    def check(self, url: URL) -> None:
        """See whether a URL may be asked for.

        Raises:
            ValueError: It may not.
        """
        if url.origin != self._home and url.origin not in self._others:
            raise ValueError("another origin than that of the server; name it, if it is to be asked")
        if url.userinfo not in (b"", self._userinfo):
            raise ValueError("a URL with credentials of its own")

    def _redirected(self, response: HttpResponse) -> URL:
        request = response.next_request
        try:
            if request is None:
                raise ValueError("what is no URL")
            url = url_of(str(request.url))
            self.check(url)
        except ValueError as error:
            raise ResponseError(f"the server redirects to {error}", response.status_code) from None
        return url

    @contextmanager
    def _sent(self, url: URL, accept: str) -> Iterator[HttpResponse]:
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}
        with ExitStack() as stack:
            if url.origin == self._home:
                client = self._client
                url = url.copy_with(userinfo=self._userinfo)
            else:  # with a client that has nothing to give away
                client = stack.enter_context(Client(timeout=self._client.timeout))
            request = client.build_request("GET", url, headers=headers)
            response = client.send(request, stream=True, follow_redirects=False)
            stack.callback(response.close)
            yield response

    def _opened(self, response: HttpResponse, url: URL) -> Response:
        coding = _CODINGS.get(response.headers.get("content-encoding", "").strip().lower())
        if coding is None:
            raise ResponseError("the server answers in another Content-Encoding than gzip", response.status_code)
        return Response(
            response.status_code,
            str(url.copy_with(userinfo=b"")),
            response.headers.get("content-type", ""),
            response.headers.get_list("warning"),
            _decoded(response, ContentDecoder(coding, self._limits)),
        )


def _decoded(response: HttpResponse, decoder: ContentDecoder) -> Iterator[bytes]:
    for data in response.iter_raw():
        yield from decoder.feed(data)
    decoder.close()
