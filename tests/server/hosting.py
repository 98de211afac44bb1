"""An origin server over the current folder, for a uvicorn process of its own."""

from __future__ import annotations

from streamdicom.server import Catalog
from streamdicom.server.app import server_app

_catalog = Catalog(".")
_catalog.refresh()
app = server_app(_catalog)
lenient = server_app(_catalog, lenient_accept=True)
