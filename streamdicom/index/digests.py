"""The digest of an index, without the rest of ``hashlib``, which loads OpenSSL and takes long to import."""

from __future__ import annotations

try:
    from _blake2 import blake2b as blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b as blake2b
