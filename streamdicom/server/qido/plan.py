"""A query as SQL, and its results as DICOM JSON.

Predicates of ``matching`` compare row by row; SQLite looks up unique keys itself. Results have the order of the tables,
from the study down, so no row waits to be sorted.
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
from streamdicom.server.qido.members import attribute_text, members_of, text_of
from streamdicom.server.qido.parameters import Condition, Query

Uids: TypeAlias = "tuple[str | None, str | None, str | None]"
"""The UIDs of study, series and instance in a path."""

TABLES = {Level.STUDY: "study", Level.SERIES: "series", Level.INSTANCE: "instance"}

_VALUES_OF = (
    """(SELECT group_concat(value, '\\') FROM (SELECT DISTINCT {column} AS value FROM {tables} ORDER BY value))"""
)
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
    """Return the tables down to a level, and the conditions and parameters of a path."""
    tables = TABLES[Level.STUDY]
    for lower in list(Level)[1 : level + 1]:
        upper = TABLES[Level(lower - 1)]
        tables += f" CROSS JOIN {TABLES[lower]} ON {TABLES[lower]}.{upper} = {upper}.id"
    named = [(named_level, uid) for named_level, uid in zip(Level, uids, strict=True) if uid is not None]
    conditions = [f"{TABLES[named_level]}.{UNIQUE_KEYS[named_level]} = ?" for named_level, _ in named]
    return tables, conditions, [uid for _, uid in named]


def order_of(level: Level) -> str:
    """Return the columns that order the rows."""
    return ", ".join(f"{TABLES[upper]}.id" for upper in Level if upper <= level)


# --- conditions ------------------------------------------------------------------------------------------------


class Plan:
    """A query as a statement of SQL.

    Args:
        query: The query.
        uids: The UIDs in the path.

    Attributes:
        parameters: The parameters of the statement.
    """

    def __init__(self, query: Query, uids: Uids) -> None:
        self._query = query
        self._functions: list[Matcher] = []
        self._tables, self._wheres, self.parameters = from_tables(query.level, uids)
        for condition in _with_pairs(query.conditions):
            self._add(condition)
        for attribute in {condition.attribute for condition in query.conditions if condition.item_tag is not None}:
            self._match(f"{TABLES[attribute.level]}.attributes", self._item_matcher(attribute))
        self.parameters += [-1 if query.limit is None else query.limit, query.offset]

    def sql(self, columns: str) -> str:
        """Return the statement that selects columns."""
        where = " AND ".join(self._wheres) or "1"
        order = order_of(self._query.level)
        return f"SELECT {columns} FROM {self._tables} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"

    def install(self, connection: sqlite3.Connection) -> None:
        """Register the function that the statement calls."""
        functions = self._functions
        connection.create_function("matches", 2, lambda index, value: functions[index](_text(value)))

    def _add(self, condition: Condition) -> None:
        attribute = condition.attribute
        column = f"{TABLES[attribute.level]}.{attribute.keyword}"
        if UNIQUE_KEYS[attribute.level] == attribute.keyword:
            uids = uid_list(condition.key)
            self._wheres.append(f"{column} IN ({', '.join('?' * len(uids))})")
            self.parameters += uids
            if attribute.level == Level.INSTANCE:  # let SQLite start with the instance
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
        """Return a predicate: one item must match all keys (PS3.4 C.2.2.2.6)."""
        conditions = [condition for condition in self._query.conditions if condition.attribute == attribute]
        keys = {condition.item_tag: condition.key for condition in conditions if condition.item_tag}
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
    """Combine the ranges of a date and its time into one of VR DT (PS3.4 C.2.2.2.5)."""
    top = {condition.attribute.keyword: condition for condition in conditions if condition.item_tag is None}
    for date, time in DATE_AND_TIME.items():
        if date in top and time in top and (key := _combined(top[date].key, top[time].key)):
            top[date] = Condition(top[date].attribute._replace(vr="DT"), None, key)
            del top[time]
    return list(top.values())


def _combined(date: str, time: str) -> str | None:
    try:
        return combined_range(date, time)
    except ValueError:  # a key that matches empty attributes
        return None


# --- results ---------------------------------------------------------------------------------------------------


class Renderer:
    """Renders results as DICOM JSON, in the order of the plan.

    Args:
        query: The query.
        uids: The UIDs in the path; attributes of the levels that it names are returned on request only.
        base_url: The base URL of resources (PS3.18 8.2).
        connection: The connection for computed attributes.
    """

    def __init__(self, query: Query, uids: Uids, base_url: str, connection: sqlite3.Connection) -> None:
        self._query = query
        self._base_url = base_url.rstrip("/")
        self._connection = connection
        self._levels = [level for level in Level if level <= query.level]
        self.columns = order_of(query.level) + ", " + ", ".join(f"{TABLES[level]}.attributes" for level in self._levels)
        self._wanted = {level: self._wanted_of(level, uids[level] is not None) for level in self._levels}
        self._upper: dict[Level, tuple[int, dict[str, str], str]] = {}

    def _wanted_of(self, level: Level, is_named: bool) -> dict[str, Attribute]:
        """Return the attributes of a level to include, by key."""
        query = self._query
        is_default = level == query.level or not is_named
        return {
            attribute.key: attribute
            for attribute in (*ATTRIBUTES[level], *COMPUTED[level])
            if (is_default and attribute.type)
            or attribute.tag in query.include
            or (query.include_all and level == query.level)
        }

    def text(self, row: tuple[Any, ...], more: str) -> str:
        """Render a row, with the elements of a further data set, as DICOM JSON."""
        found = {_INSTANCE_AVAILABILITY: attribute_text("CS", ["ONLINE"])} | members_of(more)
        url = self._base_url
        for level, number, attributes in zip(
            self._levels, row[: len(self._levels)], row[len(self._levels) :], strict=False
        ):
            part, uid = self._level(level, number, attributes)
            found |= part
            url += f"/{_RESOURCES[level]}/{uid}"
        found[_RETRIEVE_URL] = attribute_text("UR", [url])
        return text_of(found)

    def _level(self, level: Level, number: int, attributes: str) -> tuple[dict[str, str], str]:
        """Return the elements of a level, cached for its rows, and its UID."""
        known = self._upper.get(level)
        if known is None or known[0] != number:
            members = members_of(attributes)
            uid = json.loads(members[_UNIQUE_TAGS[level]])["Value"][0].strip(" ")
            self._upper[level] = known = number, self._made(level, number, members), uid
        return known[1:]

    def _made(self, level: Level, number: int, members: dict[str, str]) -> dict[str, str]:
        wanted = self._wanted[level]
        found = {key: attribute_text(attribute.vr, []) for key, attribute in wanted.items() if attribute.type == "R"}
        found |= {key: text for key, text in members.items() if key in wanted}
        return found | self._computed(level, number)

    def _computed(self, level: Level, number: int) -> dict[str, str]:
        rows = [attribute for attribute in COMPUTED[level] if attribute.key in self._wanted[level]]
        if not rows:
            return {}
        expressions = ", ".join(EXPRESSIONS[attribute.keyword] for attribute in rows)
        table = TABLES[level]
        statement = f"SELECT {expressions} FROM {table} WHERE id = ?"
        values = self._connection.execute(statement, (number,)).fetchone()
        pairs = zip(rows, values or (), strict=False)
        return {attribute.key: attribute_text(attribute.vr, _values(value)) for attribute, value in pairs}


_INSTANCE_AVAILABILITY, _RETRIEVE_URL = "00080056", "00081190"
_RESOURCES = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
_UNIQUE_TAGS = {
    level: attribute.key
    for level, rows in COLUMNS.items()
    for attribute in rows
    if attribute.keyword == UNIQUE_KEYS[level]
}


def _values(value: str | int | None) -> list[str | int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else [*value.split("\\")]


def other_tags(query: Query) -> list[str]:
    """Return the requested attributes of instances that are in files only."""
    if query.level != Level.INSTANCE:
        return []  # PS3.18 10.6.3.3: no attributes of a lower level
    return [format_tag(tag) for tag in sorted(query.include) if tag not in BY_TAG and tag >> 16 != FILE_META_GROUP]
