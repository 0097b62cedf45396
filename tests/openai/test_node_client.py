"""The official client for JavaScript, from the package registry, against a live server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from heylook_core.testkit.server import LiveServer

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPT = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "any", maxRetries: 0 });
const said = (content) => [{ role: "user", content }];
const found = {};
const chat = await client.chat.completions.create({ model: "scripted", messages: said("say one two") });
found.chat = chat.choices[0].message.content;
const stream = client.chat.completions.stream({ model: "scripted", messages: said("say one two") });
found.stream = await stream.finalContent();
const add = { type: "function", function: { name: "add", parameters: { type: "object",
  properties: { a: { type: "integer" }, b: { type: "integer" } } } } };
const called = client.chat.completions.stream({ model: "scripted", messages: said("add 2 and 3"), tools: [add] });
found.call = (await called.finalChatCompletion()).choices[0].message.tool_calls[0].function;
const vectors = await client.embeddings.create({ model: "toy", input: ["one", "two"] });
found.widths = vectors.data.map((row) => row.embedding.length);
found.length = Math.hypot(...vectors.data[0].embedding);
const response = client.responses.stream({ model: "scripted", input: "say one two" });
found.response = (await response.finalResponse()).output_text;
const completion = await client.completions.create({ model: "toy", prompt: ["[toy:say=a]", "[toy:say=b]"] });
found.completions = completion.choices.map((choice) => choice.text);
try { await client.chat.completions.create({ model: "no/such", messages: said("x") }); }
catch (error) { found.error = [error.status, error.code]; }
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "ask.js").write_text(SCRIPT)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "openai"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    if done.returncode:
        pytest.skip(f"npm could not install the client: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def test_the_client_for_javascript_gets_what_the_one_for_python_gets(server: LiveServer, project: Path):
    done = subprocess.run(
        [str(shutil.which("node")), "ask.js", server.url], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["chat"] == found["stream"] == found["response"] == "one two"
    assert found["call"]["name"] == "add"
    assert json.loads(found["call"]["arguments"]) == {"a": 2, "b": 3}
    assert found["widths"] == [64, 64]
    assert found["length"] == pytest.approx(1, abs=1e-5)
    assert found["completions"] == ["a", "b"]
    assert found["error"] == [404, "model_not_found"]
