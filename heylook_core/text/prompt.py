"""What the prepare thread makes of a request: tokens, marks, limits, and the checks that deserve a real 4xx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from heylook_core.engine import Codec, Guide
from heylook_core.errors import ContextExceeded, InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Message, SamplerSettings, TextPart, resolve
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.text.grammars import Grammars
from heylook_core.text.overflow import Shortened, shorten
from heylook_core.text.pictures import marked, pictures_of, texts_of
from heylook_core.text.plan import TextPlan, formats_of, plan_of
from heylook_core.text.template import ChatTemplate
from heylook_core.vision import MediaSpan, Prompt, Vision, check_placeholders, keyed

DEFAULT_MAX_TOKENS = 1000
TAIL_TOKENS = 64


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready for an engine. `fork` is the prompt length at which further choices branch off (n > 1)."""

    rid: int
    request: ChatRequest
    tokens: list[int]
    marks: tuple[int, ...]
    limit: int
    sampling: SamplerSettings
    stops: tuple[str, ...]
    eos: frozenset[int]
    arrived: float
    dropped_messages: int = 0
    cut_tokens: int = 0
    plan: TextPlan = TextPlan()
    guides: tuple[Guide, ...] = ()
    media: tuple[MediaSpan, ...] = ()


class Preparation:
    """Prepares the requests of one model. Used by one thread at a time."""

    def __init__(self, info: ModelInfo, codec: Codec, config: Any, vision: Vision | None = None) -> None:
        self._info = info
        self._codec = codec
        self._vision = vision
        self._config = config if isinstance(config, TokenConfig) else TokenConfig()
        self._template = ChatTemplate(info.template, info.special) if info.template else None
        self._formats = formats_of(info.template, self._config, codec)
        self._grammars = Grammars(codec, info.vocabulary, info.eos)

    def prepare(self, rid: int, request: ChatRequest, arrived: float) -> Prepared:
        context = self._context(request)
        prompt = self.prompt(request)
        whole = Shortened(request, prompt.tokens)
        shortened = shorten(request, prompt.tokens, context - 1, self.tokens) if context else whole
        if shortened.request is not request and prompt.media:
            prompt = self.prompt(shortened.request)
        request, tokens = shortened.request, shortened.tokens
        limit = self._limit(request, len(tokens), context)
        tail = self._tail(tokens)
        plan = plan_of(self._formats, request, tail)
        guides = self._grammars.guides(request, plan, tail, limit)
        return Prepared(
            rid=rid,
            request=request,
            tokens=tokens,
            marks=self._marks(request, tokens),
            limit=limit,
            sampling=self._sampling(request),
            stops=request.stop or self._config.stop or self._info.stop,
            eos=frozenset() if request.ignore_eos and not _is_constrained(request) else frozenset(self._info.eos),
            arrived=arrived,
            dropped_messages=shortened.dropped_messages,
            cut_tokens=shortened.cut_tokens,
            plan=plan,
            guides=guides,
            media=prompt.media,
        )

    def tokens(self, request: ChatRequest) -> list[int]:
        """The whole prompt as token ids, negative ones where it has pictures."""
        return self.prompt(request).tokens

    def prompt(self, request: ChatRequest) -> Prompt:
        """The whole prompt as token ids, and its pictures."""
        if isinstance(request.prompt, tuple):
            tokens = self._known_tokens(request.prompt)
            return Prompt(tokens if request.suffix is None else self._around_gap(tokens, request.suffix))
        text = self.prompt_text(request)
        if request.suffix is not None:
            return Prompt(self._around_gap(self._codec.encode(text), request.suffix))
        return self._placed(text, request)

    def _placed(self, text: str, request: ChatRequest) -> Prompt:
        pictures = pictures_of(request)
        if self._vision is None:
            if pictures:
                raise Unsupported("This model does not support images (capability 'vision').", param="messages")
            return Prompt(self.encode(text))
        check_placeholders(texts_of(request), self._vision.placeholder)
        found = text.count(self._vision.placeholder)
        if found != len(pictures):
            message = f"The model's chat template takes {found} of the {len(pictures)} images where they are."
            raise InvalidRequest(message, param="messages")
        if not pictures:
            return Prompt(self.encode(text))
        return keyed(self._begun(self._vision.place(text, pictures, self._codec.encode)))

    def _begun(self, prompt: Prompt) -> Prompt:
        """Begun with the model's own first token where it asks for one."""
        bos = self._info.bos
        if bos is None or prompt.tokens[:1] == [bos]:
            return prompt
        media = tuple(msgspec.structs.replace(span, start=span.start + 1) for span in prompt.media)
        return Prompt([bos, *prompt.tokens], media)

    def _around_gap(self, before: list[int], after: str) -> list[int]:
        """What a model that fills in is given: mark, text before the gap, mark, text after it, mark."""
        marks = self._info.details.get("fill_in_middle")
        if not marks:
            raise Unsupported("This model does not support text after the insertion point.", param="suffix")
        prefix, suffix, middle = marks
        start = [] if self._info.bos is None else [self._info.bos]
        return [*start, prefix, *before, suffix, *self._codec.encode(after), middle]

    def prompt_text(self, request: ChatRequest) -> str:
        """The prompt before it is tokenised. Raises InvalidRequest for one that is given as tokens."""
        if isinstance(request.prompt, tuple):
            raise InvalidRequest("A prompt of token ids has no text.", param="prompt")
        return request.prompt if request.prompt is not None else self.render(request)

    def _tail(self, tokens: Sequence[int]) -> str:
        """The end of the prompt as text: long enough to tell whether it has begun the model's reasoning."""
        hidden = {token: text.encode() for token, text in self._formats.hidden.items()}
        pieces = [hidden.get(token) or self._codec.piece(token) for token in tokens[-TAIL_TOKENS:] if token >= 0]
        return b"".join(pieces).decode("utf-8", "replace")

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, begun with the model's own first token where it asks for one."""
        tokens = self._codec.encode(text)
        bos = self._info.bos
        if bos is not None and (not tokens or tokens[0] != bos):
            tokens = [bos, *tokens]
        return tokens

    def render(self, request: ChatRequest, *, generation: bool = True) -> str:
        if self._template is None:
            message = "This model has no chat template: send a raw prompt, or set a template in models.yaml."
            raise InvalidRequest(message, param="messages")
        if request.continues and generation and request.messages[-1].role == "assistant":
            return self._begun_answer(request)
        tools = () if request.tool_choice.mode == "none" else request.tools
        marker = self._vision.marker if self._vision is not None else None
        messages = request.messages if marker is None else marked(request.messages, marker)
        return self._template.render(messages, tools, generation=generation, variables=template_variables(request))

    def _begun_answer(self, request: ChatRequest) -> str:
        """The prompt up to the end of the last message, which the answer goes on from, past its reasoning."""
        if self._formats.harmony:
            raise Unsupported("An answer that has begun cannot be continued in this model's format.", param="messages")
        *before, last = request.messages
        asked = self.render(msgspec.structs.replace(request, messages=tuple(before), continues=False))
        format = self._formats.reasoning
        if format is None or not (last.reasoning or format.inside(asked)):
            return asked + last.text
        opened = "" if format.inside(asked) else format.open
        return f"{asked}{opened}{last.reasoning or ''}{format.close}{last.text}"

    def _known_tokens(self, prompt: Sequence[int]) -> list[int]:
        size = self._info.vocabulary
        for token in prompt:
            if token < 0 or (size and token >= size):
                raise InvalidRequest(f"Token {token} is not in the vocabulary of {size} tokens.", param="prompt")
        return list(prompt)

    def _context(self, request: ChatRequest) -> int:
        """The most tokens of prompt and answer; 0 where nothing limits them."""
        limits = [limit for limit in (self._info.context, request.context) if limit]
        return min(limits, default=0)

    def _limit(self, request: ChatRequest, prompt: int, context: int) -> int:
        if prompt == 0:
            what = "messages" if request.prompt is None else "prompt"
            raise InvalidRequest("The prompt is empty: it has to give the model at least one token.", param=what)
        if context and prompt >= context:
            whose = "This model's" if context == self._info.context else "This request's"
            message = (
                f"{whose} maximum context length is {context} tokens. "
                f"However, the prompt has {prompt} tokens, which leaves no room for an answer."
            )
            raise ContextExceeded(message, param="messages" if request.prompt is None else "prompt")
        asked = next(
            value
            for value in (
                request.max_tokens,
                self._config.max_tokens,
                self._info.max_tokens,
                request.default_max_tokens,
                DEFAULT_MAX_TOKENS,
            )
            if value is not None
        )
        return min(asked, context - prompt) if context else asked

    def _sampling(self, request: ChatRequest) -> SamplerSettings:
        settings = resolve(request.sampling, self._config.sampling(), self._info.defaults, request.defaults)
        unknown = [token for token in settings.logit_bias if not 0 <= token < (self._info.vocabulary or token + 1)]
        if unknown:
            raise InvalidRequest(f"Token {unknown[0]} is not in the model's vocabulary.", param="logit_bias")
        return settings

    def _marks(self, request: ChatRequest, tokens: list[int]) -> tuple[int, ...]:
        """Prompt lengths worth a snapshot. A model that can be cut anywhere needs one only to fork choices."""
        marks: set[int] = set()
        if request.n > 1:
            marks.add(len(tokens) - 1)
        if not self._info.trims and request.prompt is None:
            marks.add(self._shared(tokens, self._placed(self.render(request, generation=False), request)))
            marks.add(self._system_end(request, tokens))
            marks.add(len(tokens) - 1)
        return tuple(sorted(mark for mark in marks if 0 < mark < len(tokens) and max(tokens[mark - 1 : mark + 1]) >= 0))

    def _system_end(self, request: ChatRequest, tokens: list[int]) -> int:
        """Where system text and tools end: what this prompt shares with one of the same system and another user."""
        system = tuple(message for message in request.messages if message.role == "system")
        if not system and not request.tools:
            return 0
        other = (*system, Message("user", (TextPart("\u2400"),)))
        try:
            return self._shared(tokens, self.prompt(msgspec.structs.replace(request, messages=other)))
        except InvalidRequest:
            return 0

    def _shared(self, tokens: list[int], other: Prompt) -> int:
        count = 0
        for ours, theirs in zip(tokens, other.tokens, strict=False):
            if ours != theirs:
                break
            count += 1
        return count


def _is_constrained(request: ChatRequest) -> bool:
    """Its answer ends where a grammar says so."""
    return request.format is not None or (bool(request.tools) and request.tool_choice.mode == "required")


def template_variables(request: ChatRequest) -> Mapping[str, Any]:
    """What the request says to the template beside its messages; silence leaves the template its own default."""
    variables: dict[str, Any] = {}
    if request.thinking.enabled is not None:
        variables["enable_thinking"] = variables["thinking"] = request.thinking.enabled
    if request.thinking.effort is not None:
        variables["reasoning_effort"] = request.thinking.effort
    return {**variables, **request.template_args}
