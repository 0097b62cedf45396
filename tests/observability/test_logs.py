"""The log of a server: an id on every line of a request, JSON lines, flags, a terminal, and no texts."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import msgspec
import pytest

from heylook_core.calls import CALL, CurrentCall
from heylook_core.logs import logging_to
from heylook_core.settings import LoggingSettings, ModelEntry
from heylook_core.testkit.server import live_server, toy_settings

pytestmark = pytest.mark.integration

SECRET = "my secret question"
ROOT = Path(__file__).resolve().parents[2]
MODELS = "server: {port: 0}\nmodels: [{id: toy, provider: toy, placement: thread%s}]\n"


def ask(url, text=SECRET, **fields):
    body = {"model": "toy", "max_tokens": 4, "messages": [{"role": "user", "content": text}]} | fields
    headers = {"x-request-id": "the-id"}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60, trust_env=False)


def test_a_line_about_a_request_has_its_id(capsys):
    with logging_to(LoggingSettings(level="INFO")), live_server(toy_settings()) as server:
        ask(server.url)
        server.finishes.get(1)
    lines = [line for line in capsys.readouterr().err.splitlines() if "the-id" in line]
    assert re.fullmatch(r"\S+ \S+ - INFO - \[the-id\] chat toy: ok, \d+\+4 tokens.*", lines[-1])
    assert any("model toy is loaded" in line for line in lines)


def test_failures_of_the_server_are_warnings_and_those_of_clients_are_not(capsys):
    with logging_to(LoggingSettings(level="WARNING")), live_server(toy_settings()) as server:
        ask(server.url, "[toy:broken]")
        ask(server.url, model="none")
        server.finishes.get(2)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2].partition(",")[0] for line in lines] == ["chat toy: failed (engine"]


def test_no_text_of_a_request_is_logged_above_debug(capsys):
    with logging_to(LoggingSettings(level="INFO")), live_server(toy_settings()) as server:
        ask(server.url)
        ask(server.url, reasoning_effort=SECRET)
        ask(server.url, model=SECRET)
        server.finishes.get(3)
    text = capsys.readouterr().err
    assert text.count("[the-id]") >= 3
    assert SECRET not in text.replace(f"chat {SECRET}: failed (model_not_found", "")


def test_json_lines_on_the_console_and_in_the_file(tmp_path, capsys):
    settings = LoggingSettings(level="INFO", file_level="DEBUG", dir=str(tmp_path), format="json")
    token = CALL.set(CurrentCall("the-id"))
    try:
        with logging_to(settings) as file:
            logging.getLogger("heylook_core.x").info("two\nlines")
            try:
                raise ValueError("why")
            except ValueError:
                logging.getLogger("heylook_core.x").exception("trouble")
    finally:
        CALL.reset(token)
    for text in (capsys.readouterr().err, file.read_text()):
        first, second = map(json.loads, text.splitlines())
        assert (first["message"], first["level"], first["request_id"]) == ("two\nlines", "INFO", "the-id")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
        assert "ValueError: why" in second["error"]


@pytest.mark.parametrize("placement", ["thread", "process"])
@pytest.mark.parametrize(
    ("provider", "words"), [("toy", "the engine refused a sequence"), ("scripted", "the provider of")]
)
def test_lines_of_a_worker_are_lines_of_the_server_with_the_id_of_their_request(
    tmp_path, capfd, placement, provider, words
):
    settings = LoggingSettings(level="CRITICAL", file_level="DEBUG", dir=str(tmp_path), format="json")
    entry = ModelEntry(id="toy", provider=provider, placement=placement)
    served = msgspec.structs.replace(toy_settings(), models=(entry,))
    with logging_to(settings) as file, live_server(served) as server:
        assert ask(server.url, "fail [toy:insert]").status_code == 500
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    [line] = [line for line in lines if line["message"].startswith(words)]
    assert (line["level"], line["request_id"]) == ("ERROR", "the-id")
    assert line["logger"].startswith("heylook_core.")
    assert "Traceback" in line["error"]
    assert capfd.readouterr().err == ""


def serve(tmp_path, *options, models="", **how):
    (tmp_path / "models.yaml").write_text(MODELS % models)
    command = [str(Path(sys.executable).with_name("heylookllm")), "serve", *options]
    return subprocess.Popen(command, cwd=tmp_path, **how)


def test_the_flags_of_the_command_are_honoured(tmp_path):
    options = ("--log-level", "ERROR", "--file-log-level", "INFO", "--log-dir", "there", "--log-format", "json")
    process = serve(tmp_path, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = next(line for line in process.stdout if "is ready: " in line).partition("is ready: ")[2].split()[0]
    assert ask(url).status_code == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    [file] = (tmp_path / "there").glob("heylookllm_*.log")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(line.get("request_id") == "the-id" and "chat toy: ok" in line["message"] for line in lines)
    assert errors == ""


def test_on_a_terminal_lines_are_drawn_and_a_long_load_is_shown(tmp_path):
    gate = tmp_path / "gate"
    ours, theirs = pty.openpty()
    models = f", config: {{load_gate: {gate}}}"
    process = serve(tmp_path, models=models, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""

    def read_until(what: bytes) -> None:
        nonlocal seen
        while what not in seen:
            seen += os.read(ours, 65536)

    read_until(b"Ctrl-C stops")
    url = re.search(rb"http://[\d.:]+", seen)[0].decode()
    asking = threading.Thread(target=ask, args=(url,))
    asking.start()
    read_until(b"loading toy")
    gate.touch()
    read_until(b"tokens")
    asking.join()
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(ours, 65536):
            seen += more
    except OSError:
        pass
    os.close(ours)
    assert process.wait(60) == 0
    assert b"\x1b[" in seen


def test_log_lines_of_one_request_do_not_carry_the_id_of_another(capsys):
    with logging_to(LoggingSettings(level="INFO")), live_server(toy_settings()) as server:
        threads = [
            threading.Thread(
                target=lambda n=n: httpx.post(
                    f"{server.url}/v1/chat/completions",
                    json={"model": "toy", "max_tokens": 4 + n, "messages": [{"role": "user", "content": "x"}]},
                    headers={"x-request-id": f"id-{n}"},
                    timeout=60,
                    trust_env=False,
                )
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.finishes.get(8)
    found = re.findall(r"\[id-(\d)\] chat toy: ok, \d+\+(\d+) tokens", capsys.readouterr().err)
    assert sorted(found) == [(str(n), str(4 + n)) for n in range(8)]
