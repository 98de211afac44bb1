"""An origin server over the current folder, for a uvicorn process of its own."""

from __future__ import annotations

from streamdicom.origin import Index
from streamdicom.origin.app import origin_app

_index = Index(".")
_index.refresh()
app = origin_app(_index)
