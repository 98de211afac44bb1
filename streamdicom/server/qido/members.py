"""The members of a data set in canonical DICOM JSON, as text.

Python has no number that keeps a text like ``1.50`` or ``1E2``, which DS and IS may have, so values are not parsed.
"""

from __future__ import annotations

import json

_MEMBER_START = len('"00100010":')
_scan = json.JSONDecoder().raw_decode


def members_of(text: str) -> dict[str, str]:
    """Return the text of each attribute of a data set by its key.

    Args:
        text: A data set as ``JsonWriter`` writes it, without white space.

    >>> members_of('{"00100020":{"vr":"LO","Value":["17"]},"00101030":{"vr":"DS","Value":[70.50]}}')["00101030"]
    '{"vr":"DS","Value":[70.50]}'
    """
    members: dict[str, str] = {}
    end = 0  # of the opening brace, or of an attribute
    while text.startswith('"', end + 1):
        start = end + 1 + _MEMBER_START
        _, stop = _scan(text, start)
        members[text[end + 2 : start - 2]] = text[start:stop]
        end = stop
    return members


def text_of(members: dict[str, str]) -> str:
    """Return the text of a data set, its members in ascending order.

    >>> text_of({"00100020": '{"vr":"LO"}', "00100010": '{"vr":"PN"}'})
    '{"00100010":{"vr":"PN"},"00100020":{"vr":"LO"}}'
    """
    texts = [f'"{key}":{members[key]}' for key in sorted(members)]
    return f"{{{','.join(texts)}}}"


def attribute_text(vr: str, values: list[str | int]) -> str:
    """Return the text of an attribute.

    >>> attribute_text("IS", [3]), attribute_text("CS", [])
    ('{"vr":"IS","Value":[3]}', '{"vr":"CS"}')
    """
    attribute = {"vr": vr, "Value": values} if values else {"vr": vr}
    return json.dumps(attribute, ensure_ascii=False, separators=(",", ":"))
