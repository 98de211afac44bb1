"""The Arrow type of each VR, and values at its edges."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")

from streamdicom import ColumnError, ReadOptions  # noqa: E402
from streamdicom.columns import TypeOptions, read  # noqa: E402
from streamdicom.columns.types import type_of  # noqa: E402
from streamdicom.dicom import VRS  # noqa: E402
from tests.support.each import each  # noqa: E402


def column(tag: str, vr: str, values: list[Any], tmp_path: Path, **options: Any) -> Any:
    """Return the type and the values of a column, of one data set for each value."""
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{tag: {"vr": vr, "Value": [value]}} for value in values]))
    table = read(path, columns={"a": f"{tag}:{vr}"}, **options).to_table()
    return table.schema.field("a").type, table["a"].to_pylist()


def test_every_vr_has_a_type() -> None:
    for vr in VRS:
        if vr != "SQ":
            assert isinstance(type_of(vr, TypeOptions()).type, pa.DataType)


@each(
    ("tag", "vr", "values", "kind", "expected"),
    [
        ("00080020", "DA", ["20240229", "19991231"], "date32[day]", [date(2024, 2, 29), date(1999, 12, 31)]),
        ("00080030", "TM", ["12", "1234", "123456", "123456.5"], "time64[us]",
         [time(12), time(12, 34), time(12, 34, 56), time(12, 34, 56, 500_000)]),
        ("00180050", "DS", ["1.50", "-2e3"], "double", [1.5, -2000.0]),
        ("00200013", "IS", ["7", "-2147483648"], "int64", [7, -(2**31)]),
        ("00280010", "US", [0, 65535], "int32", [0, 65535]),
        ("00720050", "CS", ["A"], "string", ["A"]),
        ("00100010", "PN", [{"Alphabetic": "Doe^Jane", "Phonetic": "x"}],
         "struct<Alphabetic: string, Ideographic: string, Phonetic: string>",
         [{"Alphabetic": "Doe^Jane", "Ideographic": None, "Phonetic": "x"}]),
        ("00720060", "AT", ["00181063"], "list<item: string>", [["00181063"]]),
        ("00080082", "UV", [2**64 - 1], "decimal128(20, 0)", [Decimal(2**64 - 1)]),
        ("00720074", "FD", [0.1], "list<item: double>", [[0.1]]),
    ],
)  # fmt: skip
def test_values_have_the_type_of_their_vr(
    tag: str, vr: str, values: list[Any], kind: str, expected: list[Any], tmp_path: Path
) -> None:
    found, converted = column(tag, vr, values, tmp_path)
    assert str(found) == kind
    assert converted == expected


def test_choices_of_types(tmp_path: Path) -> None:
    exact = column("00180050", "DS", ["1.5000"], tmp_path, types=TypeOptions(ds="string"))
    assert exact == (pa.string(), ["1.5000"])
    assert column("00180050", "DS", ["1.50"], tmp_path, types=TypeOptions(ds="decimal"))[1] == [Decimal("1.50")]
    moment = column("0008002A", "DT", ["20240229120000+0130"], tmp_path, types=TypeOptions(dt="timestamp"))[1]
    assert moment == [datetime(2024, 2, 29, 10, 30, tzinfo=UTC)]
    assert column("00280010", "US", [7], tmp_path, types=TypeOptions(unsigned=True)) == (pa.uint16(), [7])
    with pytest.raises(ValueError, match="ds must be one of"):
        TypeOptions(ds="float32")  # type: ignore[arg-type]


@each(
    ("tag", "vr", "value", "types"),
    [
        ("00080020", "DA", "2024.02.29", {}),
        ("00080020", "DA", "20240230", {}),
        ("00080020", "DA", "20240101-20240201", {}),
        ("00080030", "TM", "126", {}),
        ("00080030", "TM", "2460", {}),
        ("00080030", "TM", "12.5", {}),
        ("00180050", "DS", "one", {}),
        ("00180050", "DS", "1e-30", {"ds": "decimal"}),
        ("00200013", "IS", "9999999999999999999999", {}),
        ("0008002A", "DT", "20240229120000", {"dt": "timestamp"}),
        ("00280010", "US", 70000, {"unsigned": True}),
    ],
)
def test_value_that_does_not_fit_is_an_error_without_content(
    tag: str, vr: str, value: Any, types: dict[str, Any], tmp_path: Path
) -> None:
    options = ReadOptions(on_deviation=lambda _: None)
    with pytest.raises(ColumnError) as found:
        column(tag, vr, [value], tmp_path, types=TypeOptions(**types), options=options)
    assert str(value) not in str(found.value)
    assert found.value.location.tag_path == tag
