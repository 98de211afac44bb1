"""Run these tests on both engines."""

from tests.support.engines import both_engines as both_engines
