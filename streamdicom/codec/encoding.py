"""Encoders: events and data sets to bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from streamdicom._encoded import ENCODED
from streamdicom._push import StickyError
from streamdicom._typing import TYPE_CHECKING, BinaryIO, Protocol
from streamdicom.codec.output import check_list, checked_events, file_options, has_bulk_data, written_events
from streamdicom.errors import OutputError
from streamdicom.events import Event
from streamdicom.filters import Pipeline
from streamdicom.formats import (
    DICOM,
    FormatName,
    format_named,
    new_writer,
)
from streamdicom.io import CHUNK
from streamdicom.options import WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_BATCH_SIZE = 32  # events between two checks for blocks; each segment of a long value may fill a block
_LONG = 8 * 1024  # bytes of output in one event
_MAX_BLOCKS = 64  # of about 64 KiB in memory; a batch makes fewer


class _Blocks(Protocol):
    """A writer whose output is taken in blocks."""

    def write_all(self, events: Iterable[Event]) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> Iterable[bytes]:
        """Return the blocks since the last call."""


class _TextBlocks:
    """JSON or XML, in blocks of about 64 KiB.

    One event may complete the text of a long element, of which most waits in a temporary file then.
    """

    def __init__(self, indent: int | str | None, format: FormatName, options: WriteOptions, array: bool) -> None:
        self._blocks: list[bytes] = []
        self._file: BinaryIO | None = None  # with earlier blocks
        writer = new_writer(self._add, indent, options, format=format, array=array)
        self.write_all, self.flush, self.close = writer.write_all, writer.flush, writer.close

    def _add(self, block: bytes) -> None:
        if len(self._blocks) >= _MAX_BLOCKS:
            if self._file is None:
                from streamdicom.io import temporary

                self._file = temporary()
            for held in self._blocks:
                self._file.write(held)
            self._blocks.clear()
        self._blocks.append(block)

    def take(self) -> Iterable[bytes]:
        file, self._file = self._file, None
        blocks = self._blocks[:]
        self._blocks.clear()
        return blocks if file is None else chain(_contents(file), blocks)


def _contents(file: BinaryIO) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(CHUNK):
            yield block


class _FileBlocks:
    """A DICOM file, which waits in a temporary file until it is complete."""

    def __init__(self, indent: int | str | None, options: WriteOptions) -> None:
        from weakref import finalize  # which takes long to import

        from streamdicom.formats.part10 import Part10Writer
        from streamdicom.io import temporary

        if indent is not None:
            raise ValueError("a DICOM file has no indent; leave it out")
        self._file = temporary()
        finalize(self, self._file.close)
        self._writer = Part10Writer(self._file, temporary, options=options)
        self._is_taken = False

    def write_all(self, events: Iterable[Event]) -> None:
        if not self._writer.is_complete:
            self._writer.write_all(events)
        elif any(True for _ in events):
            from streamdicom.formats import ONE_DATASET

            raise OutputError(ONE_DATASET)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self._writer.is_complete:
            self._writer.close()  # raises

    def take(self) -> Iterator[bytes]:
        if not self._writer.is_complete or self._is_taken:
            return
        self._is_taken = True
        self._writer.close()
        yield from _contents(self._file)


class _Encoder(StickyError):
    """The base of the encoders."""

    _role = "encoder"
    _made = OutputError

    def __init__(
        self,
        indent: int | str | None = None,
        *,
        format: FormatName = "json",
        options: WriteOptions | None = None,
        array: bool = True,
    ) -> None:
        super().__init__()
        options = options_or_default(options, WriteOptions)
        is_file = format_named(format) is DICOM
        if is_file:
            options = file_options(options)
        self._options = options
        self._blocks: _Blocks = _FileBlocks(indent, options) if is_file else _TextBlocks(indent, format, options, array)
        self._needs_vr = format == "xml"
        self._pipeline = Pipeline.for_writing(options)
        self._stores = has_bulk_data(options)

    def _encode(self, events: Iterable[Event]) -> Iterator[bytes]:
        events = written_events(events, self._options, self._pipeline)
        if self._needs_vr:
            from streamdicom.filters import vr_first

            events = vr_first(events)
        return self._write(_in_batches(events))

    def _write(self, batches: Iterable[Iterable[Event]]) -> Iterator[bytes]:
        self._raise_error()
        try:
            for events in batches:
                self._blocks.write_all(events)
                yield from self._blocks.take()
        except Exception as error:
            self._fail(error)
            raise

    def flush(self) -> bytes:
        """Return the pending bytes. In NDJSON they end with a complete line."""
        self._blocks.flush()
        return b"".join(self._blocks.take())

    def close(self) -> bytes:
        """Return the pending bytes and the end of the document.

        Raises:
            OutputError: A data set is not complete or missing, an earlier call failed, or the document is closed.
        """
        self._raise_error()
        self._blocks.close()
        self._fail(OutputError("the document is closed"))
        return b"".join(self._blocks.take())


class EventEncoder(_Encoder):
    r"""Encodes DICOM events: events in, blocks of about 64 KiB out.

    Blocks are made while they are consumed, so a long value needs no more memory than a short one, and the consumer
    sets the pace. After an error nothing can be encoded, and an array stays open.

    A DICOM file has lengths before values. It waits in a temporary file, and its blocks follow the last event.

    Args:
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom".
        options: Options for writing.
        array: Whether there may be any number of data sets, which JSON has in an array, or one.

    Raises:
        ValueError: An indent for NDJSON or a DICOM file, or an unknown format.

    >>> from streamdicom import iter_events
    >>> encoder = EventEncoder(format="ndjson")
    >>> list(encoder.encode(iter_events(b"[{}, {}]"))), encoder.close()
    ([], b'{}\n{}\n')
    """

    def encode(self, events: Iterable[Event]) -> Iterator[bytes]:
        """Yield the blocks that events complete; the rest is pending.

        The events may be any number of data sets, or a part of one. Nothing happens until the first block is consumed.
        All blocks must be consumed before the next call.

        Args:
            events: Events, in the order of ``streamdicom.events``.

        Raises:
            OutputError: Events or tags are out of order, a value does not fit its VR, or the document is closed.
            OSError: The store of bulk data cannot be written.
            TypeError: These are not events.
        """
        try:
            yield from self._encode(chain.from_iterable(_checked_later(events)))
        except Exception as error:
            check_list(events, error)
            raise


class DatasetEncoder(_Encoder):
    r"""Encodes data sets: pydicom data sets in, blocks of about 64 KiB out.

    Blocks are made while they are consumed, so a long value needs no more memory than a short one, and the consumer
    sets the pace. After an error nothing can be encoded, and an array stays open.

    A DICOM file has lengths before values. It waits in a temporary file, and its blocks follow when it is complete.

    Args:
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom".
        options: Options for writing.
        array: Whether there may be any number of data sets, which JSON has in an array, or one.

    Raises:
        ValueError: An indent for NDJSON or a DICOM file, or an unknown format.

    >>> from pydicom import Dataset
    >>> encoder = DatasetEncoder()
    >>> list(encoder.encode(Dataset())), encoder.flush(), encoder.close()
    ([], b'[{}', b']')
    """

    _index = 0

    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        """Yield the blocks that a data set completes; the rest is pending.

        Nothing happens until the first block is consumed. All blocks must be consumed before the next call.

        Args:
            dataset: A Dataset or FileDataset.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; or the document is closed.
            OSError: The store of bulk data cannot be written.
            TypeError: The object is not a data set.
        """
        from pydicom.dataset import Dataset

        from streamdicom.datasets import walk

        if not isinstance(dataset, Dataset):
            raise TypeError(f"expected a Dataset or an iterable of them, found {type(dataset).__name__}")
        batches = walk(dataset, self._index, options=self._options)
        if self._stores or self._pipeline:
            yield from self._encode(chain.from_iterable(batches))
        else:
            yield from self._write(batches)
        self._index += 1


def _in_batches(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    """Yield small batches, each of which must be consumed before the next."""
    remaining = iter(events)
    for event in remaining:
        if event[0] == ENCODED and len(event[3][0]) >= _LONG:
            yield (event,)  # which would fill many blocks with others
        else:
            yield chain((event,), islice(remaining, _BATCH_SIZE))


def _checked_later(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    yield checked_events(events)
