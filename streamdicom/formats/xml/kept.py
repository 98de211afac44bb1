"""Elements with wrong values, kept as JSON text (PS3.18 F.2.2).

The value of a JSON_ELEMENT is such a text. The writer makes the same XML from the text as the parser has read, if the
text has such a form.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import

from streamdicom._late import late_pattern
from streamdicom._typing import Any
from streamdicom.dicom import NAME_GROUPS, VRS, Form
from streamdicom.errors import OutputError
from streamdicom.formats.xml.element_markup import escape, quoted, reference
from streamdicom.formats.xml.person_names import EMPTY_NAME, name_markup
from streamdicom.formats.xml.values import Held

_NUMBER = late_pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")  # RFC 8259, section 6
_NUMBER_FORMS = frozenset({Form.INTEGER, Form.LONG_INTEGER, Form.FLOAT})
_MEMBERS = frozenset({"Value", "InlineBinary", "BulkDataURI"})


def json_text(vr: str, held: list[Held] | None, *, binary: str | None = None, uri: str = "") -> str:
    """Return the JSON text of an attribute.

    Args:
        vr: The text of ``vr``, which may be unknown; empty for none.
        held: The values; None or empty for none.
        binary: The text of ``InlineBinary``.
        uri: The reference of ``BulkData``.

    >>> json_text("US", ["many", "1.50", "", ("Doe", "", "")])
    '{"vr":"US","Value":["many",1.50,null,{"Alphabetic":"Doe"}]}'
    """
    members = [f'"vr":{encode_basestring(vr)}'] if vr else []
    if binary is not None:
        members.append(f'"InlineBinary":{encode_basestring(binary)}')
    elif uri:
        members.append(f'"BulkDataURI":{encode_basestring(uri)}')
    elif held:
        has_numbers = vr in VRS and VRS[vr].form in _NUMBER_FORMS
        members.append(f'"Value":[{",".join([_json_value(vr, one, has_numbers) for one in held])}]')
    return f"{{{','.join(members)}}}"


def _json_value(vr: str, one: Held, has_numbers: bool) -> str:
    if one == "" or (one == EMPTY_NAME and vr == "PN"):
        return "null"
    if isinstance(one, tuple):
        groups = [(name, text) for name, text in zip(NAME_GROUPS, one, strict=True) if text]
        return f"{{{','.join([f'{encode_basestring(name)}:{encode_basestring(text)}' for name, text in groups])}}}"
    return one if has_numbers and _NUMBER.fullmatch(one) else encode_basestring(one)


def xml_of(text: str) -> tuple[str, str] | None:
    """Return the ``vr`` and the content of the element for a JSON text, or None.

    >>> xml_of('{"vr":"US","Value":["many",null]}')
    ('US', '<Value number="1">many</Value><Value number="2"/>')
    >>> xml_of('{"vr":"US","Value":[true]}')
    """
    import json  # which takes long to import

    try:
        attribute = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        vr, member, value = _members(attribute)
        quoted(vr)
        if member == "InlineBinary":
            return _same(text, vr, f"<InlineBinary>{escape(value)}</InlineBinary>", binary=value)
        if member == "BulkDataURI":
            return _same(text, vr, reference(value), uri=value)
        held = [_held(one) for one in value]
        content = "".join([_value_markup(number, one) for number, one in enumerate(held, 1)])
        return _same(text, vr, content, held)
    except (ValueError, TypeError, AttributeError, RecursionError, OutputError):
        return None


def _members(attribute: dict[str, Any]) -> tuple[str, str, Any]:
    vr = attribute.pop("vr", "")
    [(member, value)] = attribute.items()
    if member not in _MEMBERS or not value:
        raise ValueError
    return vr, member, value


def _same(
    text: str, vr: str, content: str, held: list[Held] | None = None, *, binary: str | None = None, uri: str = ""
) -> tuple[str, str] | None:
    return (vr, content) if json_text(vr, held, binary=binary, uri=uri) == text else None


def _held(one: Any) -> Held:
    if isinstance(one, dict):
        alphabetic, ideographic, phonetic = [one.get(group, "") for group in NAME_GROUPS]
        return alphabetic, ideographic, phonetic
    return "" if one is None else one


def _value_markup(number: int, one: Held) -> str:
    if isinstance(one, tuple):
        return f'<PersonName number="{number}">{name_markup(one, escape)}</PersonName>'
    return f'<Value number="{number}">{escape(one)}</Value>' if one else f'<Value number="{number}"/>'
