"""Writes what the browser tests need into a folder, and prints what of heylook is installed, as JSON.

`spoken.wav` and `microphone.wav` say the text in tunes, the language of the speech model of the tests; `tunes` is that
model as an ONNX export, where onnx is here to write it.
"""

import json
import sys
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tools.speech_model.tunes import spoken


def has(*names: str) -> bool:
    return all(find_spec(name) is not None for name in names)


def write_wave(path: Path, text: str, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((spoken(text, rate) * 32767).astype(np.int16).tobytes())


def prepare(folder: Path, text: str) -> dict[str, bool]:
    folder.mkdir(parents=True, exist_ok=True)
    write_wave(folder / "spoken.wav", text, 16_000)
    write_wave(folder / "microphone.wav", f"_0.5 {text} _1.5", 48_000)
    hears = has("onnx", "onnxruntime", "heylook_onnx_stt")
    if hears:
        from tools.speech_model.onnx_files import write

        write(folder / "tunes", int8=False)
    return {"hears": hears, "sees": has("mlx", "mlx_vlm", "heylook_mlx")}


if __name__ == "__main__":
    print(json.dumps(prepare(Path(sys.argv[1]), sys.argv[2])))
