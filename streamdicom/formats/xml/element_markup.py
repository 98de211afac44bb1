"""The markup of one element, as ``WriteOptions`` ask for it.

Writers with equal options share one ``ElementMarkup``, and so its cache of start tags.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import isfinite

from streamdicom._cache import BoundedCache
from streamdicom._late import late_pattern
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import MAX_TAG, UTF_8_TERM, VRS, Form, empty_text, format_tag, keyword
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import (
    SEPARATED_VRS,
    ElementRules,
    UnwritableTextError,
    check_count,
    check_name,
    element_rules,
    separator_error,
)
from streamdicom.formats.writer import several_binary_values, value_error, vr_info
from streamdicom.formats.xml.person_names import name_markup
from streamdicom.jsontext import encode_base64
from streamdicom.options import WriteOptions

END = "</DicomAttribute>"

MAX_MARKUPS = 8  # a program uses one or two sets of options
_MAX_START_TAGS = 2048  # of private elements; an archive uses some hundreds
_MAX_INTEGER = 10**20
_UUID = "urn:uuid:"
# XML 1.0, section 2.2. A lone surrogate is not a character either.
_NOT_A_CHARACTER = late_pattern("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CHARACTER_SET_VALUE = f'<Value number="1">{UTF_8_TERM}</Value>'


Content: TypeAlias = Callable[[tuple[Any, ...]], str]
"""A function that makes the content of an element from its values, of which there must be at least one."""

Known: TypeAlias = tuple[str, str, Content]


class ElementMarkup:
    """Make the markup of elements.

    Args:
        rules: Which elements are written.

    Attributes:
        cache: By standard tag, the last VR, the start tag, and the function for the content. The start tag is empty if
            the element is left out.
        starts: By standard tag, the start tag of a sequence.
    """

    def __init__(self, rules: ElementRules) -> None:
        self.rules = rules
        self.cache: BoundedCache[int, Known] = BoundedCache()
        self.starts: BoundedCache[int, str] = BoundedCache()

    def compile(self, tag: int, vr: str) -> Known:
        """Add the entry of a standard element to the cache and return it."""
        content = self.content(tag, vr)
        start = start_tag(tag, vr) if self.rules.is_written(tag) else ""
        return self.cache.remember(tag, (vr, start, content))

    def learn_sequence(self, tag: int) -> None:
        """Add a standard sequence to ``starts``, unless it is not written."""
        if not tag & 0x10000 and self.rules.is_written(tag):
            self.starts.remember(tag, start_tag(tag, "SQ"))

    def content(self, tag: int, vr: str) -> Content:
        """Return the function that makes the content of an element.

        Raises:
            OutputError: The VR is unknown, or SQ.
        """
        form = vr_info(vr).form
        return _character_set if form is Form.TEXT and self.rules.sets_character_set(tag) else _CONTENTS[vr]


_cached_markup = lru_cache(maxsize=MAX_MARKUPS)(ElementMarkup)


def element_markup(options: WriteOptions) -> ElementMarkup:
    """Return the markup for these options."""
    return _cached_markup(element_rules(options))


@lru_cache(maxsize=_MAX_START_TAGS)
def start_tag(tag: int, vr: str, creator: str = "") -> str:
    """Return the start tag of an element (PS3.19 A.1.5).

    Args:
        tag: The tag to write, in the form gggg00ee for a private creator.
        vr: The VR, escaped; empty for none.
        creator: The private creator, or empty.

    >>> start_tag(0x00100010, "PN")
    '<DicomAttribute tag="00100010" vr="PN" keyword="PatientName">'
    """
    name = "" if tag & 0x10000 else keyword(tag)
    more = f' keyword="{name}"' if name else ""
    if creator:
        more += f" privateCreator={quoted(creator)}"
    vr_attribute = f' vr="{vr}"' if vr else ""
    return f'<DicomAttribute tag="{format_tag(tag)}"{vr_attribute}{more}>'


def reference(uri: str) -> str:
    """Return the element that refers to bulk data.

    It has a UUID for a UUID URN (RFC 9562), and the URI otherwise.

    >>> reference("http://host/1?a&b")
    '<BulkData uri="http://host/1?a&amp;b"/>'
    """
    if uri.startswith(_UUID) and uri != _UUID:
        return f"<BulkData uuid={quoted(uri.removeprefix(_UUID))}/>"
    return f"<BulkData uri={quoted(uri)}/>"


# --- characters ------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    r"""Escape a text for XML.

    A carriage return becomes a reference, because a parser would turn it into a line feed.

    Raises:
        UnwritableTextError: The text contains a character that XML 1.0 cannot represent.

    >>> escape("a<b\r\n")
    'a&lt;b&#13;\n'
    """
    if not text.isprintable():
        if _NOT_A_CHARACTER.search(text):
            message = "expected text for XML 1.0, found a control character, a noncharacter or a surrogate"
            raise UnwritableTextError(message)
        text = text.replace("&", "&amp;").replace("\r", "&#13;")
    elif "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    return text.replace(">", "&gt;") if ">" in text else text  # "]]>" is an error in text


def quoted(text: str) -> str:
    """Return the value of an XML attribute with its quotes and escaped white space."""
    text = escape(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")
    return f'"{text}"'


# --- values ----------------------------------------------------------------------------------------------------


def _text(value: str | None) -> str:
    return escape(value) if value else empty_text(value)


def _separated_text(value: str | None) -> str:
    if not value:
        return empty_text(value)
    if "\\" in value:
        raise separator_error()
    return escape(value)


def _integer(value: int | None) -> str:
    if value is None:
        return ""
    if abs(value) >= _MAX_INTEGER:  # which the parser does not read as a number
        raise OverflowError
    return int.__repr__(value)


def _float(value: float | None) -> str:
    """Return a number, with NaN and infinities as XML Schema spells them."""
    if value is None:
        return ""
    number = float(value)
    if isfinite(number):
        return repr(number)
    return "NaN" if number != number else "INF" if number > 0 else "-INF"


def _tag(value: int | None) -> str:
    if value is None:
        return ""
    if not 0 <= value <= MAX_TAG:
        raise OutputError("expected a tag of 32 bits")
    return format_tag(value)


def _name(value: tuple[str, str, str] | None) -> str:
    if value is None:
        return ""
    markup = name_markup(value, escape)
    check_name(value)
    return markup


_FORMS: dict[Form, Callable[[Any], str]] = {
    Form.TEXT: _text,
    Form.DECIMAL: _separated_text,
    Form.INTEGER: _integer,
    Form.LONG_INTEGER: _integer,
    Form.FLOAT: _float,
    Form.TAG: _tag,
    Form.PERSON_NAME: _name,
}
_ENCODERS = {vr: _FORMS[row.form] for vr, row in VRS.items() if row.form in _FORMS}
_ENCODERS |= {vr: _separated_text for vr in SEPARATED_VRS if VRS[vr].form is Form.TEXT}


def values_markup(vr: str, values: tuple[Any, ...], number: int = 1) -> str:
    """Return the markup of values, any of which may be empty.

    Args:
        vr: A VR that is neither binary nor SQ.
        values: The values of an event.
        number: The number of the first value.

    Raises:
        OutputError: A value does not fit the VR.

    >>> values_markup("US", (1, None))
    '<Value number="1">1</Value><Value number="2"/>'
    """
    if vr not in _ENCODERS:
        raise OutputError(f"expected a binary value for VR {vr}, found values")
    name = "PersonName" if VRS[vr].form is Form.PERSON_NAME else "Value"
    try:
        if isinstance(values, str):
            raise TypeError
        texts = list(map(_ENCODERS[vr], values))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise value_error(error) from None
    return "".join(
        [
            f'<{name} number="{index}">{text}</{name}>' if text else f'<{name} number="{index}"/>'
            for index, text in enumerate(texts, number)
        ]
    )


def _content(vr: str) -> Content:
    """Return the function for the content of elements of a VR."""
    empty = values_markup(vr, (None,))

    def content(values: tuple[Any, ...]) -> str:
        check_count(vr, len(values))
        markup = values_markup(vr, values)
        return "" if markup == empty else markup  # PS3.19 A.1.5: an element of zero length has no values

    return content


def _text_content(values: tuple[Any, ...]) -> str:
    """Make the same content as ``_content``, faster for a single value."""
    match values:  # a str is no sequence here
        case (value,):
            try:
                if value and "\\" not in value:
                    return f'<Value number="1">{escape(value)}</Value>'
            except (TypeError, AttributeError) as error:
                raise value_error(error) from None
    return _general_texts(values)


def _integer_content(values: tuple[Any, ...]) -> str:
    """Make the same content as ``_content``, faster for a single value."""
    if len(values) == 1 and type(values[0]) is int and values[0].bit_length() <= 64:
        return f'<Value number="1">{values[0]}</Value>'
    return _general_integers(values)


def _binary_content(values: tuple[Any, ...]) -> str:
    if len(values) > 1:
        raise several_binary_values()
    if values[0] is None:
        return ""
    try:
        text = encode_base64(values[0])
    except TypeError as error:
        raise value_error(error) from None
    return f"<InlineBinary>{text}</InlineBinary>" if text else ""


def _character_set(values: tuple[Any, ...]) -> str:
    if isinstance(values, str):
        raise TypeError
    return _CHARACTER_SET_VALUE if any(values) else ""


_general_integers = _content("SL")
_general_texts = _content("LO")
_CONTENTS: dict[str, Content] = {vr: _content(vr) for vr in _ENCODERS}
_CONTENTS |= {vr: _text_content for vr in SEPARATED_VRS if VRS[vr].form is not Form.PERSON_NAME}
_CONTENTS |= {vr: _integer_content for vr, row in VRS.items() if row.form in (Form.INTEGER, Form.LONG_INTEGER)}
_CONTENTS |= {vr: _binary_content for vr, row in VRS.items() if row.form is Form.BINARY}
