"""What a request's constraint is as a grammar, compiled and checked before any token is generated.

Called in the prepare thread. llguidance is imported at first use; it is an extra of the core (`heylook[schema]`),
and the packages of MLX and GGUF bring it along.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from heylook_core.engine import Codec, Guide
from heylook_core.errors import InvalidRequest, Unsupported
from heylook_core.messages import ChatRequest, Format, Thinking
from heylook_core.text.guide import Closed, Free, GrammarGuide
from heylook_core.text.plan import TextPlan, special_parts
from heylook_core.text.reasoning import ReasoningFormat
from heylook_core.text.tools.bounds import bounded
from heylook_core.text.tools.format import inline
from heylook_core.text.tools.harmony import TO_ANSWER, TO_CALL, HarmonyFormat

MOST_CALLS = 8
KEPT = 32


class Grammars:
    """Makes the guides of one model's requests; compiled grammars are kept by their text. One thread at a time."""

    def __init__(self, codec: Codec, vocabulary: int, eos: Iterable[int]) -> None:
        self._codec = codec
        self._vocabulary = vocabulary
        self._eos = tuple(eos)
        self._matchers: OrderedDict[str, Any] = OrderedDict()

    def guides(self, request: ChatRequest, plan: TextPlan, prompt: str, limit: int) -> tuple[Guide, ...]:
        """A guide for each choice of a request, of at most `limit` tokens; none where it asks for no constraint.

        Raises InvalidRequest for a constraint that cannot be compiled, with the compiler's message.
        """
        forced = bool(request.tools) and request.tool_choice.mode == "required"
        if not forced and request.format is None:
            return self._budgeted(request, plan, prompt)
        library = _library()
        tokenizer = self._codec.guide_tokenizer()
        param = "tools" if forced or request.format is None else request.format.param
        matcher = self._matcher(library, tokenizer, self._grammar(request, plan, library, forced), param)
        free = self._free(request.thinking, plan, prompt, forced)
        eos = self._eos or (tokenizer.eos_token,)  # type: ignore[attr-defined]
        size = max(self._vocabulary, int(tokenizer.vocab_size))  # type: ignore[attr-defined]
        closed = Closed(limit, self._codec.piece, self._codec.encode) if _any_json(request) else None
        return tuple(GrammarGuide(matcher.deep_copy(), size, eos, free, closed) for _ in range(request.n))

    def _budgeted(self, request: ChatRequest, plan: TextPlan, prompt: str) -> tuple[Guide, ...]:
        """Guides that bound the reasoning and leave the answer free."""
        if request.thinking.budget is None:
            return ()
        if plan.formats.harmony and plan.tools is not None:
            message = (
                "In this model's format a budget for reasoning cannot be kept beside tools; leave one of them out."
            )
            raise Unsupported(message, param="thinking_budget")
        free = self._free(request.thinking, plan, prompt, forced=False)
        if free is None:
            return ()
        return tuple(GrammarGuide(None, self._vocabulary, self._eos, free) for _ in range(request.n))

    def _matcher(self, library: Any, tokenizer: Any, grammar: str, param: str) -> Any:
        kept = self._matchers.get(grammar)
        if kept is None:
            problem = library.LLMatcher.validate_grammar(grammar, tokenizer)
            if problem:
                what = "these tools" if param == "tools" else "this format"
                raise InvalidRequest(f"The answer cannot be constrained to {what}: {problem.strip()}", param=param)
            kept = self._matchers[grammar] = library.LLMatcher(tokenizer, grammar)
            while len(self._matchers) > KEPT:
                self._matchers.popitem(last=False)
        self._matchers.move_to_end(grammar)
        return kept

    def _grammar(self, request: ChatRequest, plan: TextPlan, library: Any, forced: bool) -> str:
        matcher = library.LLMatcher
        if forced:
            return str(matcher.grammar_from_lark(self._calls(request, plan)))
        format = request.format
        if format is None:
            return ""
        schema = _schema(format)
        if schema is None:
            return _text_grammar(format, matcher)
        if plan.tools is not None and not plan.formats.harmony:
            calls = self._calls(request, plan).replace("start:", "calls:", 1)
            return str(matcher.grammar_from_lark(f"start: answer | calls\nanswer: {inline(schema)}\n{calls}"))
        return str(matcher.grammar_from_json_schema(json.dumps(schema)))

    def _calls(self, request: ChatRequest, plan: TextPlan) -> str:
        """Lark for one or more calls of the tools that the request allows."""
        format = plan.tools
        if format is None:
            message = (
                "How this model writes tool calls is not known, so that none can be forced: "
                "set tool_format for it in models.yaml."
            )
            raise Unsupported(message, param="tool_choice")
        names = request.tool_choice.names
        tools = [tool for tool in request.tools if not names or tool.name in names]
        if not tools:
            raise InvalidRequest(f"tool_choice names {names[0]!r}, which is not in tools.", param="tool_choice")
        single = len(names) == 1 or not request.parallel_tool_calls
        return format.grammar(tools, self._literal, 1 if single else MOST_CALLS)

    def _literal(self, text: str) -> str:
        """Lark for a text; a part of it that is one token of the model is forced by its id."""
        parts = []
        for part in special_parts(text):
            ids = self._codec.encode(part)
            special = len(ids) == 1 and _looks_special(part)
            parts.append(f"<[{ids[0]}]>" if special else json.dumps(part, ensure_ascii=False))
        return " ".join(parts)

    def _free(self, thinking: Thinking, plan: TextPlan, prompt: str, forced: bool) -> Free | None:
        """The stretch of reasoning before the grammar, if this model reasons and is not told not to."""
        if plan.formats.harmony:
            forces = forced and isinstance(plan.tools, HarmonyFormat)
            return self._stretch(TO_CALL if forces else TO_ANSWER, thinking, plan, inside=True, opens=False)
        format = plan.formats.reasoning
        if format is None or not plan.split:
            return None
        opens = not plan.inside and thinking.enabled is not False and not format.over(prompt)
        return self._stretch(format, thinking, plan, inside=plan.inside, opens=opens)

    def _stretch(
        self, format: ReasoningFormat, thinking: Thinking, plan: TextPlan, *, inside: bool, opens: bool
    ) -> Free:
        hidden = {token: text.encode() for token, text in plan.formats.hidden.items()}
        piece = self._codec.piece
        return Free(
            inside=inside,
            open=tuple(self._codec.encode(format.open)) if opens else (),
            close=format.close.encode(),
            close_tokens=tuple(self._codec.encode(format.close)),
            piece=lambda token: hidden.get(token) or piece(token),
            budget=thinking.budget,
        )


