"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A shell starts what it runs in the background with Ctrl-C ignored, and so would be all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast a busy machine makes examples is no property of the code.
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("calm", deadline=None, suppress_health_check=_CALM)
settings.register_profile("many", deadline=None, suppress_health_check=_CALM, max_examples=3000)
settings.load_profile("calm")
