"""One step from a DICOM file to DICOM JSON and back, for ``bench.bulk``.

``python -m bench.steps STEP FOLDER`` takes the step and prints JSON. Nothing is imported that it does not need.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import streamdicom
from bench.memory import print_measurement

IMAGE = "image.dcm"
STEPS = {  # step: the file that it writes
    "store-out": "store.json",
    "store-in": "store.dcm",
    "inline-out": "inline.json",
    "inline-in": "inline.dcm",
}


def take(step: str, folder: Path) -> None:
    """Out: from the image to JSON; in: from JSON to another image."""
    store = streamdicom.DirectoryStore(folder / "bulk") if step.startswith("store") else None
    target = folder / STEPS[step]
    if step.endswith("out"):
        events = streamdicom.iter_events(folder / IMAGE)
        options = streamdicom.WriteOptions(bulk_data_store=store)
        streamdicom.write_events(events, target, options=options, array=False)
    else:
        source = target.with_suffix(".json")
        events = streamdicom.iter_events(source, options=streamdicom.ReadOptions(bulk_data_store=store))
        streamdicom.write_events(events, target, format="dicom")


def _main(step: str, folder: Path) -> None:
    import_module("streamdicom.formats.part10")
    size = (folder / IMAGE).stat().st_size

    def action() -> int:
        take(step, folder)
        return size

    print_measurement(action)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
