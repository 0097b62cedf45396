"""What makes llama.cpp abort the process cannot be reached through our classes: each in a child process.

The list is that of the calls that were seen to end in SIGABRT or SIGSEGV, or to return NULL. Where a case is
cheap to show, `RAW` proves that the bare call still ends the process, so that this file notices when it no longer does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PREAMBLE = """
import sys, threading
import numpy as np
from heylook_core.engine import Broken, Budget, Guide, SequenceTask, Token
from heylook_core.errors import HeylookError, LoadFailed
from heylook_core.messages import SamplerSettings
from heylook_gguf.config import GgufConfig
from heylook_gguf.model import GgufModel

def load(**config):
    settings = {"n_ctx": 512, "n_threads": 1, "slots": 4, "n_batch": 64, "n_gpu_layers": 0, **config}
    return GgufModel(GgufConfig(model_path=sys.argv[1], **settings))

def task(sid, tokens, limit=4, sampling=SamplerSettings(temperature=0.0), **fields):
    return SequenceTask(sid, tokens, limit=limit, sampling=sampling, **fields)

def run(engine, *tasks, prefill=32):
    for each in tasks:
        engine.insert(each)
    live, outs = {each.sid for each in tasks}, []
    while live:
        for out in engine.step(Budget(prefill)):
            outs.append(out)
            if isinstance(out, Broken) or (isinstance(out, Token) and out.end):
                live.discard(out.sid)
    return outs
"""

SAFE = {
    "a prefill budget beyond the batch": """
model = load()
outs = run(model.lanes()[0], *(task(sid, list(range(5, 305))) for sid in range(4)), prefill=10**6)
assert sum(isinstance(out, Token) for out in outs) == 16
""",
    "a step that ends in the middle of a prompt": """
model = load()
engine = model.lanes()[0]
engine.insert(task(1, list(range(5, 105))))
assert not any(isinstance(out, Token) for out in engine.step(Budget(7)))
""",
    "a guide that allows nothing": """
class Nothing(Guide):
    def mask(self): return np.zeros(64, np.uint8)
    def accepts(self, token): return False
    def advance(self, token): raise AssertionError
model = load()
for temperature in (0.0, 1.0):
    outs = run(model.lanes()[0], task(1, [5, 6, 7], sampling=SamplerSettings(temperature), guide=Nothing()))
    assert isinstance(outs[-1], Broken), outs
""",
    "a logit bias that forbids every token": """
model = load()
bias = {token: float("-inf") for token in range(model.info.vocabulary)}
for sampling in (SamplerSettings(0.0, logit_bias=bias), SamplerSettings(1.0, top_p=0.9, top_k=5, logit_bias=bias)):
    outs = run(model.lanes()[0], task(1, [5, 6, 7], sampling=sampling))
    assert isinstance(outs[-1], (Broken, Token)), outs
""",
    "sampling values at their ends": """
model = load()
ends = [
    SamplerSettings(1e-9), SamplerSettings(100.0, top_k=-5), SamplerSettings(top_k=10**9), SamplerSettings(top_p=0.0),
    SamplerSettings(min_p=1.0), SamplerSettings(typical_p=0.0), SamplerSettings(xtc_probability=1.0, xtc_threshold=0.0),
    SamplerSettings(repetition_penalty=1e-6), SamplerSettings(repetition_penalty=2.0, repetition_window=-1),
    SamplerSettings(frequency_penalty=-2.0, repetition_window=10**5), SamplerSettings(seed=-1),
    SamplerSettings(seed=2**40, top_p=0.5), SamplerSettings(logit_bias={-1: 1.0, 10**7: 1.0}),
]
for number, sampling in enumerate(ends):
    outs = run(model.lanes()[0], task(number, [5, 6, 7], sampling=sampling))
    model.lanes()[0].remove(number, keep=False)
    assert isinstance(outs[-1], (Broken, Token)), (sampling, outs)
""",
    "a fork from a row that still runs": """
