"""The client that the documentation shows, run as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import live_server, toy_settings
from heylook_core.testkit.sound_files import sound_file
from heylook_core.testkit.tone_speech import spoken

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "live_speech.py"


def test_the_example_prints_what_was_said(tmp_path: Path):
    (tmp_path / "speech.wav").write_bytes(sound_file(spoken("_0.2 hello world _1", 44_100), 44_100))
    models = (*toy_settings().models, ModelEntry(id="scripted", provider="scripted"))
    with live_server(msgspec.structs.replace(toy_settings(), models=models)) as server:
        url = server.url.replace("http", "ws") + "/v1/stt/stream"
        command = [sys.executable, str(EXAMPLE), url, str(tmp_path / "speech.wav")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[-1][0] == "final"
    assert lines[-1][2:] == ["Hello", "world"]
    assert done.stderr == ""
