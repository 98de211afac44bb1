"""Data sets of responses."""

from __future__ import annotations

from pydicom import Dataset


def dataset(number: int, filling: int = 0) -> Dataset:
    made = Dataset()
    made.PatientName = "Doe^Jane"
    made.PatientID = f"{number:06}"
    if filling:
        made.add_new("ImageComments", "LT", "x" * filling)
    return made
