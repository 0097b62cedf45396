"""Speech: real-time factor, how late live text comes, the cost of decoding, and what the event loop notices.

python -m benchmarks.speech [--rounds N] [factor | live | decode | stall]…

The model is the small one of tools/speech_model, as ONNX files: what is measured is heylook, not a network.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np
from websockets.exceptions import ConnectionClosed

from benchmarks.tables import ratios, spread, table
from heylook_core.media.audio.files import AudioFile
from heylook_core.provider import ModelSpec
from heylook_core.settings import ModelEntry
from heylook_core.spoken import SAMPLE_RATE, Segment, TranscribeOptions
from heylook_core.testkit.live_client import live_session
from heylook_core.testkit.server import LiveServer, live_server, toy_settings
from heylook_core.testkit.sound_files import KINDS, sound_file
from heylook_core.testkit.speech_contract import pcm
from heylook_onnx_stt.config import OnnxConfig
from heylook_onnx_stt.provider import OnnxProvider
from tools.speech_model.onnx_files import write
from tools.speech_model.suite import talk
from tools.speech_model.tunes import spoken, written

SILENCE_SECONDS = 0.7  # that end an utterance
TAIL_SECONDS = 0.2  # of them that are told as part of it
BLOCK = 320  # samples of a message: 20 ms

Audio = np.ndarray[Any, Any]


def model(folder: Path) -> Path:
    return write(folder / "tunes")


def entry(folder: Path) -> ModelEntry:
    return ModelEntry(id="tunes", provider="onnx_stt", config={"model_path": str(folder), "precision": "float"})


@contextmanager
def served(folder: Path) -> Iterator[LiveServer]:
    """The model in a process of its own, loaded."""
    settings = msgspec.structs.replace(toy_settings(), models=(entry(folder),), default_model="tunes")
    with live_server(settings) as server:
        transcribed(server.url, sound_file(spoken("hello _0.5"), SAMPLE_RATE))
        yield server


def provider(folder: Path) -> OnnxProvider:
    loaded = OnnxProvider(ModelSpec(id="m", provider="onnx_stt"), msgspec.convert(entry(folder).config, OnnxConfig))
    loaded.load()
    return loaded


def heard(loaded: OnnxProvider, audio: Audio) -> str:
    blocks = (audio[at : at + 4 * SAMPLE_RATE] for at in range(0, len(audio), 4 * SAMPLE_RATE))
    news = loaded.transcribe(blocks, TranscribeOptions())
    return "".join(one.text for one in news if isinstance(one, Segment)).strip()


def transcribed(url: str, data: bytes) -> str:
    boundary = "heylookbenchmarkboundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
    body = head + data + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{url}/v1/audio/transcriptions", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return str(json.load(answer)["text"])


# ------------------------------------------------------------------ real-time factor


def factor(rounds: int, folder: Path) -> str:
    """Seconds of work for a second of audio: the engine alone, and a file through the server."""
    seconds = 300.0
    text = talk(seconds)
    audio = spoken(text)
    file = sound_file(audio, SAMPLE_RATE, "flac")
    engine: list[float] = []
    whole: list[float] = []
    loaded = provider(folder)
    with served(folder) as server:
        for turn in range(rounds + 1):
            for found, work in (
                (engine, lambda: heard(loaded, audio)),
                (whole, lambda: transcribed(server.url, file)),
            ):
                began = time.perf_counter()
                if work() != written(text):
                    raise AssertionError("the transcript is wrong")
                if turn:
                    found.append((time.perf_counter() - began) / seconds)
    rows = [
        ["engine alone, samples", spread(engine, 4), f"{1 / median(engine):.0f}", ""],
        ["server, FLAC file of 5 minutes", spread(whole, 4), f"{1 / median(whole):.0f}",
         spread(ratios(whole, engine))],
    ]  # fmt: skip
    return table(["", "real-time factor", "times real time", "ratio to the engine"], rows)


# ------------------------------------------------------------------ live


class Late(NamedTuple):
    """Seconds from the moment when all the audio for it was sent."""

    partial: float
    final: float
    partial_inference: float
    final_inference: float


def live(rounds: int, folder: Path) -> str:
    """In real time. `due` is when the message was sent that made a result due; inference is measured beside it."""
    loaded = provider(folder)
    with served(folder) as server:
        found = [_utterance(server.url, loaded, turn) for turn in range(rounds * 4 + 1)][1:]
    own: list[tuple[str, list[float], list[float]]] = [
        ("first partial", [one.partial for one in found], [one.partial_inference for one in found]),
        ("final", [one.final for one in found], [one.final_inference for one in found]),
    ]
    rows = [
        [
            name,
            spread([1000 * value for value in whole], 1),
            spread([1000 * value for value in inference], 1),
            spread([1000 * (one - other) for one, other in zip(whole, inference, strict=True)], 1),
            "<= 50",
        ]
        for name, whole, inference in own
    ]
    return table(["live result", "after it is due, ms", "inference, ms", "own overhead, ms", "target"], rows)


def _utterance(url: str, loaded: OnnxProvider, turn: int) -> Late:
    text = talk(2.0 + 0.5 * (turn % 4))
    audio = spoken(f"_0.5 {text} _1.2")
    sent: list[float] = []
    news: list[tuple[float, dict[str, Any]]] = []
    with live_session(url) as client:

        def listen() -> None:
            try:
                while True:
                    message = json.loads(client.connection.recv(60))
                    news.append((time.perf_counter(), message))
            except ConnectionClosed:
                return

        thread = threading.Thread(target=listen)
        thread.start()
        began = time.perf_counter()
        for at in range(0, len(audio), BLOCK):
            time.sleep(max(0.0, began + at / SAMPLE_RATE - time.perf_counter()))
            client.connection.send(pcm(audio[at : at + BLOCK]))
            sent.append(time.perf_counter())
        client.say(type="close")
        thread.join()
    first = next(one for one in news if one[1]["type"] == "partial")
    final = next(one for one in news if one[1]["type"] == "final")
    if final[1]["text"] != written(text):
        raise AssertionError("the transcript is wrong")
    ends = (first[1]["end"], final[1]["end"] + SILENCE_SECONDS - TAIL_SECONDS)
    due = [sent[min(round(end * SAMPLE_RATE / BLOCK) - 1, len(sent) - 1)] for end in ends]
    inference = []
    for message in (first[1], final[1]):
        clip = audio[round(message["start"] * SAMPLE_RATE) : round(message["end"] * SAMPLE_RATE)]
        started = time.perf_counter()
        heard(loaded, clip)
        inference.append(time.perf_counter() - started)
    return Late(first[0] - due[0], final[0] - due[1], *inference)


# ------------------------------------------------------------------ decoding


def decode(rounds: int, folder: Path) -> str:
    """A minute at 48 kHz from a file in memory to samples at 16 kHz."""
    audio = spoken(talk(60.0), 48_000)
    files = {kind: sound_file(audio, 48_000, kind) for kind in KINDS}
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(rounds + 1):
        for kind, data in files.items():
            began = time.process_time()
            file = AudioFile(io.BytesIO(data))
            file.check(3600.0)
            while file.read() is not None:
                pass
            file.close()
            if turn:
                found[kind].append(1000 * (time.process_time() - began))
    return table(
        ["format", "CPU ms per minute", "bytes"],
        [[kind, spread(found[kind], 0), str(len(files[kind]))] for kind in KINDS],
    )


# ------------------------------------------------------------------ the event loop


def stall(rounds: int, folder: Path) -> str:
    """How late a timer of 1 ms fires on the server's loop, idle and while another process has two files transcribed."""
    path = folder / "long.flac"
    path.write_bytes(sound_file(spoken(talk(300.0)), SAMPLE_RATE, "flac"))
    late: dict[str, list[list[float]]] = {"idle": [], "transcribing": []}
    with served(folder) as server:
        for _ in range(rounds):
            over = time.monotonic() + 5
            late["idle"].append(_probe(server, partial(_past, over)))
            command = [sys.executable, "-m", "benchmarks.speech", "--send", str(path), server.url]
            clients = [subprocess.Popen(command) for _ in range(2)]
            late["transcribing"].append(_probe(server, partial(_ended, clients)))
            if any(one.returncode for one in clients):
                raise AssertionError("a client failed")
    rows = []
    for name, runs in late.items():
        tails = [float(np.percentile(run, 99)) for run in runs]
        rows.append([
            name, spread([median(run) for run in runs]), spread(tails), spread([max(run) for run in runs]),
            "<= 10" if name == "transcribing" else "",
        ])  # fmt: skip
    return table(["event loop", "p50, ms", "p99, ms", "worst, ms", "target of p99"], rows)


def _past(moment: float) -> bool:
    return time.monotonic() > moment


def _ended(clients: list[subprocess.Popen[bytes]]) -> bool:
    return all(one.poll() is not None for one in clients)


def _probe(server: LiveServer, over: Callable[[], bool]) -> list[float]:
    """Milliseconds by which each timer fires too late."""
    late: list[float] = []

    async def watch() -> None:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(1000 * (time.perf_counter() - asked - 0.001))

    while not over():
        server.wait(watch)
    return late


PARTS: dict[str, Callable[[int, Path], str]] = {"factor": factor, "live": live, "decode": decode, "stall": stall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--send", nargs=2, metavar=("FILE", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send:
        transcribed(arguments.send[1], Path(arguments.send[0]).read_bytes())
        return
    with tempfile.TemporaryDirectory() as folder:
        made = model(Path(folder))
        for part in arguments.parts or PARTS:
            print(f"### {part}\n\n{PARTS[part](arguments.rounds, made)}\n", flush=True)


if __name__ == "__main__":
    main()
