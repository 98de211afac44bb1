"""Frames as pictures, and waveforms as curves (extra ``rendered``)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from streamdicom.server.browse.exports import write_file
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.units import opened

if TYPE_CHECKING:
    from pydicom import Dataset

_MAX_PIXELS = 64 * 1024 * 1024  # of a frame
_MAX_SIDE = 2048  # pixels of a picture; of a larger frame, some rows and columns are left out
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


class Picture(NamedTuple):
    """A frame.

    Attributes:
        facts: Width, height, the number of samples, frames, and the window.
        data: Rows of bytes, for each pixel one for each sample.
    """

    facts: dict[str, Any]
    data: bytes


@contextmanager
def _file(library: Library, number: int) -> Iterator[Path]:
    """Yield the path of a data set as a DICOM file."""
    unit = library.locate(number).unit
    if unit.format == "dicom" and not unit.container and not unit.packing:
        with opened(unit):
            yield Path(unit.path)
        return
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        write_file(library, number, file)
        file.flush()
        yield Path(file.name)


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn any exception of decoders into ``CannotShowError``."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise CannotShowError(f"{error.name}: {_MISSING}") from error
    except (CannotShowError, MemoryError):
        raise
    except Exception as error:
        raise CannotShowError(f"the decoder says: {type(error).__name__}: {error}") from error


def picture(library: Library, number: int, frame: int, window: tuple[float, float] | None = None) -> Picture:
    """Return a frame, windowed.

    Args:
        library: The data sets.
        number: The number of the data set.
        frame: The number of the frame, from 0.
        window: Center and width; by default as the data set has them, or the range of its values.

    Raises:
        CannotShowError: The pixels cannot be decoded.
        InputError, OutputError: The data set cannot be read, or not written as a DICOM file.
    """
    with _file(library, number) as path, _decoding():
        from pydicom import dcmread
        from pydicom.pixels.utils import pixel_array

        ds = dcmread(path, stop_before_pixels=True, force=library.force, specific_tags=_PICTURE)
        frames = int(ds.get("NumberOfFrames") or 1)
        if not 0 <= frame < frames:
            raise CannotShowError(f"expected one of {frames} frames")
        if int(ds.Rows) * int(ds.Columns) > _MAX_PIXELS:
            raise CannotShowError(f"a frame has more than {_MAX_PIXELS:,} pixels")
        pixels = pixel_array(path, index=frame)
        shown, used = _shown(ds, pixels, frame, window)
        step = -(-max(shown.shape[:2]) // _MAX_SIDE)
        shown = shown[::step, ::step]
        facts = {
            "width": shown.shape[1],
            "height": shown.shape[0],
            "samples": shown.shape[2] if shown.ndim > 2 else 1,
            "frames": frames,
            "rows": int(ds.Rows),
            "columns": int(ds.Columns),
            "photometric": str(ds.get("PhotometricInterpretation", "")),
            "window": used,
        }
        return Picture(facts, shown.tobytes())


def _shown(ds: Dataset, pixels: Any, frame: int, window: tuple[float, float] | None) -> tuple[Any, list[float] | None]:
    """Return the pixels as bytes, and the window."""
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

    photometric = ds.get("PhotometricInterpretation", "MONOCHROME2")
    if photometric == "PALETTE COLOR":
        colors = apply_color_lut(pixels, ds)
        return (colors >> 8 if colors.dtype.itemsize > 1 else colors).astype(np.uint8), None
    if pixels.ndim > 2:
        bits = int(ds.get("BitsStored", 8))
        return (pixels >> max(0, bits - 8) if bits > 8 else pixels).astype(np.uint8), None
    facts = _of_frame(ds, frame)
    values = apply_modality_lut(pixels, facts).astype(np.float64)
    if window is None and facts.get("WindowWidth") is None and "VOILUTSequence" in facts:
        values = apply_voi_lut(apply_modality_lut(pixels, facts), facts).astype(np.float64)
    if window is None and facts.get("WindowWidth") is not None and facts.get("WindowCenter") is not None:
        window = _first(facts.WindowCenter), _first(facts.WindowWidth)
    if window is None:
        low, high = float(values.min()), float(values.max())
    else:  # PS3.3 C.11.2.1.2
        low, high = window[0] - 0.5 - (window[1] - 1) / 2, window[0] - 0.5 + (window[1] - 1) / 2
    scaled = (values - low) / ((high - low) or 1)
    if photometric == "MONOCHROME1":
        scaled = 1 - scaled
    return (scaled.clip(0, 1) * 255).round().astype(np.uint8), [(low + high + 1) / 2, high - low + 1]


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__getitem__") else value)


def _of_frame(ds: Dataset, frame: int) -> Dataset:
    """Return the attributes of the pixels of a frame (PS3.3 C.7.6.16)."""
    from pydicom import Dataset as New

    found = New()
    found.update({element.tag: element for element in ds if element.tag.group == 0x0028})
    groups = [group for name in ("SharedFunctionalGroupsSequence",) for group in (ds.get(name) or [])[:1]]
    groups += (ds.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    for group in groups:
        for name in ("FrameVOILUTSequence", "PixelValueTransformationSequence"):
            for item in (group.get(name) or [])[:1]:
                found.update(item)
    return found


def waveform(library: Library, number: int, group: int) -> dict[str, Any]:
    """Return the curves of a multiplex group of a waveform (PS3.3 C.10.9).

    Args:
        library: The data sets.
        number: The number of the data set.
        group: The number of the group, from 0.

    Raises:
        CannotShowError: There is no such group, or it cannot be decoded.
        InputError, OutputError: The data set cannot be read, or not written as a DICOM file.
    """
    with _file(library, number) as path, _decoding():
        from pydicom import dcmread
        from pydicom.waveforms.numpy_handler import multiplex_array

        ds = dcmread(path, force=library.force, specific_tags=["WaveformSequence"])
        groups = ds.get("WaveformSequence") or []
        if not 0 <= group < len(groups):
            raise CannotShowError(f"expected one of {len(groups)} groups")
        item = groups[group]
        samples = multiplex_array(ds, group, as_raw=False)
        channels = [
            {**_channel(one), **_curve(samples[:, place])} for place, one in enumerate(item.ChannelDefinitionSequence)
        ]
        return {
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
