"""An origin server over the folder that the environment names, for a uvicorn process of its own."""

from __future__ import annotations

import os

from streamdicom.origin import Index
from streamdicom.origin.app import origin_app

_index = Index(os.environ["STREAMDICOM_TEST_FOLDER"])
_index.refresh()
app = origin_app(_index)
