"""Memory of a server does not depend on the length of a body."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.web.asgi.bodies import BODIES, RELATED_JSON, many_parts, send
from tests.web.client.server import serving

_MIB = 1024 * 1024
_LONG = 96 * _MIB
_MAX_MEMORY = 16 * _MIB  # half of the promised bound


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.slow
def test_long_body_takes_constant_memory(name: str) -> None:
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
        assert server.peak - before < _MAX_MEMORY


@pytest.mark.slow
def test_bulk_data_to_a_store_takes_constant_memory(tmp_path: Path) -> None:
    content_type, make = BODIES["one part of bulk data"]
    with serving("tests.web.asgi.receiving:app") as server:
        before = server.resident
        status, answer = send(server, f"/datasets?store={tmp_path}/bulk", content_type, make(_LONG))
        assert status == 200
        [dataset] = json.loads(answer)
        assert (tmp_path / dataset["uri"]).stat().st_size == _LONG
        assert server.peak - before < _MAX_MEMORY


@pytest.mark.slow
def test_maximum_number_of_parts_takes_little_memory() -> None:
    with serving("tests.web.asgi.receiving:app") as server:
        before = server.resident
        status, answer = send(server, "/count", RELATED_JSON, many_parts(10_000))
        assert (status, answer) == (200, b"9999")
        assert server.peak - before < 2 * _MAX_MEMORY
