"""Every bound on the cost of an input, with its reason and its precedents."""

from __future__ import annotations

from streamdicom._records import record
from streamdicom._typing import Any


@record(frozen=True, slots=True)
class Limits:
    """Bounds on the input.

    An input beyond a bound raises a ``LimitError`` that names the bound.

    Memory depends on these numbers and never on the length of the input.

    Attributes:
        depth: Levels of nested objects and arrays. A sequence takes three (its attribute, its ``Value``, its item), so
            256 allows 84 nested sequences, or 83 in an array of data sets; structured reports reach about twenty.
            pydicom compares and writes data sets recursively, with about ten Python frames a sequence. Precedents: 64
            in System.Text.Json, 1000 in Jackson.
        segment_size: Bytes of JSON text in a string. A longer string is delivered in segments of this size; a longer
            member name is an error. This bounds the bytes held of a stream that arrives in small pieces.
        number_length: Bytes of a number. Arithmetic on a number of n digits takes more than n steps. Precedent: 1000
            in Jackson.
        values_per_event: Values of one element in one event. An element with more values, or with more text than
            ``segment_size``, is delivered in parts. If ``vr`` follows such values, strings are text and the data
            dictionary decides about others; an element unknown to it, or with another VR, is an error.
        value_length: Bytes or characters of an element that is joined in memory for a data set, plus 64 for each of
            many values. 256 MiB holds an uncompressed multi-frame object of common size.
        dataset_size: Bytes of one data set in memory: the lengths of its values, and 256 for each element and item,
            about the size of pydicom's objects.
        spooled_size: Bytes in temporary files for the long values of one data set, for each value from a store, and for
            the body of a multipart request. The longest value of a DICOM file has 4 GiB, except for encapsulated
            pixel data.
        max_expansion_ratio: Ratio of decompressed to compressed bytes, beyond the first MiB of an HTTP body or of a
            deflated data set, and the first 64 MiB of another stream or of a member of a ZIP or tar file. The long
            binary values of a deflated data set, which take little time, count apart, beyond ``value_length``. In
            a compressed stream within another, the bytes of the outer one count. Text and images expand to less
            than 50 times their length; zeros expand to 1000 times with gzip and to any ratio with zstd. The bound
            limits work too: a MiB of empty data sets takes seconds. Precedent: 200 in Apache's mod_deflate.
        held_size: Bytes of a private sequence, or of a sequence in UN, of a DICOM file. Its events are held until it
            ends, and a fault in it makes the element UN with its bytes. A longer one is delivered at once, and
            a fault costs the rest of the innermost structure whose end is known. Events of short elements take about
            twenty times the memory of their bytes. Vendors nest kilobytes, seldom more than a MiB.
        multipart_parts: Parts of a multipart request, and instances in a request to store; each takes about 1 KiB of
            memory. A series of 5,000 images has a part for each image.

    >>> Limits(depth=64)
    Limits(depth=64)
    """

    depth: int = 256
    segment_size: int = 64 * 1024
    number_length: int = 1000
    values_per_event: int = 4096
    value_length: int = 256 * 1024 * 1024
    dataset_size: int = 1024 * 1024 * 1024
    spooled_size: int = 16 * 1024 * 1024 * 1024
    max_expansion_ratio: int = 100
    held_size: int = 1024 * 1024
    multipart_parts: int = 10_000

    def __repr__(self) -> str:
        return repr_of(self)

    def __post_init__(self) -> None:
        for name in self.__match_args__:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < _MINIMUM.get(name, 1):
                raise ValueError(f"Limits.{name} must be at least {_MINIMUM.get(name, 1)}, not {value!r}")


# A segment must hold at least one surrogate pair as two \uXXXX escapes, or it could never make progress.
_MINIMUM = {"segment_size": 12}


def repr_of(options: Any) -> str:
    """Return the ``repr`` of a dataclass, without fields that have their defaults.

    >>> repr_of(Limits())
    'Limits()'
    """
    default = type(options)()
    shown = [
        f"{name}={getattr(options, name)!r}"
        for name in options.__match_args__
        if getattr(options, name) != getattr(default, name)
    ]
    return f"{type(options).__name__}({', '.join(shown)})"
