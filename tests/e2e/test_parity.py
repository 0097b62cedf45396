"""The same weights answer alike on MLX and on llama.cpp: text, reasoning and calls, greedy, token for token."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("heylook_demo_model", reason="the demo model is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from conversations import serving

import heylook_demo_model
from heylook_core.messages import ChatRequest, Message, Sampling, TextPart, Thinking, Tool, ToolCall
from heylook_core.running import Choice
from heylook_core.serving import Serving
from heylook_core.settings import ModelEntry
from heylook_demo_model.prompts import Prompt, proven

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(any(find_spec(f"heylook_{name}") is None for name in ("mlx", "gguf")), reason="needs both"),
]
AT_ONCE = 8


def chosen() -> list[Prompt]:
    """Up to eight prompts of every skill, and every one with tools in the conversation."""
    skills = dict.fromkeys(prompt.skill for prompt in proven())
    return [prompt for skill in skills for prompt in proven(skill)[: 10 if skill == "tool_result" else 8]]


def request(prompt: Prompt, model: str) -> ChatRequest:
    tools = tuple(
        Tool(tool["function"]["name"], tool["function"]["description"], tool["function"]["parameters"])
        for tool in prompt.tools
    )
    return ChatRequest(
        model=model,
        messages=tuple(map(message, prompt.messages)),
        tools=tools,
        sampling=Sampling(temperature=0),
        max_tokens=96,
        thinking=Thinking(enabled=prompt.thinking),
    )


def message(data: dict) -> Message:
    calls = tuple(
        ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in data.get("tool_calls", ())
    )
    text = (TextPart(data["content"]),) if data["content"] else ()
    return Message(data["role"], text, tool_calls=calls, tool_call_id=data.get("tool_call_id"))


def entry(provider: str) -> ModelEntry:
    """In float32 or float16 as the files are; flash attention is off, MLX having none on a processor."""
    if provider == "mlx":
        config = {"model_path": str(heylook_demo_model.mlx_path())}
    else:
        config = {"model_path": str(heylook_demo_model.gguf_path()), "n_gpu_layers": 0, "flash_attn": False}
    return ModelEntry(id=provider, provider=provider, placement="thread", config=config)


async def answered(core: Serving, prompt: Prompt, model: str, places: asyncio.Semaphore) -> Choice:
    async with places:
        run = await core.open(request(prompt, model), request_id="r", dialect="test")
        try:
            (choice,) = await run.collect()
        finally:
            run.close()
    return choice


def content(choice: Choice) -> tuple[object, ...]:
    """All that an answer consists of; ids of calls are drawn."""
    assert choice.finish is not None
    calls = tuple((call.name, call.arguments) for call in choice.tool_calls)
    return choice.text, choice.reasoning, calls, choice.finish.reason, choice.finish.usage.completion


@pytest.mark.timeout(600)
def test_both_engines_write_the_same_answers() -> None:
    async def whole() -> dict[str, list[Choice]]:
        places = asyncio.Semaphore(AT_ONCE)
        async with serving(entry("mlx"), entry("gguf")) as core:
            return {
                model: await asyncio.gather(*(answered(core, prompt, model, places) for prompt in chosen()))
                for model in ("mlx", "gguf")
            }

    found = asyncio.run(whole())
    pairs = list(zip(chosen(), found["mlx"], found["gguf"], strict=True))
    assert len(pairs) >= 50
    assert [prompt for prompt, mlx, gguf in pairs if content(mlx) != content(gguf)] == []
    for prompt, choice, _ in pairs:
        assert (len(choice.tool_calls) > 0) == (prompt.skill == "tool_call")
        assert bool(choice.reasoning) == prompt.thinking
        assert choice.text in prompt.answer
