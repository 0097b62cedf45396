"""The official JavaScript client from npm, on a server of the test's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from heylook_core.testkit.server import LiveServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCRIPT = """
import { Ollama } from 'ollama'
import assert from 'node:assert/strict'
const client = new Ollama({ host: process.argv[2] })
const messages = [{ role: 'user', content: '[toy:say=hello there]' }]
const whole = await client.chat({ model: 'toy', messages, think: false })
assert.equal(whole.message.content, 'hello there')
let text = ''
const chunks = await client.chat({ model: 'toy', messages, think: false, stream: true })
for await (const chunk of chunks) text += chunk.message.content
assert.equal(text, 'hello there')
let answer = ''
const pieces = await client.generate({ model: 'toy', prompt: '[toy:say=x]', think: false, stream: true })
for await (const piece of pieces) answer += piece.response
assert.equal(answer, 'x')
const parameters = { type: 'object', properties: {} }
const tools = [{ type: 'function', function: { name: 'add', description: '', parameters } }]
const called = await client.chat({ model: 'caller', messages: [{ role: 'user', content: 'x' }], tools, think: true })
assert.equal(called.message.thinking, 'First I think.')
assert.deepEqual(called.message.tool_calls.map(call => call.function.arguments.n), [0, 1])
assert.equal((await client.embed({ model: 'toy', input: ['a', 'b'] })).embeddings.length, 2)
assert.ok((await client.list()).models.some(model => model.name === 'toy:latest'))
assert.equal((await client.show({ model: 'toy' })).model_info['general.architecture'], 'toy')
assert.ok((await client.ps()).models.length > 0)
assert.equal((await client.pull({ model: 'toy' })).status, 'success')
let last = ''
for await (const part of await client.pull({ model: 'toy', stream: true })) last = part.status
assert.equal(last, 'success')
await assert.rejects(client.chat({ model: 'nope', messages }), /not found/)
const failing = [{ role: 'user', content: 'fail' }]
await assert.rejects(async () => {
  for await (const _ of await client.chat({ model: 'scripted', messages: failing, stream: true })) {}
}, /told to fail/)
const unloaded = await client.generate({ model: 'scripted', prompt: '', keep_alive: 0 })
assert.equal(unloaded.done_reason, 'unload')
console.log('all good')
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "ollama@0.6"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the client here: {done.stderr.strip()[-200:]}")
    return folder


def test_javascript_client_understands_every_answer(server: LiveServer, installed: Path):
    (installed / "drive.js").write_text(SCRIPT)
    command = ["node", "drive.js", server.url]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "all good" in done.stdout
