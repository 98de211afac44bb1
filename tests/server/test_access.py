"""Access by tokens, as clients send them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from streamdicom.server import parse_tokens, server_app
from tests.server import corpus
from tests.support.each import each

_HASHES = {sha256(token.encode()).hexdigest(): access for token, access in (("r-1", "read"), ("w-1", "write"))}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    corpus.write(tmp_path / "a.dcm", corpus.dataset(0))
    app = server_app(tmp_path, access=_HASHES, cors=["https://viewer.example"])
    with TestClient(app, "http://localhost") as running:
        yield running


def _statuses(client: TestClient, tmp_path: Path, headers: dict[str, str]) -> tuple[int, int, int]:
    content = corpus.write(tmp_path.parent / f"{tmp_path.name}.dcm", corpus.dataset(0)).read_bytes()
    storing = {**headers, "Content-Type": "application/dicom"}
    return (
        client.get("/studies", headers=headers).status_code,
        client.get("/studies/1.2.1.0/metadata", headers=headers).status_code,
        client.post("/studies", content=content, headers=storing).status_code,
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Basic"])
def test_token_decides_about_reading_and_storing(client: TestClient, tmp_path: Path, scheme: str) -> None:
    def header(token: str) -> dict[str, str]:
        if scheme == "Basic":
            return _basic(token)
        return {"Authorization": f"{scheme} {token}"}

    assert _statuses(client, tmp_path, header("r-1")) == (200, 200, 403)
    assert _statuses(client, tmp_path, header("w-1")) == (200, 200, 200)
    assert _statuses(client, tmp_path, header("x-1")) == (401, 401, 401)


def _basic(token: str) -> dict[str, str]:
    request = next(httpx2.BasicAuth("anyone", token).auth_flow(httpx2.Request("GET", "http://a")))
    return {"Authorization": request.headers["Authorization"]}


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic", "Basic ???", "Basic Og==", "Digest r-1", "r-1", *_HASHES]
)
def test_anything_but_a_token_is_401(client: TestClient, tmp_path: Path, value: str) -> None:
    assert _statuses(client, tmp_path, {"Authorization": value} if value else {}) == (401, 401, 401)
    assert "Bearer" in client.get("/studies").headers["WWW-Authenticate"]


def test_preflight_needs_no_token_and_a_page_sees_the_refusal(client: TestClient) -> None:
    asked = {"Origin": "https://viewer.example", "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "authorization"
    preflight = client.options("/studies", headers=asked)
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    refused = client.get("/studies", headers={"Origin": "https://viewer.example"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://viewer.example")


def test_hash_of_the_documented_command_is_the_hash_of_the_token(tmp_path: Path) -> None:
    made = subprocess.run("printf %s r-1 | sha256sum", shell=True, check=True, capture_output=True, text=True)
    assert parse_tokens(["# comment", "", f"read {made.stdout}"]) == {next(iter(_HASHES)): "read"}


@each("line", ["reading", "read abc", f"admin {'0' * 64}", "0" * 64])
def test_line_of_another_form_is_an_error_without_its_text(line: str) -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        parse_tokens(["# comment", line])
    assert line.split()[-1] not in str(caught.value)
