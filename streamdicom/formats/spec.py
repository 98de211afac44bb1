"""The table of formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from streamdicom._records import NamedTuple, record
from streamdicom._typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args
from streamdicom.errors import StreamDicomError
from streamdicom.events import Event
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from streamdicom.formats.json import KeyFilter
    from streamdicom.io import Expansion

FormatName: TypeAlias = Literal["json", "ndjson", "xml", "dicom"]
"""The name of a format that can be written."""

Indent: TypeAlias = int | str | None
"""Spaces, or a string, for each level; None for no white space."""

Sink: TypeAlias = Callable[[bytes], object]
"""Called with blocks of about 64 KiB."""


class Parser(Protocol):
    """Bytes in, cut anywhere, events out; see ``EventParser``."""

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if it has not been raised yet."""

    @property
    def has_more(self) -> bool:
        """Whether the bytes so far have more events; ``feed(b"")`` returns the next."""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream; return the events that they complete."""

    def finish(self) -> list[Event]:
        """Declare the end of the stream; return the events before a fault."""

    def close(self) -> list[Event]:
        """Declare the end of the stream; return the last events, or raise a fault."""


class Writer(Protocol):
    """Events in, blocks of about 64 KiB out."""

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events."""

    def flush(self) -> None:
        """Pass everything written so far to the sink."""

    def close(self) -> None:
        """Finish the document."""


@record(frozen=True, slots=True)
class Format:
    """A row of the table.

    Attributes:
        name: As in ``ReadOptions.format`` and the argument ``format`` of the functions that write.
        title: As in messages.
        magic: The first characters of a text, or bytes at ``magic_offset``. None for a format that is recognized
            as another: NDJSON is read as JSON.
        magic_offset: Bytes before the magic, which may have any value.
        suffixes: Of file names, in lower case. The first is the usual one.
        media_types: Of bodies and parts of HTTP messages.
        new_parser: Makes the parser.
        new_writer: Makes the writer; None if it needs a file to seek in, and not a sink.
        output_form: Returns the form in which parsers of the engine may write elements themselves, if any.
    """

    name: FormatName
    title: str
    magic: tuple[bytes, ...]
    magic_offset: int
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    new_parser: Callable[[ReadOptions, KeyFilter | None, Expansion | None], Parser]
    new_writer: Callable[[Sink, Indent, WriteOptions, bool], Writer] | None
    output_form: Callable[[WriteOptions, bool], Any] | None = None


def _new_json_parser(options: ReadOptions, key_filter: KeyFilter | None, _: object) -> Parser:
    if options.path is not None:
        from streamdicom.formats.json import PathParser

        return PathParser(options=options, skip=key_filter)
    from streamdicom.formats.json import JsonParser

    return JsonParser(options=options, skip=key_filter)


def _new_xml_parser(options: ReadOptions, *_: object) -> Parser:
    from streamdicom.formats.xml import XmlParser

    return XmlParser(options=options)


def _new_part10_parser(options: ReadOptions, _: object, expansion: Expansion | None) -> Parser:
    from streamdicom.formats.part10 import Part10Parser

    return Part10Parser(options=options, expansion=expansion)


def _new_json_writer(sink: Sink, indent: Indent, options: WriteOptions, array: bool) -> Writer:
    return _JsonStream(sink, indent, options, array=array)


def _new_ndjson_writer(sink: Sink, indent: Indent, options: WriteOptions, array: bool) -> Writer:
    if indent is not None:
        raise ValueError("NDJSON has one data set on each line; leave out the indent")
    return _JsonStream(sink, None, options, array=array, lines=True)


def _json_form(options: WriteOptions, array: bool) -> Any:
    from streamdicom.formats.json import output_form

    return output_form(options, array)


def _ndjson_form(options: WriteOptions, array: bool) -> Any:
    return _json_form(options, False)


def _dicom_form(options: WriteOptions, _: bool) -> Any:
    from streamdicom.formats.part10 import output_form

    return output_form(options)


def _xml_form(options: WriteOptions, _: bool) -> Any:
    from streamdicom.formats.xml import output_form

    return output_form(options)


def _new_xml_writer(sink: Sink, indent: Indent, options: WriteOptions, array: bool) -> Writer:
    from streamdicom.formats.xml import XmlWriter

    return XmlWriter(sink, indent=indent, options=options, array=array)


