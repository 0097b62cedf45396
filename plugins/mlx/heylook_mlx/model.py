"""A loaded MLX model: its description, its codec and the engine that fits its settings."""

from __future__ import annotations

import gc
import importlib.metadata
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache

from heylook_core.batching.scoring import Scoring
from heylook_core.engine import Engine
from heylook_core.errors import LoadFailed, Unsupported
from heylook_core.provider import EmbedOptions, Job, Model, ModelInfo
from heylook_mlx import description
from heylook_mlx.caches import Footprint, can_be_cut_anywhere, fresh, leaves, probe
from heylook_mlx.codec import can_guide, codec_of
from heylook_mlx.config import MlxConfig
from heylook_mlx.embedding import Embedder, MlxEmbeddings
from heylook_mlx.engine import BatchEngine
from heylook_mlx.gap import fill_in_middle
from heylook_mlx.loading import Loaded, load
from heylook_mlx.rows import Row
from heylook_mlx.serial import SerialEngine
from heylook_mlx.stepping import DraftSteps, PlainSteps, Quantisation, Sample, Steps
from heylook_mlx.vision.engine import VisionEngine
from heylook_mlx.vision.folder import sees
from heylook_mlx.vision.loading import LoadedVision, load_vision
from heylook_mlx.vision.pictures import Pictures
from heylook_mlx.vision.setup import pictures_of, settings_of, vision_engine
from heylook_mlx.weights import adapter_folder, fingerprint, model_folder

log = logging.getLogger(__name__)

DEFAULT_MAX_TOKENS = 512


class MlxModel(Model):
    """One engine: a batch where the KV cache allows it, else a serial lane. Engine thread only."""

    def __init__(self, config: MlxConfig) -> None:
        for notice in config.notices():
            log.warning("%s: %s", config.model_path, notice)
        if not mx.metal.is_available():
            # on a CPU mx.compile runs a C++ compiler at run time: seconds before the first sampled token, little after
            mx.disable_compile()
        self._config = config
        adapter = adapter_folder(config.adapter_path)
        loaded = _load(config, adapter)
        draft = _load_draft(config, loaded)
        caches = fresh(loaded.model, config.window)
        vocabulary = _probe(loaded, caches)
        _check_cache(config, loaded, caches)
        self.codec = codec_of(loaded.tokenizer._tokenizer, vocabulary)
        self.vision = _vision_of(loaded)
        self._engine: Engine | None = self._make_engine(loaded, draft, caches, vocabulary)
        context = description.context_length(loaded.config, loaded.tokenizer, config.longest)
        self._model: Any = loaded.model
        self._embedder: Embedder | None = Embedder(loaded, context)
        self.info = self._describe(loaded, draft, caches, vocabulary, adapter)

    def lanes(self) -> list[Engine]:
        return [self._engine] if self._engine is not None else []

    def embed(self, inputs: Sequence[list[int]], options: EmbedOptions) -> Job:
        """Raises ContextExceeded or InvalidRequest, naming the input."""
        if self._embedder is None or not self._embedder.width:
            raise Unsupported("This architecture does not show its hidden states.", param="model")
        return MlxEmbeddings(self._embedder, inputs, options)

    def score(self, tokens: Sequence[int], top: int) -> Job:
        model, caches = self._model, fresh(self._model)

        def compute(piece: list[int], position: int) -> np.ndarray[Any, Any]:
            return np.array(model(mx.array([piece]), cache=caches)[0].astype(mx.float32))

        return Scoring(self.codec, tokens, top, compute)

    def scratch_bytes(self) -> int:
        """The embeddings of pictures that are kept."""
        return self._engine.pictures_bytes() if isinstance(self._engine, VisionEngine) else 0

    def close(self) -> None:
        """Give weights and KV cache back to the system."""
        if self._engine is not None:
            self._engine.close()
        self._engine = self._embedder = self._model = None
        gc.collect()
        mx.clear_cache()
        mx.synchronize()

    # ------------------------------------------------------------------ inside

    def _make_engine(self, loaded: Loaded, draft: Loaded | None, caches: list[Any], vocabulary: int) -> Engine:
        config = self._config
        if isinstance(loaded, LoadedVision) and isinstance(self.vision, Pictures):
            return vision_engine(loaded, self.vision, caches, vocabulary, config.max_concurrency)
        if draft is not None:
            drafts = fresh(draft.model)
            _probe(draft, drafts)
            return SerialEngine(_drafted(loaded.model, draft.model, config), Footprint(caches + drafts), vocabulary)
        if config.bits is not None:
            plan = Quantisation(config.bits, config.kv_group_size, config.quantized_kv_start)
            return SerialEngine(_quantised(loaded.model, plan), Footprint(caches), vocabulary)
        if all(hasattr(cache, "merge") for cache in leaves(caches)):
            return BatchEngine(loaded.model, config.max_concurrency, config.window, Footprint(caches), vocabulary)
        log.warning("%s: the KV cache of this architecture cannot be batched; requests run one by one.", loaded.folder)
        return SerialEngine(_plain(loaded.model), Footprint(caches), vocabulary)

    def _describe(
        self, loaded: Loaded, draft: Loaded | None, caches: list[Any], vocabulary: int, adapter: Path | None
    ) -> ModelInfo:
        config, tokenizer = self._config, loaded.tokenizer
        version = importlib.metadata.version("mlx-lm")
        generation = description.generation_config(loaded.folder)
        template = description.chat_template(tokenizer)
        settings = {**config.shape_of_cache(), "mlx_lm": version, "metal": mx.metal.is_available()}
        if draft is not None:
            settings["draft"] = fingerprint(draft.folder, None, {})  # a snapshot has its caches too
        if isinstance(loaded, LoadedVision):
            settings |= settings_of(loaded)
        embedder = self._embedder
        width = embedder.width if embedder is not None else 0
        found = description.capabilities(template, can_guide())
        gap = fill_in_middle(tokenizer)
        if gap is not None:
            found = (*found, "fill_in_middle")
        if self.vision is not None:
            found = (*found, "vision")
        return ModelInfo(
            context=description.context_length(loaded.config, tokenizer, config.longest),
            capabilities=(*found, "embed") if width else found,
            template=template,
            special=description.special_strings(tokenizer),
            bos=description.begin_token(tokenizer),
            eos=description.end_tokens(tokenizer, vocabulary),
            vocabulary=vocabulary,
            defaults=description.sampling_defaults(generation),
            max_tokens=DEFAULT_MAX_TOKENS if config.max_tokens is None else config.max_tokens,
            stop=config.stop,
            fingerprint=fingerprint(loaded.folder, adapter, settings),
            weights_bytes=loaded.nbytes + (draft.nbytes if draft is not None else 0),
            trims=can_be_cut_anywhere(caches),
            rows=self.lanes()[0].rows,
            details={
                "architecture": loaded.config.get("model_type", ""),
                "quantization": _quantisation(loaded.config),
                "lane": "batch" if isinstance(self._engine, BatchEngine) else "serial",
                "embedding_length": width or None,
                "fill_in_middle": gap,
                "mlx_lm": version,
                "device": "metal" if mx.metal.is_available() else "cpu",
            },
        )


