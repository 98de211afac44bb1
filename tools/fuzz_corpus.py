"""Write the seeds of the fuzz targets: small data sets of each VR, in each format.

Usage: ``python tools/fuzz_corpus.py FOLDER``. The seeds need nothing but Python.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
from pathlib import Path

_TEXTS = {
    "AE": "STATION", "AS": "050Y", "CS": "CT", "DA": "20240229", "DS": "-1.5e3", "DT": "20240101120000.5+0100",
    "IS": "-17", "LO": "a long text", "LT": "line\r\nline", "SH": "short", "ST": "text", "TM": "121314.5",
    "UC": "unlimited", "UI": "1.2.840.10008.1.2", "UR": "http://localhost/", "UT": "text", "PN": "Doe^Jane",
}  # fmt: skip
_NUMBERS = {"FL": "<f", "FD": "<d", "SL": "<i", "SS": "<h", "UL": "<I", "US": "<H", "SV": "<q", "UV": "<Q"}
_BYTES = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_LONG = (*_BYTES, "SQ", "UC", "UR", "UT", "SV", "UV")
_NAMES = ("json", "boundaries", "xml", "part10", "head", "transcoding")


def main() -> int:
    [folder] = sys.argv[1:]
    objects = [_attribute(tag, vr) for tag, vr in enumerate([*_TEXTS, *_NUMBERS, *_BYTES], 0x00091001)]
    objects.append({"00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}]}})
    objects.append({"7FE00010": {"vr": "OW", "BulkDataURI": "../bulk/1"}})
    documents = [json.dumps(one, separators=(",", ":")) for one in objects]
    documents += [json.dumps(objects, indent=1), "".join(f"{one}\n" for one in documents)]
    seeds = dict.fromkeys(_NAMES, ())
    seeds["json"] = [text.encode() for text in documents]
    seeds["boundaries"] = [f"[{','.join(documents[:number])}]".encode() for number in (1, 2, 40)]
    seeds["transcoding"] = [text[1:].encode() for text in documents]
    seeds["xml"] = [_document(one).encode() for one in objects]
    seeds["part10"] = [_element(one) for one in objects]
    seeds["head"] = [_file(b"".join(map(_element, objects)))]
    for name, found in seeds.items():
        path = Path(folder) / name
        path.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(found):
            (path / str(number)).write_bytes(bytes([number, 0, 0]) + seed)
    return 0


def _attribute(tag: int, vr: str) -> dict[str, object]:
    """Return an object of DICOM JSON with one attribute."""
    if vr in _BYTES:
        content: dict[str, object] = {"InlineBinary": base64.b64encode(bytes(range(16))).decode()}
    elif vr == "PN":
        content = {"Value": [{"Alphabetic": _TEXTS[vr], "Ideographic": "\u5c71\u7530"}, None]}
    else:
        content = {"Value": [_TEXTS.get(vr, 1), _TEXTS.get(vr, 2)]}
    return {f"{tag:08X}": {"vr": vr, **content}}


def _document(one: dict[str, object]) -> str:
    """Return a document of Native DICOM XML with the same attribute."""
    [(tag, attribute)] = one.items()
    assert isinstance(attribute, dict)
    values = attribute.get("Value", [])
    body = "".join(f'<Value number="{number}">{value}</Value>' for number, value in enumerate(values, 1))
    if attribute["vr"] == "SQ":
        item = '<DicomAttribute tag="00081150" vr="UI"><Value number="1">1.2</Value></DicomAttribute>'
        body = f'<Item number="1">{item}</Item>'
    elif attribute["vr"] == "PN":
        body = '<PersonName number="1"><Alphabetic><FamilyName>Doe</FamilyName></Alphabetic></PersonName>'
    elif "InlineBinary" in attribute:
        body = f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
    elif "BulkDataURI" in attribute:
        body = f'<BulkData uri="{attribute["BulkDataURI"]}"/>'
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    head += '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
    return f'{head}<DicomAttribute tag="{tag}" vr="{attribute["vr"]}">{body}</DicomAttribute></NativeDicomModel>'


def _element(one: dict[str, object]) -> bytes:
    """Return the data element of explicit VR little endian with the same attribute."""
    [(text, attribute)] = one.items()
    assert isinstance(attribute, dict)
    vr = attribute["vr"]
    if vr == "SQ":
        inner = _element({"00081150": {"vr": "UI", "Value": ["1.2"]}})
        field = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
    elif vr in _NUMBERS:
        field = b"".join(struct.pack(_NUMBERS[vr], value) for value in attribute["Value"])
    elif vr in _BYTES:
        field = bytes(16)
    else:
        field = "\\".join(_TEXTS.get(vr, "") for _ in attribute["Value"]).encode()
    field += b"\0" * (len(field) % 2)
    group, element = int(text[:4], 16), int(text[4:], 16)
    length = struct.pack("<HI", 0, len(field)) if vr in _LONG else struct.pack("<H", len(field))
    return struct.pack("<HH", group, element) + vr.encode() + length + field


def _file(elements: bytes) -> bytes:
    """Return a DICOM file in explicit VR little endian."""
    syntax = _element({"00020010": {"vr": "UI", "Value": [1]}})
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(syntax))
    return bytes(128) + b"DICM" + length + syntax + elements


if __name__ == "__main__":
    sys.exit(main())
