"""Pictures: forms against base64, the same picture again, and what resizing costs.

python -m benchmarks.vision [--rounds N] [upload | again | resize]…
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.client import stream
from benchmarks.gguf import config as gguf_config
from benchmarks.servers import Server, heylook
from benchmarks.tables import ratios, spread, table
from heylook_core.media.images.decode import decode
from heylook_core.messages import ImageOptions

MODELS = Path(tempfile.gettempdir()) / "heylook-benchmark-models"
BOUNDARY = "heylookbenchmarkboundary"
EACH_ROUND = 10


def photo(width: int, height: int, seed: int) -> bytes:
    """A JPEG with about as much detail as a photograph: noise of several sizes."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for size in (8, 32, 128):
        small = Image.fromarray(chance.integers(0, 256, (height // size + 1, width // size + 1, 3), np.uint8))
        picture += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 3
    file = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def messages(url: str, text: str = "look") -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [image, {"type": "text", "text": text}]}]


# ------------------------------------------------------------------ forms against base64


def upload(rounds: int) -> str:
    """From the file to the answer of a model that does nothing, JSON and base64 written by the client included."""
    config = {"vision": True, "answer_tokens": 1}
    taken: dict[str, list[tuple[float, float]]] = {"json": [], "form": []}
    sizes = {}
    with heylook([{"id": "m", "provider": "toy", "config": config}], images={"cache_bytes": 0}) as server:
        for turn in range(rounds + 1):
            file = photo(1024, 1024, turn)
            for name, send in (("json", _as_json), ("form", _as_form)):
                found, sizes[name] = _timed(server, send, file)
                if turn:
                    taken[name].append(found)
    rows = []
    for at, label in enumerate(("time, ms", "CPU of client and server, ms")):
        json_, form = ([1000 * one[at] for one in taken[name]] for name in ("json", "form"))
        rows.append([label, spread(json_, 1), spread(form, 1), spread(ratios(form, json_))])
    rows.append(["bytes", f"{sizes['json']:,}", f"{sizes['form']:,}", f"{sizes['form'] / sizes['json']:.2f}"])
    return table(["1 megapixel JPEG", "base64 in JSON", "form", "ratio"], rows)


def _timed(server: Server, send: Callable[[str, bytes], int], file: bytes) -> tuple[tuple[float, float], int]:
    """Seconds and CPU seconds per request, and bytes of one."""
    started, cpu = time.perf_counter(), time.process_time() + server.cpu_seconds()
    for _ in range(EACH_ROUND):
        size = send(server.base, file)
    took = time.perf_counter() - started, time.process_time() + server.cpu_seconds() - cpu
    return (took[0] / EACH_ROUND, took[1] / EACH_ROUND), size


def _as_json(base: str, file: bytes) -> int:
    url = f"data:image/jpeg;base64,{base64.b64encode(file).decode()}"
    body = json.dumps({"model": "m", "messages": messages(url), "max_tokens": 1}).encode()
    return _post(f"{base}/v1/chat/completions", body, "application/json")


def _as_form(base: str, file: bytes) -> int:
    fields = {"model": "m", "messages": json.dumps(messages("__RAW_IMAGE__")), "max_tokens": "1"}
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n'.encode()
    body = b"".join([*parts, head, file, f"\r\n--{BOUNDARY}--\r\n".encode()])
    return _post(f"{base}/v1/chat/completions/multipart", body, f"multipart/form-data; boundary={BOUNDARY}")


def _post(url: str, body: bytes, content_type: str) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    return len(body)


# ------------------------------------------------------------------ the same picture again


def again(rounds: int) -> str:
    """Time to the first token of a second request with the same picture, against the first one."""
    rows = []
    for label, entry in seeing().items():
        firsts = _firsts(entry, rounds)
        for name, asked, target in (
            ("first", "a new picture", ""),
            ("again", "the same one, another question", "<= 0.3"),
            ("elsewhere", "the same one, after other text (encoded before, read again)", ""),
        ):
            ratio = spread(ratios(firsts[name], firsts["first"])) if name != "first" else ""
            rows.append([label, asked, spread(firsts[name]), ratio, target])
    return table(["1 megapixel, 144 positions", "asked about", "first token, s", "ratio", "target"], rows)


def seeing() -> dict[str, dict[str, Any]]:
    """Label to models.yaml entry."""
    from benchmarks.random_gguf import MEDIUM, make_gguf
    from benchmarks.random_projector import make_projector
    from benchmarks.random_vision import make_vision

    projector = make_projector(MODELS / "random-mmproj-768.gguf", MEDIUM.width)
    gguf = {**gguf_config(make_gguf(MODELS, "f16"), 2), "n_ctx": 2048, "slots": 2, "mmproj_path": str(projector)}
    return {
        "MLX Qwen2-VL 15M": {"provider": "mlx", "config": {"model_path": str(make_vision(MODELS / "qwen2-vl-15m"))}},
        "GGUF 88M, projector as gemma3": {"provider": "gguf", "config": gguf},
    }


def _firsts(entry: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Seconds to the first token of each kind of request, the first round left out."""
    firsts: dict[str, list[float]] = {"first": [], "again": [], "elsewhere": []}
    with heylook([{"id": "m", **entry}]) as server:
        for turn in range(rounds + 1):
            url = f"data:image/jpeg;base64,{base64.b64encode(photo(1024, 1024, turn)).decode()}"
            asked = {
                "first": messages(url, "what is this?"),
                "again": messages(url, "and what is that?"),
                "elsewhere": [{"role": "user", "content": f"turn {turn}"}, *messages(url, "what is this?")],
            }
            for name, said in asked.items():
                body = {"model": "m", "messages": said, "max_tokens": 4, "temperature": 0, "ignore_eos": True}
                seconds = asyncio.run(stream(server.chat, body)).first
                if turn:
                    firsts[name].append(seconds)
    return firsts


# ------------------------------------------------------------------ resizing


def resize(rounds: int) -> str:
    """CPU time that a thread of the media pool spends per megapixel, on decoding alone and shrunk to 512."""
    rows = []
    for width, height in ((1024, 1024), (2048, 2048), (4000, 3000)):
        megapixels = width * height / 1e6
        plain, bounded = [], []
        for turn in range(rounds):
            file = photo(width, height, turn)
            plain.append(_decode_ms(file, ImageOptions()) / megapixels)
            bounded.append(_decode_ms(file, ImageOptions(largest=512)) / megapixels)
        extra = [with_ - without for with_, without in zip(bounded, plain, strict=True)]
        rows.append([f"{width} x {height}", spread(plain, 1), spread(bounded, 1), spread(extra, 1)])
    return table(["JPEG", "decode, ms/MP", "decode and shrink to 512, ms/MP", "difference"], rows)


def _decode_ms(file: bytes, options: ImageOptions) -> float:
    started = time.thread_time()
    decode(file, options, 100_000_000)
    return 1000 * (time.thread_time() - started)


PARTS = {"upload": upload, "again": again, "resize": resize}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    for name in given.parts or PARTS:
        print(f"## {name}\n\n{PARTS[name](given.rounds)}\n", flush=True)


if __name__ == "__main__":
    main()
