"""Whether a model could be loaded, told without reading its weights."""

from __future__ import annotations

from heylook_gguf.config import GgufConfig
from heylook_gguf.library import library
from heylook_gguf.sizes import cache_cells, check_memory, context_length
from heylook_gguf.template import chat_template
from heylook_gguf.vision.soundness import check_projector
from heylook_gguf.weights import Weights, adapter_path


def check(config: GgufConfig) -> None:
    """Raises LoadFailed or PluginError with what a load would come to; takes milliseconds.

    llama.cpp reads the header, the vocabulary and where each tensor lies. The memory that is free may be another
    when the model is loaded.
    """
    weights = Weights(library(), config, allocate=False)
    try:
        for lora in config.lora:
            adapter_path(lora.path)
        chat_template(config, weights)
        if config.projector is not None:
            check_projector(config.projector, int(library().c.llama_model_n_embd(weights.handle)))
        cells = cache_cells(config, context_length(config, weights))
        on_processor = config.n_gpu_layers == 0 or not library().c.llama_supports_gpu_offload()
        if weights.is_causal and on_processor:
            check_memory(cells * weights.token_bytes(config.type_k, config.type_v), cells)
    finally:
        weights.close()
