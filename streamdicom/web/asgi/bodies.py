"""Push parsers of request bodies: documents and DICOM files."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from streamdicom._push import drained
from streamdicom.codec import DatasetParser, DatasetPipeline
from streamdicom.errors import RequestError
from streamdicom.filters import Pipeline
from streamdicom.formats.part10 import Part10Parser
from streamdicom.io import Expansion
from streamdicom.options import ReadOptions
from streamdicom.web.content import DICOM, XML, Content, check_part
from streamdicom.web.multipart import DATA, START, MultipartParser

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class BodyReader(Protocol):
    """A push parser of a request body: bytes in, data sets out."""

    def feed(self, data: bytes) -> Iterable[list[Dataset]]:
        """Parse the next bytes; yield the data sets that they complete in short lists."""

    def close(self) -> Generator[list[Dataset], None, None]:
        """End the body; yield the remaining data sets, which may take a while."""

    def discard(self) -> None:
        """Delete temporary files. No other call may follow."""


def document_options(options: ReadOptions, kind: str) -> ReadOptions:
    """Return the options for a document of the format that the media type names."""
    if kind == XML:
        return replace(options, format="xml")
    return replace(options, format="json")


class _ParserReader:
    """A body that one push parser reads."""

    def __init__(self, parser: DatasetPipeline) -> None:
        self._parser = parser

    def feed(self, data: bytes) -> Iterator[list[Dataset]]:
        """Parse the next bytes."""
        return drained(self._parser, data)

    def close(self) -> Generator[list[Dataset], None, None]:
        """End the body."""
        yield self._parser.close()

    def discard(self) -> None:
        """Do nothing: this body uses no temporary file."""


def document_reader(kind: str, options: ReadOptions, expansion: Expansion, *, as_file: bool) -> BodyReader:
    """Read a body of JSON, NDJSON, XML, or one DICOM file."""
    if kind == DICOM:
        return _ParserReader(_file_parser(options, 0, expansion))
    return _ParserReader(DatasetParser(options=document_options(options, kind), as_file=as_file))


def _file_parser(options: ReadOptions, index: int, expansion: Expansion) -> DatasetPipeline:
    # The sender believes that all of the file has arrived.
    options = replace(options, deviations={"truncated": "error", "broken-structure": "error", **options.deviations})
    parser = Part10Parser(options=options, index=index, expansion=expansion)
    return DatasetPipeline(parser, Pipeline.for_reading(options), options, as_file=True)


class FilesReader:
    """A multipart body with a DICOM file in each part (PS3.18 10.5.1.4).

    Args:
        content: The content of the body.
        options: Options for reading.
        expansion: The bound of the compressed body, if it is compressed.
    """

    def __init__(self, content: Content, options: ReadOptions, expansion: Expansion) -> None:
        self._multipart = MultipartParser(content.boundary or b"")
        self._options = options
        self._expansion = expansion
        self._count = 0
        self._parser: DatasetPipeline | None = None

    def feed(self, data: bytes) -> Iterator[list[Dataset]]:
        """Parse the next bytes."""
        for kind, value in self._multipart.feed(data):
            if kind == START:
                self._start(value)
                continue
            assert self._parser
            if kind == DATA:
                yield from drained(self._parser, value)
            else:
                yield self._parser.close()

    def _start(self, headers: dict[str, str]) -> None:
        kind = check_part(headers, self._count, self._options.limits)
        if kind != DICOM and "content-type" in headers:
            raise RequestError(
                f"expected a DICOM file in part {self._count} of the body, found another media type", 415
            )
        self._parser = _file_parser(self._options, self._count, self._expansion)
        self._count += 1

    def close(self) -> Generator[list[Dataset], None, None]:
        """End the body."""
        self._multipart.close()
        if not self._count:
            raise RequestError("expected at least one part in the multipart body, found none", 400)
        yield from ()

    def discard(self) -> None:
        """Do nothing: this body uses no temporary file."""
