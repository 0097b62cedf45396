"""A projector: the file that turns pictures into a model's embeddings, loaded with llama.cpp's mtmd library.

mtmd gets pixels and a marker, nothing else: its own reading of files and of what else it could decode is never used.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heylook_core.errors import EngineFailed, InvalidRequest, LoadFailed
from heylook_core.messages import Picture
from heylook_gguf.library import Library, declarations, libc

Array = np.ndarray[Any, Any]

MOST_STRETCHED = 200
"""A picture's longer side is at most this many times the shorter one: llama.cpp's resizing asserts sizes above 0."""

_TEXT, _IMAGE = 0, 1


class Chunk(NamedTuple):
    """A part of what stands for a picture: token ids, or a number of embeddings that take so many positions."""

    ids: tuple[int, ...]
    tokens: int
    positions: int
    causal: bool

    @property
    def is_image(self) -> bool:
        return not self.ids


class Encoded(NamedTuple):
    """Embeddings (tokens, width), float32, and their positions (planes, tokens) counted from the picture's own."""

    embeddings: Array
    places: Array

    @property
    def nbytes(self) -> int:
        return int(self.embeddings.nbytes + self.places.nbytes)


class Projector:
    """Owns one `mtmd_context`. `opened` may run on any thread; `Opened.encode` and `close` on the engine's.

    Raises LoadFailed where the file cannot be used with the model.
    """

    def __init__(self, library: Library, path: Path, model: Any, *, gpu: bool, threads: int, flash: int) -> None:
        self.path = path
        self.mtmd = _mtmd(library)
        self.marker = self.mtmd.mtmd_default_marker().decode()
        library.forget_errors()
        wanted = self.mtmd.mtmd_context_params_default()
        wanted.use_gpu, wanted.n_threads, wanted.flash_attn_type = gpu, threads, flash
        wanted.print_timings = wanted.warmup = False
        self.handle = self.mtmd.mtmd_init_from_file(str(path).encode(), model, wanted)
        if not self.handle:
            raise LoadFailed(_not_loaded(path, library.last_error()))
        if not self.mtmd.mtmd_support_vision(self.handle):
            self.close()
            raise LoadFailed(f"{path} (mmproj_path) is a projector for sound, not for images: choose another one.")
        self.in_plane = bool(self.mtmd.mtmd_decode_use_mrope(self.handle))
        self.width = int(library.c.llama_model_n_embd_inp(model))
        planes = {library.c.LLAMA_ROPE_TYPE_MROPE, getattr(library.c, "LLAMA_ROPE_TYPE_IMROPE", 40)}
        self.planes = 4 if int(library.c.llama_model_rope_type(model)) in planes else 1

    @contextlib.contextmanager
    def opened(self, picture: Picture, *, pixels: bool) -> Iterator[Opened]:
        made = Opened(self, picture, pixels=pixels)
        try:
            yield made
        finally:
            made.close()

    def close(self) -> None:
        if self.handle:
            self.mtmd.mtmd_free(self.handle)
            self.handle = None


