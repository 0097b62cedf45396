"""A llama_context: computing batches, and the KV memory of its sequences."""

from __future__ import annotations

import ctypes
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from heylook_core.errors import LoadFailed
from heylook_gguf.batch import Batch
from heylook_gguf.library import Library, libc

if TYPE_CHECKING:
    from heylook_gguf.vision.batch import EmbeddingBatch

DONE, FULL, ABORTED = 0, 1, 2


class Context:
    """Owns one `llama_context`. Everything but `interrupt` is called on one thread, also `close`.

    Its methods keep what llama.cpp asserts: a batch within `n_batch`, sequences within `n_seq_max`, no freeing
    while a computation runs (`close` waits for it, from whichever thread it comes). Raises `LoadFailed` where the
    context cannot be made.
    """

    def __init__(self, library: Library, model: Any, params: Any, turn: AbstractContextManager[None]) -> None:
        self._c = library.c
        self._turn = turn
        self._computing = threading.Lock()
        library.forget_errors()
        self._context = self._c.llama_init_from_model(model, params)
        if not self._context:
            raise LoadFailed(_no_context(params, library.last_error()))
        self._memory = self._c.llama_get_memory(self._context)
        self.n_batch = int(self._c.llama_n_batch(self._context))
        self.n_ubatch = int(self._c.llama_n_ubatch(self._context))
        self.n_ctx = int(self._c.llama_n_ctx(self._context))
        self.n_ctx_seq = int(self._c.llama_n_ctx_seq(self._context))
        self.batch = Batch(library, self.n_batch)
        self.vocabulary = int(self._c.llama_vocab_n_tokens(self._c.llama_model_get_vocab(model)))
        self._flag = ctypes.create_string_buffer(2)
        # The callback runs on llama.cpp's threads for every graph node. strlen() of the flag is 0 or 1, and needs
        # neither the interpreter nor its lock.
        self._abort = ctypes.cast(libc().strlen, self._c.ggml_abort_callback)
        self._c.llama_set_abort_callback(self._context, self._abort, ctypes.cast(self._flag, ctypes.c_void_p))

    @property
    def has_memory(self) -> bool:
        """Whether there is a KV cache; encoder-only models have none."""
        return bool(self._memory)

    def decode(self) -> int:
        """Compute the batch. DONE, FULL (nothing changed), ABORTED (part may be done), or an error below 0."""
        with self._computing, self._turn:
            return int(self._c.llama_decode(self._context, self.batch.c))

    def decode_embeddings(self, batch: EmbeddingBatch, *, causal: bool) -> int:
        """As `decode`, of embeddings; without `causal` they see each other, and must fit into `n_ubatch`."""
        with self._computing, self._turn:
            self._c.llama_set_causal_attn(self._context, causal)
            try:
                return int(self._c.llama_decode(self._context, batch.c))
            finally:
                self._c.llama_set_causal_attn(self._context, True)

    def logits(self, index: int) -> np.ndarray[Any, Any]:
        """The float32 row of the batch's token `index`, writable, valid until the next `decode`."""
        return np.ctypeslib.as_array(self._c.llama_get_logits_ith(self._context, index), shape=(self.vocabulary,))

    def embeddings(self, width: int) -> np.ndarray[Any, Any]:
        """The (batch.n, width) float32 rows of a batch whose tokens were all outputs, copied."""
        rows = [self._c.llama_get_embeddings_ith(self._context, index) for index in range(self.batch.n)]
        return np.stack([np.ctypeslib.as_array(row, shape=(width,)) for row in rows])

    def use_adapters(self, adapters: list[tuple[Any, float]]) -> None:
        """Apply LoRA adapters, each with its scale, to everything that is computed from now on."""
        count = len(adapters)
        handles = (self._c.llama_adapter_lora_p_ctypes * count)(*(handle for handle, _ in adapters))
        scales = (ctypes.c_float * count)(*(scale for _, scale in adapters))
        if self._c.llama_set_adapters_lora(self._context, handles, count, scales) != 0:
            raise LoadFailed("The LoRA adapters do not fit this model: check that they were made for it.")

    # ------------------------------------------------------------------ interruption

    def interrupt(self) -> None:
        """Abort a running `decode` within milliseconds on the processor; any thread. Stays set until cleared."""
        self._flag[0] = b"\1"

    def clear_interrupt(self) -> bool:
        """Whether an interrupt was wanted; from now on none is."""
        wanted = bool(self._flag[0] != b"\0")
        self._flag[0] = b"\0"
        return wanted

    # ------------------------------------------------------------------ memory of sequences

    def truncate(self, sequence: int, length: int) -> bool:
        """Keep what is before the position `length` of a sequence; False where the architecture cannot."""
        return bool(self._c.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def length(self, sequence: int) -> int:
        """Tokens that the memory holds of a sequence."""
        return int(self._c.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def read_state(self, sequence: int) -> np.ndarray[Any, Any]:
        """The KV state of a sequence as bytes, in llama.cpp's own form."""
        size = self.state_bytes(sequence)
        data = np.empty(size, np.uint8)
        written = self._c.llama_state_seq_get_data(self._context, _bytes(data), size, sequence)
        return data[: int(written)]

    def state_bytes(self, sequence: int) -> int:
        """The size of what `read_state` gives, or little more."""
        return int(self._c.llama_state_seq_get_size(self._context, sequence))

    def write_state(self, sequence: int, data: np.ndarray[Any, Any]) -> bool:
        """Replace a sequence's memory by a state that `read_state` gave; False (and empty) where it does not fit."""
        read = int(self._c.llama_state_seq_set_data(self._context, _bytes(data), data.nbytes, sequence))
        if 0 < read == data.nbytes:
            return True
        self.truncate(sequence, 0)
        return False

    def close(self) -> None:
        with self._computing:
            if self._context:
                self._c.llama_free(self._context)
                self._context = None


def _bytes(data: np.ndarray[Any, Any]) -> Any:
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def _no_context(params: Any, cause: str) -> str:
    said = f" llama.cpp said: {cause}." if cause else ""
    return (
        f"No context of {params.n_ctx} tokens for {params.n_seq_max} sequences could be made.{said} "
        "Lower n_ctx or slots, or choose another type_k and type_v."
    )
