"""The tables of PS3.15 Annex E as data, made by ``tools/confidentiality.py``."""

from __future__ import annotations

import json
from functools import cache

from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias

EDITION = "2026d"
"""The edition of PS3.15 that the tables are from."""

Row: TypeAlias = tuple[str, dict[str, str]]
"""The action of the basic profile, and the actions of options."""


class Tables(NamedTuple):
    """The tables.

    Attributes:
        attributes: Table E.1-1 by tag.
        types: For each SOP class the types of attributes, "1" or "2". Conditional types count as unconditional.
        content_items: Table E.3.4-1: by coding scheme and code value, then by value type.
        safe_private: Table E.3.10-1: by private creator, group and the last two digits of the tag; True for sequences.
    """

    attributes: dict[int, Row]
    types: dict[str, dict[int, str]]
    content_items: dict[tuple[str, str], dict[str, Row]]
    safe_private: dict[tuple[str, int, int], bool]


@cache
def tables() -> Tables:
    """Return the tables, which are read once.

    >>> tables().attributes[0x00100010], tables().safe_private["SIEMENS MR HEADER", 0x0019, 0x0C]
    (('Z', {}), False)
    """
    data = _read("ps3_15.json")
    return Tables(
        {int(tag, 16): _row(row) for tag, row in data["attributes"].items() if "x" not in tag},
        {uid: {int(tag, 16): kind for kind, tags in row.items() for tag in tags} for uid, row in data["types"].items()},
        {
            (scheme, code): {value_type: _row(row) for value_type, row in rows.items()}
            for (scheme, _, code), rows in ((key.partition(" "), rows) for key, rows in data["content_items"].items())
        },
        _safe_private(_read("safe_private.json")),
    )


def _read(name: str) -> Any:
    from importlib.resources import files  # takes long to import

    return json.loads(files("streamdicom.deidentification").joinpath(name).read_text())


def _row(row: list[Any]) -> Row:
    return row[0], row[1] if len(row) > 1 else {}


def _safe_private(data: dict[str, dict[str, str]]) -> dict[tuple[str, int, int], bool]:
    found = {}
    for creator, groups in data.items():
        for group, ranges in groups.items():
            for item in ranges.split():
                first, _, last = item.removeprefix("SQ").partition("-")
                for element in range(int(first, 16), int(last or first, 16) + 1):
                    found[creator, int(group, 16), element] = item.startswith("SQ")
    return found
