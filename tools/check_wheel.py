"""Check that the package is installed, with the engine that is expected."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import streamdicom

_PROJECT = Path(__file__).parents[1]


def main() -> int:
    place = Path(streamdicom.__file__)
    expected = "native" if os.environ.get("STREAMDICOM_NATIVE") == "require" else streamdicom.engine
    print(f"{place.parent}: {streamdicom.engine} engine")
    if "site-packages" not in place.parts:
        print("this is not the wheel")
        return 1
    if streamdicom.engine != expected:
        print(f"expected the {expected} engine")
        return 1
    missing = [name for name in _data_files() if not (place.parent / name).is_file()]
    if missing:
        print(f"expected the files that the modules read, missing: {missing}")
        return 1
    compiled = sorted(path.name for path in place.parent.glob("_native/_engine*"))
    if streamdicom.engine == "native" and not any(".abi3." in name or name.endswith(".pyd") for name in compiled):
        print(f"expected a module for every later version of CPython, found {compiled}")
        return 1
    return 0


def _data_files() -> list[str]:
    """Return the files that are no modules, such as the page of ``browse``."""
    settings = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    package = _PROJECT / "streamdicom"
    found = [path.relative_to(package).as_posix() for pattern in patterns for path in package.rglob(pattern)]
    assert "server/browse/static/index.html" in found
    return found


if __name__ == "__main__":
    sys.exit(main())
