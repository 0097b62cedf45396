"""The `config:` of an ONNX speech model in models.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Precision: TypeAlias = Literal["auto", "float", "int8"]

LONGEST_SECONDS = 3600.0


class OnnxConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one model. docs/reference/onnx-stt-config.md has the table.

    `model_path` is the folder of an export. `precision` chooses between its files: `auto` takes the 8-bit encoder where
    there is one. `threads` None leaves it to onnxruntime. `languages` None means what the vocabulary is known for.
    Times are told `delay_frames` of 80 ms earlier than the network tells them.
    """

    model_path: str
    precision: Precision = "auto"
    threads: int | None = None
    execution_providers: tuple[str, ...] = ("CPUExecutionProvider",)
    max_audio_seconds: float = LONGEST_SECONDS
    languages: tuple[str, ...] | None = None
    delay_frames: int = 0

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}, but must be at least 1")
        if not self.execution_providers:
            raise ValueError("execution_providers is empty: remove the key, or name CPUExecutionProvider")
        if not self.max_audio_seconds > 0:
            raise ValueError(f"max_audio_seconds is {self.max_audio_seconds:g}, but must be more than 0")
        if self.delay_frames < 0:
            raise ValueError(f"delay_frames is {self.delay_frames}, but must be at least 0")

    @property
    def folder(self) -> Path:
        return Path(self.model_path).expanduser()
