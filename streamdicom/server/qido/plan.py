"""A query as SQL, and its results as DICOM JSON.

What is matched is compared by functions of ``matching``, a row at a time, but for unique keys, which SQLite looks up.
The order of results is that of the tables, from the study down, in which no row has to wait to be sorted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, TypeAlias

from streamdicom.dicom import FILE_META_GROUP, format_tag
from streamdicom.server.qido.attributes import (
    ATTRIBUTES,
    BY_TAG,
    COLUMNS,
    COMPUTED,
    DATE_AND_TIME,
    SEQUENCE_ITEMS,
    UNIQUE_KEYS,
    Attribute,
    Level,
)
from streamdicom.server.qido.matching import Matcher, column_text, combined_range, matcher, uid_list
from streamdicom.server.qido.parameters import Condition, Query

Uids: TypeAlias = "tuple[str | None, str | None, str | None]"
"""Those of the study, the series and the instance that a path names."""

TABLES = {Level.STUDY: "study", Level.SERIES: "series", Level.INSTANCE: "instance"}

_VALUES_OF = """(SELECT group_concat(one, '\\') FROM (SELECT DISTINCT {column} AS one FROM {tables} ORDER BY one))"""
_SERIES_OF = "series AS s WHERE s.study = study.id"
_INSTANCES_OF = "series AS s CROSS JOIN instance AS i ON i.series = s.id WHERE s.study = study.id"
EXPRESSIONS = {
    "ModalitiesInStudy": _VALUES_OF.format(column="s.Modality", tables=_SERIES_OF),
    "SOPClassesInStudy": _VALUES_OF.format(column="i.SOPClassUID", tables=_INSTANCES_OF),
    "NumberOfStudyRelatedSeries": f"(SELECT count(*) FROM {_SERIES_OF})",
    "NumberOfStudyRelatedInstances": f"(SELECT count(*) FROM {_INSTANCES_OF})",
    "NumberOfSeriesRelatedInstances": "(SELECT count(*) FROM instance AS i WHERE i.series = series.id)",
}


def from_tables(level: Level, uids: Uids) -> tuple[str, list[str], list[Any]]:
    """The tables down to a level, and what must be of the unique keys that a path names."""
    tables = TABLES[Level.STUDY]
    for lower in list(Level)[1 : level + 1]:
        upper = TABLES[Level(lower - 1)]
        tables += f" CROSS JOIN {TABLES[lower]} ON {TABLES[lower]}.{upper} = {upper}.id"
    named = [(one, uid) for one, uid in zip(Level, uids, strict=True) if uid is not None]
    return tables, [f"{TABLES[one]}.{UNIQUE_KEYS[one]} = ?" for one, _ in named], [uid for _, uid in named]


def order_of(level: Level) -> str:
    """The identifiers that tell the order of rows."""
    return ", ".join(f"{TABLES[one]}.id" for one in Level if one <= level)


# --- conditions ------------------------------------------------------------------------------------------------


class Plan:
    """What to ask SQLite for.

    Args:
        query: The query.
        uids: Those that the path names.

    Attributes:
        parameters: Those of the statement.
    """

    def __init__(self, query: Query, uids: Uids) -> None:
        self._query = query
        self._functions: list[Matcher] = []
        self._tables, self._wheres, self.parameters = from_tables(query.level, uids)
        for condition in _with_pairs(query.conditions):
            self._add(condition)
        for attribute in {one.attribute for one in query.conditions if one.item_tag is not None}:
            self._match(f"{TABLES[attribute.level]}.attributes", self._item_matcher(attribute))
        self.parameters += [-1 if query.limit is None else query.limit, query.offset]

    def sql(self, columns: str) -> str:
        """The statement for some columns."""
        where = " AND ".join(self._wheres) or "1"
        order = order_of(self._query.level)
        return f"SELECT {columns} FROM {self._tables} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"

    def install(self, connection: sqlite3.Connection) -> None:
        """Give a connection the function that the statement calls."""
        functions = self._functions
        connection.create_function("matches", 2, lambda index, value: functions[index](_text(value)))

    def _add(self, condition: Condition) -> None:
        attribute = condition.attribute
        column = f"{TABLES[attribute.level]}.{attribute.keyword}"
        if UNIQUE_KEYS[attribute.level] == attribute.keyword:
            uids = uid_list(condition.key)
            self._wheres.append(f"{column} IN ({', '.join('?' * len(uids))})")
            self.parameters += uids
            if attribute.level == Level.INSTANCE:  # which is looked up first then
                self._tables = self._tables.replace("CROSS JOIN", "JOIN")
            return
        time = DATE_AND_TIME.get(attribute.keyword)
        if attribute.vr == "DT" and time:
            column = f"{column} || ifnull({TABLES[attribute.level]}.{time}, '')"
        self._match(EXPRESSIONS.get(attribute.keyword, column), self._matcher(attribute.vr, condition.key))

    def _match(self, expression: str, function: Matcher | None) -> None:
        if function is not None:
            self._wheres.append(f"matches({len(self._functions)}, {expression})")
            self._functions.append(function)

    def _matcher(self, vr: str, key: str) -> Matcher | None:
        return matcher(vr, key, empty=self._query.empty, multiple=self._query.multiple)

    def _item_matcher(self, attribute: Attribute) -> Matcher:
        """Whether there is an item in which everything matches (PS3.4 C.2.2.2.6)."""
        keys = {one.item_tag: one.key for one in self._query.conditions if one.attribute == attribute and one.item_tag}
        tests = {format_tag(tag): self._matcher(SEQUENCE_ITEMS[tag], key) for tag, key in keys.items()}

        def matches(attributes: str | None) -> bool:
            items = json.loads(attributes or "{}").get(attribute.key, {}).get("Value", [])
            return any(
                all(test is None or test(_item_text(item, tag)) for tag, test in tests.items()) for item in items
            )

        return matches


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _item_text(item: dict[str, Any] | None, key: str) -> str | None:
    attribute = (item or {}).get(key, {})
    return column_text(attribute.get("vr", ""), tuple(attribute.get("Value", ())))


def _with_pairs(conditions: Iterable[Condition]) -> list[Condition]:
    """The conditions at the top; ranges of a date and its time as one of VR DT (PS3.4 C.2.2.2.5)."""
    top = {one.attribute.keyword: one for one in conditions if one.item_tag is None}
    for date, time in DATE_AND_TIME.items():
        if date in top and time in top and (key := _combined(top[date].key, top[time].key)):
            top[date] = Condition(top[date].attribute._replace(vr="DT"), None, key)
            del top[time]
    return list(top.values())


def _combined(date: str, time: str) -> str | None:
    try:
        return combined_range(date, time)
    except ValueError:  # which a key for what has no value is
        return None


# --- results ---------------------------------------------------------------------------------------------------


class Renderer:
    """The texts of results, in the order of the plan.

    Args:
        query: The query.
        uids: Those that the path names; attributes of what it names come only if they are asked for.
        base_url: What the paths of resources begin with (PS3.18 8.2).
        connection: Where what no file has is computed.
    """

    def __init__(self, query: Query, uids: Uids, base_url: str, connection: sqlite3.Connection) -> None:
        self._query = query
        self._base_url = base_url.rstrip("/")
        self._connection = connection
        self._levels = [level for level in Level if level <= query.level]
        self.columns = order_of(query.level) + ", " + ", ".join(f"{TABLES[one]}.attributes" for one in self._levels)
        self._wanted = {level: self._wanted_of(level, uids[level] is not None) for level in self._levels}
        self._upper: dict[Level, tuple[int, dict[str, Any]]] = {}

    def _wanted_of(self, level: Level, is_named: bool) -> dict[str, Attribute]:
        """The attributes that come, by their keys."""
        query = self._query
        is_default = level == query.level or not is_named
        return {
            one.key: one
            for one in (*ATTRIBUTES[level], *COMPUTED[level])
            if (is_default and one.type) or one.tag in query.include or (query.include_all and level == query.level)
        }

    def text(self, row: tuple[Any, ...], more: dict[str, Any]) -> str:
        """A result of DICOM JSON, of a row and what else there is of it."""
        found = {_INSTANCE_AVAILABILITY: {"vr": "CS", "Value": ["ONLINE"]}} | more
        url = self._base_url
        for level, number, attributes in zip(
            self._levels, row[: len(self._levels)], row[len(self._levels) :], strict=False
        ):
            part, uid = self._level(level, number, attributes)
            found |= part
            url += f"/{_RESOURCES[level]}/{uid}"
        found[_RETRIEVE_URL] = {"vr": "UR", "Value": [url]}
        return json.dumps(dict(sorted(found.items())), ensure_ascii=False, separators=(",", ":"))

    def _level(self, level: Level, number: int, attributes: str) -> tuple[dict[str, Any], str]:
        """What comes of a level, which is the same for all rows of one study, and the UID."""
        known = self._upper.get(level)
        if known is None or known[0] != number:
            known = number, self._made(level, number, json.loads(attributes))
            self._upper[level] = known
        return known[1]["found"], known[1]["uid"]

    def _made(self, level: Level, number: int, attributes: dict[str, Any]) -> dict[str, Any]:
        wanted = self._wanted[level]
        found = {key: {"vr": one.vr} for key, one in wanted.items() if one.type == "R"}
        found |= {key: value for key, value in attributes.items() if key in wanted}
        found |= self._computed(level, number)
        return {"found": found, "uid": attributes[_UNIQUE_TAGS[level]]["Value"][0].strip(" ")}

    def _computed(self, level: Level, number: int) -> dict[str, Any]:
        rows = [one for one in COMPUTED[level] if one.key in self._wanted[level]]
        if not rows:
            return {}
        expressions = ", ".join(EXPRESSIONS[one.keyword] for one in rows)
        table = TABLES[level]
        statement = f"SELECT {expressions} FROM {table} WHERE id = ?"
        values = self._connection.execute(statement, (number,)).fetchone()
        return {one.key: _element(one.vr, value) for one, value in zip(rows, values or (), strict=False)}


_INSTANCE_AVAILABILITY, _RETRIEVE_URL = "00080056", "00081190"
_RESOURCES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
_UNIQUE_TAGS = {level: one.key for level, rows in COLUMNS.items() for one in rows if one.keyword == UNIQUE_KEYS[level]}


def _element(vr: str, value: str | int | None) -> dict[str, Any]:
    if value is None:
        return {"vr": vr}
    return {"vr": vr, "Value": [value] if isinstance(value, int) else value.split("\\")}


def other_tags(query: Query) -> list[str]:
    """What is asked for of instances that only their files have."""
    if query.level != Level.INSTANCE:
        return []  # PS3.18 10.6.3.3: attributes of a lower level do not come
    return [format_tag(tag) for tag in sorted(query.include) if tag not in BY_TAG and tag >> 16 != FILE_META_GROUP]
