"""``streamdicom fetch`` as a user runs it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.client.scripted import Request, response, scripted

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()", "fetch"]
OBJECTS: list[dict[str, Any]] = [
    {
        "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
        "00201208": {"vr": "IS", "Value": [number]},
        "7FE00010": {"vr": "OW", "BulkDataURI": f"/bulk/{number}"},
    }
    for number in range(5)
]


def _answer(request: Request) -> list[bytes]:
    objects = OBJECTS
    if "offset" in request.query:
        offset = int(request.query["offset"])
        objects = OBJECTS[offset : offset + int(request.query["limit"])]
    return response(json.dumps(objects).encode())


def _absolute(url: str) -> list[dict[str, Any]]:
    return [
        {**one, "7FE00010": {"vr": "OW", "BulkDataURI": f"{url}/bulk/{number}"}} for number, one in enumerate(OBJECTS)
    ]


def _run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*_COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("path", ["/studies/1/metadata", "/instances", "/instances?limit=5"])
def test_what_a_server_answers_with_becomes_a_file(path: str, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with scripted(_answer) as server:
        result = _run(server.url + path, "-o", target, "--page-size", "2")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert target.read_text().endswith("]\n")
    assert json.loads(target.read_text()) == _absolute(server.url)


@pytest.mark.parametrize(("name", "options"), [("-", ["--ndjson"]), ("out.ndjson", []), ("out.json", ["--ndjson"])])
def test_it_may_be_ndjson(name: str, options: list[str], tmp_path: Path) -> None:
    target = name if name == "-" else tmp_path / name
    with scripted(_answer) as server:
        result = _run(f"{server.url}/studies/1/metadata", "-o", target, *options)
    text = result.stdout if name == "-" else Path(target).read_text()
    assert [json.loads(line) for line in text.splitlines()] == _absolute(server.url)


def test_elements_and_data_sets_are_chosen() -> None:
    with scripted(_answer) as server:
        options = ["--select", "SOPInstanceUID=1.2.3", "--exclude", "PixelData", "--keys", "keyword"]
        result = _run(f"{server.url}/instances", "-o", "-", *options)
    assert [sorted(one) for one in json.loads(result.stdout)] == [["NumberOfStudyRelatedInstances", "SOPInstanceUID"]]


def test_header_fields_and_a_token_are_sent() -> None:
    with scripted(_answer) as server:
        _run(f"{server.url}/metadata", "-o", "-", "--header", "X-One: 1:2", "--header", "X-Two:", "--token", "abc")
        _run(f"{server.url}/metadata", "-o", "-", STREAMDICOM_TOKEN="def")
    first, second = (request.headers for request in server.requests)
    assert (first["x-one"], first["x-two"], first["authorization"]) == ("1:2", "", "Bearer abc")
    assert second["authorization"] == "Bearer def"


@pytest.mark.parametrize(
    "arguments",
    [
        ["localhost/studies"],
        ["http://127.0.0.1:1/studies?limit=x"],
        ["http://127.0.0.1:1/studies", "--header", "nothing"],
        ["http://127.0.0.1:1/studies", "--header", "X-Evil: a\r\nX-More: b"],
        ["http://127.0.0.1:1/studies", "--token", "a\nb"],
        ["http://127.0.0.1:1/studies", "--page-size", "0"],
        ["http://127.0.0.1:1/studies", "--ndjson", "--indent", "2"],
    ],
)
def test_a_call_that_is_at_fault_exits_with_2(arguments: list[str], tmp_path: Path) -> None:
    result = _run(*arguments, "-o", tmp_path / "out.json")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [
        response(status=404),
        response(b"[{}]", headers=[("Warning", "299 - There are 2 additional results")]),
        response(b'[{"00080018": {"vr": "UI", "Value": ["1"]}}, {]'),
        response(b"", status=302, headers=[("Location", "http://127.0.0.1:1/")]),
    ],
    ids=["status", "truncated", "malformed", "redirect"],
)
def test_an_answer_that_is_at_fault_exits_with_1_and_leaves_no_file(answer: list[bytes], tmp_path: Path) -> None:
    with scripted(lambda _: answer) as server:
        result = _run(f"{server.url}/studies/1/metadata", "-o", tmp_path / "out.json")
    assert result.returncode == 1
    assert result.stderr.startswith("streamdicom: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_exits_with_1(tmp_path: Path) -> None:
    with scripted(_answer) as server:
        pass
    result = _run(f"{server.url}/studies", "-o", tmp_path / "out.json")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_exits_with_130_and_leaves_no_file(tmp_path: Path) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield response(length=10**9)[0] + b"[{},"
        while True:
            time.sleep(0.05)
            yield b"{},"

    with scripted(answer) as server:
        command = [*_COMMAND, f"{server.url}/studies/1/metadata", "-o", str(tmp_path / "out.json")]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            while not list(tmp_path.iterdir()):
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"")
    assert list(tmp_path.iterdir()) == []