def _load(config: MlxConfig, adapter: Path | None) -> Loaded:
    """Through mlx-vlm where the folder has a part for images and the settings leave it on."""
    if config.vision or (config.vision is None and config.may_see and sees(model_folder(config.model_path))):
        if not sees(model_folder(config.model_path)):
            raise LoadFailed(f"The model in {config.model_path} has no part for images; remove vision: true.")
        return load_vision(config.model_path, config)
    return load(config.model_path, config, adapter)


def _vision_of(loaded: Loaded) -> Pictures | None:
    """How a model that sees places pictures, None for others."""
    if not isinstance(loaded, LoadedVision):
        return None
    template = description.chat_template(loaded.tokenizer)
    return pictures_of(loaded, template, description.special_strings(loaded.tokenizer))


def _load_draft(config: MlxConfig, loaded: Loaded) -> Loaded | None:
    if config.draft_model_path is None:
        return None
    draft = load(config.draft_model_path, config)
    if draft.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise LoadFailed(
            f"The draft model {draft.folder} has another vocabulary than {loaded.folder}; "
            "choose a draft model of the same family, or remove draft_model_path."
        )
    for part in (loaded, draft):
        caches = fresh(part.model)
        if any(type(cache) is not KVCache for cache in caches) or len(caches) != len(part.model.layers):
            raise LoadFailed(
                f"The model in {part.folder} cannot take part in speculative decoding, because its KV cache cannot "
                "be shortened; remove draft_model_path."
            )
    return draft


def _probe(loaded: Loaded, caches: list[Any]) -> int:
    try:
        return probe(loaded.model, caches)
    except Exception as error:
        raise LoadFailed(f"The model in {loaded.folder} was loaded but does not compute: {error}") from error


def _check_cache(config: MlxConfig, loaded: Loaded, caches: list[Any]) -> None:
    """Settings of the KV cache that this architecture cannot have. `caches` hold one token."""
    if config.cache_kind != "standard" and any(type(cache) is not KVCache for cache in fresh(loaded.model)):
        raise LoadFailed(
            f"The model in {loaded.folder} brings a KV cache of its own kind, which cannot be {config.cache_kind}; "
            "remove cache_type and kv_bits."
        )
    if config.bits is None:
        return
    widths = {cache.keys.shape[-1] for cache in caches} | {cache.values.shape[-1] for cache in caches}
    if any(width % config.kv_group_size for width in widths):
        sizes = [str(size) for size in (32, 64, 128) if all(width % size == 0 for width in widths)]
        remedy = f"set it to {' or '.join(sizes)}" if sizes else "no size does, so remove kv_bits"
        raise LoadFailed(
            f"kv_group_size {config.kv_group_size} does not divide the head size {min(widths)} of the model in "
            f"{loaded.folder}; {remedy}."
        )


def _quantisation(config: dict[str, Any]) -> dict[str, Any] | None:
    found = config.get("quantization")
    return {key: found[key] for key in ("bits", "group_size", "mode") if key in found} if found else None


def _plain(model: Any) -> Any:
    def steps(row: Row, sample: Sample) -> Steps:
        return PlainSteps(model, row, sample)

    return steps


def _quantised(model: Any, plan: Quantisation) -> Any:
    def steps(row: Row, sample: Sample) -> Steps:
        return PlainSteps(model, row, sample, plan)

    return steps


def _drafted(model: Any, draft: Any, config: MlxConfig) -> Any:
    def steps(row: Row, sample: Sample) -> Steps:
        # a guide cannot be taken back when a proposal is rejected, nor can raw scores be told apart
        if row.guided is not None or row.raw is not None:
            return PlainSteps(model, row, sample, keeps=False)
        return DraftSteps(model, draft, row, sample, config.num_draft_tokens)

    return steps
