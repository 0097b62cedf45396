"""What becomes of a request's text: which formats its model writes, and where the answer begins."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from heylook_core.engine import Codec
from heylook_core.messages import ChatRequest
from heylook_core.provider import TokenConfig
from heylook_core.text.markers import Stage
from heylook_core.text.reasoning import HARMONY, HARMONY_SIGN, ReasoningFormat, Splitter, reasoning_format
from heylook_core.text.tools import ToolFormat, ToolStage, tool_format
from heylook_core.text.tools.harmony import MARKERS, HarmonyStage

_SPECIAL = re.compile(r"\]<\][a-z]+\[>\[|<[^<>\s]*>|\[/?[A-Z_]+\]")


class Formats(msgspec.Struct, frozen=True):
    """The formats of one model. `hidden` are special tokens whose text the formats need, by id."""

    reasoning: ReasoningFormat | None = None
    tools: ToolFormat | None = None
    harmony: bool = False
    hidden: dict[int, str] = {}


class TextPlan(msgspec.Struct, frozen=True):
    """How one request's text is read. `tools` None: calls are text; `inside`: it begins in reasoning."""

    formats: Formats = Formats()
    tools: ToolFormat | None = None
    split: bool = False
    inside: bool = False

    def stages(self, choice: int, request: ChatRequest) -> list[Stage]:
        """The stages of one choice, fresh."""
        single = not request.parallel_tool_calls
        if self.split and self.formats.harmony:
            return [HarmonyStage(choice, request.tools if self.tools is not None else None, single)]
        found: list[Stage] = []
        if self.split and self.formats.reasoning is not None:
            found.append(Splitter(self.formats.reasoning, self.inside))
        if self.tools is not None and not self.formats.harmony:
            found.append(ToolStage(choice, self.tools, request.tools, single))
        return found


def formats_of(template: str | None, config: TokenConfig, codec: Codec) -> Formats:
    """A model's formats, from models.yaml or its template. Raises ConfigError for a name that is not known."""
    reasoning = reasoning_format(template, config.reasoning_format)
    tools = tool_format(template, config.tool_format)
    shown = template is not None and HARMONY_SIGN in template
    harmony = config.reasoning_format == HARMONY or (config.reasoning_format is None and shown)
    markers = [*(MARKERS if harmony else ())]
    markers += [reasoning.open, reasoning.close] if reasoning is not None and not harmony else []
    markers += tools.markers if tools is not None else ()
    return Formats(None if harmony else reasoning, tools, harmony, dict(_hidden(markers, codec)))


def plan_of(formats: Formats, request: ChatRequest, prompt: str) -> TextPlan:
    """The plan of a chat whose rendered prompt is `prompt`. Raw prompts (no messages) are not split at all."""
    if request.prompt is not None:
        return TextPlan()
    wanted = request.tools and request.tool_choice.mode != "none"
    split = formats.reasoning is not None or formats.harmony
    inside = formats.reasoning is not None and formats.reasoning.inside(prompt)
    return TextPlan(formats, formats.tools if wanted else None, split, inside)


def special_parts(marker: str) -> list[str]:
    """A marker cut into what may be special tokens and plain text between them."""
    return [part for part in re.split(f"({_SPECIAL.pattern})", marker) if part]


def _hidden(markers: list[str], codec: Codec) -> Iterator[tuple[int, str]]:
    """Special tokens in markers that a codec does not spell, with their text."""
    for part in {part for marker in markers for part in special_parts(marker)}:
        ids = codec.encode(part)
        if len(ids) == 1 and codec.piece(ids[0]) == b"":
            yield ids[0], part
