"""What comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from streamdicom.dicomjson import EventWriter
from streamdicom.errors import OutputError
from streamdicom.events import Event
from streamdicom.files import Output, chunks
from streamdicom.jsontext import JsonWriter
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions
from streamdicom.part10 import Part10Parser


def iter_file_events(source: Any) -> Iterator[Event]:
    parser = Part10Parser()
    for chunk in chunks(source):
        yield from parser.feed(chunk)
    yield from parser.close()


def write_object(events: Iterable[Event], target: Any, options: WriteOptions) -> None:
    json = JsonWriter(target.write)
    w = EventWriter(json, options=options, array=False)
    w.write_all(events)
    w.close()
    json.close()


def write_file(events: Iterable[Event], target: Any, *, options: Any = None) -> None:
    from pydicom import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian

    from streamdicom.dataset import DatasetBuilder

    b = DatasetBuilder(Limits(), file_dataset=True)
    [ds] = b.take(events)
    if "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buf = BytesIO()
    try:
        dcmwrite(buf, ds, enforce_file_format="SOPClassUID" in ds and "SOPInstanceUID" in ds)
    except Exception as e:
        raise OutputError("cannot be written") from e
    o = Output(target)
    try:
        o.write(buf.getvalue())
        o.commit()
    finally:
        o.discard()
