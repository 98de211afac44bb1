"""Store transactions, STOW-RS (PS3.18 10.5)."""

from streamdicom.server.stow.instances import take_in_leftovers
from streamdicom.server.stow.request import store_instances

__all__ = ["store_instances", "take_in_leftovers"]
