"""Person names as plain strings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from streamdicom import (
    Converters,
    Event,
    EventType,
    ReadOptions,
    WriteOptions,
    iter_events,
)
from streamdicom.converters import (
    PlainNames,
)
from streamdicom.filters.convert import ElementConverter

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


def _elements(events: Iterable[Event]) -> dict[str, Any]:
    return {f"{tag:08X}": value for kind, tag, _, value in events if kind == EventType.ELEMENT}


def _written(events: Iterable[Event], *sources: Any, **options: Any) -> list[Event]:
    return list(
        ElementConverter.for_writing(Converters(*sources), WriteOptions(**options)).run(
            [(EventType.START_DATASET, 0, "", 0), *events]
        )
    )[1:]


def test_names_are_plain_strings() -> None:
    names = (("Yamada^Tarou", "山田^太郎", "やまだ^たろう"), None, ("Doe", "", ""), ("", "山", ""))
    [(_, _, _, text)] = _written([(EventType.ELEMENT, _NAME, "PN", names)], PlainNames())
    assert json.loads(text)["Value"] == ["Yamada^Tarou=山田^太郎=やまだ^たろう", None, "Doe", "=山"]
    options = ReadOptions(on_deviation=lambda deviation: None)
    assert _elements(iter_events(f'{{"00100010":{text}}}'.encode(), options=options)) == {"00100010": names}
