"""pydicom elements of values, of references to bulk data, and of what no VR has as it is.

The latter two carry in an attribute of their own what they are written as again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import IS

from streamdicom.dicom import (
    VRS,
    Form,
    join_name,
    json_field,
)
from streamdicom.errors import DatasetError

_TEXT_FORMS = frozenset({Form.TEXT, Form.DECIMAL, Form.PERSON_NAME})


class _Carrier(DataElement):
    """An element that carries what it is written as again, until somebody sets its value, be it to what it was."""

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._let_go()
        if self.VR == "UN" and not isinstance(value, bytes | None):
            self.VR = known_vr(self.tag) or "UN"
        DataElement.value.fset(self, value)  # type: ignore[attr-defined]

    def clear(self) -> None:
        self._let_go()
        super().clear()

    def _let_go(self) -> None:
        for name in ("bulk_data_uri", "json_text"):
            vars(self).pop(name, None)


def pydicom_text(vr: str, value: Any) -> str:
    if VRS[vr].form is Form.PERSON_NAME and value:
        return join_name(value)
    return value or ""


def raw_element(tag: BaseTag, vr: str, data: bytes) -> RawDataElement:
    """An element that pydicom converts when somebody looks."""
    # PS3.5 6.2.2: UN is in implicit VR, which matters where pydicom finds a sequence in it.
    return RawDataElement(tag, vr, len(data), data, 0, is_implicit_VR=vr == "UN", is_little_endian=True)


def data_element(tag: BaseTag, vr: str, values: tuple[Any, ...]) -> DataElement | RawDataElement:
    """An element with these values, as ``Dataset.from_json`` makes it, or with their text if pydicom cannot read that.

    Raises:
        DatasetError: pydicom does not take a value; how much it takes is set in ``pydicom.config``.
    """
    form = VRS[vr].form
    if vr == "UN":
        return _odd_element(tag, values[0])
    if form in (Form.TEXT, Form.PERSON_NAME):
        values = tuple([pydicom_text(vr, value) for value in values])
    elif form is Form.DECIMAL:
        values = tuple([_integer_string(value) if vr == "IS" else value or "" for value in values])
    value = values[0] if len(values) == 1 else list(values)
    # PS3.5 6.2: a backslash in a UR is one; pydicom would separate values at it.
    is_whole = vr == "UR" and isinstance(value, str)
    try:
        return DataElement(tag, vr, value, already_converted=is_whole)
    except Exception as error:
        unread = _unread(tag, vr, values)
        if unread is None:
            raise DatasetError(f"pydicom does not take the value for VR {vr}: {type(error).__name__}") from error
        return unread


@lru_cache(maxsize=16384)
def known_vr(tag: int) -> str:
    """The VR that the dictionary has for a tag, or what is no VR where it depends on more than the tag."""
    try:
        return "" if BaseTag(tag).is_private else str(dictionary_VR(tag))
    except KeyError:
        return ""


def unknown_element(tag: BaseTag, data: bytes) -> DataElement:
    """An element of VR UN, which pydicom would take for the VR that it knows of the tag."""
    element = DataElement(tag, "OB", data)
    element.VR = "UN"
    return element


def _odd_element(tag: BaseTag, data: bytes) -> DataElement | RawDataElement:
    """UN of odd length. What pydicom will read as text is padded, as in a file; its length tells how much is its."""
    if config.replace_un_with_known_vr and VRS.get(known_vr(tag), VRS["UN"]).form in _TEXT_FORMS:
        return raw_element(tag, "UN", data + b" ")._replace(length=len(data))
    return unknown_element(tag, data)


def _unread(tag: BaseTag, vr: str, values: tuple[str, ...]) -> DataElement | RawDataElement | None:
    """The element of text that pydicom cannot read, such as a number that is none; None for what is no text."""
    row = VRS[vr]
    if row.form not in _TEXT_FORMS:
        return None
    text = "\\".join(values)
    if text.isascii() and (len(values) == 1 or row.multiple):
        data = text.encode()
        return raw_element(tag, vr, data + b" " * (len(data) & 1))
    if row.form is Form.PERSON_NAME:  # which is not the text itself
        return None
    return DataElement(tag, vr, values[0] if len(values) == 1 else list(values), already_converted=True)


def _integer_string(text: str | None) -> IS | str:
    """An IS that is exact beyond 53 bits, which pydicom's own from a text is not."""
    try:
        number = IS(int(text or ""))
    except (ValueError, OverflowError):  # the latter if pydicom is told to be strict
        return text or ""
    number.original_string = text or ""
    return number


def reference(tag: BaseTag, vr: str, uri: str) -> DataElement:
    """An empty element that is a reference to bulk data, which nobody has fetched."""
    element = _Carrier(tag, "OB", None)
    element.VR = vr  # pydicom would take UN for the VR that it knows of the tag
    element.clear()
    setattr(element, "bulk_data_uri", uri)  # noqa: B010 - not pydicom's
    return element


def json_element(tag: BaseTag, text: str) -> DataElement:
    """An element in a form of its own, with what can be known of its value.

    Raises:
        DatasetError: The text is none that UTF-8 can carry.
    """
    try:
        element = _Carrier(tag, "OB", json_field(tag, text))
    except UnicodeEncodeError:
        raise DatasetError("half of a surrogate pair, which UTF-8 cannot carry") from None
    element.VR = "UN"  # which pydicom would take for the VR that it knows of the tag
    setattr(element, "json_text", text)  # noqa: B010 - not pydicom's
    return element


def json_text(element: DataElement) -> str | None:
    """The JSON text that such an element is written as, unless somebody has set another value; None for others."""
    text: str | None = getattr(element, "json_text", None)
    return text
