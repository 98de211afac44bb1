"""Names of entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamdicom.bulkdata.entries import name_by_uid
from tests.bulkdata.common import INFO


@given(st.text(), st.text())
def test_names_are_safe_for_any_uid_and_tag_path(uid: str, path: str) -> None:
    for name in name_by_uid(INFO._replace(instance_uid=uid or "1", tag_path=path)).split("/"):
        assert name
        assert len(name) <= 200
        assert not name.startswith(".")
        assert all(character.isascii() and (character.isalnum() or character in "._-") for character in name)
