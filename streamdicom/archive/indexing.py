"""The index of the output of an export, collected while the output is written."""

from __future__ import annotations

import os
from pathlib import Path

from streamdicom.archive.tasks import Places
from streamdicom.index import IndexWriter, Packing, build_index, fingerprint, sidecar_of
from streamdicom.io import MemberPlace

_DISTANCE = 64 * 1024  # bytes of content between two members that are kept


class OutputIndex:
    """The index of an output.

    Args:
        compression: Of the output, or None.
    """

    def __init__(self, compression: str | None) -> None:
        self._compression = compression
        self._writer = IndexWriter()
        self._members = [MemberPlace(0, 0)]
        self._written = 0
        self._content = 0
        self._is_whole = True

    def lose(self) -> None:
        """Declare that a stopped run has written data sets, whose places are not known."""
        self._is_whole = False

    def pass_over(self, content: int, written: int) -> None:
        """Add text without data sets.

        Args:
            content: Its size before compression.
            written: Its size in the output.
        """
        self._content += content
        self._written += written

    def add(self, places: Places, written: int) -> None:
        """Add the text of a result.

        Args:
            places: The places of its data sets.
            written: Its size in the output.
        """
        self._writer.add_starts(self._content + start for start in places.starts)
        self._writer.add_hashes(places.hashes)
        for start, content in places.members:
            if self._content + content >= self._members[-1].content + _DISTANCE:
                self._members.append(MemberPlace(self._written + start, self._content + content))
        self.pass_over(places.size, written)

    def write(self, target: str | os.PathLike[str]) -> None:
        """Write the index of a complete output beside it."""
        if not self._is_whole:
            build_index(target).close()
            return
        packing = Packing(self._compression, self._content, self._members) if self._compression else None
        with Path(target).open("rb") as file:
            self._writer.write(sidecar_of(target), fingerprint(file), packing)

    def close(self) -> None:
        """Remove the temporary files."""
        self._writer.close()
