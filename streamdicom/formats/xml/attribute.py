"""The values of the current DicomAttribute.

Short values are held up to the end of the attribute; long ones are delivered in parts. Text is gathered between two
tags. A longer text than ``Limits.segment_size`` is delivered in segments, whose lengths do not depend on the cuts of
the stream.

A value that cannot be right costs its attribute: ``_give_up`` leaves the attribute out or keeps it at its end, and
``_drop`` ends the part that is delivered already and passes over the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from streamdicom._late import late_pattern
from streamdicom._typing import Any
from streamdicom.dicom import VRS, Form
from streamdicom.errors import DicomXmlError, InputError, LimitError, Location
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_SEQUENCE,
    VALUES,
    Event,
    Value,
)
from streamdicom.formats.deviation_policy import PlacedDeviationPolicy
from streamdicom.formats.value_forms import SINGLE_VRS, WrongValueError, from_value_field
from streamdicom.formats.vr_choice import choose_vr, possible_vrs
from streamdicom.formats.xml.documents import SPACE, Documents
from streamdicom.formats.xml.person_names import EMPTY_NAME
from streamdicom.formats.xml.private_blocks import PrivateBlocks, is_creator
from streamdicom.formats.xml.states import IN_TEXT, OPEN_TAGS, ParserState
from streamdicom.formats.xml.values import Held, values_of
from streamdicom.jsontext import Base64Decoder, encode_base64
from streamdicom.options import ReadOptions

_INTEGER = late_pattern(r"\s*[+-]?[0-9]{1,20}\s*")
_NOT_BASE64 = "expected base64 in InlineBinary, found other text"

NUMBER_ONLY = frozenset({"number"})
"""The XML attributes of Value, PersonName and Item."""

NO_XML_ATTRIBUTES: frozenset[str] = frozenset()
"""No XML attributes, as of most XML elements."""

_WITHOUT_VALUES = (Form.BINARY, Form.SEQUENCE)


class AttributeParser:
    """The part of ``XmlParser`` that parses the values of a DicomAttribute.

    Args:
        options: Bounds on the values that are held, and the policy for deviations.
        offset: Byte offset of the first byte in the stream.
    """

    _documents: Documents  # which calls the parser
    _blocks: PrivateBlocks  # of the data set or item

    def __init__(self, options: ReadOptions, offset: int) -> None:
        limits = options.limits
        self._first_byte = offset
        self._omitted_in_stream = 0  # values omitted by the numbers of others
        self._policy = PlacedDeviationPolicy(options, DicomXmlError, self._location)
        self._texts: list[str] = []  # since the last tag
        self._max_text = limits.segment_size
        self._max_values = limits.values_per_event
        self._max_number = limits.number_length
        self._state: int = ParserState.DOCUMENT
        self._events: list[Event] = []
        # The current attribute:
        self._tag = 0
        self._vr = ""
        self._vr_text = ""  # an unknown ``vr``
        self._is_settled = False  # whether the VR is not in the document
        self._offset = 0  # of its start tag, in the bytes of the document
        self._parse: Callable[[str], Value] | None = None  # the function that parses its values
        self._required_creator = ""  # the value of a Private Creator element whose block is reserved already
        self._held: list[Held] = []  # its values that are not delivered yet
        self._size = 0  # characters of those
        self._count = 0  # all its values so far
        self._omitted = 0  # values omitted by the numbers of the others
        self._in_parts = False  # whether START_ELEMENT was delivered
        self._binary: bytes | str | None = None  # the value of InlineBinary; its text if that is not base64
        self._uri = ""  # of BulkData
        # The current text:
        self._counted = 0  # pieces of ``_texts`` that are counted
        self._length = 0  # characters of those
        self._in_segments = False  # whether a SEGMENT was delivered
        self._decoder: Base64Decoder | None = None
        # An XML element that is passed over:
        self._skipped = 0  # XML elements that are open in it, which count itself
        self._state_after = 0
        self._kept_texts = 0  # pieces of ``_texts`` before it

    def _location(self) -> Location:
        """Return the current place: of the attribute, or of the tag between attributes."""
        raise NotImplementedError

    def _pixel_representation(self) -> int:
        """Return the value of Pixel Representation that applies here."""
        raise NotImplementedError

    def _skip(self, state_after: int, open_tags: int = 1) -> None:
        """Pass over the XML element whose start tag has just been read."""
        self._skipped = open_tags
        self._state_after = state_after
        self._kept_texts = len(self._texts)
        self._state = ParserState.SKIPPED

    def _end_skipped(self) -> None:
        self._skipped -= 1
        if not self._skipped:
            self._state = self._state_after

    def _check_attributes(self, attributes: dict[str, str], names: frozenset[str]) -> None:
        if not attributes.keys() <= names:
            expected = f"only the XML attributes {', '.join(sorted(names))}" if names else "no XML attributes"
            self._policy.report("unknown-member", f"expected {expected}, found another one")

    # --- the end of an attribute -----------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Prepare for the next attribute."""
        self._held.clear()
        self._size = self._omitted = 0
        self._in_parts = self._is_settled = False
        self._binary = None
        self._uri = self._vr_text = self._required_creator = ""
        self._state = ParserState.DATASET

    def _give_up(self, message: str, error: InputError | None = None) -> None:
        """Keep the attribute as JSON text, or leave it out."""
        vr = "" if self._is_settled else self._vr
        self._policy.reject_value(message, error)
        if self._policy.keeps and not self._required_creator:
            from streamdicom.formats.xml.kept import json_text  # most streams have no such element

            binary = encode_base64(self._binary) if isinstance(self._binary, bytes) else self._binary
            text = json_text(vr or self._vr_text, self._held, binary=binary, uri=self._uri)
            self._events.append((JSON_ELEMENT, self._tag, vr, text))

    def _drop(self, open_tags: int) -> None:
        """End the delivered part of the attribute, and pass over the rest.

        Args:
            open_tags: The XML elements of the attribute that are open.
        """
        if self._in_segments:
            self._events.append((LAST_SEGMENT, self._tag, self._vr, b"" if self._decoder else ""))
        if self._in_parts:
            self._events.append((END_ELEMENT, self._tag, self._vr, None))
        self._in_segments, self._decoder = False, None
        self._texts.clear()
        self._counted = self._length = 0
        self._finish()
        self._skip(ParserState.DATASET, open_tags)

    def _settle_vr(self, state: int) -> str:
        """Return the VR of an attribute without a VR that is known, or "".

        Args:
            state: The state after its content.
        """
        if not self._vr_text:
            self._policy.report("missing-vr", "expected a vr, found none")
        self._is_settled = True
        if state == ParserState.ITEMS:
            return "SQ"
        vrs = possible_vrs(self._tag, self._vr_text)
        if vrs:
            numbers = [one for one in self._held if isinstance(one, str) and _INTEGER.fullmatch(one)]
            return choose_vr(vrs, state == ParserState.VALUES, numbers, self._pixel_representation())
        if any(isinstance(one, tuple) for one in self._held):
            return "PN"
        return "" if state == ParserState.VALUES else "UN"

    def _end_values(self) -> None:
        self._vr = vr = self._vr or self._settle_vr(ParserState.VALUES)
        if not vr:
            self._give_up("a value whose VR is not known")
        elif self._in_parts:
            if self._held:
                self._deliver_values()
            self._events.append((END_ELEMENT, self._tag, vr, None))
        else:
            self._end_short_values(vr)
        self._finish()

    def _end_short_values(self, vr: str) -> None:
        held = self._held
        try:
            values = values_of(vr, held, self._max_number, self._policy.report)
        except WrongValueError as error:
            self._give_up(str(error))
            return
        except LimitError as error:
            self._give_up(error.message, error)
            return
        if values == (None,):  # PS3.19 A.1.5: an element of zero length has no values
            if isinstance(held[0], tuple):
                self._policy.report("empty-name", "expected a component group in a PersonName, found none")
            elif not held[0]:
                self._policy.report("null-only", "expected no Value for an empty element, found an empty one")
            values = ()
        self._end_element(vr, values)

    def _end_element(self, vr: str, values: tuple[Any, ...]) -> None:
        tag = self._tag
        if tag & 0x10000 and is_creator(tag):
            creator = values[0] if values and isinstance(values[0], str) else ""
            if self._required_creator:
                if self._required_creator != creator.strip(" "):
                    self._report_creator()
                return
            self._blocks.reserve(tag, creator)
        self._events.append((ELEMENT, tag, vr, values))

    def _report_creator(self) -> None:
        message = "the private block is already reserved for another creator"
        self._policy.report("duplicate-key", message)

    def _end_full(self) -> None:
        """End an attribute with InlineBinary or BulkData."""
        if self._in_parts:
            self._events.append((END_ELEMENT, self._tag, self._vr, None))
        else:
            self._vr = self._vr or self._settle_vr(ParserState.FULL)
            if self._binary is not None:
                self._end_inline(self._binary)
            else:
                self._end_bulk_data()
        self._finish()

    def _end_inline(self, data: bytes | str) -> None:
        vr = self._vr
        if isinstance(data, str):
            self._give_up(_NOT_BASE64)
            return
        values: tuple[Any, ...] = (data,) if data else ()
        if VRS[vr].form is not Form.BINARY:
            self._policy.report("binary-for-vr", f"expected values for VR {vr}, found InlineBinary")
            try:
                vr, values = ("UN", values) if vr == "SQ" else (vr, from_value_field(vr, data))
            except WrongValueError as error:
                self._give_up(str(error))
                return
        self._end_element(vr, values)

    def _end_bulk_data(self) -> None:
        if not self._uri:
            self._policy.report("empty-uri", "expected a uri or a uuid in BulkData, found none")
            if self._vr == "SQ":
                self._events += [(START_SEQUENCE, self._tag, "SQ", None), (END_SEQUENCE, self._tag, "SQ", None)]
            else:
                self._end_element(self._vr, ())
        elif VRS[self._vr].bulk:
            self._events.append((BULK_DATA, self._tag, self._vr, self._uri))
        else:
            self._give_up(f"expected a VR that allows BulkData, found {self._vr}")

    # --- parts of an attribute -------------------------------------------------------------------------------------

    def _end_long_value(self, text: str) -> None:
        self._texts.append(text)
        if len(text) > self._max_text and not self._deliver_segments():
            self._end_skipped()
            return
        text = self._take_text()
        if self._in_segments:
            self._add_segment(LAST_SEGMENT, text)
            self._in_segments = False
            self._state = ParserState.VALUES
        else:
            self._hold(text, len(text))

    def _hold(self, value: Held, size: int) -> None:
        """Hold a value at its end tag."""
        self._held.append(value)
        self._size += size
        self._state = ParserState.VALUES
        if self._size > self._max_text or len(self._held) > self._max_values:
            self._deliver_values()

    def _deliver_values(self) -> bool:
        """Deliver the held values as a part; return False if the attribute is dropped."""
        self._vr = vr = self._vr or self._settle_vr(ParserState.VALUES)
        if not vr or VRS[vr].form in _WITHOUT_VALUES:
            self._policy.reject_value(f"expected other content for VR {vr}, found many values")
            self._drop(OPEN_TAGS[self._state])
            return False
        if vr in SINGLE_VRS and self._in_parts:
            self._policy.reject_value(f"expected one value for VR {vr}, found several of great length")
            self._held.clear()
            self._size = 0
            return True
        values = values_of(vr, self._held, self._max_number, self._policy.report, self._policy.reject_value)
        if not self._begin_parts():
            return False
        self._held.clear()
        self._size = 0
        self._events.append((VALUES, self._tag, vr, values))
        return True

    def _begin_parts(self) -> bool:
        if self._required_creator:
            self._report_creator()
            self._drop(OPEN_TAGS[self._state])
            return False
        if not self._in_parts:
            self._in_parts = True
            self._events.append((START_ELEMENT, self._tag, self._vr, None))
        return True

    def _take_number(self, attributes: dict[str, str]) -> bool:
        """Check the number of a value; add an empty value for each omitted number.

        Returns False if there are too many of these and the attribute is dropped.
        """
        number = attributes.get("number", "")
        if number == str(self._count + 1) and len(attributes) == 1:
            return True
        self._check_attributes(attributes, NUMBER_ONLY)
        number = number.strip(SPACE)
        is_number = number.isascii() and number.isdigit() and len(number) <= self._max_number
        gap = int(number) - self._count - 1 if is_number else -1
        if gap < 0:
            self._policy.report("value-number", "expected the ordinal number of the value, found another or none")
            return True
        # A value that is left out takes a reference in memory, and no byte in the document.
        allowed = self._max_values + self._documents.position - self._first_byte
        if self._omitted + gap > self._max_values or self._omitted_in_stream + gap > allowed:
            message = f"more than {self._max_values} values left out by the numbers of others"
            self._policy.reject_value(message, LimitError(message, "values_per_event"))
            self._drop(2)
            return False
        self._omitted += gap
        self._omitted_in_stream += gap
        self._held += [EMPTY_NAME if self._vr == "PN" else ""] * gap
        self._count += gap
        return True

    # --- text ------------------------------------------------------------------------------------------------------

    def _take_text(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        self._counted = self._length = 0
        return text

    def _pause(self) -> None:
        """Bound the text that is held."""
        texts = self._texts
        if not texts:
            return
        if self._state in IN_TEXT:
            self._length += sum(map(len, texts[self._counted :]))
            self._counted = len(texts)
            if self._length > self._max_text:
                self._deliver_segments()
        elif self._state == ParserState.SKIPPED:
            del texts[self._kept_texts :]
        elif "".join(texts).strip(SPACE):
            texts[:] = ["?"]  # text is wrong here, which is reported at the next tag
        else:
            texts.clear()

    def _deliver_segments(self) -> bool:
        """Deliver a text that is longer than may be held, except for its last segment.

        Returns False if the attribute is dropped instead.
        """
        text = "".join(self._texts)
        if self._state == ParserState.BINARY:
            text = "".join(text.split())
        elif not self._allows_long_text():
            return False
        length, start = self._max_text, 0
        while len(text) - start > length:
            if not self._in_segments and not self._begin_segments():
                return False
            segment = self._segment(text[start : start + length])
            if segment is None:
                return False
            self._add_segment(SEGMENT, segment)
            start += length
        text = text[start:]
        self._texts[:] = [text]
        self._counted, self._length = 1, len(text)
        return True

    def _allows_long_text(self) -> bool:
        if self._state != ParserState.COMPONENT:
            self._vr = self._vr or self._settle_vr(ParserState.VALUES)
            is_second = self._vr in SINGLE_VRS and not self._in_segments and (self._held or self._in_parts)
            if self._vr and VRS[self._vr].form is Form.TEXT and not is_second:
                return True
        message = f"a text of more than {self._max_text} characters for VR {self._vr or self._vr_text}"
        self._policy.reject_value(message, LimitError(message, "segment_size"))
        self._drop(OPEN_TAGS[self._state])
        return False

    def _begin_segments(self) -> bool:
        if self._state == ParserState.BINARY:
            self._begin_binary()
        if self._held and not self._deliver_values():
            return False
        if not self._begin_parts():
            return False
        self._in_segments = True
        return True

    def _begin_binary(self) -> None:
        self._decoder = Base64Decoder(is_lenient=True)
        self._vr = self._vr or self._settle_vr(ParserState.FULL)
        if VRS[self._vr].form is not Form.BINARY:
            self._policy.report("binary-for-vr", f"expected values for VR {self._vr}, found InlineBinary")
            self._vr = "UN"

    def _add_segment(self, kind: int, text: str | bytes) -> None:
        """Deliver a segment; a backslash in text ends a value."""
        tag, vr = self._tag, self._vr
        if isinstance(text, str) and "\\" in text and vr not in SINGLE_VRS:
            self._policy.report("backslash", "expected an XML element for each value, found a backslash between values")
            *values, text = text.split("\\")
            self._events += [(LAST_SEGMENT, tag, vr, value) for value in values]
        self._events.append((kind, tag, vr, text))

    def _segment(self, text: str) -> str | bytes | None:
        if self._decoder is None:
            return text
        was_odd = self._decoder.is_odd
        try:
            data = self._decoder.feed(text)
        except ValueError:
            self._reject_binary()
            return None
        if self._decoder.is_odd and not was_odd:
            self._report_base64()
        return data

    def _report_base64(self) -> None:
        self._policy.report("base64-form", "expected base64 of RFC 4648, section 4, found it in another form")

    def _reject_binary(self) -> None:
        self._policy.reject_value(_NOT_BASE64)
        self._drop(OPEN_TAGS[self._state])

    def _end_binary(self) -> None:
        self._pause()
        if self._state == ParserState.SKIPPED:
            self._end_skipped()
            return
        text = self._take_text()
        data = "".join(text.split())
        decoder = self._decoder or Base64Decoder(is_lenient=True)
        was_odd = decoder.is_odd
        try:
            last = decoder.feed(data) + decoder.close()
        except ValueError:
            if self._decoder:
                self._reject_binary()
                self._end_skipped()
            else:
                self._binary = text
                self._state = ParserState.FULL
            return
        if decoder.is_odd and not was_odd:
            self._report_base64()
        if self._decoder:
            self._events.append((LAST_SEGMENT, self._tag, self._vr, last))
            self._in_segments, self._decoder = False, None
        else:
            self._binary = last
        self._state = ParserState.FULL
