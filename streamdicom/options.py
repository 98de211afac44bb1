"""What a caller may choose when reading and writing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from streamdicom.bulkdata import BulkDataPolicy, BulkDataStore
from streamdicom.converters import Converters
from streamdicom.deviations import DEVIATIONS, Deviation
from streamdicom.dicom import is_uid
from streamdicom.limits import Limits
from streamdicom.patterns import DatasetConditions, Pattern, patterns_of

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

UriHandler: TypeAlias = "Callable[[str], Any] | Callable[[str, str, str], Any]"
"""As in pydicom: from the URI, or from the tag, the VR and the URI, to the value of the element."""

ElementHandler: TypeAlias = "Callable[[DataElement], str]"
"""As in pydicom: from an element to the URI that takes the place of its value."""

InputFormat: TypeAlias = Literal["auto", "json", "xml", "dicom"]
Profile: TypeAlias = Literal["lenient", "strict"]
DeviationAction: TypeAlias = Literal["report", "error", "ignore"]
OnError: TypeAlias = Literal["raise", "skip", "keep"]
NumberHandling: TypeAlias = Literal["number", "string", "auto"]
Nonfinite: TypeAlias = Literal["string", "null", "error"]
Keys: TypeAlias = Literal["tag", "keyword", "camel"]
CharacterSet: TypeAlias = Literal["keep", "utf-8"]


def _check(name: str, value: object, kind: Any) -> None:
    if value not in get_args(kind):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, get_args(kind)))}, not {value!r}")


def _check_type(name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading.

    Attributes:
        format: "json", the DICOM JSON Model (PS3.18 Annex F), also as NDJSON or concatenated documents; "xml", the
            Native DICOM Model (PS3.19 Annex A), also concatenated; "dicom", a DICOM file (PS3.10); or "auto", which
            recognises them by the first bytes.
        limits: Bounds on what the input may cost.
        profile: "strict" takes DICOM JSON as PS3.18 Annex F has it and nothing else: what departs from it is an
            error. "lenient" takes every form in ``DEVIATIONS`` too, with the meaning that is told there.
        on_deviation: Called with each ``Deviation`` that is met, in the order of the stream; ``DeviationLog`` is one
            to call. Without it a ``DeviationWarning`` is given for each code of ``Severity.WARNING`` or above, once a
            stream.
        deviations: What becomes of single codes of ``DEVIATIONS``, whatever the profile. The form is taken with
            "report", which tells of it, and with "ignore", which does not; with "error" it is an error.
        on_error: What becomes of an element whose value cannot be right ("wrong-value"), where that is not an error
            by the profile or by ``deviations``: "raise" an error, "skip" it, or "keep" it as the JSON text that it
            came in, which is written to JSON again as it came; in a data set and in a DICOM file it is UN. Of an
            element that is too long to be held (``Limits.values_per_event``) the wrong value alone is emptied.
        force: Whether a DICOM file may lack the preamble and the file meta information (PS3.10 7.1), as
            ``pydicom.dcmread`` has it.
        include: Which elements come, by patterns as ``streamdicom.patterns`` tells them: tags, keywords, groups,
            VRs, and paths into sequences. If there are none, all come.
        exclude: Which do not come, in the same way, even if they are included.
        where: Which data sets come. For the tag or the keyword of an element at the top a value, a collection of
            values of which one is enough, or a callable that is given the tuple of its values; all must hold. Others
            are left out, and those that come keep their numbers. See ``streamdicom.filters.where``. What stands in JSON
            behind an element that does not fit is passed over, whatever it holds.
        converters: What is made of elements, see ``streamdicom.converters``; bulk data that comes from a store in
            events too, but not what a data set fetches later. ``on_error`` says what becomes of an element that its
            converter fails at.
        bulk_data_store: Where the values of references to bulk data are. Events have the values then. In a data
            set they are buffers, fetched when they are first looked at, where pydicom takes buffers, which is for
            OB, OD, OF, OL, OV and OW; others are fetched at once. Without a store a reference is an empty element
            with the attribute ``bulk_data_uri``, which is written as the reference again.
        bulk_data_uri_handler: In place of a store, as for ``Dataset.from_json``: called for each reference with the
            URI, or with the tag, the VR and the URI; what it returns is the value. Data sets only.
        spool_threshold: Bytes of a binary value in a data set from which on it goes to a temporary file, if it came
            in parts and pydicom takes buffers for its VR. Most code reads ``PixelData`` as bytes, so that this is
            more than an ordinary image has; what is above it is mostly saved again, and not looked at.

    Raises:
        TypeError: Limits, converters or the like that are something else.
        ValueError: There is no such choice, code, tag, keyword or VR; or a store and a handler are given.

    >>> ReadOptions(limits=Limits(depth=64)).limits.depth
    64
    """

    format: InputFormat = "auto"
    limits: Limits = field(default_factory=Limits)
    profile: Profile = "lenient"
    on_deviation: Callable[[Deviation], object] | None = None
    deviations: Mapping[str, DeviationAction] = field(default_factory=dict, hash=False)
    on_error: OnError = "raise"
    force: bool = False
    include: Iterable[Pattern] = ()
    exclude: Iterable[Pattern] = ()
    where: Mapping[Pattern, Any] = field(default_factory=dict, hash=False)
    converters: Converters | None = None
    bulk_data_store: BulkDataStore | None = None
    bulk_data_uri_handler: UriHandler | None = None
    spool_threshold: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        _check_common(self)
        _check("format", self.format, InputFormat)
        _check("profile", self.profile, Profile)
        _check_type("spool_threshold", self.spool_threshold, int)
        for name in ("deviations", "where"):
            _check_type(name, getattr(self, name), Mapping)
        for code, action in self.deviations.items():
            if code not in DEVIATIONS:
                raise ValueError(f"no deviation has the code {code!r}")
            _check(f"deviations[{code!r}]", action, DeviationAction)
        DatasetConditions(self.where, self.limits)  # which raises if there is anything wrong with it
        if self.bulk_data_store is not None and self.bulk_data_uri_handler is not None:
            raise ValueError("bulk_data_store and bulk_data_uri_handler are two ways to do one thing")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices for writing.

    Attributes:
        file_meta: Whether the file meta information (group 0002) is written, beside the other elements. The
            DICOM JSON Model does not know it (PS3.18 Annex F); DCMTK and others write it so.
        number_handling: How DS, IS, SV and UV are written. "number": as a number where the text is one that JSON
            has, digit for digit, in no more than ``Limits.number_length`` characters, and else as a string. "string":
            always as a string. "auto": as a number only where a reader that takes it for a double or an integer prints
            the same text again. FL, FD, SL, SS, UL and US are always numbers.
        nonfinite: What stands for NaN and infinities of FL and FD, which JSON does not have: their names as a
            "string" (CP-2352), "null", or an "error". With "null" an element of that one value is empty, and has no
            ``Value`` (PS3.18 F.2.5).
        keys: What the members of a data set are called: by "tag", as PS3.18 F.2.2 has it, by "keyword" or by keyword
            in "camel" case, which is that of .NET: ``patientID``, ``sopInstanceUID``. What the data dictionary does
            not know keeps the tag, private elements among it, and so do repeating groups.
        write_keyword: Whether an attribute has its keyword beside ``vr``, as the member ``keyword``, if the data
            dictionary knows it.
        write_name: Whether it has its name, as the member ``name``.
        include_retired: Whether elements are written that the data dictionary says are retired, sequences with all that is
            in them.
        character_set: Whether Specific Character Set is kept, which tells that of the source (PS3.18 F.2.2, 2025e),
            or says "utf-8" (ISO_IR 192) wherever it stands with a value, which is older practice.
        include: Which elements are written, as for reading. Group 0002 is subject to ``file_meta`` still.
        exclude: Which are not.
        converters: What is made of elements before they are written, and before bulk data goes to a store.
        on_error: What becomes of an element that its converter fails at: "raise" an error, "skip" it, or "keep" it as
            it was; a ``DeviationWarning`` tells of it.
        ensure_ascii: Whether characters beyond ASCII are written as escapes.
        escape_html: Whether <, >, & and ' are, and U+2028 and U+2029, so that the text may stand within HTML.
        trailing_newline: Whether the text ends with a line feed. NDJSON always does.
        transfer_syntax: The UID of the transfer syntax that a DICOM file is written in. None keeps an encapsulated
            one, and takes explicit VR little endian for all others.
        limits: ``depth`` bounds the nesting, so that what is written can be read.
        bulk_data_store: Where values go that are too long for JSON, or else are to be there by the policy.
        bulk_data_policy: Which values go to the store, stay or are left out. What would go to a store stays if there
            is none.
        bulk_data_element_handler: In place of a store, as for ``Dataset.to_json``: called for each element with a
            binary value above the threshold; what it returns is the URI. Data sets only.
        handler_threshold: For the handler, as for ``Dataset.to_json``: characters of base64.

    Raises:
        TypeError: Limits, converters or the like that are something else.
        ValueError: There is no such choice, tag, keyword or VR; the transfer syntax is no UID; or a store and a handler
            are given.

    >>> WriteOptions().file_meta
    False
    """

    file_meta: bool = False
    number_handling: NumberHandling = "number"
    nonfinite: Nonfinite = "string"
    keys: Keys = "tag"
    write_keyword: bool = False
    write_name: bool = False
    include_retired: bool = True
    character_set: CharacterSet = "keep"
    include: Iterable[Pattern] = ()
    exclude: Iterable[Pattern] = ()
    converters: Converters | None = None
    on_error: OnError = "raise"
    ensure_ascii: bool = False
    escape_html: bool = False
    trailing_newline: bool = False
    transfer_syntax: str | None = None
    limits: Limits = field(default_factory=Limits)
    bulk_data_store: BulkDataStore | None = None
    bulk_data_policy: BulkDataPolicy = field(default_factory=BulkDataPolicy)
    bulk_data_element_handler: ElementHandler | None = None
    handler_threshold: int = 1024

    def __post_init__(self) -> None:
        _check_common(self)
        _check("number_handling", self.number_handling, NumberHandling)
        _check("nonfinite", self.nonfinite, Nonfinite)
        _check("keys", self.keys, Keys)
        _check("character_set", self.character_set, CharacterSet)
        _check_type("bulk_data_policy", self.bulk_data_policy, BulkDataPolicy)
        _check_type("handler_threshold", self.handler_threshold, int)
        if self.transfer_syntax is not None and not is_uid(self.transfer_syntax):
            raise ValueError("a transfer syntax is a UID (PS3.5 9.1)")
        if self.bulk_data_store is not None and self.bulk_data_element_handler is not None:
            raise ValueError("bulk_data_store and bulk_data_element_handler are two ways to do one thing")


def _check_common(options: ReadOptions | WriteOptions) -> None:
    """Check what both have, and the callables of either.

    Patterns that were given as any iterable are kept, so that options can be compared, hashed and used again.
    """
    _check("on_error", options.on_error, OnError)
    _check_type("limits", options.limits, Limits)
    for name, kind in _NONE_OR.items():
        value = getattr(options, name, None)
        if value is not None:
            _check_type(name, value, kind)
    for name in ("include", "exclude"):
        object.__setattr__(options, name, patterns_of(name, getattr(options, name)))


_NONE_OR: dict[str, Any] = {
    "converters": Converters,
    "on_deviation": Callable,
    "bulk_data_uri_handler": Callable,
    "bulk_data_element_handler": Callable,
}

_Options = TypeVar("_Options", ReadOptions, WriteOptions)


def options_or_default(options: _Options | None, kind: type[_Options]) -> _Options:
    """The options that a caller has given, or the default ones.

    Raises:
        TypeError: They are of another kind, such as those for the other way.

    >>> options_or_default(None, WriteOptions) == WriteOptions()
    True
    """
    if options is None:
        return kind()
    _check_type("options", options, kind)
    return options
