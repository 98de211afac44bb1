"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("many", max_examples=3000, deadline=None)
