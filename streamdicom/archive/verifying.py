"""Checks of an export: its text, its index, its bulk data and its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from streamdicom._late import late_pattern
from streamdicom._records import field, record
from streamdicom._typing import TYPE_CHECKING
from streamdicom.archive.manifest import digest_of, read_manifest
from streamdicom.archive.reading import iter_named_events
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import BulkDataError, IndexMismatchError, InputError
from streamdicom.events import BULK_DATA, ELEMENT, END_DATASET, END_SEQUENCE, START_DATASET, START_SEQUENCE
from streamdicom.index import DatasetOffsets, StreamIndex, open_index, sidecar_of
from streamdicom.io import Place, absolute, is_url

if TYPE_CHECKING:
    from sqlite3 import Connection

    from streamdicom.bulkdata import BulkDataStore

_MAX_PROBLEMS = 1000  # that are kept
_DIGEST = late_pattern("[0-9a-f]{64}")  # the name of an entry by its content


@record(slots=True)
class Verification:
    """The result of ``verify_export``.

    Attributes:
        datasets: The number of data sets.
        references: The number of references to bulk data.
        values: The number of values of bulk data that were read.
        has_index: Whether there is an index.
        problems: The faults that were found, up to 1,000.
        problem_count: Their number.

    >>> Verification().is_intact
    True
    """

    datasets: int = 0
    references: int = 0
    values: int = 0
    has_index: bool = False
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    @property
    def is_intact(self) -> bool:
        """True if nothing is at fault."""
        return not self.problem_count

    def report(self, problem: str) -> None:
        """Add a fault."""
        self.problem_count += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(problem)


def verify_export(
    source: Place,
    *,
    bulk_dir: Place | None = None,
    bulk_uri_prefix: str = "",
    manifest: Place | None = None,
) -> Verification:
    """Check an export.

    The text is read as a whole. If there is an index, each of its entries must be the place and the UID of a data set.
    With ``bulk_dir``, each value that the text refers to must exist, and have the content that its name says. With
    ``manifest``, size, digest and number of data sets must be as it says.

    Args:
        source: The output of ``export_archive``: a path, or a URL for fsspec.
        bulk_dir: As for ``export_archive``.
        bulk_uri_prefix: As for ``export_archive``.
        manifest: The manifest of the export.

    Raises:
        OSError: The source cannot be read.
        InputError: The manifest cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b"[{}, {}]")
    ...     file.flush()
    ...     verify_export(file.name).datasets
    2
    """
    found = Verification()
    lines = list(_summary(manifest)) if manifest is not None else []
    index = _index_of(source, found)
    try:
        with closing(_Values(found, bulk_dir, bulk_uri_prefix)) as values:
            _read(source, index, values, found)
    except InputError as error:
        found.report(str(error))
    finally:
        if index is not None:
            index.close()
    if index is not None and len(index) != found.datasets:
        found.report(f"{sidecar_of(source)}: expected {found.datasets:,} data sets, found {len(index):,}")
    for line in lines:
        _compare(source, line, found)
    return found


def _index_of(source: Place, found: Verification) -> StreamIndex | None:
    try:
        index = open_index(source)
    except FileNotFoundError:
        return None
    except IndexMismatchError as error:
        found.report(str(error))
        return None
    if not isinstance(index, StreamIndex):
        index.close()
        return None
    found.has_index = True
    return index


def _read(source: Place, index: StreamIndex | None, values: _Values, found: Verification) -> None:
    offsets = DatasetOffsets()
    for _, events in iter_named_events(source, offsets=offsets):
        depth, uid, start = 0, "", None
        for kind, tag, _, value in events:
            if kind == START_DATASET:
                depth, uid, start = 0, "", offsets.get(value)
            elif kind == ELEMENT:
                if tag == SOP_INSTANCE_UID and not depth and value:
                    uid = str(value[0])
            elif kind == START_SEQUENCE:
                depth += 1
            elif kind == END_SEQUENCE:
                depth -= 1
            elif kind == BULK_DATA:
                values.check(found.datasets, value)
            elif kind == END_DATASET:
                if index is not None and found.datasets < len(index) and not index.agrees(found.datasets, start, uid):
                    found.report(f"{sidecar_of(source)}: expected another entry for the data set [{found.datasets}]")
                found.datasets += 1


class _Values:
    """The values of bulk data, each of which is read once."""

    def __init__(self, found: Verification, bulk_dir: Place | None, prefix: str) -> None:
        self._found = found
        self._store: BulkDataStore | None = None
        self._seen: Connection | None = None
        if bulk_dir is not None:
            from sqlite3 import connect  # which takes long to import

            from streamdicom.bulkdata import DirectoryStore, FsspecStore

            kind = FsspecStore if is_url(bulk_dir) else DirectoryStore
            self._store = kind(str(bulk_dir), uri_prefix=prefix)
            self._seen = connect("", isolation_level=None)  # a temporary database, which spills to disk
            self._seen.execute("PRAGMA journal_mode = OFF")
            self._seen.execute("CREATE TABLE seen (uri TEXT PRIMARY KEY) WITHOUT ROWID")

    def check(self, number: int, uri: str) -> None:
        """Read the value of a reference."""
        self._found.references += 1
        if self._store is None or self._seen is None:
            return
        if not self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (uri,)).rowcount:
            return
        from hashlib import sha256  # which takes long to import

        digest = sha256()
        try:
            for segment in self._store.open(uri):
                digest.update(segment)
        except (BulkDataError, OSError) as error:
            self._found.report(f"bulk data of the data set [{number}]: {error}")
            return
        self._found.values += 1
        name = uri.rpartition("/")[2]
        if _DIGEST.fullmatch(name) and name != digest.hexdigest():
            self._found.report(f"bulk data of the data set [{number}]: expected the content of {name}, found another")

    def close(self) -> None:
        if self._seen is not None:
            self._seen.close()


def _summary(manifest: Place) -> Iterator[dict[str, object]]:
    """Yield the last line of the manifest of an export, with the sum of its files."""
    total = 0
    line: dict[str, object] = {}
    for number, line in enumerate(read_manifest(manifest)):
        if number == 0 and line.get("run") != "export":
            raise InputError("expected the manifest of an export, found another")
        if "path" in line and not line.get("unchanged"):
            count = line.get("datasets", 0)
            total += count if isinstance(count, int) else 0
    yield {**line, "sum": total}


def _compare(source: Place, line: dict[str, object], found: Verification) -> None:
    size, digest = digest_of(source)
    facts = [("size", size), ("sha256", digest), ("datasets", found.datasets), ("sum", found.datasets)]
    for name, value in facts:
        if line.get(name) != value:
            shown = "data sets in its files" if name == "sum" else name
            found.report(f"{absolute(source)}: the manifest has another {shown}")
