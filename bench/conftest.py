"""The options of the speed benchmarks."""

import pytest

from bench.multiframe import FRAMES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--datasets", type=int, default=3000, help="data sets in the array that is read")
    parser.addoption("--frames", type=int, default=FRAMES, help="frames of the DICOM file that is converted")
