"""The toy provider: a token engine with real slots, deterministic text, delays and failures on demand.

Its "KV cache" is a chain of hashes over the tokens, so that text depends on every token before it: a wrongly
reused or mixed-up prefix shows as another text. Tokens are bytes; a few more are special.

A prompt can ask for trouble: `[toy:crash]` raises in step, `[toy:broken]` breaks only its own row
(`[toy:crash=3]` after three tokens), `[toy:hang]` never returns from step, `[toy:exit]` ends the process without a
word, `[toy:prompt=3]` spends that many seconds reading the prompt, `[toy:insert]` is refused by insert,
`[toy:say=hello]` answers just that, `[toy:look]` tells size and mean colour of every picture (with `vision`).
"""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from heylook_core.batching.pooling import check_dimensions, check_length, normalised
from heylook_core.engine import (
    AtMark,
    Broken,
    Budget,
    Codec,
    Decoder,
    Engine,
    Out,
    Prefilled,
    SequenceTask,
    Snapshot,
    Token,
)
from heylook_core.errors import InvalidRequest, LoadFailed
from heylook_core.messages import (
    Event,
    Finished,
    Picture,
    PromptLogprobs,
    ScoredToken,
    Timings,
    TopToken,
    Usage,
    Vectors,
)
from heylook_core.provider import (
    FLOOR_TOKENS,
    Capability,
    EmbedOptions,
    Estimate,
    Job,
    Model,
    ModelInfo,
    Provider,
    TokenConfig,
)
from heylook_core.vision import Encode, MediaSpan, Prompt, Vision, at_placeholders

TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m.role }}\n"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}"
    "<|end|>\n{% endfor %}"
    "{% if tools %}<|start|>tools\n{{ tools | tojson }}<|end|>\n{% endif %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% if enable_thinking %}<think>{% endif %}{% endif %}"
)
SPECIAL = {"<|eos|>": 256, "<|start|>": 257, "<|end|>": 258}
EOS = SPECIAL["<|eos|>"]
VOCABULARY = 259
ALPHABET = tuple(b"etaoinshrdlu etaoinshrd.\xc3\xe2")
# What must follow inside a character: 0xC3 0xA9 is e-acute, 0xE2 0x82 0xAC the euro sign.
FOLLOWS = {(0xC3,): 0xA9, (0xE2,): 0x82, (0xE2, 0x82): 0xAC}
BYTES_PER_TOKEN = 64
PICTURE = "<|picture|>"
PATCH = 16
MOST_PATCHES = 64
CAPABILITIES: tuple[Capability, ...] = (
    "chat",
    "completion",
    "embed",
    "logprobs",
    "tools",
    "schema",
    "reasoning",
    "prompt_logprobs",
)
NO_OPTIONS = EmbedOptions()

_SPECIAL_PATTERN = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")
_ORDER = re.compile(rb"\[toy:(\w+)(?:=([^\]]*))?\]")


class ToyConfig(TokenConfig, frozen=True, kw_only=True):
    """`answer_tokens` until it ends by itself; delays in seconds; `fail` breaks the load.

    `load_gate` is a file that has to exist before the load goes on, for tests that look at a load in progress.
    `weights_bytes` is what it says that it holds, `estimated_bytes` what it says before it is loaded (None: nothing).
    """

    answer_tokens: int = 32
    context: int = 8192
    load_delay: float = 0.0
    load_gate: str | None = None
    step_delay: float = 0.0
    prefill_delay_per_token: float = 0.0
    trims: bool = True
    vision: bool = False
    fail: str | None = None
    weights_bytes: int = 1
    estimated_bytes: int | None = None


class ToyProvider(Provider):
    """Loads a `ToyModel`. `fail`: "load" raises LoadFailed, "memory" MemoryError, "error" any exception."""

    Config = ToyConfig

    def estimate(self) -> Estimate | None:
        config: ToyConfig = self.config
        if config.estimated_bytes is None:
            return None
        return Estimate(weights=config.estimated_bytes, kv=BYTES_PER_TOKEN * min(config.context, FLOOR_TOKENS))

    def load(self) -> Model:
        config: ToyConfig = self.config
        time.sleep(config.load_delay)
        while config.load_gate is not None and not Path(config.load_gate).exists():
            time.sleep(0.01)
        if config.fail == "memory":
            raise MemoryError
        if config.fail == "load":
            raise LoadFailed("The toy model was told to fail.")
        if config.fail is not None:
            raise ValueError(config.fail)
        return ToyModel(config)


