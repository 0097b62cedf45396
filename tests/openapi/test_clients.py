"""Clients that openapi-generator makes of the description: they compile, and work against the running server."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heylook_core.testkit.server import LiveServer

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(400)]

PYTHON = """
import json, sys
import openapi_client as made

found = {}
with made.ApiClient(made.Configuration(host=sys.argv[1])) as client:
    openai, ollama = made.OpenAIAPIApi(client), made.OllamaAPIApi(client)
    said = [{"role": "user", "content": "say one two"}]
    body = {"model": "scripted", "messages": said}
    answer = openai.openai_chat(made.OpenAIChatRequest.from_dict(body)).actual_instance
    found["kind"] = type(answer).__name__
    found["text"] = answer.choices[0].message.content
    found["models"] = [model.id for model in openai.openai_models().data]
    texts = made.OpenAIEmbeddingRequest.from_dict({"model": "scripted", "input": ["a", "b"]})
    found["vectors"] = len(openai.openai_embeddings(texts).data)
    chat = ollama.ollama_chat(made.OllamaChatRequest.from_dict(body | {"stream": False})).actual_instance
    found["ollama"] = chat.message.content
    found["health"] = made.HealthApi(client).health_health().status
    try:
        openai.openai_chat(made.OpenAIChatRequest.from_dict({"model": "no/such", "messages": said}))
    except made.ApiException as error:
        found["error"] = [error.status, error.data.error.code]
print(json.dumps(found))
"""

TYPESCRIPT = """
import { HealthApi, OllamaAPIApi, OpenAIAPIApi } from "./api";
import type { OllamaChatAnswer, OpenAIChatCompletion } from "./api";
import { Configuration } from "./configuration";

async function main(): Promise<void> {
  const configuration = new Configuration({ basePath: process.argv[2] });
  const openai = new OpenAIAPIApi(configuration);
  const ollama = new OllamaAPIApi(configuration);
  const body = { model: "scripted", messages: [{ role: "user" as const, content: "say one two" }] };
  const answer = (await openai.openaiChat(body)).data as OpenAIChatCompletion;
  const chat = (await ollama.ollamaChat({ ...body, stream: false })).data as OllamaChatAnswer;
  const vectors = await openai.openaiEmbeddings({ model: "scripted", input: ["a", "b"] });
  let error: unknown = null;
  try {
    await openai.openaiChat({ ...body, model: "no/such" });
  } catch (caught: any) {
    error = [caught.response.status, caught.response.data.error.code];
  }
  console.log(JSON.stringify({
    text: answer.choices[0].message.content,
    models: (await openai.openaiModels()).data.data.map((model) => model.id),
    vectors: vectors.data.data.length,
    ollama: chat.message.content,
    health: (await new HealthApi(configuration).healthHealth()).data.status,
    error,
  }));
}
main();
"""

EXPECTED = {
    "text": "one two",
    "models": ["toy", "scripted"],
    "vectors": 2,
    "ollama": "one two",
    "health": "ok",
    "error": [404, "model_not_found"],
}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def generated(document: dict[str, Any], language: str, folder: Path) -> Path:
    """The folder of a client. The generator checks the description before it begins."""
    generator = shutil.which("openapi-generator-cli", path=str(Path(sys.executable).parent))
    if generator is None:
        pytest.skip("openapi-generator-cli is not installed")
    (folder / "openapi.json").write_text(json.dumps(document))
    run(generator, "generate", "-i", "openapi.json", "-g", language, "-o", "client", cwd=folder)
    return folder / "client"


def test_the_client_for_python_works(server: LiveServer, document: dict[str, Any], tmp_path: Path):
    client = generated(document, "python", tmp_path)
    assert compileall.compile_dir(client / "openapi_client", quiet=1)
    (client / "use.py").write_text(PYTHON)
    found = json.loads(run(sys.executable, "use.py", server.url, cwd=client))
    assert found == EXPECTED | {"kind": "OpenAIChatCompletion"}


def test_the_client_for_typescript_works(server: LiveServer, document: dict[str, Any], tmp_path: Path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    client = generated(document, "typescript-axios", tmp_path)
    (client / "package.json").write_text('{"private": true}')
    (client / "use.ts").write_text(TYPESCRIPT)
    packages = ("axios", "typescript", "@types/node")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    if subprocess.run(command, cwd=client, capture_output=True).returncode:
        pytest.skip("npm could not install axios and typescript")
    compiler = client / "node_modules" / "typescript" / "bin" / "tsc"
    options = (
        "--strict",
        "--types",
        "node",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--skipLibCheck",
        "--outDir",
        "out",
    )
    run(node, compiler, *options, "use.ts", cwd=client)
    assert json.loads(run(node, "out/use.js", server.url, cwd=client)) == EXPECTED
