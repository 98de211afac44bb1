"""Every bound on what an input may cost, with its reason and its precedents."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the input. What goes beyond one of them is a ``LimitError`` that names it.

    Memory depends on these numbers and never on the length of the input.

    Attributes:
        depth: Objects and arrays within one another. A sequence takes three (its attribute, its ``Value``, its
            item), so that 256 allows 84 nested sequences, in an array of data sets 83; structured reports reach
            about twenty. pydicom compares and writes data sets by recursion and needs about ten Python frames a
            sequence. Precedents: 64 in System.Text.Json, 1000 in Jackson.
        segment_size: Bytes of JSON text in a string up to which it comes in one token; a longer one comes in
            segments of this size. A longer member name is an error. It bounds what is held of a stream that
            comes in small pieces.
        number_length: Bytes of a number, because arithmetic on a number of n digits takes more than n steps.
            Precedent: 1000 in Jackson.
        values_per_event: Values of one element that are held until they are delivered. An element with more of them, or
            with more text than ``segment_size``, is delivered in parts. If ``vr`` comes only after them, strings
            are text, and else the data dictionary tells the VR; without it, or if it was wrong, that is an error.
        value_length: Bytes or characters of one element that comes in parts and is put together in memory for a data
            set, and 64 for each of its values where there are many. 256 MiB holds an uncompressed multi-frame object
            of common size.
        dataset_size: What one data set may hold in memory, in bytes: the lengths of its values, and 256 for each
            element and each item, which is about what pydicom needs for an object.
        spooled_size: What the long values of one data set may take of the disk in temporary files, in bytes, and each
            value that is fetched from a store. The longest value that a DICOM file can have is 4 GiB, but for
            encapsulated pixel data. What a body of an HTTP request in parts may take until all of it is there, too.
        max_expansion_ratio: How many times its length a compressed body of an HTTP request may expand to, beyond its first
            MiB. Text and images expand to less than 50 times their length; zeros to 1000 times with gzip, and to any
            number with zstd. It bounds the work, too: a MiB of empty data sets takes seconds. Precedent: 200 in
            Apache's mod_deflate.
        multipart_parts: Parts of a body of an HTTP request, of which each takes about 1 KiB of memory. A series of 5,000 images
            has one for each of them.

    >>> Limits(depth=64).depth
    64
    """

    depth: int = 256
    segment_size: int = 64 * 1024
    number_length: int = 1000
    values_per_event: int = 4096
    value_length: int = 256 * 1024 * 1024
    dataset_size: int = 1024 * 1024 * 1024
    spooled_size: int = 16 * 1024 * 1024 * 1024
    max_expansion_ratio: int = 100
    multipart_parts: int = 10_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < _SMALLEST.get(field.name, 1):
                raise ValueError(f"Limits.{field.name} must be at least {_SMALLEST.get(field.name, 1)}, not {value!r}")


# A segment must hold at least one surrogate pair as two \uXXXX escapes, or it could never make progress.
_SMALLEST = {"segment_size": 12}
