"""What a large catalogue costs: the parts `models` and `scan` of `python -m benchmarks.swap`."""

from __future__ import annotations

import http.client
import json
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.servers import Server, heylook
from benchmarks.tables import spread, table

MODELS, FOLDERS, REQUESTS = 300, 1000, 200
HEADER = ["measure", "median [range]", "target"]
TENSORS, VOCABULARY = 291, 32_000


def write_gguf(path: Path) -> Path:
    """A header as large as a small model's: a vocabulary and 291 tensors, whose data is a hole in the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = {"context_length": 8192, "embedding_length": 64, "block_count": 32, "attention.head_count": 2}
    values = [_text("general.architecture") + struct.pack("<I", 8) + _text("llama")]
    values += [_text(f"llama.{key}") + struct.pack("<II", 4, number) for key, number in numbers.items()]
    words = b"".join(_text(f"word{number}") for number in range(VOCABULARY))
    values.append(_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, VOCABULARY) + words)
    tensors = [_text(f"blk.{number}.w") + struct.pack("<I2QIQ", 2, 64, 64, 0, 0) for number in range(TENSORS)]
    head = b"GGUF" + struct.pack("<IQQ", 3, TENSORS, len(values))
    with path.open("wb") as file:
        file.write(head + b"".join([*values, *tensors]))
        file.truncate(4 << 20)
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def write_checkpoint(folder: Path) -> Path:
    """A folder as MLX models have it: configuration, tokenizer, and 291 tensors in one file."""
    folder.mkdir(parents=True)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_text("{}")
    spans = {
        f"model.layers.{number}.self_attn.q_proj.weight": {
            "dtype": "F16",
            "shape": [64, 64],
            "data_offsets": [number * 8192, (number + 1) * 8192],
        }
        for number in range(TENSORS)
    }
    header = json.dumps(spans).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + TENSORS * 8192)
    return folder


def write_models(root: Path, count: int) -> list[Path]:
    """Half of them GGUF files in folders of their own, half MLX folders."""
    return [
        write_gguf(root / f"gguf-{number}" / f"model-{number}.gguf")
        if number % 2
        else write_checkpoint(root / f"mlx-{number}")
        for number in range(count)
    ]


def models(rounds: int) -> str:
    """GET /v1/models with 300 models in the catalogue, 200 times over one connection; the first answer apart."""
    firsts, p95s, medians = [], [], []
    with tempfile.TemporaryDirectory() as place:
        entries = [_entry(path) for path in write_models(Path(place), MODELS)]
        for _ in range(rounds):
            with heylook(entries) as server:
                first, *others = _listings(server)
            firsts.append(first)
            medians.append(median(others))
            p95s.append(sorted(others)[int(len(others) * 0.95)])
    rows = [
        ["`/v1/models`, p95 after the first, ms", spread(p95s), "<= 5"],
        ["`/v1/models`, median after the first, ms", spread(medians), ""],
        ["`/v1/models`, the first, ms", spread(firsts), ""],
    ]
    return table(HEADER, rows)


def _listings(server: Server) -> list[float]:
    """Milliseconds of each."""
    connection = http.client.HTTPConnection(server.base.removeprefix("http://"))
    try:
        return [_milliseconds(lambda: _list(connection)) for _ in range(REQUESTS + 1)]
    finally:
        connection.close()


def _entry(path: Path) -> dict[str, Any]:
    provider = "gguf" if path.suffix == ".gguf" else "mlx"
    return {"id": path.stem, "provider": provider, "config": {"model_path": str(path)}}


def _list(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/v1/models")
    answer = json.loads(connection.getresponse().read())
    if len(answer["data"]) < MODELS:
        raise RuntimeError(f"{len(answer['data'])} models are listed, {MODELS} were expected")


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def scan(rounds: int) -> str:
    """A catalogue over 1,000 model folders: made, and made anew where nothing has changed. The disk cache is warm."""
    from heylook_core.catalog import Catalog
    from heylook_core.plugins import Plugins
    from heylook_core.settings import ScanSettings, Settings

    plugins = Plugins()
    plugins.load_hooks()
    first, again = [], []
    with tempfile.TemporaryDirectory() as place:
        write_models(Path(place), FOLDERS)
        settings = Settings(scan=(ScanSettings(folder=place),))
        for _ in range(rounds):
            began = time.perf_counter()
            catalog = Catalog(settings, plugins)
            made = time.perf_counter()
            catalog.adopt(catalog.prepared(settings))
            first.append(made - began)
            again.append(time.perf_counter() - made)
            if sum(catalog.source(entry.id) == "scan" for entry in catalog.entries()) != FOLDERS:
                raise RuntimeError(f"{len(catalog.entries())} models were found, {FOLDERS} were expected")
    rows = [["scan, s", spread(first), "<= 3"], ["the same again, nothing changed, s", spread(again), ""]]
    return table(HEADER, rows)
