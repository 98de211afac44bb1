"""``streamdicom fetch`` against a scripted server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import COMMAND, run
from tests.support.each import each
from tests.web.client.scripted import Request, response, scripted

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


@each("path", ["/studies/1/metadata", "/instances", "/instances?limit=5"])
def test_response_becomes_a_file(path: str, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with scripted(_answer) as server:
        result = run("fetch", server.url + path, "-o", target, "--page-size", "2")
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")
    assert target.read_text().endswith("]\n")
    assert json.loads(target.read_text()) == _absolute(server.url)


@each(("name", "options"), [("-", ["--to", "ndjson"]), ("out.ndjson", []), ("out.json", ["--to", "ndjson"])])
def test_response_can_be_written_as_ndjson(name: str, options: list[str], tmp_path: Path) -> None:
    target = name if name == "-" else tmp_path / name
    with scripted(_answer) as server:
        result = run("fetch", f"{server.url}/studies/1/metadata", "-o", target, *options)
    text = result.stdout.decode() if name == "-" else Path(target).read_text()
    assert [json.loads(line) for line in text.splitlines()] == _absolute(server.url)


def test_elements_and_data_sets_are_selected() -> None:
    with scripted(_answer) as server:
        options = ["--select", "SOPInstanceUID=1.2.3", "--exclude", "PixelData", "--keys", "keyword"]
        result = run("fetch", f"{server.url}/instances", "-o", "-", *options)
    assert [sorted(one) for one in json.loads(result.stdout)] == [["NumberOfStudyRelatedInstances", "SOPInstanceUID"]]


def test_selection_of_nothing_is_reported() -> None:
    with scripted(_answer) as server:
        result = run("fetch", f"{server.url}/studies/1/metadata", "-o", "-", "--select", "SOPInstanceUID=9")
    assert (result.code, result.stdout) == (0, b"[]\n")
    assert result.error == "warning: no data set matches --select SOPInstanceUID=9"


def test_header_fields_and_token_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(_answer) as server:
        run(
            "fetch",
            f"{server.url}/metadata",
            "-o",
            "-",
            "--header",
            "X-One: 1:2",
            "--header",
            "X-Two:",
            "--token",
            "abc",
        )
        monkeypatch.setenv("STREAMDICOM_TOKEN", "def")
        run("fetch", f"{server.url}/metadata", "-o", "-")
    first, second = (request.headers for request in server.requests)
    assert (first["x-one"], first["x-two"], first["authorization"]) == ("1:2", "", "Bearer abc")
    assert second["authorization"] == "Bearer def"


@each(
    "arguments",
    [
        ["localhost/studies"],
        ["http://127.0.0.1:1/studies?limit=x"],
        ["http://127.0.0.1:1/studies", "--header", "nothing"],
        ["http://127.0.0.1:1/studies", "--header", "X-Evil: a\r\nX-More: b"],
        ["http://127.0.0.1:1/studies", "--token", "a\nb"],
        ["http://127.0.0.1:1/studies", "--page-size", "0"],
        ["http://127.0.0.1:1/studies", "--to", "ndjson", "--indent", "2"],
    ],
)
def test_wrong_arguments_create_no_file(arguments: list[str], tmp_path: Path) -> None:
    result = run("fetch", *arguments, "-o", tmp_path / "out.json")
    assert (result.code, bool(result.error)) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix_needs_to(tmp_path: Path) -> None:
    with scripted(_answer) as server:
        assert run("fetch", f"{server.url}/studies/1/metadata", "-o", tmp_path / "out.xml").code == 2
        assert run("fetch", f"{server.url}/studies/1/metadata", "-o", tmp_path / "out.x", "--to", "json").code == 0


@each(
    "answer",
    [
        response(status=404),
        response(b"[{}]", headers=[("Warning", "299 - There are 2 additional results")]),
        response(b'[{"00080018": {"vr": "UI", "Value": ["1"]}}, {]'),
        response(b"", status=302, headers=[("Location", "http://127.0.0.1:1/")]),
    ],
    ids=["status", "truncated", "malformed", "redirect"],
)
def test_invalid_response_leaves_no_file(answer: list[bytes], tmp_path: Path) -> None:
    with scripted(lambda _: answer) as server:
        result = run("fetch", f"{server.url}/studies/1/metadata", "-o", tmp_path / "out.json")
    assert (result.code, bool(result.error)) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_unreachable_server_leaves_no_file(tmp_path: Path) -> None:
    with scripted(_answer) as server:
        pass
    url = f"{server.url}/studies"
    result = run("fetch", url.replace("//", "//user:secret@"), "-o", tmp_path / "out.json")
    assert result.code == 1
    assert result.error.startswith(f"{url}: ")
    assert "secret" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_unreachable_server_leaves_no_folder(tmp_path: Path) -> None:
    with scripted(_answer) as server:
        pass
    assert run("fetch", f"{server.url}/studies/1.2", "-o", tmp_path / "out").code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield response(length=10**9)[0] + b"[{},"
        while True:
            time.sleep(0.05)
            yield b"{},"

    with scripted(answer) as server:
        command = [*COMMAND, "fetch", f"{server.url}/studies/1/metadata", "-o", str(tmp_path / "out.json")]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            while not list(tmp_path.iterdir()):
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"")
    assert list(tmp_path.iterdir()) == []
