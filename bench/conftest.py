"""The options of the speed benchmarks."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--datasets", type=int, default=3000, help="data sets in the array that is read")
