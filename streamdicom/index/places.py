"""The place of an index, which most commands look for, and few read."""

from __future__ import annotations

from streamdicom.io import Place, absolute

_SUFFIX = ".sdx"


def sidecar_of(source: Place) -> str:
    """Return the place of the index of a source.

    >>> sidecar_of("/data/studies.json")
    '/data/studies.json.sdx'
    """
    return absolute(source) + _SUFFIX
