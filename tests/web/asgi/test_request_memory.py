"""However long a body is, a server that takes it stays as small as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.web.asgi.bodies import BODIES, RELATED_JSON, many_parts, send
from tests.web.client.server import serving

_MIB = 1024 * 1024
_LONG = 96 * _MIB
_MOST = 16 * _MIB  # half of what is promised


@pytest.mark.parametrize("name", BODIES)
def test_a_long_body_takes_no_memory(name: str) -> None:
    size = _LONG // 4 if name == "an array of data sets" else _LONG
    path = "/count" if name == "an array of data sets" else "/datasets"
    content_type, make = BODIES[name]
    with serving("tests.web.asgi.receiving:app") as server:
        before = server.resident
        status, answer = send(server, path, content_type, make(size))
        assert status == 200
        if path == "/datasets":
            [dataset] = json.loads(answer)
            assert dataset["digest"]
        else:
            assert int(answer) > 20_000
        assert server.peak - before < _MOST


def test_bulk_data_goes_to_a_store_in_no_more_memory(tmp_path: Path) -> None:
    content_type, make = BODIES["one part of bulk data"]
    with serving("tests.web.asgi.receiving:app") as server:
        before = server.resident
        status, answer = send(server, f"/datasets?store={tmp_path}/bulk", content_type, make(_LONG))
        assert status == 200
        [dataset] = json.loads(answer)
        assert (tmp_path / dataset["uri"]).stat().st_size == _LONG
        assert server.peak - before < _MOST


def test_as_many_parts_as_there_may_be_take_little_memory() -> None:
    with serving("tests.web.asgi.receiving:app") as server:
        before = server.resident
        status, answer = send(server, "/count", RELATED_JSON, many_parts(10_000))
        assert (status, answer) == (200, b"9999")
        assert server.peak - before < 2 * _MOST
