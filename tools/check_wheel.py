"""Check that the package is installed, with the engine that is expected."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamdicom

_PAGE = ("index.html", "style.css", "icon.svg", "main.js", "scroll.js")  # of the command browse


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
    page = place.parent / "server" / "browse" / "static"
    missing = [name for name in _PAGE if not (page / name).is_file()]
    if missing:
        print(f"expected the files of the page, missing: {missing}")
        return 1
    compiled = sorted(path.name for path in place.parent.glob("_native/_engine*"))
    if streamdicom.engine == "native" and not any(".abi3." in name or name.endswith(".pyd") for name in compiled):
        print(f"expected a module for every later version of CPython, found {compiled}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
