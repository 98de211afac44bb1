"""Settings of all tests."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings

# A shell ignores Ctrl-C in background jobs, and the processes of the tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test trusts the certificate authorities of the system. Loading them takes an HTTP client longer than most tests
# take, so clients look for them in a folder without any.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# The speed of drawing examples on a busy machine is not a property of the code.
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
# A run of tox draws the same examples each time, so that a failure is that of a change.
settings.register_profile("calm", deadline=None, suppress_health_check=_CALM, derandomize="TOX_ENV_NAME" in os.environ)
settings.register_profile("many", deadline=None, suppress_health_check=_CALM, max_examples=3000)
settings.load_profile("calm")


def pytest_collection_finish() -> None:
    """Set the collected tests aside, which the garbage collector would traverse."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name gzip streams after their argument: their bytes hold the time of day."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None
