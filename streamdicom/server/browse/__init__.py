"""A page on this machine to look through data sets (extra ``serve``).

- ``Library``: the data sets, found while they are shown.
- ``Opened``: the library of a server, which can be opened again.
- ``browse_app``: the ASGI application.
"""

from typing import TYPE_CHECKING

from streamdicom._late import late_names

if TYPE_CHECKING:
    from streamdicom.server.browse.app import Opened, browse_app
    from streamdicom.server.browse.library import Library

__all__ = ["Library", "Opened", "browse_app"]

_LATE = {"app": ("Opened", "browse_app"), "library": ("Library",)}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
