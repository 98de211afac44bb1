"""To be written."""

from streamdicom.server.stow.instances import remove_leftovers
from streamdicom.server.stow.request import store_instances

__all__ = ["remove_leftovers", "store_instances"]
