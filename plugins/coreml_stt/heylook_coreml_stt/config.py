"""The `config:` of a CoreML speech model in models.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from heylook_core.spoken import SAMPLE_RATE

ComputeUnits: TypeAlias = Literal["ALL", "CPU_ONLY", "CPU_AND_NE", "CPU_AND_GPU"]

LONGEST_SECONDS = 3600.0
PREDECESSORS_WINDOW = 15.0  # what max_audio_seconds was there: everything after it was cut off
_WINDOW_NOTICE = (
    "max_audio_seconds has no effect: 15 is the predecessor's window, beyond which it cut audio off, and audio of any "
    f"length is taken now. The limit is {LONGEST_SECONDS:.0f} seconds; remove the key, or set another limit."
)


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of a model by their roles, where their names are not the usual ones. Relative to `model_path`."""

    preprocessor: str | None = None
    encoder: str | None = None
    mel_encoder: str | None = None
    decoder: str | None = None
    joint: str | None = None
    vocabulary: str | None = None


class CoreMLConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one model. docs/reference/coreml-stt-config.md has the table.

    `model_path` is the folder of a model set. `compute_units` is where encoder, decoder and joint network run; the
    preprocessor runs on the processor. `languages` None means what the vocabulary is known for. Times are told
    `delay_frames` of 80 ms earlier than the network tells them.
    """

    model_path: str
    files: ModelFiles = ModelFiles()
    compute_units: ComputeUnits = "CPU_AND_NE"
    sample_rate: int = SAMPLE_RATE
    max_audio_seconds: float = LONGEST_SECONDS
    languages: tuple[str, ...] | None = None
    delay_frames: int = 0

    def __post_init__(self) -> None:
        if self.sample_rate != SAMPLE_RATE:
            raise ValueError(f"sample_rate is {self.sample_rate}, but these models take {SAMPLE_RATE}: remove the key")
        if not self.max_audio_seconds > 0:
            raise ValueError(f"max_audio_seconds is {self.max_audio_seconds:g}, but must be more than 0")
        if self.delay_frames < 0:
            raise ValueError(f"delay_frames is {self.delay_frames}, but must be at least 0")

    def notices(self) -> list[str]:
        """A sentence for each key that is set and has no effect."""
        return [_WINDOW_NOTICE] if self.max_audio_seconds == PREDECESSORS_WINDOW else []

    @property
    def folder(self) -> Path:
        return Path(self.model_path).expanduser()

    @property
    def longest(self) -> float:
        """Seconds of audio that a file may have."""
        return LONGEST_SECONDS if self.max_audio_seconds == PREDECESSORS_WINDOW else self.max_audio_seconds
