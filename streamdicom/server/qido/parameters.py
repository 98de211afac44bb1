"""The query parameters of a search (PS3.18 8.3.4), from the text behind the question mark to a ``Query``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from streamdicom.dicom import format_tag, parse_tag, tag_for_keyword_key
from streamdicom.errors import RequestError
from streamdicom.server.qido.attributes import BY_TAG, SEQUENCE_ITEMS, Attribute, Level
from streamdicom.server.qido.matching import is_universal, matcher

_LONGEST = 64 * 1024  # characters of all of it; the longest target that common servers take
_MOST_PARAMETERS = 256
_MOST_CONDITIONS = 64
_MOST_FIELDS = 256
_TAG_LENGTH = 8
_MOST_DIGITS = 18  # what SQLite can count to

_BAD_REQUEST = 400
_OF_THE_ANSWER = frozenset(("accept", "charset"))  # PS3.18 8.3.3, which are not for a search to look at
_SWITCHES = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")

# PS3.18 8.3.4.2
NO_FUZZY_MATCHING = "The fuzzymatching parameter is not supported. Only literal matching has been performed."


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be of an attribute, or of one within the items of a sequence.

    Attributes:
        attribute: The attribute at the top.
        item_tag: The tag of the one within; None if it is the one at the top.
        key: The value of the key, which is not universal.
    """

    attribute: Attribute
    item_tag: int | None
    key: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    Attributes:
        level: What is searched for.
        conditions: What must be of it; all of them.
        include: Tags that are asked for beside those that always come.
        include_all: Whether everything is that there is.
        limit: How many results at most; None for no bound.
        offset: How many are passed over.
        empty: Whether two quotation marks match what has no value (PS3.4 C.2.2.2.7).
        multiple: Whether a key may have several values (PS3.4 C.2.2.2.8).
        warnings: The texts of the headers ``Warning: 299`` that are due.
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
    """Read the query parameters of a search (PS3.18 8.3.4).

    An attribute is told by its keyword or its tag, one within a sequence by both with a point between them. What
    ``includefield`` asks for and the level does not have is left out of the answer, as the standard has it; a key that
    cannot be matched is refused, because the answer would have more than was asked for.

    Args:
        level: What is searched for.
        text: What stands behind the question mark of the target, percent-encoded UTF-8.

    Raises:
        RequestError: There is something else, twice, wrong, or too much; its status is 400.

    >>> query = parse_query(Level.STUDY, "PatientName=doe*&includefield=StudyDescription&limit=10")
    >>> query.conditions[0].key, query.limit
    ('doe*', 10)
    """
    reader = _Reader(level)
    for name, value in _parameters(text):
        reader.take(name, value)
    return reader.query()


def _parameters(text: str) -> list[tuple[str, str]]:
    if len(text) > _LONGEST:
        raise _bad(f"a query of more than {_LONGEST} characters")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise _bad("a query that is not UTF-8") from None
    except ValueError:
        raise _bad(f"a query of more than {_MOST_PARAMETERS} parameters") from None


def _bad(text: str) -> RequestError:
    return RequestError(text, _BAD_REQUEST)


class _Reader:
    """Takes parameters in any order."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._seen: set[object] = set()
        self._conditions: list[Condition] = []
        self._include: set[int] = set()
        self._include_all = False
        self._numbers: dict[str, int] = {}
        self._switches: dict[str, bool] = {}

    def take(self, name: str, value: str) -> None:
        if name == "includefield":
            self._include_fields(value)
        elif name in ("limit", "offset"):
            self._once(name, name)
            self._numbers[name] = _uint(name, value)
        elif name in _SWITCHES:
            self._once(name, name)
            self._switches[name] = _switch(name, value)
        elif name not in _OF_THE_ANSWER:
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
            raise _bad(f"{name} stands twice in the query")
        self._seen.add(key)

    def _include_fields(self, value: str) -> None:
        for field in value.split(","):
            if field.strip() == "all":
                self._include_all = True
            else:
                self._include.add(_tags(field.strip(), "includefield")[0])
        if len(self._include) > _MOST_FIELDS:
            raise _bad(f"more than {_MOST_FIELDS} attributes in includefield")

    def _condition(self, name: str, key: str) -> None:
        tags = _tags(name, "the query")
        self._once(tags, _name(tags))
        self._include.add(tags[0])  # PS3.18 10.6.3.3: what is matched comes
        if is_universal(key):
            return
        attribute = self._matched(tags)
        if attribute is None:
            raise _bad(f"{_name(tags)} cannot be matched in a search of {_PLURALS[self._level]}")
        if len(self._conditions) == _MOST_CONDITIONS:
            raise _bad(f"more than {_MOST_CONDITIONS} attributes to match")
        self._conditions.append(Condition(attribute, tags[1] if len(tags) > 1 else None, key))

    def _matched(self, tags: tuple[int, ...]) -> Attribute | None:
        """The attribute at the top, if it can be matched so."""
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
    """The tags of an attribute and of those that it is within."""
    tags = [_tag(part) for part in text.split(".", 3)]
    if None in tags:
        raise _bad(f"{where} has what is neither a parameter nor an attribute")
    return tuple(tag for tag in tags if tag is not None)


def _tag(text: str) -> int | None:
    """The tag of a keyword or of eight hexadecimal digits, which may be small; None if it is neither."""
    try:
        return parse_tag(text.upper()) if len(text) == _TAG_LENGTH else tag_for_keyword_key(text)
    except ValueError:
        return tag_for_keyword_key(text)  # such as Modality


def _name(tags: tuple[int, ...]) -> str:
    return ".".join(map(format_tag, tags))


def _uint(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise _bad(f"{name} is not a number from 0 on")
    return int(value)


def _switch(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise _bad(f"{name} is neither true nor false")
    return value == "true"
