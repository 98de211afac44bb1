"""An index finds each data set, and refuses any other source."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import struct
from array import array
from hashlib import blake2b
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamdicom
from streamdicom import IndexMismatchError, InputError, _native
from streamdicom.index import StreamIndex, build_index, open_index, plan_splits, sidecar_of
from streamdicom.index.scanning import Found, hashes_at, starts_and_hashes, uid_hash
from streamdicom.index.sorting import SortedPairs
from streamdicom.io import new_compressor
from streamdicom.jsontext import CommentError
from tests.archive.corpus import dataset
from tests.index.test_planning import FORMS, datasets, text_of
from tests.support.each import each
from tests.support.engines import both_engines as both_engines

_ENGINE = _native.functions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, "array"))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_each_data_set_is_found_by_its_index(form: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, form))
    whole = list(streamdicom.iter_datasets(path))
    with build_index(path) as index:
        assert len(index) == len(whole)
        assert [index[ordinal] for ordinal in range(len(whole))] == whole
        assert index[-1] == whole[-1]
        assert index[5:9] == whole[5:9]
        assert index[::-10] == whole[::-10]
        assert list(index.iter_datasets(7)) == whole[7:]
        assert list(index.iter_datasets(7, 9)) == whole[7:9]
        assert list(index.iter_datasets(9, 7)) == []
        assert list(index.iter_events()) == list(streamdicom.iter_events(path))


def test_raw_text_is_that_of_the_source(path: Path) -> None:
    with build_index(path) as index:
        assert [json.loads(index.raw(ordinal)) for ordinal in range(len(index))] == datasets(40)
        assert index.raw(-1) == json.dumps(datasets(40)[-1]).encode()


def test_data_set_is_found_by_its_sop_instance_uid(path: Path) -> None:
    with build_index(path) as index:
        assert index["1.2.17"] == index[17]
        assert index.ordinals("1.2.17") == [17]
        with pytest.raises(KeyError, match="no data set"):
            index["1.2"]  # only in items


def test_every_data_set_of_a_uid_is_found(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(datasets(3) * 4))
    with build_index(path) as index:
        assert index.ordinals("1.2.1") == [1, 4, 7, 10]
        assert index["1.2.1"] == index[1]


_HEADS = [
    *('"00080005":{"vr":"CS","Value":["{"]}', '"00080005":{"vr":"CS","Value":["a/b","//"]}', '"00080008":{"vr":"CS"}'),
    *('"00080016":{"vr":"UI","Value":["1.\\u0032"]}', '"00080006":{"vr":"SQ","Value":[{"00080018":{"vr":"UI"}}]}'),
    *('"00080018":{"vr":"UI","Value":["1.2.3"]}', '"00080018" : {"Value":[ "1.2.4" ] , "vr":"UI" }', '"00080018":{}'),
    *('"00080018":{"vr":"UI","Value":["1.2","1.3"]}', '"00080018":{"vr":"LO","Value":["5"]}', '"SOPInstanceUID":{}'),
    *('"00080018":{"vr":"UI","Value":["1.2 "]}', f'"00080018":{{"vr":"UI","Value":["{"1" * 65}"]}}', '"00020010":{}'),
    *(
        '"0008001a":{"vr":"UI"}',
        '"00080018":{"vr":"UI","Value":[1]}',
        '"00080020":01',
        '"00080020":tru',
        '"FFFEE000":0',
    ),
    *('"00080018":{"vr":"UI","Value":["9"]},"00080018":{"vr":"UI","Value":["8"]}', '"00080000":{}', '"a":[{}]', "/**/"),
    *('"00100020":{"vr":"LO","Value":["0018"]}', '"00100020":{"vr":"LO","Value":["\\u0041"]}', '"00100020":{},"x":{}'),
    *('"00100020":{},"(0008,0018)":{"vr":"UI","Value":["6"]}', '"00100020":{},"0008 0018":{"vr":"UI","Value":["7"]}'),
    *('"00100020":{},"sopInstanceUID":{"vr":"UI","Value":["8"]}', '"00100020":{},"00\\u00308001\\u0038":{"vr":"UI"}'),
    *(
        f'"00080008":{{"vr":"CS","Value":["{"y" * 1000}"]}}',
        f'"00080007":{{"vr":"SQ","Value":[{{"00100020":{{"vr":"LO","Value":["{"z" * 4000}"]}}}}]}}',
    ),
    *('"00080000":{"vr":"UL","Value":[8]}', '"00020010":{"vr":"UI","Value":["1.2"]}', '"00100020":{"vr":"LO"}'),
]


def _built(engine: object, path: Path) -> bytes | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        try:
            build_index(path).close()
        except InputError as error:
            return str(error)
    return Path(sidecar_of(path)).read_bytes()


def _nothing_at(data: bytes, offset: int, starts: array[int], end: int | None = None) -> Found:
    """Know no hash, so that each data set is examined by itself."""
    return Found(starts, array("Q", bytes(8 * len(starts))), list(range(len(starts))))


@pytest.mark.slow
@pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built")
@settings(max_examples=60)
@given(
    heads=st.lists(st.lists(st.sampled_from(_HEADS), max_size=4), max_size=6),
    separator=st.sampled_from([",", " ,\n", "\n", ""]),
    is_array=st.booleans(),
    piece=st.sampled_from([64, 200, 1 << 17]),
)
def test_engines_build_the_same_index(
    heads: list[list[str]], separator: str, is_array: bool, piece: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "same.json"
    text = separator.join("{" + ",".join(head) + "}" for head in heads)
    path.write_text(f"[{text}]" if is_array else text or " ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamdicom.index.scanning.PIECE", piece)
        found = _built(_ENGINE, path), _built(None, path)
        patch.setattr("streamdicom.index.scanning.hashes_at", _nothing_at)
        assert found == (_built(None, path),) * 2


def test_hash_of_a_uid_of_any_length_is_its_digest() -> None:
    for length in range(1, 65):
        uid = ("1.23456789." * 6)[:length]
        data = f' {{"00080018":{{"vr":"UI","Value":["{uid}"]}}}}'.encode()
        digest = blake2b(uid.encode(), digest_size=8).digest()
        assert hashes_at(data, 7, array("Q", [8])).hashes[0] == int.from_bytes(digest, "little")


def test_uid_after_the_same_text_is_found_as_in_any_other(both_engines: str) -> None:
    head = '{"00080016":{"vr":"UI","Value":["1.2"]},"00080018":{"vr":"UI","Value":["'
    uids = ["1.2.3", "1.2.4", "", "1" * 64, "1" * 65, "1.2.x", "1.2.5", "1.2.\\u0036", "1.2.7"]
    tails = ['"]}}', '"]},"00100010":{"vr":"PN"}}', '" ]}}', '","1.3"]}}', '"],"vr":"UI"}}']
    texts = [(head + uid + tail).encode() for tail in tails for uid in uids]
    offsets = array("Q", accumulate([len(text) for text in texts], initial=0))
    together = hashes_at(b"".join(texts), 0, offsets[:-1], offsets[-1])
    alone = [hashes_at(text, 0, array("Q", [0]), len(text)) for text in texts]
    assert list(together.hashes) == [found.hashes[0] for found in alone]
    assert together.missing == [number for number, found in enumerate(alone) if found.missing]


def test_data_sets_without_a_uid_are_known_from_their_text(both_engines: str) -> None:
    text = b'[{}, {"00080000": {"vr": "UL", "Value": [8]}}, {"00100020": {"vr": "LO"}}, {"00100020": {"vr": "LO"}}'
    [found] = starts_and_hashes(BytesIO(text))
    assert list(found.hashes) == [0, 0, 0, 0]
    assert found.missing == ([3] if both_engines == "native" else [0, 3])  # the first is empty, the last may go on


@each(
    "member",
    [
        '"00080018": {"Value": ["1.2.3"], "vr": "UI"}',
        '"SOPInstanceUID": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080005": {"vr": "CS"}, "SOPInstanceUID": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080005": {"vr": "CS"}, "(0008,0018)": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080005": {"vr": "CS"}, "0008\\u0030018": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080018": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080006": {"vr": "SQ", "Value": [{"00080018": {"vr": "UI", "Value": ["9.9"]}}]},'
        '"00080018": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00080005": {"vr": "CS", "Value": ["{"]}, "00080018": {"vr": "UI", "Value": ["1.2.3"]}',
        '"00100010": {"vr": "PN"}, "00080018": {"vr": "UI", "Value": ["1.2.3"]}',
        f'"00080005": {{"vr": "CS", "Value": ["{"x" * 5000}"]}}, "00080018": {{"vr": "UI", "Value": ["1.2.3"]}}',
        '"00080018": {"vr": "UI", "Value": ["\\u0031.2.3"]}',
    ],
)
def test_uid_is_found_in_any_form(member: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(f"[{{}}, {{{member}}}]")
    with build_index(path) as index:
        assert index.ordinals("1.2.3") == [1]
        assert index.ordinals("9.9") == []


def test_uid_as_pydicom_writes_it_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("streamdicom.index.scanning._parsed_uid")  # takes as long as to read the data set
    path = tmp_path / "in.json"
    with_uid, without = dataset(7), dataset(8)
    del without.SOPInstanceUID
    path.write_text(f"[{with_uid.to_json()}, {without.to_json()}]")
    with build_index(path) as index:
        assert index.ordinals(with_uid.SOPInstanceUID) == [0]


def test_index_out_of_range_is_refused(path: Path) -> None:
    with build_index(path) as index:
        for wrong in (40, -41):
            with pytest.raises(IndexError, match="one of 40 data sets"):
                index[wrong]


def test_empty_array_has_an_empty_index(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(b" [ ] ")
    with build_index(path) as index:
        assert len(index) == 0
        assert index[:] == []
        assert list(index.iter_datasets()) == []


def test_error_in_a_data_set_has_its_place_in_the_source(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'["1.2.17"]', b'["1.2.17", tru]'))
    with build_index(path) as index, pytest.raises(streamdicom.JsonSyntaxError) as found:
        index[17]
    with pytest.raises(streamdicom.JsonSyntaxError) as whole:
        list(streamdicom.iter_events(path))
    assert str(found.value) == str(whole.value)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("step", [100, 5000, 70_000])
@pytest.mark.slow
def test_file_of_compressed_members_is_indexed(kind: str, step: int, tmp_path: Path) -> None:
    if kind == "zstd":
        pytest.importorskip("zstandard")
    path, text = tmp_path / "in", text_of(2000, "array")
    parts = []
    for start in range(0, len(text), step):  # members may end within data sets
        compressor = new_compressor(kind)
        parts.append(compressor.compress(text[start : start + step]) + compressor.flush())
    path.write_bytes(b"".join(parts))
    whole = list(streamdicom.iter_datasets(path))
    with build_index(path) as index:
        for ordinal in (1999, 0, 1000, 999, 17, -1):
            assert index[ordinal] == whole[ordinal]
            assert json.loads(index.raw(ordinal)) == datasets(2000)[ordinal]
        assert index["1.2.1234"] == whole[1234]
        assert list(index.iter_datasets(1500)) == whole[1500:]
    splits = pickle.loads(pickle.dumps(plan_splits(path, parts=4, index="require")))
    assert [ds for split in splits for ds in split.iter_datasets()] == whole
    assert len(splits) == 4
    assert len({split.member for split in splits}) == 4


def test_torn_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.json.gz"
    path.write_bytes((gzip.compress(b"[{}, ") + gzip.compress(b"{}]"))[:-9])
    with pytest.raises(InputError, match="stops before its end"):
        build_index(path)


def test_forged_members_are_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "in.json.gz", text_of(2000, "array")
    path.write_bytes(b"".join(gzip.compress(text[start : start + 70_000]) for start in range(0, len(text), 70_000)))
    build_index(path).close()
    sidecar = Path(sidecar_of(path))
    data = sidecar.read_bytes()
    content = struct.unpack_from("<Q", data, len(data) - 8)[0]
    whole = list(streamdicom.iter_datasets(path))
    for pair in ((0, 0), (5, content), (len(path.read_bytes()), content), (2**64 - 1, content), (1, 0)):
        forged = bytearray(data)
        struct.pack_into("<QQ", forged, len(forged) - 16, *pair)
        struct.pack_into("<I", forged, 8, crc32(forged[16:]))
        sidecar.write_bytes(forged)
        with pytest.raises(InputError), open_index(path) as index:
            assert list(index.iter_datasets(1999)) != whole[1999:]


@each("text", [b"<?xml version='1.0'?>", b"\x1f\x8b\x08", b"[{} /* {} */]", b""])
def test_other_sources_are_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="can be indexed"):
        build_index(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["longer", "shorter", "other"])
def test_changed_source_is_refused(change: str, path: Path) -> None:
    build_index(path).close()
    data = path.read_bytes()
    path.write_bytes({"longer": data + b" ", "shorter": data[:-1], "other": b"(" + data[1:]}[change])
    with pytest.raises(IndexMismatchError, match="the source has changed"):
        open_index(path)


def test_damaged_index_is_refused(path: Path) -> None:
    build_index(path).close()
    sidecar = Path(sidecar_of(path))
    data = sidecar.read_bytes()
    rng = random.Random(7)
    for _ in range(200):
        place = rng.randrange(len(data))
        sidecar.write_bytes(data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :])
        with pytest.raises(IndexMismatchError, match="build it again"):
            open_index(path)
    for length in range(0, len(data), 37):
        sidecar.write_bytes(data[:length])
        with pytest.raises(IndexMismatchError, match="build it again"):
            open_index(path)


def forged(sidecar: Path, starts: list[int]) -> None:
    """Give an index other offsets, with a right checksum."""
    data = bytearray(sidecar.read_bytes())
    length = struct.unpack_from("<I", data, 12)[0]
    struct.pack_into(f"<{len(starts)}Q", data, 16 + length, *starts)
    struct.pack_into("<I", data, 8, crc32(data[16:]))
    sidecar.write_bytes(data)


@pytest.mark.parametrize("starts", [[2], [10**15], [2**64 - 1], [5000, 100], [1, 1]])
def test_forged_offsets_never_give_another_data_set(starts: list[int], path: Path) -> None:
    whole = list(streamdicom.iter_datasets(path))
    build_index(path).close()
    forged(Path(sidecar_of(path)), starts)
    with open_index(path) as index:
        for ordinal in range(3):
            try:
                found = index[ordinal]
            except InputError:
                continue
            assert found == whole[ordinal]
        with pytest.raises(InputError):
            assert list(index.starts()) != starts
            list(index.iter_events())


def _with_items(tmp_path: Path) -> tuple[Path, list[int]]:
    """Write data sets with items; return the path and the offsets of the items."""
    items = ",".join(f'{{"00080018": {{"vr": "UI", "Value": ["1.2.{number}"]}}}}' for number in range(4))
    text = f'[{{}}, {{"00081140": {{"vr": "SQ", "Value": [{items}]}}}}, {{}}, {{}}]'
    path = tmp_path / "items.json"
    path.write_text(text)
    build_index(path).close()
    return path, [place for place in range(len(text)) if text.startswith('{"00080018"', place)]


def test_place_of_the_first_item_of_a_sequence_is_refused(tmp_path: Path) -> None:
    path, items = _with_items(tmp_path)
    forged(Path(sidecar_of(path)), [1, items[0], items[1]])
    with open_index(path) as index, pytest.raises(IndexMismatchError, match="an item of a sequence"):
        index[1]


@each("count", [1, 2, 3])
def test_places_of_items_are_refused_by_a_scan_and_by_splits(count: int, tmp_path: Path) -> None:
    path, items = _with_items(tmp_path)
    with open_index(path, verify=True) as index:
        assert len(index) == 4
    forged(Path(sidecar_of(path)), [1, *items[1 : 1 + count]])
    with pytest.raises(IndexMismatchError, match="other places than the data sets"):
        open_index(path, verify=True)
    with pytest.raises(InputError):
        for split in plan_splits(path, target=1):
            list(split.iter_events())


@each("form", FORMS)
def test_intact_index_passes_the_scan(form: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, form))
    build_index(path).close()
    with open_index(path, verify=True) as index:
        assert len(index) == len(list(streamdicom.iter_datasets(path)))


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 60_000,
        b"[]",
        b"\xff",
        b'{"version": 1, "size": Infinity, "digest": "", "count": 40}',
        b'{"version": 1, "size": 1, "digest": "", "count": Infinity}',
        b'{"version": 1, "size": 1, "digest": "", "count": -40}',
        b'{"version": 1, "size": 1, "digest": "", "count": 18446744073709551615}',
    ],
)
def test_forged_head_is_refused(head: bytes, path: Path) -> None:
    build_index(path).close()
    sidecar = Path(sidecar_of(path))
    body = head + bytes(40 * 24)
    sidecar.write_bytes(sidecar.read_bytes()[:8] + struct.pack("<II", crc32(body), len(head)) + body)
    with pytest.raises(IndexMismatchError, match="build it again"):
        open_index(path)


@pytest.mark.parametrize("ordinal", [40, 80, 2**63, 2**64 - 1])
def test_forged_number_of_a_data_set_is_refused(ordinal: int, path: Path) -> None:
    build_index(path).close()
    sidecar = Path(sidecar_of(path))
    data = bytearray(sidecar.read_bytes())
    data[-40 * 8 :] = struct.pack("<Q", ordinal) * 40
    struct.pack_into("<I", data, 8, crc32(data[16:]))
    sidecar.write_bytes(data)
    with open_index(path) as index, pytest.raises(IndexMismatchError, match="build it again"):
        index["1.2.17"]


@each(
    "text",
    [b'{"results": [{}, {}]}', b'{} {"total": 2, "results": [{}, {}], "00080018": {"vr": "UI", "Value": ["1.2"]}}'],
)
def test_object_around_an_array_is_not_indexed(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="an object around an array"):
        build_index(path)
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_key_with_an_array_is_no_object_around_one(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('[{"total": [{}], "00080018": {"vr": "UI", "Value": ["1.2.3"]}}, {}]')
    with build_index(path) as index:
        assert index.ordinals("1.2.3") == [0]
        assert len(index) == 2


@pytest.mark.slow
def test_index_takes_at_most_32_bytes_a_data_set(path: Path) -> None:
    path.write_bytes(b"[" + b",".join([b"{}"] * 10_000) + b"]")
    with build_index(path) as index:
        assert len(index) == 10_000
    assert Path(sidecar_of(path)).stat().st_size < 32 * 10_000


@each("bits", [0, 3, 64])  # 0: no data set has a UID
def test_pairs_are_sorted_from_runs_in_a_file(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_RUN", 50), ("_READ", 7), ("_BLOCK", 20)):
        monkeypatch.setattr(f"streamdicom.index.sorting.{name}", value)
    rng = random.Random(3)
    pairs, expected = SortedPairs(), [(rng.getrandbits(bits), number) for number in range(333)]
    for pair in expected:
        pairs.add(*pair)
    assert len(pairs) == 333
    assert list(pairs) == list(pairs) == sorted(expected)
    pairs.close()


def test_fsspec_source_is_indexed(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://studies.json", "wb") as file:
        file.write(text_of(10, "lines"))
    with build_index("memory://studies.json") as index:
        assert index["1.2.7"].SOPInstanceUID == "1.2.7"
        assert isinstance(index, StreamIndex)


def test_data_sets_before_a_comment_are_scanned() -> None:
    found = []
    with pytest.raises(CommentError):
        for some in starts_and_hashes(BytesIO(text_of(3, "array") + b" " * 200_000 + b"// {}")):
            found += some.hashes
    assert found == [uid_hash(uid) for uid in ("1.2.0", "1.2.1", "1.2.2")]
