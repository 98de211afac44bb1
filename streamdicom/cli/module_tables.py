"""The tables of PS3.3 that the package highdicom ships."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path as FilePath

from streamdicom._dictionary import tag_of_keyword
from streamdicom._typing import Any
from streamdicom.cli.exit_codes import UsageError
from streamdicom.filters import Module

_MODULE = re.compile(r'^  "([^"]+)": ', re.MULTILINE)


class HighdicomTables:
    """The modules of each SOP Class.

    The package is not imported; only its files are read.

    Raises:
        UsageError: The package is not installed, or has no such tables.
    """

    def __init__(self) -> None:
        spec = find_spec("highdicom")
        folder = FilePath(spec.origin).parent / "_standard" if spec is not None and spec.origin else None
        if folder is None or not folder.is_dir():
            raise UsageError('--iod needs the tables of the package highdicom: pip install "streamdicom[iod]"')
        self._classes: dict[str, str] = _load(folder / "sop_class_iod_map.json")
        self._iods: dict[str, list[dict[str, str]]] = _load(folder / "iod_module_map.json")
        self._text = (folder / "module_attribute_map.json").read_text(encoding="utf-8")
        # The table has 20 MB, and a data set needs little of it.
        self._starts = {found[1]: found.end() for found in _MODULE.finditer(self._text)}
        self._known: dict[str, dict[tuple[int, ...], dict[int, str]]] = {}

    def modules(self, sop_class_uid: str) -> list[Module] | None:
        """Return the modules of the IOD of a SOP Class; None if the class is not known."""
        iod = self._iods.get(self._classes.get(sop_class_uid, ""))
        if iod is None:
            return None
        return [Module(row["key"], row["usage"] == "M", self._types(row["key"])) for row in iod]

    def _types(self, name: str) -> dict[tuple[int, ...], dict[int, str]]:
        if name not in self._known:
            types: dict[tuple[int, ...], dict[int, str]] = {}
            for row in self._rows(name):
                tag, path = _tag(row["keyword"]), tuple(map(_tag, row["path"]))
                if tag and all(path):
                    types.setdefault(path, {})[tag] = row["type"]
            self._known[name] = types
        return self._known[name]

    def _rows(self, name: str) -> list[dict[str, Any]]:
        start = self._starts.get(name)
        rows: list[dict[str, Any]] = []
        if start is not None:
            rows, _ = json.JSONDecoder().raw_decode(self._text, start)
        return rows


def _load(path: FilePath) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def _tag(keyword: str) -> int:
    return tag_of_keyword(keyword) or 0
