"""Reasoning apart from the answer. The formats are data, read off the templates of the models that use them."""

from __future__ import annotations

import msgspec

from heylook_core.errors import ConfigError
from heylook_core.text.markers import Produced, first_marker, possible_tail, split_space


class ReasoningFormat(msgspec.Struct, frozen=True):
    """Reasoning stands between `open` and `close`.

    `sign` is what a template of this format contains (`open`, if empty). `silent` markers surround the answer and
    are not part of it. `anywhere` says that the markers are never written for another reason, so that reasoning may
    begin in the middle of the answer too; otherwise it begins the answer.
    """

    name: str
    open: str
    close: str
    sign: str = ""
    silent: tuple[str, ...] = ()
    anywhere: bool = False

    @property
    def markers(self) -> tuple[str, ...]:
        return (self.open, self.close, *self.silent)

    def inside(self, prompt: str) -> bool:
        """Whether a prompt ends with the opening marker, so that the answer begins in the middle of reasoning."""
        return prompt.rstrip().endswith(self.open.rstrip())

    def over(self, prompt: str) -> bool:
        """Whether a prompt ends with the closing marker: there will be no reasoning."""
        return prompt.rstrip().endswith(self.close.rstrip())


REASONING_FORMATS = (
    ReasoningFormat("granite", "<think>", "</think>", "<response></response>", ("<response>", "</response>")),
    ReasoningFormat("seed", "<seed:think>", "</seed:think>", anywhere=True),
    ReasoningFormat("minimax_m3", "<mm:think>", "</mm:think>", anywhere=True),
    ReasoningFormat("hunyuan", "<think:opensource>", "</think:opensource>", ":opensource", anywhere=True),
    ReasoningFormat("mistral", "[THINK]", "[/THINK]", anywhere=True),
    ReasoningFormat(
        "cohere",
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        silent=("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
        anywhere=True,
    ),
    ReasoningFormat("gemma", "<|channel>thought\n", "<channel|>", "<|channel>", anywhere=True),
    ReasoningFormat(
        "kimi_k3",
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        "<|open|>",
        ("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"),
        anywhere=True,
    ),
    ReasoningFormat("solar", "<|think|>", "<|end|>", "<|think|>", ("<|begin|>assistant", "<|content|>"), anywhere=True),
    ReasoningFormat("apertus", "<|inner_prefix|>", "<|inner_suffix|>", anywhere=True),
    ReasoningFormat("apriel", "Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]", "[BEGIN FINAL RESPONSE]"),
    ReasoningFormat("think", "<think>", "</think>", "</think>"),
    ReasoningFormat("think", "<think>", "</think>"),
)
HARMONY = "harmony"
HARMONY_SIGN = "<|channel|>analysis<|message|>"


def reasoning_format(template: str | None, chosen: str | None) -> ReasoningFormat | None:
    """The format of a model by its template's text, or the one that models.yaml names ("none": no splitting)."""
    if chosen is not None:
        return _named(chosen)
    for format in REASONING_FORMATS:
        if template is not None and (format.sign or format.open) in template:
            return format
    return None


def _named(name: str) -> ReasoningFormat | None:
    if name in ("none", HARMONY):
        return None
    for format in REASONING_FORMATS:
        if format.name == name:
            return format
    known = ", ".join(sorted({format.name for format in REASONING_FORMATS} | {HARMONY, "none"}))
    raise ConfigError(f"reasoning_format {name!r} is not known; models.yaml may name one of: {known}.")


class Splitter:
    """Tells reasoning from answer. Holds back only what may belong to a marker, and whitespace next to markers.

    Inside, everything up to the closing marker is reasoning, to the end of the text if there is none.
    """

    stopped = False

    def __init__(self, format: ReasoningFormat, inside: bool) -> None:
        self._format = format
        self._held = ""
        self._after_marker = inside
        self._at_start = not inside
        self.reasoning = inside

    def push(self, text: str) -> list[Produced]:
        text, self._held = self._held + text, ""
        pieces: list[Produced] = []
        while text:
            rest = self._next(text, pieces)
            if rest is None:
                break
            text = rest
        return pieces

    def end(self) -> list[Produced]:
        """What was held back is no marker."""
        held, self._held = self._held, ""
        return [("reasoning" if self.reasoning else "text", held)] if held else []

    @property
    def _markers(self) -> tuple[str, ...]:
        format = self._format
        if self.reasoning:
            return (format.close,)
        opens = (format.open,) if self._at_start or format.anywhere else ()
        return (*opens, *format.silent)

    def _next(self, text: str, pieces: list[Produced]) -> str | None:
        """Take what is certain from the front of `text`; the rest that can be read on, None if more has to come."""
        if self._after_marker:
            bare = text.lstrip()
            self._give(pieces, "silent", text[: len(text) - len(bare)])
            if not bare:
                return None
            self._after_marker, text = False, bare
        if self._at_start:
            self._at_start = self._may_open(text.lstrip())
        markers = self._markers
        if not markers:
            self._give(pieces, "text", text)
            return None
        found = first_marker(text, markers)
        if found is not None:
            return self._pass_marker(text, *found, pieces)
        self._hold(text, markers, pieces)
        return None

    def _may_open(self, text: str) -> bool:
        """Whether `text`, the beginning of the answer, is or may become the opening marker."""
        return text.startswith(self._format.open) or self._format.open.startswith(text)

    def _pass_marker(self, text: str, start: int, marker: str, pieces: list[Produced]) -> str:
        before, space = split_space(text[:start])
        self._shown(pieces, before)
        self._give(pieces, "silent", space + marker)
        if marker not in self._format.silent:
            self.reasoning = not self.reasoning
        self._at_start = False
        self._after_marker = True
        return text[start + len(marker) :]

    def _hold(self, text: str, markers: tuple[str, ...], pieces: list[Produced]) -> None:
        keep = possible_tail(text, markers)
        sure, space = split_space(text[: len(text) - keep])
        self._shown(pieces, sure)
        self._held = space + text[len(text) - keep :]

    def _shown(self, pieces: list[Produced], text: str) -> None:
        self._give(pieces, "reasoning" if self.reasoning else "text", text)

    def _give(self, pieces: list[Produced], kind: str, text: str) -> None:
        if text:
            pieces.append((kind, text))  # type: ignore[arg-type]
