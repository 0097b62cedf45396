"""The log is written by a thread of its own."""

from __future__ import annotations

import io
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from heylook_core import log_thread
from heylook_core.log_thread import LogThread


class Pipe(io.StringIO):
    """A console that is not read until `opened` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def write(self, text: str) -> int:
        self.opened.wait(30)
        return super().write(text)


def logger_to(thread: LogThread) -> logging.Logger:
    logger = logging.Logger("tested")
    logger.addHandler(thread)
    return logger


def made(stream: io.StringIO, level: int = logging.NOTSET) -> LogThread:
    handler = logging.StreamHandler(stream)
    handler.setLevel(level)
    return LogThread([handler], lambda record: None)


def test_lines_come_in_order_and_whole() -> None:
    stream = io.StringIO()
    thread = made(stream)
    logger = logger_to(thread)
    for number in range(100):
        logger.info("line %d of %s", number, "many")
    thread.close()
    assert stream.getvalue().splitlines() == [f"line {number} of many" for number in range(100)]


def test_a_handler_keeps_its_level() -> None:
    stream = io.StringIO()
    thread = made(stream, logging.WARNING)
    logger = logger_to(thread)
    logger.info("quiet")
    logger.warning("loud")
    thread.close()
    assert stream.getvalue() == "loud\n"


def test_a_traceback_is_written() -> None:
    stream = io.StringIO()
    thread = made(stream)
    try:
        raise ValueError("the cause")
    except ValueError:
        logger_to(thread).exception("it failed")
    thread.close()
    assert stream.getvalue().startswith("it failed\nTraceback")
    assert stream.getvalue().endswith("ValueError: the cause\n")


def test_a_console_that_is_not_read_holds_nobody_up_and_says_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_thread, "WAITING_LINES", 5)
    stream = Pipe()
    thread = made(stream)
    logger = logger_to(thread)
    for number in range(50):
        logger.info("line %d", number)
    stream.opened.set()
    deadline = time.monotonic() + 30
    while "left out" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    logger.info("the next one")
    thread.close()
    lines = stream.getvalue().splitlines()
    left_out = next(int(line.split()[0]) for line in lines if "left out" in line)
    assert left_out + sum(line.startswith("line ") for line in lines) == 50
    assert lines[-1] == "the next one"


def test_the_end_does_not_wait_for_a_console_that_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_thread, "LAST_LINES_SECONDS", 0.05)
    stream = Pipe()
    thread = made(stream)
    logger_to(thread).info("unread")
    thread.close()
    assert stream.getvalue() == ""
    assert log_thread.is_stuck()
    stream.opened.set()


def wait_until_up(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/health")
            return
        except httpx.ConnectError:
            time.sleep(0.05)
    raise TimeoutError("the server did not start")


def test_a_server_whose_console_is_not_read_answers_and_ends(tmp_path: Path) -> None:
    """A pipe holds 64 KiB: less than these requests log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "models.yaml").write_text(f"models: [{{id: t, provider: toy}}]\nserver: {{port: {port}}}\n")
    command = [str(Path(sys.executable).with_name("heylookllm")), "serve", "--log-level", "DEBUG"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            body = {"model": "t", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                wait_until_up(client)
                for _ in range(500):
                    assert client.post("/v1/chat/completions", json=body).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr is not None
            assert len(process.stderr.read()) > 60_000
        finally:
            process.kill()
