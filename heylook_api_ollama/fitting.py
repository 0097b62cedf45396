"""What of a request depends on the model that answers it, and the warnings that the client is given."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from heylook_api_ollama.options import DEFAULTS, NO_LIMIT, OllamaOptions
from heylook_api_ollama.schema import OllamaGenerationRequest
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import Accepted, ChatRequest, Format, Overflow, Thinking
from heylook_core.provider import ModelInfo

log = logging.getLogger(__name__)

LEVELS = ("high", "medium", "low", "max")
MOST_LOGPROBS = 20
WARNING = "x-heylook-warning"


class Fitting:
    """Makes a request over once its model is loaded (`Serving.open(fit=…)`); event loop only."""

    def __init__(self, model: str, options: OllamaOptions) -> None:
        self._model = model
        self._options = options
        self.warnings = list(options.warnings)

    def __call__(self, request: ChatRequest, info: ModelInfo) -> ChatRequest:
        """Raises Unsupported where thinking is asked of a model that does not think."""
        if request.prompt is None and "chat" not in info.capabilities and "completion" in info.capabilities:
            request = _as_prompt(request)
        return msgspec.structs.replace(
            request, thinking=self._thinking(request.thinking, info), context=self._context(info)
        )

    def _thinking(self, asked: Thinking, info: ModelInfo) -> Thinking:
        """A model that can think does, unless the request says no."""
        thinks = "reasoning" in info.capabilities
        if asked.enabled and not thinks:
            raise Unsupported(f'"{self._model}" does not support thinking', param="think")
        return Thinking(enabled=True) if asked.enabled is None and thinks else asked

    def _context(self, info: ModelInfo) -> int | None:
        """num_ctx limits a request; it never makes the server load the model anew."""
        asked = self._options.context
        if asked is not None and info.context and asked > info.context:
            self.warnings.append(f"num_ctx {asked} is more than this model's context here; {info.context} is used")
            return None
        return asked

    def headers(self, accepted: Accepted | None) -> dict[str, str]:
        """The warnings as a header, written to the log too. `accepted` tells what was left out of the prompt."""
        found = [*self.warnings, *_left_out(accepted)]
        for warning in found:
            log.warning("model %s: %s", self._model, warning)
        return {WARNING: "; ".join(found)} if found else {}


def _left_out(accepted: Accepted | None) -> Sequence[str]:
    found = []
    if accepted is not None and accepted.dropped_messages:
        found.append(f"the prompt was too long: its {accepted.dropped_messages} oldest messages were left out")
    if accepted is not None and accepted.cut_tokens:
        found.append(f"the prompt was too long: {accepted.cut_tokens} tokens were cut out of it")
    return found


def _as_prompt(request: ChatRequest) -> ChatRequest:
    """For a model without a chat template: the texts one after the other, as Ollama's default template has them."""
    text = "\n\n".join(message.text for message in request.messages)
    return msgspec.structs.replace(request, prompt=text, messages=())


def common_fields(body: OllamaGenerationRequest, options: OllamaOptions, may_truncate: bool) -> ChatRequest:
    """What chat and generate translate alike. Raises InvalidRequest in Ollama's words."""
    truncates = may_truncate and body.truncate is not False
    return ChatRequest(
        model="",
        sampling=options.sampling,
        defaults=DEFAULTS,
        max_tokens=options.max_tokens,
        default_max_tokens=NO_LIMIT,
        stop=options.stop,
        overflow=Overflow(truncates, truncates and body.shift is not False, options.keep),
        logprobs=bool(body.logprobs),
        top_logprobs=_top_logprobs(body),
        format=_format(body.format),
        thinking=_thinking(body.think),
        stream=body.stream is not False,
    )


def _top_logprobs(body: OllamaGenerationRequest) -> int:
    asked = int(body.top_logprobs or 0)
    if not 0 <= asked <= MOST_LOGPROBS:
        raise InvalidRequest(f"top_logprobs must be between 0 and {MOST_LOGPROBS}", param="top_logprobs")
    return asked if body.logprobs else 0


def _format(asked: object) -> Format | None:
    """An empty text, which LangChain always sends, means no format; an empty schema means any JSON."""
    if asked is None or asked == "":
        return None
    if asked == "json":
        return Format("json")
    if isinstance(asked, dict):
        return Format("schema", schema=asked) if asked else Format("json")
    what = asked[:40] if isinstance(asked, str) else type(asked).__name__
    raise InvalidRequest(f'invalid format: "{what}"; expected "json" or a valid JSON Schema object', param="format")


def _thinking(asked: bool | str | None) -> Thinking:
    if asked is None or isinstance(asked, bool):
        return Thinking(enabled=asked)
    if asked not in LEVELS:
        levels = ", ".join(f'"{level}"' for level in LEVELS)
        raise InvalidRequest(f'invalid think value: "{asked[:40]}" (must be {levels}, true, or false)', param="think")
    return Thinking(enabled=True, effort=asked)
