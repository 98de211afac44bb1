"""Which of the media types that can be had a client gets: PS3.18 8.7.5 to 8.7.8 on top of RFC 9110, section 12.5.1.

Pure functions over the texts of a request. What is not valid or not supported in them is ignored (PS3.18 8.7.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from streamdicom.errors import RequestError


class Offer(Protocol):
    """What can be had; see ``formatters.Formatter``."""

    @property
    def media_type(self) -> str:
        """What it is, as a Content-Type has it."""

    @property
    def also(self) -> tuple[str, ...]:
        """Other media types by which it may be asked for."""


AnyOffer = TypeVar("AnyOffer", bound=Offer)

_LONGEST = 8192  # characters; that is what common servers allow for a header, and clients take some hundred

# RFC 9110, section 5.6.2; without the asterisk, which stands for all.
_WORD = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\*/\*|{_WORD}/(?:\*|{_WORD})")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110, section 12.4.2

_INSIDE = r'(?:[^"\\]|\\.|(?!))*+'  # of a quotation; of (?!) ``jsontext._strings`` tells
_QUOTED = re.compile(f'"({_INSIDE})"', re.DOTALL)
# A quotation that never ends takes all the rest, so that no character is looked at twice.
_BETWEEN_COMMAS, _BETWEEN_SEMICOLONS = (
    re.compile(rf'(?:[^"{mark}]|"{_INSIDE}(?:"|\\?\Z))++', re.DOTALL) for mark in ",;"
)

# Names of the one character set in which DICOM JSON and XML are written; the last is DICOM's (PS3.18 8.8).
_UTF_8 = frozenset({"utf-8", "utf8", "iso_ir 192"})

# In a query a plus sign means a space, and few who write "application/dicom+json" there know it.
_LOST_PLUS = re.compile(r"(/[\w.-]+) (?=\w)")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of a list of media types that are acceptable.

    Attributes:
        type: "type/subtype", "type/*" or "*/*", in lower case.
        parameters: Those of the media type, in lower case.
        weight: Its quality, from 0, which is never, to 1.
    """

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1


_ANY = MediaRange("*/*")


def read_accept(text: str) -> list[MediaRange]:
    """The media ranges of an Accept header field, or of several whose values were joined by commas.

    An element that is malformed is left out.

    Args:
        text: The value, of at most 8,192 characters.

    Raises:
        RequestError: It is longer.

    >>> [(range.type, range.weight) for range in read_accept('text/html;level="a,b", */*; q=0.1, ?')]
    [('text/html', 1.0), ('*/*', 0.1)]
    """
    if len(text) > _LONGEST:
        raise RequestError(f"the list of acceptable media types has more than {_LONGEST} characters", 400)
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
    # A slash needs quotes (RFC 9110, section 5.6.6), but type=application/dicom+xml is more common than with them.
    if not value.startswith('"'):
        return value
    quoted = _QUOTED.fullmatch(value)
    return quoted and re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)


def negotiate(offers: Sequence[AnyOffer], accept: str | None, query: str | None = None) -> AnyOffer:
    """Choose what a client gets (PS3.18 8.7.8.1).

    The query parameter comes before the header, and the header counts if nothing in the parameter can be had. Of
    several the one with the highest weight is chosen, then one that is named before one that only a wildcard allows,
    then the first in the list. So ``*/*`` and a request that does not say what it accepts get the first one.

    The weight of a media type is that of the range that names it most closely. A parameter of a range must fit if the
    media type has it too; others are ignored, among them ``transfer-syntax`` where the form is text, which has none.
    A ``charset`` must be UTF-8, unless the media type says another one.

    Args:
        offers: What can be had, the default first.
        accept: The value of the Accept header field, of all of them joined by commas; None if there is none. PS3.18
            8.7.5 would answer that with 406; RFC 9110 says that all is acceptable then, and so it is here.
        query: The value of the query parameter "accept" in the same way. There are no wildcards in it (PS3.18 8.3.3.1).

    Raises:
        RequestError: With the status 406, nothing that is acceptable can be had; the message says what can. With 400,
            one of the texts has more than 8,192 characters.

    >>> from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS
    >>> negotiate(DEFAULT_FORMATTERS, "multipart/related; type=application/dicom+xml, */*; q=0.1").media_type
    'multipart/related; type="application/dicom+xml"'
    >>> negotiate(DEFAULT_FORMATTERS, "*/*", "application/json").media_type
    'application/json'
    """
    named = [one for one in read_accept(_LOST_PLUS.sub(r"\1+", query or "")) if "*" not in one.type]
    acceptable = read_accept(accept or "")
    if not query and not (accept or "").strip():
        acceptable = [_ANY]
    chosen = _best(offers, named) or _best(offers, acceptable)
    if chosen is None:
        available = ", ".join(offer.media_type for offer in offers)
        raise RequestError(f"none of the acceptable media types can be had, but these: {available}", 406)
    return chosen


def _best(offers: Sequence[AnyOffer], ranges: Sequence[MediaRange]) -> AnyOffer | None:
    rated = [(max(_rating(name, ranges) for name in (offer.media_type, *offer.also)), offer) for offer in offers]
    (weight, _), best = max(rated, key=lambda pair: pair[0], default=((0, 0), None))
    return best if weight else None


def _rating(media_type: str, ranges: Iterable[MediaRange]) -> tuple[float, int]:
    """The weight of a media type, and how far the range that gives it goes into the type."""
    [offered] = read_accept(media_type)
    fitting = [(fit, one.weight) for one in ranges if (fit := _fit(one, offered))]
    (depth, _), weight = max(fitting, default=((0, 0), 0.0))
    return weight, depth


def _fit(wanted: MediaRange, offered: MediaRange) -> tuple[int, int] | None:
    """How closely a range names a media type, in its type and in its parameters; None if it does not."""
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
