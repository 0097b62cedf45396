"""The provider through a real worker, in a thread and in a child process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from heylook_core.messages import Failed, Finished
from heylook_core.provider import ModelSpec
from heylook_core.testkit.provider_contract import SECONDS, Line, ProviderContract, text_of
from heylook_core.workers.protocol import Cancel, Lease

pytestmark = pytest.mark.integration


class TestGgufProvider(ProviderContract):
    provider = "gguf"

    @pytest.fixture(autouse=True)
    def _use_tiny(self, tiny: Path) -> None:
        self.path = str(tiny)

    def settings(self) -> dict[str, Any]:
        return {
            "model_path": self.path,
            "n_ctx": 1024,
            "n_threads": 1,
            "n_gpu_layers": 0,
            "flash_attn": False,
            "type_k": "f32",
            "type_v": "f32",
        }

    def test_both_names_are_one_provider(self) -> None:
        from heylook_core.plugins import Plugins

        plugins = Plugins()
        one, other = (plugins.load("heylook.providers", name) for name in ("gguf", "llama_cpp"))
        assert one is other

    def test_cancelling_in_the_middle_of_a_long_prompt_frees_the_slot(self, placement: str) -> None:
        async def scenario(line: Line) -> None:
            expected = text_of(await line.answer(self.request()))
            long = "the quick brown fox jumps over the lazy dog " * 60
            rids = [line.submit(self.request(f"{number} {long}")) for number in range(8)]
            for rid in rids:
                line.channel.send(Cancel(rid))
            await line.until(lambda: all(line.over(rid) for rid in rids))
            assert text_of(await line.answer(self.request())) == expected

        self.run(placement, scenario)

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals here")
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT])
    def test_the_end_of_the_child_fails_its_requests_and_the_next_child_answers(self, how: signal.Signals) -> None:
        """SIGABRT is what a failed assertion in llama.cpp does to the process."""

        async def whole() -> None:
            line = Line("process")
            spec = ModelSpec(id="m", provider=self.provider, config=self.settings())
            await asyncio.wait_for(line.channel.start(spec, Lease()), SECONDS)
            expected = text_of(await line.answer(self.request()))
            rids = [line.submit(self.request(max_tokens=900, ignore_eos=True)) for _ in range(3)]
            await line.until(lambda: any(text_of(line.events[rid]) for rid in rids))
            os.kill(_child(line), how)
            await line.until(lambda: bool(line.lost))
            assert not any(isinstance(event, Finished) for rid in rids for event in line.events[rid])
            again = Line("process")
            await asyncio.wait_for(again.channel.start(spec, Lease()), SECONDS)
            events = await again.answer(self.request())
            assert not any(isinstance(event, Failed) for event in events)
            assert text_of(events) == expected
            assert await again.channel.stop(20)

        asyncio.run(whole())


def _child(line: Line) -> int:
    pid = line.channel.pid
    assert pid is not None
    return pid
