"""Closing gives memory back, and a process that has used MLX ends with exit code 0."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from heylook_core.engine import Budget, SequenceTask, Token
from heylook_core.messages import SamplerSettings

pytestmark = pytest.mark.integration

SCRIPT = textwrap.dedent(
    """
    import sys, threading
    from heylook_core.engine import Budget, SequenceTask
    from heylook_core.messages import SamplerSettings
    from heylook_core.provider import ModelSpec
    from heylook_mlx.provider import MlxProvider

    assert "mlx" not in sys.modules, "importing the provider imported MLX"
    folder, broken = sys.argv[1:]

    def work():
        config = MlxProvider.Config(model_path=folder)
        for _ in range(2):
            provider = MlxProvider(ModelSpec(id="m", provider="mlx"), config)
            try:
                model = provider.load()
            except Exception as error:
                print(type(error).__name__)
            else:
                engine = model.lanes()[0]
                engine.insert(SequenceTask(1, [5, 6, 7], limit=40, sampling=SamplerSettings(seed=1)))
                for _ in range(10):
                    engine.step(Budget(16))
                model.close()
            finally:
                provider.close()
        MlxProvider.leave_thread()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    """
)


def end_of_process(folder):
    environment = {**os.environ, "MLX_DISABLE_COMPILE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", SCRIPT, str(folder), "-"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_a_process_ends_with_code_0_after_two_models_on_one_thread(llama):
    assert [end_of_process(llama) for _ in range(3)] == [(0, "", "")] * 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_process_ends_with_code_0_20_times_of_20(llama):
    assert [end_of_process(llama) for _ in range(20)] == [(0, "", "")] * 20


def test_a_process_ends_with_code_0_after_a_failed_load(tmp_path):
    assert end_of_process(tmp_path) == (0, "LoadFailed\nLoadFailed", "")


@pytest.mark.parametrize("settings", [{}, {"kv_bits": 8, "kv_group_size": 32}], ids=["batch", "serial"])
def test_closing_gives_weights_and_cache_back(provider_of, llama, settings):
    import mlx.core as mx

    gc.collect()
    mx.clear_cache()
    before = mx.get_active_memory()
    model = provider_of(llama, **settings).load()
    engine = model.lanes()[0]
    engine.insert(SequenceTask(1, list(range(5, 300)), limit=50, sampling=SamplerSettings(temperature=0.0)))
    for _ in range(30):
        engine.step(Budget(64))
    assert mx.get_active_memory() - before >= model.info.weights_bytes
    model.close()
    assert model.lanes() == []
    del engine
    gc.collect()
    mx.clear_cache()
    assert mx.get_active_memory() - before < 1000
    assert mx.get_cache_memory() == 0


def test_a_load_leaves_no_graph_of_random_keys_behind(provider_of, llama, tmp_path):
    import mlx.core as mx

    def drawn():
        mx.export_to_dot(str(tmp_path / "key.dot"), mx.random.state[0])
        return (tmp_path / "key.dot").read_text()

    mx.eval(mx.random.state)
    before = drawn()
    provider_of(llama).load().close()
    assert drawn() == before


def test_one_model_leaves_while_another_answers(provider_of, llama):
    def answer(provider, limit):
        model = provider.load()
        engine = model.lanes()[0]
        engine.insert(SequenceTask(1, [5, 6, 7], limit=limit, sampling=SamplerSettings(temperature=0.9, seed=4)))
        found = []
        while len(found) < limit:
            found += [out.id for out in engine.step(Budget(16)) if isinstance(out, Token)]
        model.close()
        provider.close()
        provider.leave_thread()
        return found

    answers = {}

    def work(name, limit):
        answers[name] = answer(provider_of(llama), limit)

    threads = [threading.Thread(target=work, args=("short", 10)), threading.Thread(target=work, args=("long", 150))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers["long"][:10] == answers["short"]