JSON = Format(
    "json",
    "DICOM JSON",
    (b"{", b"[", b"//", b"/*"),
    0,
    (".json",),
    ("application/dicom+json", "application/json"),
    _new_json_parser,
    _new_json_writer,
    _json_form,
)
"""The DICOM JSON Model (PS3.18 Annex F): one data set, or an array of them."""

NDJSON = Format(
    "ndjson",
    "NDJSON",
    (),
    0,
    (".ndjson", ".jsonl"),
    ("application/x-ndjson",),
    _new_json_parser,
    _new_ndjson_writer,
    _ndjson_form,
)
"""The same with one data set on each line."""

XML = Format(
    "xml",
    "Native DICOM XML",
    (b"<", b"\xff\xfe", b"\xfe\xff"),  # or a byte order mark of UTF-16, which JSON never has (RFC 8259 8.1)
    0,
    (".xml",),
    ("application/dicom+xml",),
    _new_xml_parser,
    _new_xml_writer,
    _xml_form,
)
"""The Native DICOM Model (PS3.19 Annex A): one document for each data set."""

DICOM = Format(
    "dicom",
    "a DICOM file",
    (b"DICM",),
    128,  # the preamble, which applications may use as they like (PS3.10 7.1)
    (".dcm", ".dicom"),
    ("application/dicom",),
    _new_part10_parser,
    None,
    _dicom_form,
)
"""A DICOM file (PS3.10), with one data set."""

FORMATS: dict[str, Format] = {row.name: row for row in (JSON, NDJSON, XML, DICOM)}
"""Every format by its name."""

_BY_SUFFIX = {suffix: row for row in FORMATS.values() for suffix in row.suffixes}


class Form(NamedTuple):
    """The format and the compression of a file, each None if it is unknown."""

    format: Format | None
    compression: str | None = None


def form_of_name(name: str | os.PathLike[str]) -> Form:
    """Return the form of a file by the suffixes of its name.

    >>> form = form_of_name("studies.ndjson.gz")
    >>> form.format.name, form.compression
    ('ndjson', 'gzip')
    """
    from streamdicom.io import COMPRESSION_SUFFIXES

    stem, suffix = os.path.splitext(os.fspath(name))
    compression = COMPRESSION_SUFFIXES.get(suffix.lower())
    if compression:
        suffix = os.path.splitext(stem)[1]
    return Form(_BY_SUFFIX.get(suffix.lower()), compression)


def format_named(name: str) -> Format:
    """Return the row of a format that a caller has named.

    Raises:
        ValueError: There is no such format.

    >>> format_named("xml").suffixes
    ('.xml',)
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, get_args(FormatName)))}, not {name!r}")
    return FORMATS[name]


def new_writer(
    sink: Sink,
    indent: Indent,
    options: WriteOptions,
    *,
    format: str = "json",
    array: bool,
) -> Writer:
    """Make the writer of a format.

    Args:
        sink: Takes the blocks.
        indent: Spaces, or a string, for each level; None for no white space.
        options: As the writer takes them.
        format: "json", "ndjson" or "xml". A DICOM file needs a file to seek in; see ``Part10Writer``.
        array: Whether there may be any number of data sets, and not one.

    Raises:
        ValueError: An indent for NDJSON, or another format.

    >>> blocks = []
    >>> writer = new_writer(blocks.append, None, WriteOptions(), array=True)
    >>> writer.write_all([(1, 0, "", 0), (2, 0, "", None)])
    >>> writer.close()
    >>> blocks
    [b'[{}]']
    """
    row = format_named(format)
    if row.new_writer is None:
        raise ValueError(f"{row.title} cannot be written to a sink")
    return row.new_writer(sink, indent, options, array)


class _JsonStream:
    """Both layers of a JSON document: events to tokens, tokens to text."""

    def __init__(self, sink: Sink, indent: Indent, options: WriteOptions, *, array: bool, lines: bool = False) -> None:
        from streamdicom.formats.json import JsonWriter
        from streamdicom.jsontext import JsonEmitter

        self._json = JsonEmitter(
            sink,
            indent=indent,
            ensure_ascii=options.ensure_ascii,
            escape_html=options.escape_html,
            depth=options.limits.depth,
            multiple=lines,
            trailing_newline=options.trailing_newline or lines,
        )
        self._events = JsonWriter(self._json, options=options, array=array, lines=lines)
        self.write_all = self._events.write_all

    def flush(self) -> None:
        self._events.flush()
        self._json.flush()

    def close(self) -> None:
        self._events.close()
        self._json.close()
