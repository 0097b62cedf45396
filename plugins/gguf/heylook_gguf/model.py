"""A GGUF model as the core sees it: information, tokenizer, one engine, embeddings."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from heylook_core.batching.scoring import Scoring
from heylook_core.engine import Engine
from heylook_core.provider import Capability, EmbedOptions, Job, Model, ModelInfo
from heylook_gguf.codec import GgufCodec
from heylook_gguf.config import GgufConfig
from heylook_gguf.context import Context
from heylook_gguf.cores import ComputeTurn, physical_cores
from heylook_gguf.embedding import EmbeddingContext, EmbeddingJob
from heylook_gguf.engine import GgufEngine
from heylook_gguf.footprint import Footprint
from heylook_gguf.library import library
from heylook_gguf.scoring import ScoringContext
from heylook_gguf.sizes import cache_cells, check_memory, context_length, padded
from heylook_gguf.template import chat_template
from heylook_gguf.vision.engine import VisionEngine
from heylook_gguf.vision.setup import Eyes
from heylook_gguf.weights import CACHE_TYPES, Weights

log = logging.getLogger(__name__)

DEFAULT_MAX_TOKENS = 512

_THINKS = ("enable_thinking", "<think>", "reasoning")


class GgufModel(Model):
    """Weights with one chat engine over them, and a context for embeddings once they are asked for."""

    codec: GgufCodec

    def __init__(self, config: GgufConfig) -> None:
        for notice in config.notices():
            log.warning("%s: %s", config.model_path, notice)
        self._library = library()
        self._config = config
        self._engine: GgufEngine | None = None
        self._eyes: Eyes | None = None
        self._embedding: EmbeddingContext | None = None
        self._scoring: ScoringContext | None = None
        with ThreadPoolExecutor(1, "heylook-gguf-load") as beside:
            beside.submit(_import_ahead)
            self._weights = Weights(self._library, config)
            self._turn = self._make_turn()
            try:
                self._build(beside)
            except BaseException:
                beside.shutdown()  # it may be reading the vocabulary, which is freed now
                self.close()
                raise

    def _build(self, beside: ThreadPoolExecutor) -> None:
        """Everything over the weights. `beside` runs Python while llama.cpp makes its context without the GIL."""
        config = self._config
        self.codec = GgufCodec(self._library, self._weights.vocabulary, space_prefix=self._space_prefix())
        beside.submit(lambda: self.codec.end_tokens)
        contents = beside.submit(lambda: self._weights.contents)
        self._template = chat_template(config, self._weights)
        self._length = context_length(config, self._weights)
        if config.projector is not None:
            self._eyes = Eyes(config.projector, self._weights, self._context_params(), config)
        if self._weights.is_causal:
            self._engine = self._make_engine()
        if self._eyes is not None and isinstance(self._engine, VisionEngine):
            self.vision = self._eyes.open(self._engine)
        contents.result()
        self.info = self._make_info()

    def lanes(self) -> list[Engine]:
        return [self._engine] if self._engine is not None else []

    def embed(self, inputs: Sequence[list[int]], options: EmbedOptions) -> Job:
        if self._embedding is None:
            self._embedding = EmbeddingContext(self._weights, self._context_params, self._turn, self.info.context)
        return EmbeddingJob(self._embedding, inputs, options)

    def score(self, tokens: Sequence[int], top: int) -> Job:
        if self._scoring is None:
            self._scoring = ScoringContext(self._weights, self._context_params, self._turn, self.info.context)
        return Scoring(self.codec, tokens, top, self._scoring.compute)

    def scratch_bytes(self) -> int:
        """Kept embeddings of pictures, and the KV of the contexts for embeddings and scores (llama.cpp's own type)."""
        seen = self._engine.pictures_bytes() if isinstance(self._engine, VisionEngine) else 0
        contexts = [made.context for made in (self._embedding, self._scoring) if made is not None]
        return seen + sum(context.n_ctx for context in contexts) * self._weights.token_bytes("f16", "f16")

    def close(self) -> None:
        for context in (self._embedding, self._scoring):
            if context is not None:
                context.close()
        if self._engine is not None:
            self._engine.close()
        if self._eyes is not None:
            self._eyes.close()
        self._weights.close()
        if isinstance(self._turn, ComputeTurn):
            self._turn.close()

    # ------------------------------------------------------------------ making

    @property
    def _threads(self) -> int:
        return self._config.n_threads or physical_cores()

    @property
    def _on_processor(self) -> bool:
        return self._config.n_gpu_layers == 0 or not self._library.c.llama_supports_gpu_offload()

    def _make_turn(self) -> contextlib.AbstractContextManager[None]:
        if self._on_processor and self._threads > 1:
            return ComputeTurn()
        return contextlib.nullcontext()

    def _space_prefix(self) -> bool:
        """Whether the tokenizer puts a space in front of text; SentencePiece ones do unless the file says no."""
        c = self._library.c
        told = self._weights.metadata("tokenizer.ggml.add_space_prefix")
        sentencepiece = c.llama_vocab_type(self._weights.vocabulary) == c.LLAMA_VOCAB_TYPE_SPM
        return told == "true" if told is not None else sentencepiece

    def _make_engine(self) -> GgufEngine:
        config, length = self._config, self._length
        token_bytes = self._weights.token_bytes(config.type_k, config.type_v)
        params = self._context_params()
        cells = cache_cells(config, length)
        if self._on_processor:
            check_memory(cells * token_bytes, cells)
        params.n_ctx = cells
        params.n_seq_max = config.n_slots
        params.n_batch = max(config.n_batch, config.n_slots)
        params.n_ubatch = min(config.n_ubatch, params.n_batch)
        params.kv_unified = config.kv_unified
        params.type_k, params.type_v = CACHE_TYPES[config.type_k][0], CACHE_TYPES[config.type_v][0]

        def context() -> Context:
            made = Context(self._library, self._weights.handle, params, self._turn)
            if self._weights.adapters:
                made.use_adapters(self._weights.adapters)
            return made

        kind: Callable[..., GgufEngine] = GgufEngine
        if self._eyes is not None:
            kind = functools.partial(VisionEngine, projector=self._eyes.projector, turn=self._turn)
        return kind(
            self._library,
            context,
            slots=config.n_slots,
            length=length,
            footprint=Footprint(token_bytes),
            trims=self._weights.trims,
            shared=config.kv_unified,
            chunk=config.chunk,
        )

    def _context_params(self) -> Any:
        """What every context over these weights has in common."""
        c = self._library.c
        params = c.llama_context_default_params()
        params.n_threads = params.n_threads_batch = self._threads
        params.no_perf = True
        kinds = {None: c.LLAMA_FLASH_ATTN_TYPE_AUTO, True: c.LLAMA_FLASH_ATTN_TYPE_ENABLED}
        params.flash_attn_type = kinds.get(self._config.flash_attn, c.LLAMA_FLASH_ATTN_TYPE_DISABLED)
        return params

    def _make_info(self) -> ModelInfo:
        config, weights, c = self._config, self._weights, self._library.c
        begins = bool(c.llama_vocab_get_add_bos(weights.vocabulary)) and self._engine is not None
        return ModelInfo(
            context=self._length,
            capabilities=self._capabilities(),
            template=self._template,
            special=self._special(),
            bos=int(c.llama_vocab_bos(weights.vocabulary)) if begins else None,
            eos=self.codec.end_tokens,
            vocabulary=self.codec.size,
            defaults=weights.sampling(),
            max_tokens=DEFAULT_MAX_TOKENS if config.max_tokens is None else config.max_tokens,
            stop=config.stop,
            fingerprint=self._fingerprint(),
            weights_bytes=weights.nbytes + (self._eyes.nbytes if self._eyes is not None else 0),
            trims=weights.trims,
            rows=config.n_slots,
            details=self._details(),
        )

    def _capabilities(self) -> tuple[Capability, ...]:
        found: list[Capability] = []
        if self._engine is not None:
            found += ["completion", "logprobs", "prompt_logprobs"]
            found += ["schema"] if find_spec("llguidance") is not None else []
            if self._template is not None:
                found.append("chat")
                found += ["tools"] if "tools" in self._template else []
                found += ["reasoning"] if any(word in self._template for word in _THINKS) else []
            found += ["vision"] if self._eyes is not None else []
            if "fill_in_middle" in self._details():
                found.append("fill_in_middle")
        if self._config.embedding:
            found.append("embed")
        return tuple(found)

    def _special(self) -> dict[str, str]:
        c, vocabulary = self._library.c, self._weights.vocabulary
        tokens = {
            "bos_token": c.llama_vocab_bos(vocabulary),
            "eos_token": c.llama_vocab_eos(vocabulary),
            "pad_token": c.llama_vocab_pad(vocabulary),
        }
        return {name: self.codec.text(token) for name, token in tokens.items() if token >= 0}

    def _details(self) -> dict[str, Any]:
        """Facts for listings; `fill_in_middle` has the token ids (prefix, suffix, middle) of code models."""
        c, vocabulary = self._library.c, self._weights.vocabulary
        details: dict[str, Any] = {
            "format": "gguf",
            "architecture": self._weights.architecture,
            "parameters": int(c.llama_model_n_params(self._weights.handle)),
            "file_type": int(self._weights.metadata("general.file_type") or -1),
            "embedding_length": self._weights.width,
        }
        if self._eyes is not None:
            details["projector"] = self._eyes.projector.path.name
        middle = [int(get(vocabulary)) for get in (c.llama_vocab_fim_pre, c.llama_vocab_fim_suf, c.llama_vocab_fim_mid)]
        if min(middle) >= 0:
            details["fill_in_middle"] = middle
        return details

    def _fingerprint(self) -> str:
        """Changes with whatever decides the content of a state, or whether llama.cpp takes it back.

        A state tells of how many streams its cache is: one where all slots share it, else one for each. With LongRoPE,
        keys depend on how long a sequence may get.
        """
        config, weights = self._config, self._weights
        shape: tuple[object, ...] = (
            *(one.fingerprint for one in weights.contents),
            *(lora.scale for lora in config.lora),
            config.type_k,
            config.type_v,
            config.flash_attn,
            1 if config.kv_unified else config.n_slots,
            padded(self._length) if weights.long_rope else None,
            self._eyes.fingerprint if self._eyes is not None else None,
            self._library.version,
        )
        return hashlib.sha256(repr(shape).encode()).hexdigest()[:32]


def _import_ahead() -> None:
    """What the worker needs next."""
    importlib.import_module("heylook_core.batching.loop")
    importlib.import_module("heylook_core.text.prompt")