class Opened:
    """A picture cut up for the model; without `pixels` only its chunks can be told. Raises InvalidRequest."""

    def __init__(self, projector: Projector, picture: Picture, *, pixels: bool) -> None:
        self._projector = projector
        self._mtmd = projector.mtmd
        self._chunks = self._mtmd.mtmd_input_chunks_init()
        try:
            self._cut(picture, pixels)
        except BaseException:
            self.close()
            raise

    def chunks(self) -> list[Chunk]:
        return [self._chunk(handle) for handle in self._handles()]

    def images(self) -> list[Any]:
        """The chunks that have to be encoded, for `encode`."""
        return [handle for handle in self._handles() if self._kind(handle) == _IMAGE]

    def encode(self, handle: Any) -> Encoded:
        """As long as it takes: this cannot be sliced or interrupted."""
        code = int(self._mtmd.mtmd_encode_chunk(self._projector.handle, handle))
        if code != 0:
            raise EngineFailed(f"llama.cpp could not encode the image (mtmd_encode_chunk answered {code}).")
        count = int(self._mtmd.mtmd_input_chunk_get_n_tokens(handle))
        found = self._mtmd.mtmd_get_output_embd(self._projector.handle)
        embeddings = np.ctypeslib.as_array(found, shape=(count, self._projector.width)).copy()
        return Encoded(embeddings, self._places(handle, count))

    def close(self) -> None:
        if self._chunks:
            self._mtmd.mtmd_input_chunks_free(self._chunks)
            self._chunks = None

    # ------------------------------------------------------------------ inside

    def _cut(self, picture: Picture, pixels: bool) -> None:
        short, long = sorted((picture.width, picture.height))
        if short < 1 or long > MOST_STRETCHED * short:
            raise _not_taken(picture, f"its longer side is more than {MOST_STRETCHED} times the shorter one")
        data = _rgb(picture) if pixels else None
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)) if data is not None else None
        bitmap = self._mtmd.mtmd_bitmap_init(picture.width, picture.height, pointer)
        try:
            code = self._tokenize(bitmap)
        finally:
            self._mtmd.mtmd_bitmap_free(bitmap)
        if code != 0 or not any(self._kind(handle) == _IMAGE for handle in self._handles()):
            raise _not_taken(picture, f"mtmd_tokenize answered {code}")

    def _tokenize(self, bitmap: Any) -> int:
        mtmd = self._mtmd
        text = self._projector.marker.encode()
        wanted = mtmd.mtmd_input_text(text=text, text_len=len(text), add_special=False, parse_special=True)
        bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
        return int(mtmd.mtmd_tokenize(self._projector.handle, self._chunks, ctypes.byref(wanted), bitmaps, 1))

    def _handles(self) -> list[Any]:
        count = int(self._mtmd.mtmd_input_chunks_size(self._chunks))
        return [self._mtmd.mtmd_input_chunks_get(self._chunks, index) for index in range(count)]

    def _kind(self, handle: Any) -> int:
        return int(self._mtmd.mtmd_input_chunk_get_type(handle))

    def _chunk(self, handle: Any) -> Chunk:
        mtmd = self._mtmd
        count = int(mtmd.mtmd_input_chunk_get_n_tokens(handle))
        if self._kind(handle) == _TEXT:
            size = ctypes.c_size_t()
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(handle, ctypes.byref(size))
            return Chunk(tuple(int(tokens[index]) for index in range(size.value)), count, count, causal=True)
        positions = int(mtmd.mtmd_input_chunk_get_n_pos(handle))
        together = bool(mtmd.mtmd_decode_use_non_causal(self._projector.handle, handle))
        return Chunk((), count, positions, causal=not together)

    def _places(self, handle: Any, count: int) -> Array:
        """llama.cpp's order of planes: time, height, width, and one that is spare."""
        planes = self._projector.planes
        if planes == 1 or not self._projector.in_plane:
            return np.tile(np.arange(count, dtype=np.int32), (planes, 1))
        found = (self._mtmd.mtmd_decoder_pos * count)()
        image = self._mtmd.mtmd_input_chunk_get_tokens_image(handle)
        self._mtmd.mtmd_helper_image_get_decoder_pos(image, 0, found)
        rows = np.frombuffer(found, np.uint32).reshape(count, 4).astype(np.int32)
        return np.ascontiguousarray(rows[:, [0, 2, 1, 3]].T)


@functools.cache
def _mtmd(library: Library) -> Any:
    """mtmd's declarations, with its log where llama.cpp's is. Raises LoadFailed where it was not built."""
    try:
        mtmd = declarations("mtmd_cpp")
    except (ImportError, OSError, RuntimeError) as error:
        raise LoadFailed(
            f"This llama-cpp-python was built without its library for images ({error}): rebuild it without "
            "-DLLAVA_BUILD=OFF, or remove mmproj_path to use the model for text only."
        ) from error
    library.listen_to(mtmd.mtmd_helper_log_set)
    quiet = ctypes.cast(libc().abs, library.c.llama_log_callback)
    atexit.register(mtmd.mtmd_helper_log_set, quiet, None)
    return mtmd


def _rgb(picture: Picture) -> Array:
    """Pixels without transparency, which mtmd does not take."""
    rows = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, picture.channels)
    return np.ascontiguousarray(rows[:, :, :3])


def _not_taken(picture: Picture, why: str) -> InvalidRequest:
    size = f"{picture.width} x {picture.height} pixels"
    return InvalidRequest(f"This model cannot take an image of {size}: {why}.", param="messages")


def _not_loaded(path: Path, cause: str) -> str:
    said = f" llama.cpp said: {cause}." if cause else ""
    return f"{path} (mmproj_path) cannot be used as this model's projector.{said} Take the one made for the model."
