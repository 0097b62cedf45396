"""Projectors of random weights, and models that see through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heylook_core.messages import ChatRequest, ImagePart, Message, Picture, TextPart
from heylook_core.testkit.answers import Answer
from heylook_core.testkit.engine_contract import Drive, Running
from heylook_core.text.prompt import Preparation, Prepared

gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")
Image = pytest.importorskip("PIL.Image")

from heylook_core.media.images.decode import picture_of  # noqa: E402
from heylook_gguf.model import GgufModel  # noqa: E402
from heylook_gguf.vision.engine import VisionEngine  # noqa: E402

WIDTH, INNER, HEADS, LAYERS, SIDE, PATCH = 64, 128, 4, 2, 64, 16
NORMS = ("ln1", "ln2")
PLANES = [4, 2, 2, 0]
KINDS = ("gemma3", "qwen2vl", "llava", "tiles")
PROJECTOR_TYPES = {"qwen2vl": "qwen2vl_merger", "llava": "mlp", "tiles": "mlp"}
LIMIT = 10

Shown = str | Picture


class Projectors:
    """Writes files as llama.cpp's converter would, one of each way to see.

    `gemma3` reads a picture at once, `qwen2vl` in a plane, `llava` as text, `tiles` in several parts.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def write(self, path: Path, kind: str = "gemma3", *, width: int = 64, sense: str = "vision") -> Path:
        self._random = np.random.default_rng(self._seed)
        writer = gguf.GGUFWriter(str(path), "clip")
        writer.add_string("general.type", "mmproj")
        writer.add_bool(f"clip.has_{sense}_encoder", True)
        writer.add_string("clip.projector_type", PROJECTOR_TYPES.get(kind, kind))
        self._settings(writer, width)
        getattr(self, f"_{kind}")(writer, width)
        self._layers(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _matrix(self, *shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
        values: np.ndarray[Any, Any] = self._random.standard_normal(shape, np.float32) * scale
        return (values / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    def _settings(self, writer: Any, width: int) -> None:
        sizes = {"embedding_length": WIDTH, "feed_forward_length": INNER, "block_count": LAYERS, "image_size": SIDE}
        for name, value in {**sizes, "projection_dim": width, "patch_size": PATCH}.items():
            writer.add_uint32(f"clip.vision.{name}", value)
        writer.add_uint32("clip.vision.attention.head_count", HEADS)
        writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
        for name in ("image_mean", "image_std"):
            writer.add_array(f"clip.vision.{name}", [0.5] * 3)
        writer.add_bool("clip.use_gelu", True)

    def _gemma3(self, writer: Any, width: int) -> None:
        """A fixed number of positions, (64 / 16 / 2) squared, which see each other."""
        writer.add_uint32("clip.vision.projector.scale_factor", 2)
        self._patches(writer)
        writer.add_tensor("mm.input_projection.weight", self._matrix(WIDTH, width))
        writer.add_tensor("mm.soft_emb_norm.weight", np.ones(WIDTH, np.float32))

    def _qwen2vl(self, writer: Any, width: int) -> None:
        """As many positions as the picture is large, with a row and a column each."""
        for name in ("weight", "weight.1"):
            writer.add_tensor(f"v.patch_embd.{name}", self._matrix(WIDTH, 3, PATCH, PATCH))
        for name, rows in (("mm.0", 4 * WIDTH), ("mm.2", width)):
            writer.add_tensor(f"{name}.weight", self._matrix(rows, 4 * WIDTH, scale=2.0))
            writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))

    def _llava(self, writer: Any, width: int) -> None:
        """Two layers over patches; positions are like those of text."""
        self._patches(writer)
        writer.add_tensor("mm.0.weight", self._matrix(width, WIDTH))
        writer.add_tensor("mm.0.bias", np.zeros(width, np.float32))
        writer.add_tensor("mm.2.weight", self._matrix(width, width))
        writer.add_tensor("mm.2.bias", np.zeros(width, np.float32))

    def _tiles(self, writer: Any, width: int) -> None:
        """As `llava`, but a picture is also cut into up to four more, each with positions of its own."""
        writer.add_array("clip.vision.image_grid_pinpoints", [128, 64, 64, 128, 128, 128])
        self._llava(writer, width)

    def _patches(self, writer: Any) -> None:
        writer.add_tensor("v.patch_embd.weight", self._matrix(WIDTH, 3, PATCH, PATCH))
        writer.add_tensor("v.patch_embd.bias", np.zeros(WIDTH, np.float32))
        writer.add_tensor("v.position_embd.weight", self._matrix((SIDE // PATCH) ** 2, WIDTH))

    def _layers(self, writer: Any) -> None:
        shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), (WIDTH, WIDTH))
        shapes |= {"ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
        for layer in range(LAYERS):
            for name, shape in shapes.items():
                writer.add_tensor(f"v.blk.{layer}.{name}.weight", self._matrix(*shape))
                writer.add_tensor(f"v.blk.{layer}.{name}.bias", np.zeros(shape[0], np.float32))
            for name in NORMS:
                self._norm(writer, f"v.blk.{layer}.{name}")
        self._norm(writer, "v.post_ln")

    def _norm(self, writer: Any, name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))


# ------------------------------------------------------------------ models that see


@pytest.fixture(scope="session")
def write_projector() -> Callable[..., Path]:
    return Projectors().write


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Callable[[str], dict[str, str]]:
    """The settings that name a model and its projector of one kind; the files are written once."""
    made: dict[str, dict[str, str]] = {}

    def written(kind: str) -> dict[str, str]:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            plane: dict[str, Any] = {
                "architecture": "qwen2vl",
                "extra": lambda writer: writer.add_rope_dimension_sections(PLANES),
            }
            model = make_model(folder / "model.gguf", **(plane if kind == "qwen2vl" else {}))
            projector = Projectors().write(folder / "mmproj.gguf", kind)
            made[kind] = {"model_path": str(model), "mmproj_path": str(projector)}
        return made[kind]

    return written


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (80, 60)) -> Picture:
    return picture_of(Image.new("RGB", size, colour))


def user(*parts: Shown) -> Message:
    return Message(
        "user", tuple(TextPart(part) if isinstance(part, str) else ImagePart(picture=part) for part in parts)
    )


class Seeing:
    """A loaded model that sees, with its preparation and its engine."""

    def __init__(self, model: GgufModel) -> None:
        (engine,) = model.lanes()
        assert isinstance(engine, VisionEngine)
        self.model = model
        self.engine = engine
        self.preparation = Preparation(model.info, model.codec, None, model.vision)

    def prepared(self, *messages: Message) -> Prepared:
        return self.preparation.prepare(1, ChatRequest(model="m", messages=messages), 0.0)

    def text(self, *messages: Message) -> str:
        return self.preparation.prompt_text(ChatRequest(model="m", messages=messages))

    def begin(self, drive: Drive, *messages: Message, limit: int = LIMIT, **options: Any) -> Running:
        prepared = self.prepared(*messages)
        return drive.insert(prepared.tokens, limit, media=prepared.media, **{"top_logprobs": 2, **options})

    def alone(self, *messages: Message, prefill: int = 16, **options: Any) -> Answer:
        return self.run(*messages, prefill=prefill, **options).answer

    def run(self, *messages: Message, prefill: int = 16, **options: Any) -> Running:
        """To its end, on an engine that does nothing else."""
        drive = Drive(self.engine, prefill)
        running = self.begin(drive, *messages, **options)
        drive.finish(running)
        self.engine.remove(running.sid, False)
        return running


@pytest.fixture(scope="session")
def seeing_of(
    files: Callable[[str], dict[str, str]], load: Callable[..., GgufModel]
) -> Iterator[Callable[..., Seeing]]:
    """Loads the model of one kind; all are closed at the end."""
    loaded: list[GgufModel] = []

    def make(kind: str, **config: Any) -> Seeing:
        named = files(kind)
        loaded.append(load(Path(named["model_path"]), mmproj_path=named["mmproj_path"], **config))
        return Seeing(loaded[-1])

    yield make
    for model in loaded:
        model.close()
