"""What a model cannot do is refused by name; asking it not to do so is harmless."""

from __future__ import annotations

import pytest

from heylook_core.capabilities import require
from heylook_core.errors import Unsupported
from heylook_core.messages import ChatRequest, Format, Thinking, Tool, ToolChoice
from heylook_core.provider import ModelInfo

pytestmark = pytest.mark.unit

PLAIN = ModelInfo(context=0, capabilities=("chat",))


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (ChatRequest(model="m", thinking=Thinking(enabled=True)), "reasoning_effort"),
        (ChatRequest(model="m", thinking=Thinking(effort="low")), "reasoning_effort"),
        (ChatRequest(model="m", prompt="x"), "prompt"),
        (ChatRequest(model="m", tools=(Tool("f"),)), "tools"),
        (ChatRequest(model="m", format=Format("json")), "response_format"),
        (ChatRequest(model="m", logprobs=True), "logprobs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_need_that_is_not_met_is_refused_with_its_field(request_: ChatRequest, param: str):
    with pytest.raises(Unsupported, match="'m'") as refused:
        require(request_, PLAIN, "m")
    assert refused.value.param == param


@pytest.mark.parametrize("thinking", [Thinking(), Thinking(enabled=False), Thinking(enabled=False, effort="low")])
def test_no_thinking_can_be_asked_of_any_model(thinking: Thinking):
    require(ChatRequest(model="m", thinking=thinking), PLAIN, "m")


def test_tools_that_may_not_be_called_need_nothing():
    require(ChatRequest(model="m", tools=(Tool("f"),), tool_choice=ToolChoice("none")), PLAIN, "m")
