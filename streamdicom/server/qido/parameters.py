"""Query parameters of a search (PS3.18 8.3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from streamdicom.dicom import format_tag, parse_tag, tag_for_keyword_key
from streamdicom.errors import RequestError
from streamdicom.server.qido.attributes import BY_TAG, SEQUENCE_ITEMS, Attribute, Level
from streamdicom.server.qido.matching import is_universal, matcher

_MAX_LENGTH = 64 * 1024  # characters of the query; the bound of common servers
_MAX_PARAMETERS = 256
_MAX_CONDITIONS = 64
_MAX_FIELDS = 256
_TAG_LENGTH = 8
_MAX_DIGITS = 18  # of a number in SQLite

_BAD_REQUEST = 400
_OF_THE_RESPONSE = frozenset(("accept", "charset"))  # PS3.18 8.3.3; negotiation reads them
_SWITCHES = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")

# PS3.18 8.3.4.2
NO_FUZZY_MATCHING = "The fuzzymatching parameter is not supported. Only literal matching has been performed."


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on an attribute, or on an attribute in the items of a sequence.

    Attributes:
        attribute: The attribute at the top.
        item_tag: The tag of the attribute in items; None for the attribute at the top.
        key: The key, which does not match everything.
    """

    attribute: Attribute
    item_tag: int | None
    key: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    Attributes:
        level: The level of the results.
        conditions: The conditions, all of which must hold.
        include: Tags to return beside the default ones.
        include_all: Whether to return all attributes.
        limit: The maximum number of results; None for no bound.
        offset: The number of results to skip.
        empty: Whether two quotation marks match an empty attribute (PS3.4 C.2.2.2.7).
        multiple: Whether a key may have several values (PS3.4 C.2.2.2.8).
        warnings: Texts for headers ``Warning: 299``.
    """

    level: Level
    conditions: tuple[Condition, ...] = ()
    include: frozenset[int] = frozenset()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    empty: bool = False
    multiple: bool = False
    warnings: tuple[str, ...] = ()


def parse_query(level: Level, text: str = "") -> Query:
    """Parse the query parameters of a search (PS3.18 8.3.4).

    Attributes are named by keyword or tag, attributes of items by a path with points. Attributes in ``includefield``
    that the level lacks are ignored, as the standard requires. A key that cannot be matched is refused, because the
    results would include more than the client asked for.

    Args:
        level: The level of the results.
        text: The query component of the URL, percent-encoded UTF-8.

    Raises:
        RequestError: A parameter is unknown, repeated, invalid, or beyond a limit (400).

    >>> query = parse_query(Level.STUDY, "PatientName=doe*&includefield=StudyDescription&limit=10")
    >>> query.conditions[0].key, query.limit
    ('doe*', 10)
    """
    builder = _QueryBuilder(level)
    for name, value in _parameters(text):
        builder.add(name, value)
    return builder.query()


def _parameters(text: str) -> list[tuple[str, str]]:
    if len(text) > _MAX_LENGTH:
        raise _bad(f"the query has more than {_MAX_LENGTH} characters")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise _bad("expected UTF-8 in the query") from None
    except ValueError:
        raise _bad(f"the query has more than {_MAX_PARAMETERS} parameters") from None


def _bad(text: str) -> RequestError:
    return RequestError(text, _BAD_REQUEST)


class _QueryBuilder:
    """A query under construction; parameters may have any order."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._seen: set[object] = set()
        self._conditions: list[Condition] = []
        self._include: set[int] = set()
        self._include_all = False
        self._numbers: dict[str, int] = {}
        self._switches: dict[str, bool] = {}

    def add(self, name: str, value: str) -> None:
        if name == "includefield":
            self._include_fields(value)
        elif name in ("limit", "offset"):
            self._once(name, name)
            self._numbers[name] = _uint(name, value)
        elif name in _SWITCHES:
            self._once(name, name)
            self._switches[name] = _switch(name, value)
        elif name not in _OF_THE_RESPONSE:
            self._condition(name, value)

    def query(self) -> Query:
        empty = self._switches.get("emptyvaluematching", False)
        multiple = self._switches.get("multiplevaluematching", False)
        for condition in self._conditions:
            _check(condition, empty, multiple)
        return Query(
            self._level,
            tuple(self._conditions),
            frozenset(self._include),
            self._include_all,
            self._numbers.get("limit"),
            self._numbers.get("offset", 0),
            empty,
            multiple,
            (NO_FUZZY_MATCHING,) if self._switches.get("fuzzymatching") else (),
        )

    def _once(self, key: object, name: str) -> None:
        if key in self._seen:
            raise _bad(f"the query repeats {name}")
        self._seen.add(key)

    def _include_fields(self, value: str) -> None:
        for field in value.split(","):
            if field.strip() == "all":
                self._include_all = True
            else:
                self._include.add(_tags(field.strip(), "includefield")[0])
        if len(self._include) > _MAX_FIELDS:
            raise _bad(f"includefield has more than {_MAX_FIELDS} attributes")

    def _condition(self, name: str, key: str) -> None:
        tags = _tags(name, "the query")
        self._once(tags, _name(tags))
        self._include.add(tags[0])  # PS3.18 10.6.3.3: matched attributes are returned
        if is_universal(key):
            return
        attribute = self._matched(tags)
        if attribute is None:
            raise _bad(f"{_name(tags)} cannot be matched in a search of {_PLURALS[self._level]}")
        if len(self._conditions) == _MAX_CONDITIONS:
            raise _bad(f"the query matches more than {_MAX_CONDITIONS} attributes")
        self._conditions.append(Condition(attribute, tags[1] if len(tags) > 1 else None, key))

    def _matched(self, tags: tuple[int, ...]) -> Attribute | None:
        """Return the attribute at the top if it can be matched, or None."""
        first, *inner = tags
        attribute = BY_TAG.get(first)
        if attribute is None or attribute.level > self._level:
            return None
        is_right = len(inner) == 1 and inner[0] in SEQUENCE_ITEMS if attribute.vr == "SQ" else not inner
        return attribute if is_right else None


_PLURALS = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}


def _check(condition: Condition, empty: bool, multiple: bool) -> None:
    tag, vr = condition.attribute.tag, condition.attribute.vr
    if condition.item_tag is not None:
        vr = SEQUENCE_ITEMS[condition.item_tag]
    try:
        matcher(vr, condition.key, empty=empty, multiple=multiple)
    except ValueError as error:
        raise _bad(f"{format_tag(tag)}: {error}") from None


def _tags(text: str, where: str) -> tuple[int, ...]:
    """Parse the path of an attribute into tags."""
    tags = [_tag(part) for part in text.split(".", 3)]
    if None in tags:
        raise _bad(f"expected a parameter or an attribute in {where}")
    return tuple(tag for tag in tags if tag is not None)


def _tag(text: str) -> int | None:
    """Parse a keyword or eight hexadecimal digits into a tag, or return None."""
    try:
        return parse_tag(text.upper()) if len(text) == _TAG_LENGTH else tag_for_keyword_key(text)
    except ValueError:
        return tag_for_keyword_key(text)  # a keyword of eight letters, such as Modality


def _name(tags: tuple[int, ...]) -> str:
    return ".".join(map(format_tag, tags))


def _uint(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise _bad(f"expected a number of at most {_MAX_DIGITS} digits for {name}")
    return int(value)


def _switch(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise _bad(f"expected true or false for {name}")
    return value == "true"
