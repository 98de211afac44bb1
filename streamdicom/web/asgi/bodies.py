"""Push parsers of request bodies: documents and DICOM files."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from streamdicom._push import PushParser
from streamdicom.codec import DatasetParser, DatasetPipeline
from streamdicom.errors import RequestError
from streamdicom.filters import Pipeline
from streamdicom.formats.part10 import Part10Parser
from streamdicom.options import ReadOptions
from streamdicom.web.content import DICOM, XML, Content, check_part
from streamdicom.web.multipart import DATA, START, MultipartParser

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class BodyReader(Protocol):
    """A push parser of a request body: bytes in, data sets out."""

    def feed(self, data: bytes) -> list[Dataset]:
        """Parse the next bytes; return the data sets that they complete."""

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

    def __init__(self, parser: PushParser[Dataset]) -> None:
        self._parser = parser
        self.feed = parser.feed

    def close(self) -> Generator[list[Dataset], None, None]:
        """End the body."""
        yield self._parser.close()

    def discard(self) -> None:
        """Do nothing: this body uses no temporary file."""


def document_reader(kind: str, options: ReadOptions, *, as_file: bool) -> BodyReader:
    """Read a body of JSON, NDJSON, XML, or one DICOM file."""
    if kind == DICOM:
        return _ParserReader(_file_parser(options, 0))
    return _ParserReader(DatasetParser(options=document_options(options, kind), as_file=as_file))


def files_reader(content: Content, options: ReadOptions) -> BodyReader:
    """Read a multipart body with a DICOM file in each part (PS3.18 10.5.1.4)."""
    return _ParserReader(_FilesParser(content, options))


def _file_parser(options: ReadOptions, index: int) -> DatasetPipeline:
    parser = Part10Parser(options=options, index=index)
    return DatasetPipeline(parser, Pipeline.for_reading(options), options, as_file=True)


class _FilesParser(PushParser["Dataset"]):
    _deferred = Exception

    def __init__(self, content: Content, options: ReadOptions) -> None:
        super().__init__()
        self._multipart = MultipartParser(content.boundary or b"")
        self._options = options
        self._count = 0
        self._parser: DatasetPipeline | None = None

    def _feed(self, data: bytes, datasets: list[Dataset]) -> None:
        for kind, value in self._multipart.feed(data):
            datasets += self._take(kind, value)

    def _take(self, kind: int, value: Any) -> list[Dataset]:
        if kind == START:
            self._start(value)
            return []
        assert self._parser
        return self._parser.feed(value) if kind == DATA else self._parser.close()

    def _start(self, headers: dict[str, str]) -> None:
        kind = check_part(headers, self._count, self._options.limits)
        if kind != DICOM and "content-type" in headers:
            raise RequestError(
                f"expected a DICOM file in part {self._count} of the body, found another media type", 415
            )
        self._parser = _file_parser(self._options, self._count)
        self._count += 1

    def _close(self, datasets: list[Dataset]) -> None:
        self._multipart.close()
        if not self._count:
            raise RequestError("expected at least one part in the multipart body, found none", 400)