class ToyDecoder(Decoder):
    def push(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""


class ToyCodec(Codec):
    """One byte, one token; the special strings are one token each."""

    def guide_tokenizer(self) -> object:
        return _guide_tokenizer()

    def encode(self, text: str) -> list[int]:
        found: list[int] = []
        for piece in _SPECIAL_PATTERN.split(text):
            found.extend([SPECIAL[piece]] if piece in SPECIAL else piece.encode())
        return found

    def decoder(self, prompt: Sequence[int] = ()) -> Decoder:
        return ToyDecoder()

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""


class _GuideTokens:
    """The toy's tokens as llguidance asks for them: special ones begin with a byte that is in no UTF-8."""

    eos_token_id = EOS
    bos_token_id = None
    tokens = [*(bytes([byte]) for byte in range(256)), *(b"\xff" + name.encode() for name in SPECIAL)]
    special_token_ids = list(SPECIAL.values())

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


@functools.cache
def _guide_tokenizer() -> object:
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_GuideTokens()))


class ToyVision(Vision):
    """A picture is one position for each patch of 16 x 16 pixels, at most 64; no side may have more than 4096."""

    placeholder = marker = PICTURE

    def place(self, text: str, pictures: Sequence[Picture], encode: Encode) -> Prompt:
        for picture in pictures:
            if max(picture.width, picture.height) > 4096:
                raise InvalidRequest("The toy model takes images of at most 4096 pixels in width and height.")
        ids = [(0,) * min(-(-one.width // PATCH) * -(-one.height // PATCH), MOST_PATCHES) for one in pictures]
        return at_placeholders(text, self.placeholder, pictures, ids, encode)


def described(media: Sequence[MediaSpan]) -> str:
    """Size and mean colour of each picture: `2x1 #ff0000`."""
    told = []
    for picture in (span.picture for span in media):
        pixels = np.frombuffer(picture.data, np.uint8).reshape(-1, picture.channels)
        colour = bytes(pixels.mean(axis=0).round().astype(np.uint8)).hex()
        told.append(f"{picture.width}x{picture.height} #{colour}")
    return ", ".join(told) or "nothing"


class ToyModel(Model):
    def __init__(self, config: ToyConfig) -> None:
        self.codec = ToyCodec()
        self.vision = ToyVision() if config.vision else None
        self.info = ModelInfo(
            context=config.context,
            capabilities=(*CAPABILITIES, "vision") if config.vision else CAPABILITIES,
            template=TEMPLATE,
            special={"eos_token": "<|eos|>"},
            eos=(EOS,),
            vocabulary=VOCABULARY,
            fingerprint="toy",
            weights_bytes=config.weights_bytes,
            trims=config.trims,
            rows=config.max_concurrency,
        )
        self._engine = ToyEngine(config)

    def lanes(self) -> list[Engine]:
        return [self._engine]

    def embed(self, inputs: Sequence[list[int]], options: EmbedOptions) -> Job:
        return ToyEmbedding(inputs, options, self.info.context)

    def score(self, tokens: Sequence[int], top: int) -> Job:
        return ToyScores(self.codec, tokens, top)

    def close(self) -> None:
        self._engine.close()


class ToySnapshot(Snapshot):
    def __init__(self, tokens: Sequence[int], states: Sequence[bytes], trims: bool) -> None:
        self.tokens = np.asarray(tokens, dtype=np.int32)
        self.states = tuple(states)
        self.nbytes = BYTES_PER_TOKEN * len(tokens)
        self._trims = trims

    def cut(self, n: int) -> Snapshot | None:
        if not self._trims and n != len(self.tokens):
            return None
        return ToySnapshot(self.tokens[:n].tolist(), self.states[:n], self._trims)

    def export(self) -> tuple[dict[str, Any], list[memoryview]]:
        header = {"tokens": self.tokens.tolist(), "width": len(self.states[0]) if self.states else 0}
        return header, [memoryview(b"".join(self.states))]


class _Row:
    def __init__(self, task: SequenceTask) -> None:
        self.task = task
        snapshot = task.prefix
        self.states: list[bytes] = list(snapshot.states) if isinstance(snapshot, ToySnapshot) else []
        self.tokens: list[int] = list(task.tokens[: task.cut])
        self.generated = 0
        self.ended = False
        self.order, self.value = _order(task.tokens)
        if self.order == "look":
            self.order, self.value = "say", described(task.media)
        self.ready_at = time.monotonic() + (float(self.value) if self.order == "prompt" else 0.0)
        self.salt = os.urandom(8) if task.sampling.seed is None else str(task.sampling.seed).encode()

    @property
    def in_prefill(self) -> bool:
        return len(self.tokens) < len(self.task.tokens)

    @property
    def remaining(self) -> int:
        return len(self.task.tokens) - len(self.tokens)

    def read(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            before = self.states[-1] if self.states else b""
            self.states.append(blake2b(before + token.to_bytes(4, "little", signed=True), digest_size=8).digest())
            self.tokens.append(token)


class ToyEngine(Engine):
    """Slots that hold hash chains. One decode token per row and step, prefill in the core's budget."""

    def __init__(self, config: ToyConfig) -> None:
        self.rows = config.max_concurrency
        self._config = config
        self._rows: dict[int, _Row] = {}
        self._released = threading.Event()
        self._interrupted = threading.Event()

    def cost(self, lengths: Sequence[int]) -> int:
        return BYTES_PER_TOKEN * sum(lengths)

    def insert(self, task: SequenceTask) -> None:
        row = _Row(task)
        if row.order == "insert":
            raise ValueError("told to refuse")
        self._rows[task.sid] = row

    def step(self, budget: Budget) -> list[Out]:
        self._interrupted.clear()
        time.sleep(self._config.step_delay)
        outs: list[Out] = []
        left = budget.prefill
        for row in sorted(self._rows.values(), key=lambda row: row.remaining):
            if row.ended or self._obey(row, outs):
                continue
            if row.in_prefill:
                left -= self._prefill(row, left, outs)
            if not row.in_prefill:
                outs.append(self._decode(row))
        return outs

    def snapshot(self, sid: int) -> Snapshot | None:
        row = self._rows[sid]
        return ToySnapshot(row.tokens, row.states, self._config.trims)

    def remove(self, sid: int, keep: bool) -> Snapshot | None:
        row = self._rows.pop(sid, None)
        if row is None or not keep or not row.tokens:
            return None
        return ToySnapshot(row.tokens, row.states, self._config.trims)

    def restore(self, header: dict[str, Any], buffers: list[memoryview]) -> Snapshot:
        width, data = header["width"], bytes(buffers[0])
        states = [data[at : at + width] for at in range(0, len(data), width)] if width else []
        return ToySnapshot(header["tokens"], states, self._config.trims)

    def live_bytes(self) -> int:
        return BYTES_PER_TOKEN * sum(len(row.tokens) for row in self._rows.values())

    def interrupt(self) -> None:
        self._interrupted.set()

    def reset(self) -> None:
        self._rows.clear()

    def close(self) -> None:
        self._rows.clear()
        self._released.set()

    def _obey(self, row: _Row, outs: list[Out]) -> bool:
        """The trouble that the prompt asked for; true if the row is gone."""
        if row.order in ("crash", "broken") and row.value and row.generated < int(row.value):
            return False
        if row.order == "crash":
            raise RuntimeError("told to crash")
        if row.order == "hang":
            self._released.wait()
        if row.order == "exit":
            os._exit(7)
        if row.order == "broken":
            del self._rows[row.task.sid]
            outs.append(Broken(row.task.sid, "told to break"))
        return row.order == "broken"

    def _prefill(self, row: _Row, budget: int, outs: list[Out]) -> int:
        """Read up to `budget` prompt tokens, stopping at a mark and before time is up; returns how many."""
        wait = row.ready_at - time.monotonic()
        if wait > 0:
            self._interrupted.wait(min(wait, 0.02))
            return 0
        stops = [mark for mark in row.task.marks if mark > len(row.tokens)]
        end = min([*stops, len(row.task.tokens), len(row.tokens) + budget])
        count = max(end - len(row.tokens), 0)
        if count:
            time.sleep(self._config.prefill_delay_per_token * count)
            row.read(row.task.tokens[len(row.tokens) : end])
            outs.append(Prefilled(row.task.sid, end))
            if end in row.task.marks:
                outs.append(AtMark(row.task.sid, end))
        return count

    def _decode(self, row: _Row) -> Token:
        task = row.task
        token = self._next(row)
        end: Any = "eos" if token in task.eos else "length" if row.generated + 1 >= task.limit else None
        row.generated += 1
        if task.guide is not None:
            task.guide.advance(token)
        logprob = -float(np.log(len(ALPHABET)))
        top: tuple[tuple[int, float], ...] = ()
        if task.top_logprobs:
            top = tuple((other, logprob) for other in ALPHABET[: task.top_logprobs])
        row.read([token])
        row.ended = end is not None
        return Token(task.sid, token, end, logprob, top)

    def _next(self, row: _Row) -> int:
        if row.order == "say":
            said = row.value.encode()
            token = said[row.generated] if row.generated < len(said) else EOS
            if row.task.guide is None or row.task.guide.accepts(token):
                return token
        forced = self._inside_character(row)
        if forced is not None:
            return forced
        guide = row.task.guide
        if row.generated >= self._config.answer_tokens and row.task.eos and (guide is None or guide.accepts(EOS)):
            return EOS
        salt = b"" if row.task.sampling.temperature == 0 else row.salt
        choice = int.from_bytes(blake2b(row.states[-1] + salt, digest_size=4).digest(), "little")
        allowed = self._allowed(row)
        return allowed[choice % len(allowed)]

    def _allowed(self, row: _Row) -> Sequence[int]:
        guide = row.task.guide
        if guide is None:
            return ALPHABET
        mask = guide.mask()
        if mask is None:
            return ALPHABET
        return np.flatnonzero(np.unpackbits(mask, bitorder="little")[:VOCABULARY]).tolist() or [EOS]

    @staticmethod
    def _inside_character(row: _Row) -> int | None:
        if row.task.guide is not None:
            return None
        last = tuple(row.tokens[len(row.task.tokens) :][-2:])
        return FOLLOWS.get(last) or FOLLOWS.get(last[-1:])


class ToyEmbedding(Job):
    """Vectors of hashes: equal inputs give equal vectors. About as many tokens per slice as it is told."""

    WIDTH = 64

    def __init__(self, inputs: Sequence[list[int]], options: EmbedOptions = NO_OPTIONS, longest: int = 8192) -> None:
        check_dimensions(options.dimensions, self.WIDTH)
        self._dimensions = options.dimensions
        self._inputs = [tokens[:longest] if options.truncate else tokens for tokens in inputs]
        for index, tokens in enumerate(self._inputs):
            check_length(index, len(tokens), longest)
        self._rows: list[np.ndarray[Any, Any]] = []

    def advance(self, tokens: int) -> list[Event]:
        while tokens > 0 and len(self._rows) < len(self._inputs):
            one = self._inputs[len(self._rows)]
            digest = blake2b(str(one).encode(), digest_size=self.WIDTH).digest()
            row = np.frombuffer(digest, dtype=np.uint8).astype(np.float32) + 1
            self._rows.append(normalised(row, self._dimensions))
            tokens -= len(one)
        if len(self._rows) < len(self._inputs):
            return []
        self.done = True
        counts = tuple(map(len, self._inputs))
        rows = np.stack(self._rows).astype("<f4")
        usage = Usage(prompt=sum(counts))
        return [Vectors(rows.tobytes(), len(counts), rows.shape[1], counts), Finished(0, "stop", usage, Timings())]


class ToyScores(Job):
    """Every token of the prompt as likely as the toy's letters are."""

    def __init__(self, codec: Codec, tokens: Sequence[int], top: int) -> None:
        self._codec = codec
        self._tokens = list(tokens)
        self._top = top
        self._done = 0

    def advance(self, tokens: int) -> list[Event]:
        piece, logprob = self._codec.piece, -float(np.log(len(ALPHABET)))
        top = tuple(TopToken(piece(other), logprob, other) for other in ALPHABET[: self._top])
        start, self._done = self._done, min(self._done + tokens, len(self._tokens))
        self.done = self._done == len(self._tokens)
        scored = [
            ScoredToken(piece(token), token, logprob if at else None, top if at else ())
            for at, token in enumerate(self._tokens[start : self._done], start)
        ]
        return [PromptLogprobs(tuple(scored))]


def _order(tokens: Sequence[int]) -> tuple[str, str]:
    """The last `[toy:…]` order in the prompt, with its value."""
    found = _ORDER.findall(bytes(token for token in tokens if 0 <= token < 256))
    if not found:
        return "", ""
    name, value = found[-1]
    return name.decode(), value.decode()


def embedding_of(vectors: Vectors) -> np.ndarray[Any, Any]:
    """Rows x width as float32."""
    return np.frombuffer(vectors.data, dtype="<f4").reshape(vectors.rows, vectors.width)


__all__ = ["ToyConfig", "ToyModel", "ToyProvider", "embedding_of"]
