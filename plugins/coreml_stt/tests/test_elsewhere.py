"""Where CoreML does not run: what doctor, the list of plugins, a check and a request say, and how soon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from heylook_core.catalog.recognition import Recognised, Unservable
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import live_server, toy_settings
from heylook_core.testkit.sound_files import sound_file
from heylook_coreml_stt import machine, plugin
from tools.speech_model.tunes import spoken

pytestmark = pytest.mark.integration
NEEDS = "CoreML prediction needs macOS 14 or newer"
elsewhere = pytest.mark.skipif(machine.obstacle() is None, reason="CoreML runs here")


def heylook(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from heylook_core.cli import main; sys.exit(main())", *arguments]
    environment = {**os.environ, "COLUMNS": "300"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@elsewhere
def test_doctor_and_the_list_of_plugins_say_it(tmp_path: Path) -> None:
    rows = json.loads(heylook(tmp_path, "doctor", "--json").stdout)
    assert [row["state"] for row in rows if NEEDS in row["text"]] == ["warning"]
    listed = json.loads(heylook(tmp_path, "plugins", "--json").stdout)
    mine = [row for row in listed if row["name"] == "coreml_stt"]
    assert {row["group"] for row in mine} == {"heylook.providers", "heylook.plugins"}
    assert all(NEEDS in row["unusable"] and row["error"] == "" for row in mine)


@elsewhere
def test_a_check_says_it_before_it_looks_for_parts(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{id: parakeet, provider: coreml_stt, config: {model_path: .}}]\n")
    done = heylook(tmp_path, "models", "check")
    assert done.returncode == 1
    assert NEEDS in done.stdout + done.stderr


@elsewhere
def test_a_request_is_told_so_at_once(published: Path) -> None:
    entry = ModelEntry(id="parakeet", provider="coreml_stt", config={"model_path": str(published)})
    settings = msgspec.structs.replace(toy_settings(), models=(entry,), default_model=entry.id)
    with live_server(settings) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        listed = http.get("/v1/stt/models").json()["models"]
        assert [model["id"] for model in listed] == ["parakeet"]
        data = sound_file(spoken("hello"), 16_000, "wav")
        answer = http.post("/v1/audio/transcriptions", files={"file": ("a.wav", data)})
    assert answer.status_code == 503
    assert NEEDS in answer.json()["error"]["message"]


@elsewhere
def test_a_set_is_not_imported(published: Path) -> None:
    found = plugin.recognise_model(published, ())
    assert isinstance(found, Unservable)
    assert NEEDS in found.reason


def test_on_a_mac_a_set_is_recognised(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heylook_coreml_stt.recognition.obstacle", lambda: None)
    found = plugin.recognise_model(published, ())
    assert isinstance(found, Recognised)
    assert (found.entry.provider, found.entry.config) == ("coreml_stt", {"model_path": str(published)})
    assert published / "parakeet_vocab.json" in found.files
    assert not found.generates
    (tmp_path / "Decoder.mlmodelc").mkdir()
    assert plugin.recognise_model(tmp_path, ()) is None
    (tmp_path / "Encoder.mlmodelc").mkdir()
    missing = plugin.recognise_model(tmp_path, ())
    assert isinstance(missing, Unservable)
    assert "has no joint network" in missing.reason
    assert plugin.recognise_model(published / "parakeet_vocab.json", ()) is None


@pytest.mark.parametrize(
    ("system", "release", "sentence"),
    [
        ("Linux", "", f"{NEEDS}; this machine runs Linux, where heylook-onnx-stt serves the same models."),
        ("Darwin", "13.6.1", f"{NEEDS}; this machine runs macOS 13.6.1."),
        ("Darwin", "14.0", None),
    ],
)
def test_what_the_machine_lacks_is_said(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, sentence: str | None
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.mac_ver", lambda: (release, ("", "", ""), ""))
    assert machine.obstacle() == sentence


def test_without_coremltools_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), ""))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install coremltools" in str(machine.obstacle())


def test_nothing_imports_coremltools_before_a_load() -> None:
    names = ("provider", "plugin", "recognition", "names", "machine", "coreml", "network", "soundness", "graphs")
    imports = "; ".join(f"import heylook_coreml_stt.{name}" for name in names)
    code = f"{imports}; import sys; sys.exit('coremltools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
