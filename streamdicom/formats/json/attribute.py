"""The current attribute, and its events (PS3.18 F.2.2).

The parser passes the contents of the attribute on, token by token. Values are held as tokens and converted at the end,
because ``vr`` may follow them, as in the JSON of pydicom. Long values are never held but delivered in parts.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from collections.abc import Callable

from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import VRS, Form
from streamdicom.errors import InputError, LimitError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.formats.json.data_fragment import Fragments
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.habits import EMPTY_ARRAY, NULL_ONLY
from streamdicom.formats.json.states import Content
from streamdicom.formats.json.values import (
    EMPTY_OBJECT,
    NAME,
    OTHER,
    Held,
    json_values,
    must_precede_vr,
    report_base64,
    values_of,
)
from streamdicom.formats.value_forms import SINGLE_VRS, WrongValueError, from_value_field
from streamdicom.formats.vr_choice import choose_vr, possible_vrs
from streamdicom.jsontext import Base64Decoder, TokenType, encode_base64
from streamdicom.limits import Limits

# Plain integers, see ``Token``.
_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_NULL = int(TokenType.NULL)
_HOLDS_NOTHING, _HOLDS_VALUES = int(Content.NOTHING), int(Content.VALUES)
_HOLDS_ITEMS = int(Content.ITEMS)
_DELIVERED = (int(Content.PARTS), int(Content.TEXT), _HOLDS_ITEMS, int(Content.BINARY_PARTS))
_INVALID = (int(Content.INVALID_BINARY), int(Content.INVALID_URI), int(Content.INVALID_FRAGMENTS))
_MEMBERS: dict[int, str] = {
    Content.URI: "BulkDataURI",
    Content.BINARY: "InlineBinary",
    Content.INVALID_BINARY: "InlineBinary",
    Content.FRAGMENTS: "DataFragment",
    Content.INVALID_URI: "BulkDataURI",
    Content.INVALID_FRAGMENTS: "DataFragment",
}
_WITHOUT_VALUES = (Form.BINARY, Form.SEQUENCE)
_NO_VR = "expected 'vr', found none"
_RESCUE_VR = "UC"  # of long text whose VR is unknown or does not fit; it may have several values
_UNKNOWN_VR = "expected a 'vr' for a value, found none or an unknown one"


class Attribute:
    """The current attribute. One object serves all attributes of a stream in turn.

    Args:
        policy: Receives deviations.
        limits: Bounds on held values.
        pixel_representation: Returns the value of Pixel Representation that applies here.

    Attributes:
        events: The events so far.
        tag: The tag; None between attributes.
        vr: The VR; "" until it is known.
        vr_text: An unknown ``vr``.
        vr_json: The JSON text of an unknown ``vr``, or of null.
        foreseen_vr: The VR of the data dictionary, while ``vr`` is missing.
        content: The kind of content so far.
        held: The values; see ``values_of``.
        odd_names: The JSON text of names that are kept in their own form, by their index in ``held``.
        size: The characters of the held values.
        delivered: The values delivered in parts while the VR is unknown.
        items: The number of complete items.
        bytes_or_uri: The value of ``InlineBinary`` or ``BulkDataURI``, or JSON text in place of bulk data.
        fragments: The value of ``DataFragment``.
    """

    __slots__ = (
        "_decoder",
        "_fault",
        "_limits",
        "_pixel_representation",
        "_policy",
        "bytes_or_uri",
        "content",
        "delivered",
        "events",
        "foreseen_vr",
        "fragments",
        "held",
        "items",
        "odd_names",
        "size",
        "tag",
        "vr",
        "vr_json",
        "vr_text",
    )  # fmt: skip

    def __init__(self, policy: JsonDeviationPolicy, limits: Limits, pixel_representation: Callable[[], int]) -> None:
        self._policy = policy
        self._limits = limits
        self._pixel_representation = pixel_representation
        self._decoder = Base64Decoder(is_lenient=True)
        self.events: list[Event] = []
        self.held: list[Held] = []
        self.odd_names: dict[int, str] = {}
        self.items = 0
        self.bytes_or_uri: Any = None
        self._fault = ""
        self.fragments = Fragments(limits, policy.report)
        self.reset()

    def reset(self) -> None:
        """Prepare for the next attribute."""
        self.tag: int | None = None
        self.vr = self.vr_text = self.vr_json = self.foreseen_vr = ""
        self.content: int = _HOLDS_NOTHING
        self.held.clear()
        self.odd_names.clear()
        self.size = self.delivered = 0

    def end(self) -> None:
        """Deliver the rest of the attribute."""
        vr = self.vr or self._vr_in_place()
        if self.foreseen_vr:
            self._policy.report("missing-vr", _NO_VR)
        _ENDS[self.content](self, self.tag or 0, vr)

    def _vr_in_place(self) -> str:
        """Return the VR of an attribute without a valid ``vr``, or "" if it is unknown."""
        content, held = self.content, self.held
        if not self.vr_text:
            self._policy.report("missing-vr", _NO_VR)
        if content == Content.ITEMS:
            return "SQ"
        vrs = possible_vrs(self.tag or 0, self.vr_text)
        if vrs:
            return self._choose_vr(vrs)
        if held and _are_empty_objects(held):
            return "SQ"
        if any(kind == NAME for kind, _ in held):
            return "PN"
        return "" if content in (_HOLDS_VALUES, Content.PARTS, Content.TEXT) else "UN"

    def _choose_vr(self, vrs: list[str]) -> str:
        numbers = [text for kind, text in self.held if kind == _NUMBER]
        return choose_vr(vrs, self.content == _HOLDS_VALUES, numbers, self._pixel_representation())

    # --- values and items --------------------------------------------------------------------------------------

    def deliver_surplus(self) -> None:
        """Deliver all values but the last, if there are too many to hold.

        Raises:
            WrongValueError: An element with such values cannot be delivered in parts.
        """
        held = self.held
        if len(held) <= self._limits.values_per_event and (self.size <= self._limits.segment_size or len(held) == 1):
            return
        if self.content == _HOLDS_ITEMS or self.vr == "SQ":
            self.begin_items()
            return
        if not self.vr and self.content != Content.TEXT:
            self._foresee_vr()
        if self.vr and VRS[self.vr].form is Form.BINARY:
            raise WrongValueError(f"expected 'InlineBinary' or 'BulkDataURI' for VR {self.vr}, found 'Value'")
        last = held.pop()
        if held:
            self._deliver_values()
        held.append(last)
        self.size = len(last[1]) if last[0] != NAME else sum(map(len, last[1]))

    def _foresee_vr(self) -> None:
        """Choose a VR for values that precede it."""
        vrs = [vr for vr in possible_vrs(self.tag or 0, self.vr_text) if VRS[vr].form not in _WITHOUT_VALUES]
        if vrs:
            self.vr = self._choose_vr(vrs)
            self.foreseen_vr = "" if self.vr_text else self.vr
        elif all(kind in (_STRING, _NULL) for kind, _ in self.held):
            self._begin_parts(Content.TEXT)
        else:
            raise self.missing_vr_error()

    def missing_vr_error(self) -> LimitError:
        """Return the error for too many values before the VR that they need."""
        limit = "segment_size" if self.size > self._limits.segment_size else "values_per_event"
        return LimitError("expected 'vr' before values that are too many to hold, found none or another one", limit)

    def _deliver_values(self) -> None:
        # Only text is delivered in parts before the VR is known.
        vr = self.vr or "LO"
        if vr in SINGLE_VRS and self.content in (Content.PARTS, Content.TEXT):
            self._policy.reject_value(f"expected one value for VR {vr}, found several of great length")
        else:
            values = values_of(vr, self.held, self._policy.report, self._policy.reject_value)
            self._begin_parts(Content.PARTS)
            self.events.append((VALUES, self.tag or 0, self.vr, values))
            self.delivered += len(values)
        self.held.clear()
        self.size = 0

    def _begin_parts(self, content: int) -> None:
        if self.content == _HOLDS_VALUES:
            self.events.append((START_ELEMENT, self.tag or 0, self.vr, None))
        self.content = max(self.content, content)

    def start_item(self) -> None:
        """Start an item, and the sequence if need be."""
        if self.content != _HOLDS_ITEMS or self.held:
            self.begin_items()
        self.events.append((START_ITEM, self.tag or 0, "SQ", self.items))

    def end_item(self, tag: int, vr: str, items: int) -> None:
        """End an item, and restore the state of its sequence."""
        self.events.append((END_ITEM, tag, "SQ", None))
        self.tag, self.vr, self.items = tag, vr, items + 1
        self.content = _HOLDS_ITEMS

    def begin_items(self) -> None:
        """Start the sequence if need be, and deliver the empty items before."""
        if self.content != _HOLDS_ITEMS:
            self.content = _HOLDS_ITEMS
            self.items = 0
            self.events.append((START_SEQUENCE, self.tag or 0, "SQ", None))
        for kind, groups in self.held:
            if kind == _NULL:
                self._policy.report("null-item", "expected an item, found null")
            elif kind != NAME or groups is not EMPTY_OBJECT:
                self._policy.reject_value("expected an item, found another value")
                continue
            self.events.append((START_ITEM, self.tag or 0, "SQ", self.items))
            self.events.append((END_ITEM, self.tag or 0, "SQ", None))
            self.items += 1
        self.held.clear()

    def may_have_item(self) -> bool:
        """Return whether an object among the values may be an item."""
        if self.content in (Content.PARTS, Content.TEXT):
            return False
        return all(kind == _NULL or groups is EMPTY_OBJECT for kind, groups in self.held)

    def _end_values(self, tag: int, vr: str) -> None:
        held, policy = self.held, self._policy
        if not held:
            if self.content == _HOLDS_VALUES:
                policy.report(*EMPTY_ARRAY)
            if vr == "SQ":
                self._end_items(tag, vr)
            else:
                self.events.append((ELEMENT, tag, vr or "UN", ()))
        elif not vr:
            self._give_up(_UNKNOWN_VR)
        elif vr == "SQ" or (vr == "UN" and _are_empty_objects(held)):
            self._end_small_items(tag, vr)
        else:
            self._end_element(tag, vr, held)

    def _end_small_items(self, tag: int, vr: str) -> None:
        if all(kind == _NULL or groups is EMPTY_OBJECT for kind, groups in self.held):
            self._end_items(tag, vr)
        else:
            self._give_up("expected an item, found another value")

    def _end_element(self, tag: int, vr: str, held: list[Held]) -> None:
        try:
            values = values_of(vr, held, self._policy.report)
        except WrongValueError as error:
            self._give_up(str(error))
            return
        if values == (None,):
            if held[0][0] == _NULL:
                self._policy.report(*NULL_ONLY)
            values = ()
        self.events.append((ELEMENT, tag, vr, values))

    def _end_items(self, tag: int, vr: str) -> None:
        if vr == "UN":
            self._policy.report("items-for-vr", "expected VR SQ for items, found UN")
        elif vr != "SQ":  # the VR follows the items, which are delivered
            self._policy.reject_value(f"expected VR SQ for items, found {vr}")
        self.begin_items()
        self.events.append((END_SEQUENCE, tag, "SQ", None))

    # --- long text ---------------------------------------------------------------------------------------------

    def begin_text(self, text: str) -> bool:
        """Add the first segment of a long string; return False if it is not allowed."""
        error = self._long_text_error()
        if error:
            self._policy.reject_value(error.message, error)
            self.held.append((OTHER, ""))
            return False
        self._begin_parts(Content.TEXT)
        if self.held:
            self._deliver_values()
        self.delivered += 1
        self.add_text(text)
        return True

    def add_text(self, text: str, kind: int = SEGMENT) -> None:
        """Add a segment; the last has the kind LAST_SEGMENT."""
        tag, vr = self.tag or 0, self.vr
        if vr and vr not in SINGLE_VRS and "\\" in text:
            self._policy.report("backslash", "expected an array of values, found a backslash between values")
            *values, text = text.split("\\")
            self.events += [(LAST_SEGMENT, tag, vr, value) for value in values]
        self.events.append((kind, tag, vr, text))

    def _long_text_error(self) -> InputError | None:
        size = self._limits.segment_size
        if self.content == _HOLDS_ITEMS or (self.vr and VRS[self.vr].form is not Form.TEXT):
            message = f"expected at most {size} bytes for VR {self.vr or 'SQ'}, found a longer string"
        elif any(kind not in (_STRING, _NULL) for kind, _ in self.held):
            message = f"expected only strings beside a string of more than {size} bytes, found another value"
        elif self.vr in SINGLE_VRS and (self.held or self.content in (Content.PARTS, Content.TEXT)):
            message = f"expected one value for VR {self.vr}, found several of great length"
        else:
            return None
        return LimitError(message, "segment_size")

    def _end_parts(self, tag: int, vr: str) -> None:
        if self.content == Content.TEXT and (not vr or VRS[vr].form is not Form.TEXT):
            found = f"{self._limits.segment_size} bytes, found VR {vr}"
            self._policy.reject_value(f"expected a VR of text for more than {found}" if vr else _UNKNOWN_VR)
            self.vr = vr = _RESCUE_VR
        elif vr in SINGLE_VRS and self.delivered + len(self.held) > 1:
            self._policy.reject_value(f"expected one value for VR {vr}, found several of great length")
        if self.held:
            self._deliver_values()
        self.events.append((END_ELEMENT, tag, vr, None))

    # --- bulk data, inline or not ------------------------------------------------------------------------------

    def begin_binary_parts(self) -> None:
        """Start a long InlineBinary."""
        if self.vr and VRS[self.vr].form is not Form.BINARY:
            self._report_binary(self.vr)
            self.vr = "UN"
        self.content = Content.BINARY_PARTS
        self._decoder = Base64Decoder(is_lenient=True)
        self.events.append((START_ELEMENT, self.tag or 0, self.vr, None))

    def resume_binary_parts(self, tag: int, vr: str) -> None:
        """Go on between two segments of a long InlineBinary, or after the last."""
        self.tag, self.vr, self.content = tag, vr, int(Content.BINARY_PARTS)
        self._decoder = Base64Decoder(is_lenient=True)

    @property
    def is_in_plain_binary(self) -> bool:
        """True in or after a long InlineBinary of standard base64."""
        return self.content == Content.BINARY_PARTS and self._decoder.is_plain

    def add_binary(self, text: str, kind: int = SEGMENT) -> None:
        """Add a segment; the last has the kind LAST_SEGMENT.

        Raises:
            ValueError: The text is not base64.
        """
        decoder, was_odd = self._decoder, self._decoder.is_odd
        value = decoder.feed(text)
        if kind == LAST_SEGMENT:
            value += decoder.close()
        if decoder.is_odd and not was_odd:
            report_base64(self._policy.report)
        self.events.append((kind, self.tag or 0, self.vr, value))

    def _report_binary(self, vr: str) -> None:
        self._policy.report("binary-for-vr", f"expected a binary VR for 'InlineBinary', found {vr}")

    def _end_reference(self, tag: int, vr: str) -> None:
        if not self.bytes_or_uri:
            self._policy.report("empty-uri", "expected a URI for 'BulkDataURI', found an empty string")
            self.content = _HOLDS_NOTHING
            self._end_values(tag, vr)
        elif VRS[vr].bulk:
            self.events.append((BULK_DATA, tag, vr, self.bytes_or_uri))
        else:
            self._give_up(f"expected a VR that allows 'BulkDataURI' (PS3.18 F.2.2), found {vr}")

    def _end_binary(self, tag: int, vr: str) -> None:
        data = self.bytes_or_uri
        values: tuple[Any, ...] = (data,) if data else ()
        if VRS[vr].form is not Form.BINARY:
            self._report_binary(vr)
            try:
                vr, values = ("UN", values) if vr == "SQ" else (vr, from_value_field(vr, data))
            except WrongValueError as error:
                self._give_up(str(error))
                return
        self.events.append((ELEMENT, tag, vr, values))

    def set_invalid(self, content: int, message: str, text: str) -> None:
        """Hold JSON text in place of bulk data; "" if it cannot be kept."""
        self.content, self._fault, self.bytes_or_uri = content, message, text

    def _end_invalid(self, tag: int, vr: str) -> None:
        self._give_up(self._fault)

    def _end_binary_parts(self, tag: int, vr: str) -> None:
        if VRS[vr].form is not Form.BINARY:
            self._report_binary(vr)
            vr = "UN"
        self.events.append((END_ELEMENT, tag, vr, None))

    def _end_fragments(self, tag: int, vr: str) -> None:
        if VRS[vr].form is not Form.BINARY:
            self._give_up(f"expected a binary VR for 'DataFragment', found {vr}")
        elif self.fragments.has_reference or (self.fragments.has_several and self._policy.keeps):
            text = self._json_text()  # no event can carry a reference to a fragment, or several members
            if text is None:
                self._give_up("expected short fragments beside a reference, found long ones")
            else:
                self.events.append((JSON_ELEMENT, tag, self.vr, text))
        else:
            self.events += self.fragments.events(tag, vr)

    # --- wrong values ----------------------------------------------------------------------------------

    @property
    def is_delivered(self) -> bool:
        """True if some of the content is delivered already."""
        return self.content in _DELIVERED

    def set_unknown_vr(self) -> None:
        """Take a value in place of ``vr`` for an unknown VR."""
        self.vr_text, self.foreseen_vr = "?", ""

    def abandon(self, in_binary: bool) -> None:
        """End the element or sequence that is open.

        Args:
            in_binary: Whether a long InlineBinary is open.
        """
        tag, vr, events = self.tag or 0, self.vr, self.events
        if self.content == _HOLDS_ITEMS:
            events.append((END_SEQUENCE, tag, "SQ", None))
        elif self.content in (Content.PARTS, Content.TEXT):
            events.append((END_ELEMENT, tag, vr or _RESCUE_VR, None))
        elif self.content == Content.BINARY_PARTS:
            if in_binary:
                events.append((LAST_SEGMENT, tag, vr, b""))
            events.append((END_ELEMENT, tag, vr if vr and VRS[vr].form is Form.BINARY else "UN", None))

    def keep(self, message: str, text: str | None) -> None:
        """Keep an element with a wrong value as JSON text, or drop it.

        Args:
            message: The fault.
            text: The JSON text in place of the attribute; None or empty if it cannot be kept.
        """
        if self._policy.keeps and not text:
            message = f"{message}; it is too long to be kept, or not JSON"
        self._policy.reject_value(message)
        if self._policy.keeps and text:
            self.events.append((JSON_ELEMENT, self.tag or 0, self.vr, text))

    def _give_up(self, message: str) -> None:
        self.keep(message, self._json_text() if self._policy.keeps else None)

    def _json_text(self) -> str | None:
        """Return the JSON text of the attribute, or None if it was too long to hold."""
        members = self.json_members()
        return None if members is None else f"{{{','.join(members)}}}"

    def json_members(self) -> list[str] | None:
        """Return the JSON text of each member so far, or None if one was too long to hold."""
        vr = f'"{self.vr}"' if self.vr else self.vr_json
        members = [f'"vr":{vr}'] if vr else []
        if self.content != _HOLDS_NOTHING:
            content = self._json_content()
            if content is None:
                return None
            members.append(f'"{_MEMBERS.get(self.content, "Value")}":{content}')
        if must_precede_vr(self.vr, self.held):
            members.reverse()
        return members

    def _json_content(self) -> str | None:
        content = self.content
        if content == Content.URI:
            return encode_basestring(self.bytes_or_uri)
        if content == Content.BINARY:
            return f'"{encode_base64(self.bytes_or_uri)}"'
        if content == Content.FRAGMENTS:
            return self.fragments.json_text()
        return (self.bytes_or_uri or None) if content in _INVALID else json_values(self.held, self.odd_names)


def _are_empty_objects(held: list[Held]) -> bool:
    return all(groups is EMPTY_OBJECT for _, groups in held)


_End: TypeAlias = Callable[[Attribute, int, str], None]
_ENDS: dict[int, _End] = {
    Content.NOTHING: Attribute._end_values,
    Content.VALUES: Attribute._end_values,
    Content.PARTS: Attribute._end_parts,
    Content.TEXT: Attribute._end_parts,
    Content.ITEMS: Attribute._end_items,
    Content.URI: Attribute._end_reference,
    Content.BINARY: Attribute._end_binary,
    Content.BINARY_PARTS: Attribute._end_binary_parts,
    Content.INVALID_BINARY: Attribute._end_invalid,
    Content.FRAGMENTS: Attribute._end_fragments,
    Content.INVALID_URI: Attribute._end_invalid,
    Content.INVALID_FRAGMENTS: Attribute._end_invalid,
}
