"""Store transactions, STOW-RS (PS3.18 10.5)."""

from streamdicom.server.stow.instances import remove_leftovers
from streamdicom.server.stow.request import store_instances

__all__ = ["remove_leftovers", "store_instances"]
