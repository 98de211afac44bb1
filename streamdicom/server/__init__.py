"""A DICOMweb origin server (PS3.18 10), and a page to look through data sets.

- ``server_app``: the ASGI application.
- ``ServerLimits``: bounds on clients.
- ``Catalog``: the index of the folder.
- ``catalog``, ``qido``, ``wado``, ``stow``: the index and the three services.
- ``connections``: bounds on connections, for uvicorn (extra ``serve``).
- ``browse``: the page of the command ``browse``.
"""

from typing import TYPE_CHECKING

from streamdicom._late import late_names

if TYPE_CHECKING:
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

_LATE = {
    "access": ("parse_tokens",),
    "app": ("server_app",),
    "catalog": ("Catalog", "Entry", "Refreshed"),
    "limits": ("ServerLimits",),
    "qido": ("Level", "Query", "parse_query"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
