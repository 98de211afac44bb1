"""Requests to one server: allowed origins, credentials, redirects and errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from httpx2 import URL, Client, HTTPError, InvalidURL, TimeoutException
from httpx2 import Response as HttpResponse

from streamdicom.errors import InputError, ResponseError
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.web.content import ContentDecoder

_TIMEOUT = 30.0  # seconds without a byte, for the default client
_MAX_REDIRECTS = 5
_MAX_REASON = 200  # characters of the explanation of an error status
_EXPLANATIONS = frozenset({"text/plain", "application/json", "application/problem+json"})
_MAX_URL_LENGTH = 8192  # characters
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip"}


def parse_url(text: str) -> URL:
    """Parse an absolute http or https URL.

    Raises:
        ValueError: The text is not such a URL.

    >>> parse_url("http://localhost/dicom-web/studies").host
    'localhost'
    """
    try:
        url = URL(text) if len(text) <= _MAX_URL_LENGTH else URL()
    except InvalidURL:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"expected an absolute URL of http or https, of at most {_MAX_URL_LENGTH} characters")
    return url


def as_os_error(error: HTTPError) -> OSError:
    """Convert an error of httpx2 into the matching built-in ``OSError``."""
    kind = TimeoutError if isinstance(error, TimeoutException) else ConnectionError
    return kind(f"the server cannot be reached, or the connection was lost: {error}")


@dataclass(frozen=True, slots=True)
class Response:
    """A response whose body has not been read yet.

    Attributes:
        status: The status code.
        url: The URL of the response after redirects, without credentials.
        media_type: The header field Content-Type, or "".
        warnings: The header fields Warning.
        chunks: The body, without its Content-Encoding.
    """

    status: int
    url: str
    media_type: str
    warnings: list[str]
    chunks: Iterator[bytes]

    def reason(self) -> str:
        """Return the start of a text or JSON body, which explains an error status.

        The body may be that of a stranger, so the result has no control characters and one line.
        """
        if self.media_type.partition(";")[0].strip().lower() not in _EXPLANATIONS:
            return ""
        text = b""
        with suppress(HTTPError, InputError):
            while len(text) < _MAX_REASON and (chunk := next(self.chunks, b"")):
                text += chunk
        shown = "".join(one if one.isprintable() else " " for one in text.decode("utf-8", "replace"))
        return " ".join(shown.split())[:_MAX_REASON]


class Exchange:
    """Requests to one origin with credentials, and to other named origins without.

    Args:
        url: A URL of the server, whose origin is scheme, host and port (RFC 9110 4.3.1).
        client: Sends the requests to the server; by default a new client, with the credentials of the URL if any.
        origins: Other origins that may be requested.
        limits: ``max_expansion_ratio`` bounds the size of a decompressed body.

    Raises:
        ValueError: An origin is not a valid URL.
    """

    def __init__(self, url: URL, client: Client | None, origins: Iterable[str], limits: Limits) -> None:
        self._home = url.origin
        self._userinfo = url.userinfo
        self._callers_client = client
        self._others = frozenset(parse_url(origin).origin for origin in origins)
        self._limits = limits
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._client = self._callers_client or self._stack.enter_context(Client(timeout=_TIMEOUT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def get(self, url: URL, accept: str) -> Iterator[Response]:
        """Send a GET request and follow redirects; the response is closed on exit.

        Raises:
            ResponseError: A redirect to another origin, or too many redirects.
            ValueError: The URL is not allowed; see ``check``.
            HTTPError: The connection failed.
        """
        self.check(url)
        for _ in range(_MAX_REDIRECTS + 1):
            with self._send("GET", url, {"Accept": accept}) as response:
                if not response.has_redirect_location:
                    yield self._response(response, url)
                    return
                status = response.status_code
                url = self._redirect_url(response)
        raise ResponseError(f"more than {_MAX_REDIRECTS} redirects", status)

    @contextmanager
    def post(self, url: URL, headers: Mapping[str, str], content: Iterable[bytes]) -> Iterator[Response]:
        """Send a POST request, whose redirects are not followed.

        The response is closed on exit.

        Raises:
            ResponseError: A redirect.
            ValueError: The URL is not allowed; see ``check``.
            HTTPError: The connection failed.
        """
        self.check(url)
        with self._send("POST", url, headers, content) as response:
            if response.has_redirect_location:
                raise ResponseError("a redirect of a request to store is not followed", response.status_code)
            yield self._response(response, url)

    def check(self, url: URL) -> None:
        """Check that a URL may be requested.

        Raises:
            ValueError: The URL has another origin, or credentials of its own.
        """
        if url.origin != self._home and url.origin not in self._others:
            raise ValueError("another origin than that of the server; name it in origins to allow it")
        if url.userinfo not in (b"", self._userinfo):
            raise ValueError("a URL with credentials of its own")

    def _redirect_url(self, response: HttpResponse) -> URL:
        request = response.next_request
        try:
            if request is None:
                raise ValueError("the URL is invalid")
            url = parse_url(str(request.url))
            self.check(url)
        except ValueError as error:
            raise ResponseError(f"a redirect is not followed: {error}", response.status_code) from None
        return url

    @contextmanager
    def _send(
        self, method: str, url: URL, headers: Mapping[str, str], content: Iterable[bytes] | None = None
    ) -> Iterator[HttpResponse]:
        with ExitStack() as stack:
            if url.origin == self._home:
                client = self._client
                url = url.copy_with(userinfo=self._userinfo)
            else:  # a client without credentials, headers and cookies
                client = stack.enter_context(Client(timeout=self._client.timeout))
            fields = {"Accept-Encoding": "gzip", **headers}
            request = client.build_request(method, url, headers=fields, content=content)
            response = client.send(request, stream=True, follow_redirects=False)
            stack.callback(response.close)
            yield response

    def _response(self, response: HttpResponse, url: URL) -> Response:
        coding = _CODINGS.get(response.headers.get("content-encoding", "").strip().lower())
        if coding is None:
            raise ResponseError("expected no Content-Encoding or gzip, got another", response.status_code)
        return Response(
            response.status_code,
            str(url.copy_with(userinfo=b"")),
            response.headers.get("content-type", ""),
            response.headers.get_list("warning"),
            _decoded(response, ContentDecoder(coding, Expansion(self._limits))),
        )


def _decoded(response: HttpResponse, decoder: ContentDecoder) -> Iterator[bytes]:
    for data in response.iter_raw():
        yield from decoder.feed(data)
    decoder.close()