model = load()
engine = model.lanes()[0]
engine.insert(task(1, list(range(5, 45)), limit=50))
while not any(isinstance(out, Token) for out in engine.step(Budget(64))):
    pass
snapshot = engine.snapshot(1)
forks = [task(sid, list(range(5, 35)) + [9], prefix=snapshot.cut(30), cut=30) for sid in (2, 3)]
assert sum(isinstance(out, Token) for out in run(engine, *forks)) > 8
""",
    "an answer that would outgrow the context": """
model = load()
outs = run(model.lanes()[0], *(task(sid, [*range(5, 205)] * 2, limit=10**6) for sid in range(4)))
assert sum(isinstance(out, Token) for out in outs) == 4 * 113
""",
    "closing while another thread computes": """
model = load(n_batch=512)
engine = model.lanes()[0]
for sid in range(4):
    engine.insert(task(sid, [*range(5, 205)] * 2))
thread = threading.Thread(target=lambda: engine._context.decode())
engine._seat()
engine._fill_batch(engine._plan(512))
thread.start()
model.close()
thread.join()
""",
    "a context that cannot be allocated": """
from heylook_gguf.weights import Weights
Weights.context_trained = 2**31 - 1
for config in ({"n_ctx": 2**31 - 300, "slots": 1}, {"n_ctx": 2**31 - 1}, {"type_v": "q8_0"}):
    try:
        load(**config)
        raise SystemExit("was loaded")
    except LoadFailed:
        pass
""",
    "more context than the model was trained for": """
model = load(n_ctx=100_000)
assert model.info.context == 2048
""",
    "token ids out of range": """
model = load()
for tokens in ([-1], [10**7], []):
    try:
        model.lanes()[0].insert(task(1, tokens))
        raise SystemExit("was accepted")
    except HeylookError:
        pass
assert model.codec.piece(-1) == model.codec.piece(10**7) == b""
""",
    "a model whose numbers are not finite": """
model = load()
engine = model.lanes()[0]
logits = engine._context.logits
engine._context.logits = lambda index: np.full_like(logits(index), np.nan)
for sampling in (SamplerSettings(0.0), SamplerSettings(1.0, top_k=5, top_p=0.9, min_p=0.1, typical_p=0.9)):
    assert isinstance(run(engine, task(1, [5, 6, 7], sampling=sampling))[-1], Broken)
""",
}

RAW = {
    "more tokens than the batch size": """
engine = load().lanes()[0]
context = engine._context
from heylook_gguf.batch import Batch
from heylook_gguf.library import library
context.batch = Batch(library(), 256)
context.batch.add(list(range(5, 205)), 0, 0, output=True)
context.decode()
""",
    "sampling where no output was asked for": """
from heylook_gguf.library import library
c = library().c
context = load().lanes()[0]._context
context.batch.clear()
context.batch.add([5, 6, 7], 0, 0, output=True)
context.decode()
c.llama_sampler_sample(c.llama_sampler_init_greedy(), context._context, 0)
""",
    "copying a part of a sequence between slots": """
from heylook_gguf.library import library
context = load().lanes()[0]._context
context.batch.clear()
context.batch.add([5, 6, 7], 0, 0, output=True)
context.decode()
library().c.llama_memory_seq_cp(context._memory, 0, 1, 0, 2)
""",
}


def in_child(code: str, model: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", PREAMBLE + code + "\nprint('survived')", str(model)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("case", SAFE)
def test_the_process_survives(case: str, tiny: Path) -> None:
    child = in_child(SAFE[case], tiny)
    assert child.returncode == 0, child.stderr
    assert child.stdout == "survived\n"


@pytest.mark.skipif(sys.platform == "win32", reason="processes do not end by signals here")
@pytest.mark.parametrize("case", RAW)
def test_the_bare_call_still_ends_the_process(case: str, tiny: Path) -> None:
    child = in_child(RAW[case], tiny)
    assert child.returncode < 0
    assert "survived" not in child.stdout
