"""A DICOMweb origin server over a folder (PS3.18 10).

- ``server_app``: the ASGI application.
- ``ServerLimits``: bounds on clients.
- ``Catalog``: the index of the folder.
- ``catalog``, ``qido``, ``wado``, ``stow``: the index and the three services.
- ``connections``: bounds on connections, for uvicorn (extra ``serve``).
"""

from streamdicom.server.access import parse_tokens
from streamdicom.server.app import server_app
from streamdicom.server.catalog import Catalog, Entry, Refreshed
from streamdicom.server.limits import ServerLimits
from streamdicom.server.qido import Level, Query, parse_query

__all__ = [
    "Catalog",
    "Entry",
    "Level",
    "Query",
    "Refreshed",
    "ServerLimits",
    "parse_query",
    "parse_tokens",
    "server_app",
]
