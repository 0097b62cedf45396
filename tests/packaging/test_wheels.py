"""Builds every distribution, installs the wheels into fresh environments, and uses them from another directory."""

from __future__ import annotations

import email.parser
import importlib.util
import re
import signal
import socket
import subprocess
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from environments import FOLDERS, ROOT, Distribution, Environment, environment, plugin_folders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HAS_LLAMA_CPP = importlib.util.find_spec("llama_cpp") is not None


PLUGINS = {folder.name for folder in plugin_folders()}


@pytest.fixture
def fresh(tmp_path: Path) -> Environment:
    return Environment.new(tmp_path / "environment")


@contextmanager
def serving(environment_: Environment) -> Iterator[httpx.Client]:
    """A server started as a user would, ended by Ctrl-C, which it must obey with exit code 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(environment_.folder / "bin/heylookllm"), "--host", "127.0.0.1", "--port", str(port)]
    log = environment_.work / "server.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=environment_.work, env=environment(), stdout=output, stderr=output) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
                wait_until_healthy(client, process, log)
                yield client
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0, log.read_text()
        finally:
            process.kill()


def wait_until_healthy(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode}\n{log.read_text()}"
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"no healthy server within 60 s\n{log.read_text()}")


def model_ids(client: httpx.Client) -> set[str]:
    reply = client.get("/v1/models")
    assert reply.status_code == 200
    return {model["id"] for model in reply.json()["data"]}


def ask(client: httpx.Client, model: str) -> httpx.Response:
    messages = [{"role": "user", "content": "What is heylook?"}]
    return client.post("/v1/chat/completions", json={"model": model, "messages": messages, "max_tokens": 16})


def assert_works(environment_: Environment, installed: set[str], models: set[str]) -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "heylook_core/__init__.py").read_text())
    assert version
    assert version[1] in environment_.run("heylookllm", "--version")
    assert "serve" in environment_.run("heylookllm", "--help")
    assert environment_.run("heylook", "--version") == environment_.run("heylookllm", "--version")
    location = environment_.run("python", "-c", "import heylook_core; print(heylook_core.__file__)")
    assert "site-packages" in location

    rows = environment_.plugins()
    assert {"heylook", *installed} == {row["dist"] for row in rows}
    assert [row for row in rows if row["error"]] == []
    assert {"group", "name", "dist", "version", "state", "error"} <= set(rows[0])

    with serving(environment_) as client:
        assert model_ids(client) == models
        for model in models:
            reply = ask(client, model)
            assert reply.status_code == 200, reply.text
            assert reply.json()["choices"][0]["message"]["content"].strip()
        refused = ask(client, "no-such-model")
        assert refused.status_code == 404
        assert "no-such-model" in refused.json()["error"]["message"]


def needs(*names: str) -> pytest.MarkDecorator:
    missing = sorted(set(names) - PLUGINS)
    return pytest.mark.skipif(bool(missing), reason=f"plugins/ has no code of {', '.join(missing)} yet")


def test_core_alone_starts_and_lists_no_model(built: dict[str, Distribution], fresh: Environment) -> None:
    fresh.install(built["heylook"].wheel)
    assert_works(fresh, installed=set(), models=set())


@needs("mlx")
def test_mlx_alone_starts_and_lists_no_model(built: dict[str, Distribution], fresh: Environment) -> None:
    fresh.install(built["heylook"].wheel, built["heylook-mlx"].wheel)
    assert_works(fresh, installed={"heylook-mlx"}, models=set())


@needs("demo_model")
def test_demo_model_without_a_backend_is_not_listed(built: dict[str, Distribution], fresh: Environment) -> None:
    fresh.install(built["heylook"].wheel, built["heylook-demo-model"].wheel)
    assert_works(fresh, installed={"heylook-demo-model"}, models=set())


@needs("mlx", "demo_model")
def test_extras_bring_a_backend_and_a_model_that_answers(built: dict[str, Distribution], fresh: Environment) -> None:
    fresh.install("--find-links", built["heylook"].wheel.parent, "heylook[mlx,demo]")
    assert_works(fresh, installed={"heylook-mlx", "heylook-demo-model"}, models={"heylook-demo"})


@needs("gguf")
def test_gguf_without_its_library_does_no_harm(built: dict[str, Distribution], fresh: Environment) -> None:
    fresh.install(built["heylook"].wheel)
    fresh.install("--no-deps", built["heylook-gguf"].wheel)
    assert "gguf" in {row["name"] for row in fresh.plugins()}
    with serving(fresh) as client:
        assert model_ids(client) == set()


@needs("mlx", "demo_model", "gguf")
@pytest.mark.skipif(not HAS_LLAMA_CPP, reason="llama-cpp-python would have to be compiled")
def test_everything_together_serves_the_demo_model_on_both_engines(
    built: dict[str, Distribution], fresh: Environment
) -> None:
    fresh.install(*(distribution.wheel for distribution in built.values()))
    assert_works(fresh, installed=set(FOLDERS) - {"heylook"}, models={"heylook-demo", "heylook-demo-gguf"})


def test_wheels_hold_their_packages_and_nothing_else(built: dict[str, Distribution]) -> None:
    packages = {name: {name.replace("-", "_")} for name in FOLDERS} | {
        "heylook": {"heylook_core", "heylook_api_openai", "heylook_api_ollama"}
    }
    for name, distribution in built.items():
        with zipfile.ZipFile(distribution.wheel) as wheel:
            tops = {entry.split("/")[0] for entry in wheel.namelist()}
        assert {top for top in tops if not top.endswith(".dist-info")} == packages[name]


def test_sdists_hold_their_sources_and_nothing_else(built: dict[str, Distribution]) -> None:
    always = {"pyproject.toml", "PKG-INFO", "README.md", ".gitignore", "LICENSE", "CHANGELOG.md", "models.example.yaml"}
    always |= {"MODEL_CARD.md", "hatch_build.py"}
    for distribution in built.values():
        with tarfile.open(distribution.sdist) as archive:
            tops = {member.split("/")[1] for member in archive.getnames() if "/" in member}
        assert all(top.startswith("heylook_") for top in tops - always), tops


@needs("demo_model")
def test_the_demo_model_takes_24_megabytes_at_most(built: dict[str, Distribution]) -> None:
    distribution = built["heylook-demo-model"]
    for archive in (distribution.wheel, distribution.sdist):
        assert archive.stat().st_size < 24_000_000
    with zipfile.ZipFile(distribution.wheel) as wheel:
        assert sum(entry.file_size for entry in wheel.infolist()) < 24_000_000


def test_all_distributions_share_one_version(built: dict[str, Distribution]) -> None:
    assert len({distribution.wheel.name.split("-")[1] for distribution in built.values()}) == 1


def test_wheels_name_no_address(built: dict[str, Distribution]) -> None:
    """A requirement by address (`name @ file:///...`) cannot be published."""
    for distribution in built.values():
        with zipfile.ZipFile(distribution.wheel) as wheel:
            entry = next(entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
            metadata = email.parser.Parser().parsestr(wheel.read(entry).decode())
        assert [line for line in metadata.get_all("Requires-Dist", []) if "@" in line] == []


def test_every_extra_is_in_the_checkout_or_pinned() -> None:
    """`heylook-…` names that nobody here builds could be registered by a stranger."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    here = {tomllib.loads(path.read_text())["project"]["name"] for path in ROOT.glob("plugins/*/pyproject.toml")}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = [entry for extra in project["optional-dependencies"].values() for entry in extra]
    names = {re.split(r"[\[<>=;~ ]", entry)[0] for entry in wanted}
    assert names <= here | pinned | {"heylook"}
