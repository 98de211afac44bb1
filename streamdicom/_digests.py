"""BLAKE2, without OpenSSL.

``hashlib`` loads OpenSSL, which takes long.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b as blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b as blake2b
