"""pydicom elements from values, references to bulk data, and JSON text.

A reference, or a JSON attribute without a valid form, is kept in an extra attribute, so that it is written unchanged.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import IS

from streamdicom._cache import MAX_KNOWN_TAGS
from streamdicom._typing import Any
from streamdicom.datasets._pydicom import raw_element
from streamdicom.dicom import (
    SPLITTERS,
    VRS,
    Form,
    creator_of,
    join_name,
    json_field,
    may_be_items,
    may_have_vr,
    private_definition,
)
from streamdicom.errors import DatasetError

_TEXT_FORMS = frozenset({Form.TEXT, Form.DECIMAL, Form.PERSON_NAME})


class _AnnotatedElement(DataElement):
    """An element with a reference or a JSON text until its value is set."""

    @property
    def value(self) -> Any:
        return super().value

    @value.setter
    def value(self, value: Any) -> None:
        self._drop_annotation()
        if self.VR == "UN" and not isinstance(value, bytes | None):
            self.VR = known_vr(self.tag) or "UN"
        DataElement.value.fset(self, value)  # type: ignore[attr-defined]

    def clear(self) -> None:
        self._drop_annotation()
        super().clear()

    def _drop_annotation(self) -> None:
        for name in ("bulk_data_uri", "json_text"):
            vars(self).pop(name, None)


def pydicom_text(vr: str, value: Any) -> str:
    if VRS[vr].form is Form.PERSON_NAME and value:
        return join_name(value)
    return value or ""


def data_element(tag: BaseTag, vr: str, values: tuple[Any, ...]) -> DataElement | RawDataElement:
    """Return an element with these values, as in ``Dataset.from_json``.

    Text that pydicom cannot read is kept as text.

    Raises:
        DatasetError: pydicom rejects a value; ``pydicom.config`` sets how strict it is.
    """
    form, given = VRS[vr].form, values
    if vr == "UN":
        return _odd_element(tag, values[0])
    if form in (Form.TEXT, Form.PERSON_NAME):
        values = tuple([pydicom_text(vr, value) for value in values])
    elif form is Form.DECIMAL:
        values = tuple([_integer_string(value) if vr == "IS" else value or "" for value in values])
    value = values[0] if len(values) == 1 else list(values)
    # PS3.5 6.2: a backslash in a UR does not separate values, but pydicom would split there.
    is_whole = vr == "UR" and isinstance(value, str)
    try:
        return DataElement(tag, vr, value, already_converted=is_whole)
    except Exception as error:
        unread = _unread(tag, vr, given)
        if unread is None:
            raise rejected_value(vr, error) from error
        return unread


def rejected_value(vr: str, error: Exception) -> DatasetError:
    """Return the error for a value that a constructor of pydicom has rejected."""
    return DatasetError(f"pydicom rejects the value for VR {vr}: {type(error).__name__}")


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def known_vr(tag: int) -> str:
    """Return the VR of a tag in pydicom's dictionary.

    It is empty for an unknown tag, and like "US or SS" if the VR depends on other elements.
    """
    try:
        return "" if BaseTag(tag).is_private else str(dictionary_VR(tag))
    except KeyError:
        return ""


def unknown_element(tag: BaseTag, data: bytes) -> DataElement:
    """Return an element that stays UN; the constructor would set the dictionary VR."""
    element = DataElement(tag, "OB", data)
    element.VR = "UN"
    return element


def may_be_numbers(tag: BaseTag, creator: Any) -> bool:
    """Return whether pydicom has a private element as binary numbers.

    Args:
        tag: The tag.
        creator: The value of its Private Creator, text or bytes.
    """
    name = creator.decode("latin-1") if isinstance(creator, bytes) else creator
    definition = private_definition(tag, creator_of((name,)))
    return definition is not None and bool(VRS[definition.vrs[0]].code)


def is_misfit(tag: BaseTag, data: bytes) -> bool:
    """Return whether the bytes of UN are evidently not of the VR in the dictionary.

    pydicom would give a raw element this VR.

    Args:
        tag: The tag of a public element.
        data: The bytes.

    >>> is_misfit(BaseTag(0x00280010), b"abc"), is_misfit(BaseTag(0x00280010), b"ab")
    (True, False)
    """
    return _is_of_another_vr(tag, known_vr(tag), data)


def _is_of_another_vr(tag: BaseTag, vr: str, data: bytes) -> bool:
    """Return whether bytes are evidently no items of SQ, or no numbers of a VR."""
    if vr == "SQ":  # pydicom takes any tag for that of an item
        return bool(data) and not may_be_items(data)
    return vr in VRS and bool(VRS[vr].code and data) and not may_have_vr(tag, vr, data)


def is_guess(element: DataElement, data: bytes) -> bool:
    """Return whether a value that pydicom has converted from UN is evidently wrong.

    It is of another VR, or would not encode to the same bytes.

    Args:
        element: The converted element.
        data: The bytes of UN.
    """
    vr, value = str(element.VR), element.value
    if _is_of_another_vr(element.tag, vr, data):
        return True
    if vr in ("DS", "IS"):
        return any(isinstance(part, str) and part for part in (value if isinstance(value, MultiValue) else (value,)))
    return vr in SPLITTERS and "\ufffd" in str(value)


def _odd_element(tag: BaseTag, data: bytes) -> DataElement | RawDataElement:
    """Return an element of VR UN and odd length.

    If pydicom will read it as text, it is padded, as in a file. Its length does not include the padding.
    """
    if config.replace_un_with_known_vr and VRS.get(known_vr(tag), VRS["UN"]).form in _TEXT_FORMS:
        return raw_element(tag, "UN", data + b" ")._replace(length=len(data))
    return unknown_element(tag, data)


def _unread(tag: BaseTag, vr: str, given: tuple[Any, ...]) -> DataElement | RawDataElement | None:
    """Return an element with unreadable text, such as an invalid number.

    Returns:
        None if the VR is not text.
    """
    row = VRS[vr]
    if row.form not in _TEXT_FORMS:
        return None
    values = [pydicom_text(vr, value) for value in given]
    text = "\\".join(values)
    if text.isascii() and (len(values) == 1 or row.multiple):
        data = text.encode()
        return raw_element(tag, vr, data + b" " * (len(data) & 1))
    if row.form is Form.PERSON_NAME:  # its value is an object, not text
        return None
    return DataElement(tag, vr, values[0] if len(values) == 1 else values, already_converted=True)


def _integer_string(text: str | None) -> IS | str:
    """Return an IS that is exact beyond 53 bits, unlike pydicom's own from text."""
    try:
        number = IS(int(text or ""))
    except (ValueError, OverflowError):  # the latter if pydicom is configured to be strict
        return text or ""
    number.original_string = text or ""
    return number


def reference(tag: BaseTag, vr: str, uri: str) -> DataElement:
    """Return an empty element with a reference to bulk data."""
    element = _AnnotatedElement(tag, "OB", None)
    element.VR = vr  # the constructor would replace UN with the dictionary VR
    element.clear()
    setattr(element, "bulk_data_uri", uri)  # noqa: B010 - DataElement does not declare it
    return element


def json_element(tag: BaseTag, text: str) -> DataElement:
    """Return an element of VR UN that keeps the text of a JSON attribute.

    Raises:
        DatasetError: The text has a lone surrogate.
    """
    try:
        element = _AnnotatedElement(tag, "OB", json_field(tag, text))
    except UnicodeEncodeError:
        raise DatasetError("a lone surrogate, which UTF-8 cannot encode") from None
    element.VR = "UN"  # the constructor would replace UN with the dictionary VR
    setattr(element, "json_text", text)  # noqa: B010 - DataElement does not declare it
    return element


def json_text(element: DataElement) -> str | None:
    """Return the JSON text of an element from ``json_element``.

    Returns:
        None for other elements, or after the value was set.
    """
    text: str | None = getattr(element, "json_text", None)
    return text
