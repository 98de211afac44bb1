"""Negotiation of the media type of a response.

PS3.18 8.7.5 to 8.7.8, and RFC 9110, section 12.5.1.

Pure functions over header fields and query parameters. Invalid and unsupported values are ignored (PS3.18 8.7.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from streamdicom.errors import RequestError


class Offer(Protocol):
    """A media type on offer; see ``formatters.Formatter``."""

    @property
    def media_type(self) -> str:
        """The value of Content-Type."""

    @property
    def also(self) -> tuple[str, ...]:
        """Other media types that select this offer."""


AnyOffer = TypeVar("AnyOffer", bound=Offer)

_MAX_LENGTH = 8192  # characters; the bound of common servers for a header, where clients send some hundred

# RFC 9110, section 5.6.2; without the asterisk, which stands for all.
_WORD = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\*/\*|{_WORD}/(?:\*|{_WORD})")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110, section 12.4.2

_INSIDE = r'(?:[^"\\]|\\.|(?!))*+'  # of a quotation; ``jsontext.strings`` explains (?!)
_QUOTED = re.compile(f'"({_INSIDE})"', re.DOTALL)
# An unterminated quotation matches the rest, so that no character is scanned twice.
_BETWEEN_COMMAS, _BETWEEN_SEMICOLONS = (
    re.compile(rf'(?:[^"{mark}]|"{_INSIDE}(?:"|\\?\Z))++', re.DOTALL) for mark in ",;"
)

# Names of UTF-8, in which all text is written; the last is the name in DICOM (PS3.18 8.8).
_UTF_8 = frozenset({"utf-8", "utf8", "iso_ir 192"})

# A plus sign in a query means a space, but clients write "application/dicom+json" unescaped.
_LOST_PLUS = re.compile(r"(/[\w.-]+) (?=\w)")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of a list of acceptable media types.

    Attributes:
        type: "type/subtype", "type/*" or "*/*", in lower case.
        parameters: The parameters of the media type, in lower case.
        weight: The quality, from 0 (never) to 1.
    """

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1


_ANY = MediaRange("*/*")


def read_accept(text: str) -> list[MediaRange]:
    """Parse the value of an Accept header field, or several values joined by commas.

    Malformed elements are ignored.

    Args:
        text: The value, of at most 8,192 characters.

    Raises:
        RequestError: The value is longer.

    >>> [(range.type, range.weight) for range in read_accept('text/html;level="a,b", */*; q=0.1, ?')]
    [('text/html', 1.0), ('*/*', 0.1)]
    """
    if len(text) > _MAX_LENGTH:
        raise RequestError(f"the list of acceptable media types has more than {_MAX_LENGTH} characters", 400)
    return [found for element in _BETWEEN_COMMAS.findall(text) if (found := _range(element))]


def _range(text: str) -> MediaRange | None:
    kind, *rest = [part.strip() for part in _BETWEEN_SEMICOLONS.findall(text)] or [""]
    parameters: dict[str, str] = {}
    for name, equals, value in (part.partition("=") for part in rest if part):
        unquoted = _unquoted(value.strip())
        if not equals or unquoted is None:
            return None
        parameters.setdefault(name.strip().lower(), unquoted.lower())
    weight = parameters.pop("q", "1")
    if not _TYPE.fullmatch(kind) or not _WEIGHT.fullmatch(weight):
        return None
    return MediaRange(kind.lower(), parameters, float(weight))


def _unquoted(value: str) -> str | None:
    # A slash needs quotes (RFC 9110, section 5.6.6), but most clients write type=application/dicom+xml without.
    if not value.startswith('"'):
        return value
    quoted = _QUOTED.fullmatch(value)
    return quoted and re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)


def negotiate(offers: Sequence[AnyOffer], accept: str | None, query: str | None = None) -> AnyOffer:
    """Choose the offer that a client prefers (PS3.18 8.7.8.1).

    The query parameter takes precedence; the header decides if no offer matches the parameter. The offer with the
    highest weight wins, then an offer matched by name over a wildcard, then the first in the list. ``*/*`` and a
    request without preference select the first.

    The weight of an offer is the weight of the most specific matching range. A parameter of a range must match if the
    offer has it too; other parameters are ignored, such as ``transfer-syntax`` for a text format. A ``charset`` must
    be UTF-8 unless the offer names another.

    Args:
        offers: The offers, the default first.
        accept: The values of the Accept header field, joined by commas; None without a header. PS3.18 8.7.5 asks for
            406 then; RFC 9110 declares everything acceptable, which this function follows.
        query: The values of the query parameter "accept", joined by commas. Wildcards are ignored (PS3.18 8.3.3.1).

    Raises:
        RequestError: No offer is acceptable (406; the message lists the offers), or a value has more than 8,192
            characters (400).

    >>> from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS
    >>> negotiate(DEFAULT_FORMATTERS, "multipart/related; type=application/dicom+xml, */*; q=0.1").media_type
    'multipart/related; type="application/dicom+xml"'
    >>> negotiate(DEFAULT_FORMATTERS, "*/*", "application/json").media_type
    'application/json'
    """
    named = [range_ for range_ in read_accept(_LOST_PLUS.sub(r"\1+", query or "")) if "*" not in range_.type]
    acceptable = read_accept(accept or "")
    if not query and not (accept or "").strip():
        acceptable = [_ANY]
    chosen = _best(offers, named) or _best(offers, acceptable)
    if chosen is None:
        available = ", ".join(offer.media_type for offer in offers)
        raise RequestError(f"expected one of these acceptable media types: {available}", 406)
    return chosen


def _best(offers: Sequence[AnyOffer], ranges: Sequence[MediaRange]) -> AnyOffer | None:
    rated = [(max(_rating(name, ranges) for name in (offer.media_type, *offer.also)), offer) for offer in offers]
    (weight, _), best = max(rated, key=lambda pair: pair[0], default=((0, 0), None))
    return best if weight else None


def _rating(media_type: str, ranges: Iterable[MediaRange]) -> tuple[float, int]:
    """Return the weight of a media type, and how specific the deciding range is."""
    [offered] = read_accept(media_type)
    fitting = [(fit, range_.weight) for range_ in ranges if (fit := _fit(range_, offered))]
    (depth, _), weight = max(fitting, default=((0, 0), 0.0))
    return weight, depth


def _fit(wanted: MediaRange, offered: MediaRange) -> tuple[int, int] | None:
    """Return how specifically a range matches, by type and by parameters, or None."""
    if not _matches(wanted.type, offered.type):
        return None
    shared = 0
    for name, value in wanted.parameters.items():
        if name in offered.parameters:
            if not _matches(value, offered.parameters[name]):
                return None
            shared += 1
        elif name == "charset" and value not in _UTF_8:
            return None
    return 2 - wanted.type.count("*"), shared


def _matches(pattern: str, value: str) -> bool:
    if pattern in ("*", "*/*"):
        return True
    return value.startswith(pattern[:-1]) if pattern.endswith("/*") else value == pattern
