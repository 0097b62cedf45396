"""Multipart forms through the real server: fields, files, limits, what is malformed, clients that leave."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from heylook_core.dialect import Call, Dialect, Form, Reply, Upload, operation
from heylook_core.errors import HeylookError, InvalidRequest
from heylook_core.plugins import DIALECTS, Plugins
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.web.errors import core_form

pytestmark = pytest.mark.integration

LIMIT = 6 << 20


class Fields(msgspec.Struct):
    number: float = 0.5
    flag: bool = False
    words: list[str] = []
    maybe: list[str] | None = None


class FormDialect(Dialect):
    name = "forms"
    prefixes = ("/form",)
    seen: list[Upload] = []

    def error(self, error: HeylookError) -> Reply:
        return core_form(error)

    @operation("POST", "/form", summary="Tell what came", body=Form, fields=Fields, files=("file",))
    async def tell(self, call: Call) -> Reply:
        form: Form = call.body
        FormDialect.seen = form.files
        if form.text("fail"):
            raise InvalidRequest("told to fail")
        files = [
            (file.name, file.filename, file.content_type, file.size, hashlib.sha256(file.file.read()).hexdigest())
            for file in form.files
        ]
        return Reply(body={"texts": form.texts, "files": files, "fields": form.decode(Fields)})


class WithForms(Plugins):
    def names(self, group: str) -> list[str]:
        return [*super().names(group), "forms"] if group == DIALECTS else super().names(group)

    def load(self, group: str, name: str) -> type[Any]:
        return FormDialect if (group, name) == (DIALECTS, "forms") else super().load(group, name)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(toy_settings(server={"max_body_bytes": LIMIT}), WithForms()) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made


def part(name: str, data: bytes, *extra: str) -> bytes:
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{"".join(extra)}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def post(http: httpx.Client, body: bytes, boundary: str = "cut") -> httpx.Response:
    return http.post("/form", content=body, headers={"content-type": f"multipart/form-data; boundary={boundary}"})


def until_closed(files: list[Upload]) -> None:
    """The exchange is over a moment after the client has its answer."""
    deadline = time.monotonic() + 10
    while not all(file.file.closed for file in files):
        assert time.monotonic() < deadline, "a file of the form is still open"
        time.sleep(0.01)


def test_fields_keep_their_order_and_may_repeat(http: httpx.Client):
    body = part("b", b"1") + part("a[]", b"x") + part("a[]", "ä".encode()) + b"--cut--\r\n"
    assert post(http, body).json()["texts"] == [["b", "1"], ["a[]", "x"], ["a[]", "ä"]]


def test_texts_become_the_types_of_the_fields(http: httpx.Client):
    answer = http.post("/form", files={"number": (None, "0.25"), "flag": (None, "true"), "words[]": (None, "one")})
    assert answer.json()["fields"] == {"number": 0.25, "flag": True, "words": ["one"], "maybe": None}


def test_a_field_of_the_wrong_type_is_named(http: httpx.Client):
    answer = http.post("/form", files={"number": (None, "much")})
    assert answer.status_code == 400
    assert "`number`" in answer.json()["error"]["message"]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_a_file_arrives_whole_whatever_its_size_and_is_closed_afterwards(http: httpx.Client, size: int):
    data = (b"0123456789\r\n--cu\r\n" * (size // 18 + 1))[:size]
    answer = http.post("/form", files={"file": ("a b.wav", data, "audio/wav")})
    assert answer.json()["files"] == [["file", "a b.wav", "audio/wav", size, hashlib.sha256(data).hexdigest()]]
    until_closed(FormDialect.seen)


def test_files_are_closed_when_the_handler_fails(http: httpx.Client):
    answer = http.post("/form", files={"file": ("a", b"x"), "fail": (None, "yes")})
    assert answer.status_code == 400
    assert FormDialect.seen
    until_closed(FormDialect.seen)


def test_a_form_over_the_limit_is_refused_whether_its_length_is_told_or_not(http: httpx.Client):
    data = b"x" * (LIMIT + 1)
    told = http.post("/form", files={"file": ("a", data)})

    def chunks() -> Iterator[bytes]:
        yield part("file", b"", '; filename="a"')[:-2]
        for start in range(0, len(data), 1 << 16):
            yield data[start : start + (1 << 16)]
        yield b"\r\n--cut--\r\n"

    counted = http.post("/form", content=chunks(), headers={"content-type": "multipart/form-data; boundary=cut"})
    for answer in (told, counted):
        assert answer.status_code == 413
        assert "server.max_body_bytes" in answer.json()["error"]["message"]


def test_texts_that_are_too_long_are_refused(http: httpx.Client):
    half = b"x" * (5 << 19)
    assert post(http, part("a", half) + part("b", half) + b"--cut--\r\n").status_code == 413


def test_another_media_type_is_refused_as_such(http: httpx.Client):
    answer = http.post("/form", json={"number": 1})
    assert answer.status_code == 415
    assert "multipart/form-data; it was sent as application/json" in answer.json()["error"]["message"]
    assert http.post("/form", content=b"x").status_code == 415


WHOLE = part("a", b"1") + part("file", b"data", '; filename="x"') + b"--cut--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        WHOLE[:40],
        WHOLE[:-30],
        part("", b"1") + b"--cut--\r\n",
        b"--cut\r\n\r\nx\r\n--cut--\r\n",
        part("a", b"\xff") + b"--cut--\r\n",
        b'--cut\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--cut--\r\n',
        part("f", b"", '; filename="a"\r\nContent-Type: \xe9') + b"--cut--\r\n",
        b"".join(part("a", b"1") for _ in range(300)) + b"--cut--\r\n",
        part("a", b"1", "; x=" + "y" * 10_000) + b"--cut--\r\n",
    ],
)
def test_what_is_malformed_is_refused(http: httpx.Client, body: bytes):
    answer = post(http, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


def test_a_form_without_a_boundary_is_refused(http: httpx.Client):
    answer = http.post("/form", content=WHOLE, headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400
    assert post(http, WHOLE, "other").status_code == 400


def test_a_compressed_form_is_refused(http: httpx.Client):
    headers = {"content-type": "multipart/form-data; boundary=cut", "content-encoding": "gzip"}
    assert http.post("/form", content=WHOLE, headers=headers).status_code == 400


def test_a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing_behind(server: LiveServer, http: httpx.Client):
    before = threading.active_count()
    host, _, port = server.url.removeprefix("http://").partition(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=60) as client:
            head = f"POST /form HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LIMIT}\r\n"
            client.sendall(f"{head}Content-Type: multipart/form-data; boundary=cut\r\n\r\n".encode())
            client.sendall(part("file", b"x" * (3 << 20), '; filename="a"'))
    assert post(http, WHOLE).status_code == 200
    assert threading.active_count() <= before + 6  # of the default executor
