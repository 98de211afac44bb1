"""DICOM events to DICOM files (PS3.10 7), in little endian.

The first pass encodes text in the character sets of the data set. If they do not carry a text, a second pass reads the
file so far back and writes it in UTF-8. Therefore the target must be a file that can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom._typing import BinaryIO
from streamdicom.events import Event
from streamdicom.formats.part10.single_pass import SinglePassWriter
from streamdicom.formats.part10.values import NotEncodableError
from streamdicom.options import WriteOptions, options_or_default


class Part10Writer:
    """Writes one data set from its events as a DICOM file.

    The writer completes the File Meta Information. The transfer syntax is the one of the options, otherwise an
    encapsulated one in the events, otherwise explicit VR little endian. Group lengths are left out, except for
    that of group 0002.

    An ``OutputError`` is raised for an event out of order, a tag that is not above the previous one, a value that does
    not fit its VR or a file, and a reference to bulk data. An ``OSError`` of the target or of a temporary file is
    passed on. After an error nothing can be written.

    Args:
        target: A binary file to write, read and seek in. The file starts at its current position.
        temporary: Makes an empty file of the same kind, which the writer closes.
        options: The transfer syntax, and how deep sequences may nest.

    Raises:
        ValueError: Files are not written in this transfer syntax.

    >>> import io
    >>> file = io.BytesIO()
    >>> writer = Part10Writer(file, io.BytesIO)
    >>> writer.write_all([(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)])
    >>> writer.close()
    >>> import pydicom
    >>> pydicom.dcmread(io.BytesIO(file.getvalue())).PatientID
    '17'
    """

    def __init__(
        self, target: BinaryIO, temporary: Callable[[], BinaryIO], *, options: WriteOptions | None = None
    ) -> None:
        self._target = target
        self._temporary = temporary
        self._options = options_or_default(options, WriteOptions)
        self._origin = target.tell()
        self._pass = SinglePassWriter(target, temporary, self._options, in_utf_8=False)

    @property
    def is_complete(self) -> bool:
        """Whether the data set has ended."""
        return self._pass.is_complete

    def write(self, event: Event) -> None:
        """Write one event; see ``write_all``."""
        self.write_all((event,))

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events.

        Raises:
            OutputError: An event is out of order or cannot be written; see the class.
        """
        remaining = iter(events)
        try:
            self._pass.write_all(remaining)
        except NotEncodableError:
            first = self._pass
            self._pass = SinglePassWriter(self._target, self._temporary, self._options, in_utf_8=True)
            self._pass.take_over(first, self._origin)
            self._pass.write_all(remaining)

    def close(self) -> None:
        """Finish the file; the target stays open.

        Raises:
            OutputError: The data set is not complete.
        """
        self._pass.close()
