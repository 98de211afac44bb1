"""Writing of tables."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow")

from streamdicom.columns import table_format


def test_unknown_suffix_is_an_error_with_the_name() -> None:
    with pytest.raises(
        ValueError, match=r"^a/b\.xyz: expected one of the suffixes \.parquet, \.csv, \.arrow, \.feather$"
    ):
        table_format("a/b.xyz")
