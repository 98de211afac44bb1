"""Options for reading and writing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from streamdicom._records import field, record
from streamdicom._typing import HAS_HINTS, TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args
from streamdicom.limits import Limits, repr_of
from streamdicom.patterns import DatasetConditions, Pattern, patterns_of, selection

if HAS_HINTS:  # only annotations have these names
    from streamdicom.bulkdata import BulkDataPolicy, BulkDataStore
    from streamdicom.converters import Converters
    from streamdicom.deidentification import Deidentification
    from streamdicom.deviations import Deviation

_PATIENT_ID = 0x00100020

UriHandler: TypeAlias = Callable[[str], Any] | Callable[[str, str, str], Any]
"""As in pydicom: takes the URI, or tag, VR and URI; returns the value of the element."""

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

    ElementHandler: TypeAlias = Callable[[DataElement], str]
else:
    ElementHandler = Callable[[Any], str]  # pydicom takes long to import
"""As in pydicom: takes an element; returns the URI in place of its value."""

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


def _default_policy() -> BulkDataPolicy:
    from streamdicom.bulkdata import BulkDataPolicy  # imported late, as the others below: few commands need them

    return BulkDataPolicy()


def _check_type(name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")


@record(frozen=True, slots=True)
class ReadOptions:
    """Options for reading.

    Attributes:
        format: "json", DICOM JSON (PS3.18 Annex F), also as NDJSON or concatenated documents; "xml", the Native DICOM
            Model (PS3.19 Annex A), also concatenated; "dicom", a DICOM file (PS3.10); or "auto", which detects the
            format by the first bytes.
        path: Where data sets are in a JSON document of another kind: a prefix of the package ijson, such as
            ``entry.item.resource``, with ``item`` for any value in an array. There are data sets or arrays of data
            sets; the text around them must be JSON. None means that the document is DICOM JSON.
        force: Whether a DICOM file may lack the preamble and the file meta information (PS3.10 7.1), as in
            ``pydicom.dcmread``.
        limits: Bounds on the cost of the input.
        profile: "strict" accepts DICOM JSON of PS3.18 Annex F only; any deviation is an error. "lenient" also accepts
            every form in ``DEVIATIONS``, with the meaning given there.
        deviations: Overrides the profile for single codes of ``DEVIATIONS``: "report" accepts and reports the form,
            "ignore" accepts it silently, "error" refuses it. Codes that only ``validate`` checks have none.
        on_deviation: Called with each ``Deviation``, in the order of the stream, for example a ``DeviationLog``.
            Without it, each code of ``Severity.WARNING`` or above raises one ``DeviationWarning`` a stream.
        on_error: Decides about an element with an impossible value ("wrong-value"), unless the profile or
            ``deviations`` refuse it: "raise" an error, "skip" the element, or "keep" it. None means "keep" for DICOM
            files, as other readers do, and "raise" for JSON and XML. An element of a DICOM file is kept as UN with its
            bytes, and an element of JSON as the JSON text of its value, which is written to JSON unchanged. It is UN in
            a data set, and text (UT) or bytes (OB) in a DICOM file, which must be in explicit VR. If an element of JSON
            is too long to hold (``Limits.values_per_event``), only the wrong value is emptied.
        include: Patterns of the elements to read: tags, keywords, groups, VRs, and paths into sequences; see
            ``streamdicom.patterns``. Empty means all.
        exclude: Patterns of elements to drop, even if they are included.
        where: Conditions on data sets: maps the tag or keyword of an element at the top to a value, to a collection
            of values, or to a callable that takes the tuple of values. All must hold. Other data sets are dropped, and
            the rest keep their index. Once a condition fails, the rest of a data set in JSON is skipped unread. See
            ``streamdicom.filters.where``.
        converters: Converters of elements; see ``streamdicom.converters``. They also convert bulk data that events
            load from a store, but not values that a data set loads later. ``on_error`` decides about an element
            whose converter fails.
        deidentification: How data sets are de-identified (PS3.15 Annex E), before converters. References to bulk data
            are removed unless a store is given. ``include`` and ``exclude`` must not drop Patient ID if dates are
            shifted.
        bulk_data_store: The store of bulk data. Events get values in place of references. A data set gets buffers for
            OB, OD, OF, OL, OV and OW, loaded on first access, and values for other VRs. Without a store, a reference
            is an empty element with the attribute ``bulk_data_uri``, and is written as a reference again.
        bulk_data_uri_handler: An alternative to a store, for data sets only, as in ``Dataset.from_json``: called with
            the URI, or with tag, VR and URI; returns the value.
        spool_threshold: Bytes of a binary value in a data set. A longer value goes to a temporary file if it was
            delivered in parts and pydicom accepts buffers for its VR. Most code reads ``PixelData`` as bytes, so the
            default is more than an ordinary image has; longer values are mostly saved again unread.

    Raises:
        TypeError: An option has a wrong type.
        ValueError: An unknown choice, code, tag, keyword or VR; or both a store and a handler.

    >>> ReadOptions(limits=Limits(depth=64))
    ReadOptions(limits=Limits(depth=64))
    """

    format: InputFormat = "auto"
    path: str | None = None
    force: bool = False
    limits: Limits = field(default_factory=Limits)
    profile: Profile = "lenient"
    deviations: Mapping[str, DeviationAction] = field(default_factory=dict, hash=False)
    on_deviation: Callable[[Deviation], object] | None = None
    on_error: OnError | None = None
    include: Iterable[Pattern] = ()
    exclude: Iterable[Pattern] = ()
    where: Mapping[Pattern, Any] = field(default_factory=dict, hash=False)
    converters: Converters | None = None
    deidentification: Deidentification | None = None
    bulk_data_store: BulkDataStore | None = None
    bulk_data_uri_handler: UriHandler | None = None
    spool_threshold: int = 64 * 1024 * 1024

    def __repr__(self) -> str:
        return repr_of(self)

    def __post_init__(self) -> None:
        _check_common(self)
        _check("format", self.format, InputFormat)
        _check("profile", self.profile, Profile)
        _check_type("spool_threshold", self.spool_threshold, int)
        for name in ("deviations", "where"):
            _check_type(name, getattr(self, name), Mapping)
        if self.deviations:
            _check_actions(self.deviations)
        DatasetConditions(self.where, self.limits)  # raises if a condition is invalid
        if self.bulk_data_store is not None and self.bulk_data_uri_handler is not None:
            raise ValueError("expected bulk_data_store or bulk_data_uri_handler, found both")
        if self.deidentification is not None and self.bulk_data_uri_handler is not None:
            raise ValueError("expected bulk_data_store with deidentification, found bulk_data_uri_handler")


@record(frozen=True, slots=True)
class WriteOptions:
    """Options for writing.

    Attributes:
        number_handling: The form of DS, IS, SV and UV. "number": a number, digit for digit, if the text is a JSON
            number of at most ``Limits.number_length`` characters, otherwise a string. "string": a string. "auto": a
            number only if a double or an integer prints as the same text. FL, FD, SL, SS, UL and US are numbers.
        nonfinite: The form of NaN and infinities of FL and FD, which JSON lacks: "string", their names (CP-2352);
            "null"; or "error". With "null", an element of this one value has no ``Value`` (PS3.18 F.2.5).
        keys: The keys of a data set: "tag" (PS3.18 F.2.2), "keyword", or the keyword in "camel" case as in .NET:
            ``patientID``, ``sopInstanceUID``. Elements unknown to the data dictionary and repeating groups keep
            the tag.
        write_keyword: Whether an attribute has its keyword as the member ``keyword`` beside ``vr``.
        write_name: Whether an attribute has its name as the member ``name`` beside ``vr``.
        ensure_ascii: Whether to escape characters beyond ASCII.
        escape_html: Whether to escape <, >, &, ', U+2028 and U+2029, so that the text may stand in HTML.
        trailing_newline: Whether the text ends with a line feed. NDJSON always does.
        include: Patterns of the elements to write, as for reading. Group 0002 also needs ``file_meta``.
        exclude: Patterns of elements not to write.
        include_retired: Whether to write elements that the data dictionary marks as retired, sequences with all their
            items.
        deidentification: How data sets are de-identified (PS3.15 Annex E), before converters and before bulk data goes
            to a store. ``include`` and ``exclude`` must not drop Patient ID if dates are shifted.
        converters: Converters of elements, applied before bulk data goes to a store.
        on_error: Decides about an element whose converter fails, or with a value that the format cannot hold in its VR:
            "raise" an error, "skip" the element, or "keep" it, with a ``DeviationWarning``. It is kept unconverted; or
            as text (UT) with a backslash between values; or as bytes (UN, in a file OB) if the format cannot hold the
            text, as XML cannot hold most control characters. Other Python objects in a data set are left out. A file in
            implicit VR, where readers would take text for a value of the VR of the dictionary, keeps no element with a
            wrong value. If the transfer syntax asks for encapsulated pixel data (PS3.5 A.4), any other is kept as the
            only fragment.
        file_meta: Whether to write file meta information (group 0002) beside the other elements. The DICOM JSON Model
            does not define it (PS3.18 Annex F); DCMTK and others write it like this.
        character_set: "keep" Specific Character Set, which describes the source (PS3.18 F.2.2, 2025e), or write
            "utf-8" (ISO_IR 192) wherever it has a value, which is older practice.
        transfer_syntax: The UID of the transfer syntax of a DICOM file. None keeps an encapsulated transfer syntax, and
            uses explicit VR little endian otherwise. If PS3.6 Table A-1 lacks it, the source must have it.
        bulk_data_store: Receives the values that the policy stores.
        bulk_data_policy: Decides which values are stored, stay inline or are dropped. Without a store, stored values
            stay inline, and so they do in a DICOM file, which cannot refer to bulk data.
        bulk_data_element_handler: An alternative to a store, for data sets only, as in ``Dataset.to_json``: called with
            each element whose binary value exceeds the threshold; returns the URI.
        handler_threshold: The threshold of the handler, in base64 characters.
        limits: ``depth`` bounds the nesting, so that the output can be read again.

    Raises:
        TypeError: An option has a wrong type.
        ValueError: An unknown choice, tag, keyword or VR; a transfer syntax that is not a UID; or both a store and a
            handler.

    >>> WriteOptions(keys="keyword")
    WriteOptions(keys='keyword')
    """

    number_handling: NumberHandling = "number"
    nonfinite: Nonfinite = "string"
    keys: Keys = "tag"
    write_keyword: bool = False
    write_name: bool = False
    ensure_ascii: bool = False
    escape_html: bool = False
    trailing_newline: bool = False
    include: Iterable[Pattern] = ()
    exclude: Iterable[Pattern] = ()
    include_retired: bool = True
    deidentification: Deidentification | None = None
    converters: Converters | None = None
    on_error: OnError = "raise"
    file_meta: bool = False
    character_set: CharacterSet = "keep"
    transfer_syntax: str | None = None
    bulk_data_store: BulkDataStore | None = None
    bulk_data_policy: BulkDataPolicy = field(default_factory=_default_policy)
    bulk_data_element_handler: ElementHandler | None = None
    handler_threshold: int = 1024
    limits: Limits = field(default_factory=Limits)

    def __repr__(self) -> str:
        return repr_of(self)

    def __post_init__(self) -> None:
        from streamdicom.bulkdata import BulkDataPolicy

        _check_common(self)
        _check("number_handling", self.number_handling, NumberHandling)
        _check("nonfinite", self.nonfinite, Nonfinite)
        _check("keys", self.keys, Keys)
        _check("character_set", self.character_set, CharacterSet)
        _check_type("bulk_data_policy", self.bulk_data_policy, BulkDataPolicy)
        _check_type("handler_threshold", self.handler_threshold, int)
        if self.transfer_syntax is not None:
            from streamdicom.dicom import is_uid

            if not is_uid(self.transfer_syntax):
                raise ValueError("expected a UID for transfer_syntax (PS3.5 9.1)")
        if self.bulk_data_store is not None and self.bulk_data_element_handler is not None:
            raise ValueError("expected bulk_data_store or bulk_data_element_handler, found both")
        if self.deidentification is not None and self.bulk_data_element_handler is not None:
            raise ValueError("expected bulk_data_store with deidentification, found bulk_data_element_handler")


def _check_common(options: ReadOptions | WriteOptions) -> None:
    """Check the common options and the callables.

    Patterns become tuples, so that options can be compared, hashed and used again.
    """
    if options.on_error is not None or isinstance(options, WriteOptions):
        _check("on_error", options.on_error, OnError)
    _check_type("limits", options.limits, Limits)
    if options.converters is not None:
        from streamdicom.converters import Converters

        _check_type("converters", options.converters, Converters)
    for name, kind in _NONE_OR.items():
        value = getattr(options, name, None)
        if value is not None:
            _check_type(name, value, kind)
    for name in ("include", "exclude"):
        object.__setattr__(options, name, patterns_of(name, getattr(options, name)))
    if options.deidentification is not None:
        _check_deidentification(options, options.deidentification)


def _check_actions(actions: Mapping[str, DeviationAction]) -> None:
    for code, action in actions.items():
        if code != TRUNCATED:
            from streamdicom.deviations import DEVIATIONS  # which takes long to import

            if code not in DEVIATIONS:
                raise ValueError(f"no deviation has the code {code!r}")
        _check(f"deviations[{code!r}]", action, DeviationAction)


def _check_deidentification(options: ReadOptions | WriteOptions, deidentification: Deidentification) -> None:
    from streamdicom.deidentification import Deidentification

    _check_type("deidentification", deidentification, Deidentification)
    if not deidentification.shifts_dates:
        return
    if not selection(options.include, options.exclude).includes(_PATIENT_ID, "LO"):
        raise ValueError("expected Patient ID among the elements, because it decides how dates are shifted")


_NONE_OR: dict[str, Any] = {
    "path": str,
    "on_deviation": Callable,
    "bulk_data_uri_handler": Callable,
    "bulk_data_element_handler": Callable,
}

TRUNCATED = "truncated"
"""The code of a file that ends early."""

_Options = TypeVar("_Options", ReadOptions, WriteOptions)

_DEFAULTS: dict[type, Any] = {}  # made once, because to check every option may take longer than a small file


def options_or_default(options: _Options | None, kind: type[_Options]) -> _Options:
    """Return the options of a caller, or the defaults for None.

    Raises:
        TypeError: The options are of another kind, such as for the other direction.

    >>> options_or_default(None, WriteOptions) == WriteOptions()
    True
    """
    if options is None:
        if kind not in _DEFAULTS:
            _DEFAULTS[kind] = kind()
        default: _Options = _DEFAULTS[kind]
        return default
    _check_type("options", options, kind)
    return options
