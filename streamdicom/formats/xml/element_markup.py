"""The markup of one element: what ``WriteOptions`` says of it, and what is known of each tag that has come.

Writers with the same options share what is known.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

from streamdicom.dicom import (
    MAX_TAG,
    NAME_GROUPS,
    UTF_8_TERM,
    VRS,
    Form,
    format_tag,
    keyword,
)
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import ElementRules, element_rules
from streamdicom.formats.writer import several_binary_values, value_error, vr_info
from streamdicom.formats.xml.values import (
    COMPONENTS,
)
from streamdicom.options import WriteOptions

END = "</DicomAttribute>"

_MAX_KNOWN = 16 * 1024  # tags; an archive uses some thousands
_MOST_MARKUPS = 8  # a program uses one or two
_UUID = "urn:uuid:"
# XML 1.0, section 2.2; what stands for half of a surrogate pair is no character at all.
_NO_CHARACTER = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CHARACTER_SET_VALUE = f'<Value number="1">{UTF_8_TERM}</Value>'

Content: TypeAlias = Callable[[tuple[Any, ...]], str]
Known: TypeAlias = tuple[str, str, Content]


class ElementMarkup:
    """How elements are written.

    Attributes:
        rules: Which elements are written.
        known: For each tag that is not private its VR when it was last met, its start tag and what makes the content;
            the start tag is empty if the element is left out.
    """

    def __init__(self, rules: ElementRules) -> None:
        self.rules = rules
        self.cache: dict[int, Known] = {}

    def compile(self, tag: int, vr: str) -> Known:
        """Make the entry of ``known`` for an element that is not private."""
        content = self.content(tag, vr)
        if len(self.cache) > _MAX_KNOWN:
            self.cache.clear()
        entry = self.cache[tag] = vr, start_of(tag, vr) if self.rules.is_written(tag) else "", content
        return entry

    def content(self, tag: int, vr: str) -> Content:
        """What makes the content of an element of its values, of which there is one at least."""
        form = vr_info(vr).form
        return _character_set if form is Form.TEXT and self.rules.sets_character_set(tag) else _CONTENTS[form]


_markup = lru_cache(maxsize=_MOST_MARKUPS)(ElementMarkup)


def markup_of(options: WriteOptions) -> ElementMarkup:
    """The markup that the options ask for."""
    return _markup(element_rules(options))


def start_of(tag: int, vr: str, creator: str = "") -> str:
    """The start tag of an element (PS3.19 A.1.5).

    Args:
        tag: As it is to stand there.
        vr: Its VR.
        creator: Its private creator, if it has one.

    >>> start_of(0x00100010, "PN")
    '<DicomAttribute tag="00100010" vr="PN" keyword="PatientName">'
    """
    name = "" if tag & 0x10000 else keyword(tag)
    more = f' keyword="{name}"' if name else ""
    if creator:
        more += f" privateCreator={quoted(creator)}"
    return f'<DicomAttribute tag="{format_tag(tag)}" vr="{vr}"{more}>'


def reference(uri: str) -> str:
    """The element that refers to bulk data: by a UUID if the URI is one (RFC 9562), or else by the URI.

    >>> reference("http://host/1?a&b")
    '<BulkData uri="http://host/1?a&amp;b"/>'
    """
    if uri.startswith(_UUID):
        return f"<BulkData uuid={quoted(uri.removeprefix(_UUID))}/>"
    return f"<BulkData uri={quoted(uri)}/>"


# --- characters ------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    r"""A text as XML has it; a carriage return, which would be read as a line feed, is a reference.

    Raises:
        OutputError: It holds a character that XML 1.0 cannot carry, in whatever form.

    >>> escape("a<b\r\n")
    'a&lt;b&#13;\n'
    """
    if not text.isprintable():
        if _NO_CHARACTER.search(text):
            raise OutputError("a control character, or half of a surrogate pair, which XML 1.0 cannot carry")
        text = text.replace("&", "&amp;").replace("\r", "&#13;")
    elif "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    return text.replace(">", "&gt;") if ">" in text else text  # which must not stand behind "]]"


def quoted(text: str) -> str:
    """The value of an XML attribute, with its quotes; white space in it is kept."""
    text = escape(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")
    return f'"{text}"'


# --- values ----------------------------------------------------------------------------------------------------


def _nothing(value: object) -> str:
    """What is made of an empty text, but not of whatever else is false."""
    if value is None or value == "":
        return ""
    raise TypeError


def _text(value: str | None) -> str:
    return escape(value) if value else _nothing(value)


def _integer(value: int | None) -> str:
    return "" if value is None else int.__repr__(value)


def _float(value: float | None) -> str:
    """A number; NaN and infinities as XML Schema has them."""
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
        raise OutputError("not a tag of 32 bits")
    return format_tag(value)


def _name(value: tuple[str, str, str] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        raise TypeError
    groups = zip(NAME_GROUPS, value, strict=True)
    return "".join(
        [f"<{group}>{_components(text)}</{group}>" for group, text in groups if text or text not in ("", None)]
    )


def _components(text: str) -> str:
    # More than the standard has stay in the last one, and the last one stays if it is empty, so that a reader joins
    # them to the same text.
    *first, last = zip(COMPONENTS, escape(text).split("^", len(COMPONENTS) - 1), strict=False)
    parts = [part for part in first if part[1]]
    return "".join([f"<{name}>{part}</{name}>" if part else f"<{name}/>" for name, part in [*parts, last]])


_ENCODERS: dict[Form, Callable[[Any], str]] = {
    Form.TEXT: _text,
    Form.DECIMAL: _text,
    Form.INTEGER: _integer,
    Form.LONG_INTEGER: _integer,
    Form.FLOAT: _float,
    Form.TAG: _tag,
    Form.PERSON_NAME: _name,
}


def values_of(vr: str, values: tuple[Any, ...], number: int = 1) -> str:
    """Values, of which any may be empty.

    Args:
        vr: A VR that is neither binary nor a sequence.
        values: As events have them.
        number: That of the first.

    Raises:
        OutputError: A value that does not fit the VR.

    >>> values_of("US", (1, None))
    '<Value number="1">1</Value><Value number="2"/>'
    """
    form = VRS[vr].form
    if form not in _ENCODERS:
        raise OutputError(f"'Value' for VR {vr}")
    name = "PersonName" if form is Form.PERSON_NAME else "Value"
    try:
        texts = list(map(_ENCODERS[form], values))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise value_error(error) from None
    return "".join(
        [
            f'<{name} number="{index}">{text}</{name}>' if text else f'<{name} number="{index}"/>'
            for index, text in enumerate(texts, number)
        ]
    )


def _content(vr: str) -> Content:
    """The values, or nothing if there is but an empty one: an element of zero length has none (PS3.19 A.1.5)."""
    empty = values_of(vr, (None,))

    def content(values: tuple[Any, ...]) -> str:
        markup = values_of(vr, values)
        return "" if markup == empty else markup

    return content


def _text_content(values: tuple[Any, ...]) -> str:
    """What ``_content`` makes of text, and faster where there is one value, as there mostly is."""
    if len(values) == 1:
        [value] = values
        try:
            return f'<Value number="1">{escape(value)}</Value>' if value else _nothing(value)
        except (TypeError, AttributeError) as error:
            raise value_error(error) from None
    return values_of("LO", values)


def _integer_content(values: tuple[Any, ...]) -> str:
    """As ``_text_content``, for integers."""
    if len(values) == 1 and type(values[0]) is int:
        return f'<Value number="1">{values[0]}</Value>'
    return _general_integers(values)


def _binary_content(values: tuple[Any, ...]) -> str:
    if len(values) > 1:
        raise several_binary_values()
    if values[0] is None:
        return ""
    try:
        text = binascii.b2a_base64(values[0], newline=False).decode("ascii")
    except TypeError as error:
        raise value_error(error) from None
    return f"<InlineBinary>{text}</InlineBinary>" if text else ""


def _character_set(values: tuple[Any, ...]) -> str:
    return _CHARACTER_SET_VALUE if any(values) else ""


_general_integers = _content("SL")
_CONTENTS: dict[Form, Content] = {
    Form.TEXT: _text_content,
    Form.DECIMAL: _text_content,
    Form.INTEGER: _integer_content,
    Form.LONG_INTEGER: _integer_content,
    Form.FLOAT: _content("FD"),
    Form.TAG: _content("AT"),
    Form.PERSON_NAME: _content("PN"),
    Form.BINARY: _binary_content,
}
