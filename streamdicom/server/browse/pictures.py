"""Frames and waveforms of a DICOM file as pictures (extra ``rendered``).

A process of its own runs this module; see ``decoding``. Nothing here imports more of the server.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdicom.api import iter_events, write_events
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from pydicom import Dataset

_MAX_PIXELS = 64 * 1024 * 1024  # of a frame
_MAX_SIDE = 2048  # pixels of a picture; of a larger frame, some rows and columns are left out
_STRIPE = 256 * 1024  # pixels that are computed at once
_MAX_POINTS = 4000  # of a curve
_PICTURE = [  # elements at the top of a data set that describe its pixels; others can be long
    *("SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SmallestImagePixelValue", "PixelPaddingValue"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *("RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence"),
    *("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"),
    *("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData"),
    *("AlphaPaletteColorLookupTableDescriptor", "AlphaPaletteColorLookupTableData"),
    *("SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData"),
    *("SegmentedBluePaletteColorLookupTableData", "SegmentedAlphaPaletteColorLookupTableData"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
_MISSING = 'it is not installed; install "streamdicom[rendered]"'


class CannotShowError(Exception):
    """The pixels or the waveform cannot be decoded."""


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn any exception of decoders into ``CannotShowError``."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise CannotShowError(f"{error.name}: {_MISSING}") from error
    except CannotShowError:
        raise
    except Exception as error:
        raise CannotShowError(f"the decoder says: {type(error).__name__}: {error}") from error


def picture(
    path: Path, frame: int, window: tuple[float, float] | None = None, *, force: bool = False
) -> Iterator[dict[str, Any] | bytes]:
    """Yield the facts of a frame, and its windowed pixels in blocks of rows.

    A pixel is one byte for each sample.

    Args:
        path: The DICOM file.
        frame: The number of the frame, from 0.
        window: Center and width; by default as the data set has them, or the range of its values.
        force: Read a file that has no preamble.

    Raises:
        CannotShowError: The pixels cannot be decoded.
    """
    with _decoding():
        from pydicom import dcmread

        ds = dcmread(path, stop_before_pixels=True, force=force, specific_tags=_PICTURE)
        frames = int(ds.get("NumberOfFrames") or 1)
        if not 0 <= frame < frames:
            raise CannotShowError(f"expected one of {frames} frames")
        if int(ds.Rows) * int(ds.Columns) > _MAX_PIXELS:
            raise CannotShowError(f"a frame has more than {_MAX_PIXELS:,} pixels")
        pixels = _pixels(path, ds, frame)
        paint, used = _painting(ds, pixels, frame, window)
        step = -(-max(pixels.shape[:2]) // _MAX_SIDE)
        pixels = pixels[::step, ::step]
        facts = {
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "samples": int(paint(pixels[:1])[0, 0].size),
            "frames": frames,
            "rows": int(ds.Rows),
            "columns": int(ds.Columns),
            "photometric": str(ds.get("PhotometricInterpretation", "")),
            "window": used,
        }
        yield facts
        for stripe in _stripes(pixels):
            yield paint(stripe).tobytes()


def _pixels(path: Path, ds: Dataset, frame: int) -> Any:
    """Return the decoded pixels of a frame; color is RGB."""
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if ds.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return pixel_array(path, index=frame, view_only=True)
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:  # pydicom finds no pixels in a deflated file
        reading = ReadOptions(on_error="keep", on_deviation=lambda _: None)
        writing = WriteOptions(file_meta=True, on_error="keep")
        write_events(iter_events(path, options=reading), file, format="dicom", options=writing)
        file.flush()
        return pixel_array(file.name, index=frame, view_only=True)


def _stripes(pixels: Any) -> Iterator[Any]:
    """Yield the rows of a frame, some at a time."""
    count = max(1, _STRIPE // pixels.shape[1])
    for start in range(0, len(pixels), count):
        yield pixels[start : start + count]


def _painting(
    ds: Dataset, pixels: Any, frame: int, window: tuple[float, float] | None
) -> tuple[Callable[[Any], Any], list[float] | None]:
    """Return the function that turns rows of pixels into bytes, and the window."""
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

    photometric = ds.get("PhotometricInterpretation", "MONOCHROME2")
    if photometric == "PALETTE COLOR":

        def colors(stripe: Any) -> Any:
            found = apply_color_lut(stripe, ds)
            return (found >> 8 if found.dtype.itemsize > 1 else found).astype(np.uint8)

        return colors, None
    if pixels.ndim > 2:
        shift = max(0, int(ds.get("BitsStored", 8)) - 8)
        return lambda stripe: (stripe >> shift if shift else stripe).astype(np.uint8), None
    facts = _of_frame(ds, frame)
    has_table = window is None and facts.get("WindowWidth") is None and "VOILUTSequence" in facts

    def values(stripe: Any) -> Any:
        found = apply_modality_lut(stripe, facts)
        return (apply_voi_lut(found, facts) if has_table else found).astype(np.float64)

    if window is None and facts.get("WindowWidth") is not None and facts.get("WindowCenter") is not None:
        window = _first(facts.WindowCenter), _first(facts.WindowWidth)
    if window is None:
        low, high = _range(map(values, _stripes(pixels)))
    else:  # PS3.3 C.11.2.1.2
        low, high = window[0] - 0.5 - (window[1] - 1) / 2, window[0] - 0.5 + (window[1] - 1) / 2

    def grays(stripe: Any) -> Any:
        scaled = np.nan_to_num((values(stripe) - low) / ((high - low) or 1))
        if photometric == "MONOCHROME1":
            scaled = 1 - scaled
        return (scaled.clip(0, 1) * 255).round().astype(np.uint8)

    return grays, [(low + high + 1) / 2, high - low + 1]


def _range(values: Iterator[Any]) -> tuple[float, float]:
    """Return the least and the greatest value that are numbers."""
    import numpy as np

    ends = [(np.fmin.reduce(stripe, axis=None), np.fmax.reduce(stripe, axis=None)) for stripe in values]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return float(low), float(high)


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__getitem__") else value)


def _of_frame(ds: Dataset, frame: int) -> Dataset:
    """Return the attributes of the pixels of a frame (PS3.3 C.7.6.16)."""
    from pydicom import Dataset as New

    found = New()
    found.set_original_encoding(*ds.original_encoding)  # of the bytes of tables
    found.update({element.tag: element for element in ds if element.tag.group == 0x0028})
    groups = [group for name in ("SharedFunctionalGroupsSequence",) for group in (ds.get(name) or [])[:1]]
    groups += (ds.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    for group in groups:
        for name in ("FrameVOILUTSequence", "PixelValueTransformationSequence"):
            for item in (group.get(name) or [])[:1]:
                found.update(item)
    return found


def waveform(path: Path, group: int, *, force: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the curves of a multiplex group of a waveform (PS3.3 C.10.9).

    Args:
        path: The DICOM file.
        group: The number of the group, from 0.
        force: Read a file that has no preamble.

    Raises:
        CannotShowError: There is no such group, or it cannot be decoded.
    """
    with _decoding():
        from pydicom import dcmread
        from pydicom.waveforms.numpy_handler import multiplex_array

        ds = dcmread(path, force=force, specific_tags=["WaveformSequence"])
        groups = ds.get("WaveformSequence") or []
        if not 0 <= group < len(groups):
            raise CannotShowError(f"expected one of {len(groups)} groups")
        item = groups[group]
        samples = multiplex_array(ds, group, as_raw=False)
        channels = [
            {**_channel(one), **_curve(samples[:, place])} for place, one in enumerate(item.ChannelDefinitionSequence)
        ]
        yield {
            "groups": [str(one.get("MultiplexGroupLabel") or f"Group {place}") for place, one in enumerate(groups)],
            "frequency": float(item.SamplingFrequency),
            "samples": int(samples.shape[0]),
            "channels": channels,
        }


def _channel(item: Dataset) -> dict[str, str]:
    def meaning(name: str) -> str:
        return str(next((one.get("CodeMeaning", "") for one in item.get(name) or []), ""))

    units = next((str(one.get("CodeValue", "")) for one in item.get("ChannelSensitivityUnitsSequence") or []), "")
    return {"label": meaning("ChannelSourceSequence") or str(item.get("ChannelLabel", "")), "units": units}


def _curve(samples: Any) -> dict[str, Any]:
    """Return the points of a curve, or the least and the greatest of stretches."""
    import numpy as np

    step = max(1, -(-len(samples) // (_MAX_POINTS // 2)))
    if step > 1:
        whole = samples[: len(samples) // step * step].reshape(-1, step)
        samples = np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1).reshape(-1)
    return {"points": [round(float(value), 6) for value in samples], "step": step / 2 if step > 1 else 1}