def _library() -> Any:
    try:
        import llguidance
    except ImportError:
        message = "Constrained output needs llguidance; install it with: pip install 'heylook[schema]'"
        raise Unsupported(message) from None
    return llguidance


def _looks_special(part: str) -> bool:
    return part[0] in "<[]" and part[-1] in ">]["


def _any_json(request: ChatRequest) -> bool:
    """Nothing but JSON is asked for, so that it may end anywhere; what a schema requires takes its own length."""
    return request.format is not None and request.format.kind == "json"


def _schema(format: Format) -> dict[str, Any] | None:
    """The JSON schema of a format, whitespace bounded; None for formats that are not JSON."""
    if format.kind == "json":
        return bounded({"type": "object"})
    return bounded(format.schema or {}) if format.kind == "schema" else None


def _text_grammar(format: Format, matcher: Any) -> str:
    if format.kind == "regex":
        return str(matcher.grammar_from_regex(format.text or ""))
    if format.kind == "choice":
        options = " | ".join(json.dumps(option, ensure_ascii=False) for option in format.choices)
        return str(matcher.grammar_from_lark(f"start: {options}"))
    from llguidance.gbnf_to_lark import any_to_lark

    try:
        return str(matcher.grammar_from_lark(any_to_lark(format.text or "")))
    except Exception as error:
        message = f"The grammar cannot be read: {error}"
        raise InvalidRequest(message, param=format.param) from error
