"""The files of a model set by their names. Light.

Published sets (`FluidInference/parakeet-tdt-*-coreml`) and those exported with FluidInference's scripts
are called differently; where a folder has both forms of a file, the compiled one loads faster.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from heylook_coreml_stt.config import ModelFiles
from heylook_coreml_stt.description import NotDescribed, compiled_features

# By role, the preferred name first: Encoder_v2 is the one whose quantisation does not damage tokens.
NAMES: dict[str, tuple[str, ...]] = {
    "preprocessor": ("Preprocessor", "parakeet_preprocessor"),
    "encoder": ("Encoder_v2", "Encoder", "EncoderInt4", "parakeet_encoder"),
    "mel_encoder": ("MelEncoder", "parakeet_mel_encoder"),
    "decoder": ("Decoder", "parakeet_decoder"),
    "joint": ("JointDecisionv3", "JointDecision", "parakeet_joint_decision_single_step"),
}
SUFFIXES = (".mlmodelc", ".mlpackage")
VOCABULARIES = ("parakeet_vocab.json", "parakeet_v3_vocab.json")


class Missing(ValueError):
    """A set without one of its files; the message says which, and what it may be called."""


class ModelSet(NamedTuple):
    """Where the parts are. `mel_encoder` has preprocessor and encoder in one; else both are set."""

    decoder: Path
    joint: Path
    vocabulary: Path
    preprocessor: Path | None = None
    encoder: Path | None = None
    mel_encoder: Path | None = None

    @property
    def packages(self) -> tuple[Path, ...]:
        parts = (self.preprocessor, self.encoder, self.mel_encoder, self.decoder, self.joint)
        return tuple(part for part in parts if part is not None)

    @property
    def bytes(self) -> int:
        """Size on disk. Raises OSError where a file has gone."""
        return sum(file.stat().st_size for part in self.packages for file in part.rglob("*") if file.is_file())


def find(folder: Path, files: ModelFiles) -> ModelSet:
    """The parts of the set in a folder, `files` first. Raises Missing."""
    if not folder.is_dir():
        raise Missing(f"There is no folder {folder}: model_path names the folder of a model set.")
    decoder = _needed(folder, files, "decoder")
    joint = _needed(folder, files, "joint")
    vocabulary = _vocabulary(folder, files.vocabulary)
    fused = _named(folder, files.mel_encoder, "mel_encoder")
    preprocessor = _named(folder, files.preprocessor, "preprocessor") or _usual(folder, "preprocessor")
    encoder = _named(folder, files.encoder, "encoder") or _usual(folder, "encoder")
    if fused is None and preprocessor is not None and encoder is not None:
        return ModelSet(decoder, joint, vocabulary, preprocessor, encoder)
    fused = fused or _usual(folder, "mel_encoder")
    if fused is None and preprocessor is not None and _may_encode(preprocessor):
        fused = preprocessor
    if fused is None:
        role = "preprocessor" if preprocessor is None else "encoder"
        raise Missing(_sentence(folder, role, NAMES[role]))
    return ModelSet(decoder, joint, vocabulary, mel_encoder=fused)


def looks_like_set(folder: Path) -> bool:
    """Whether a folder has at least a decoder and something to hear with, by names of one set."""
    has_ears = any(_usual(folder, role) for role in ("encoder", "mel_encoder", "preprocessor"))
    return has_ears and _usual(folder, "decoder") is not None


def _needed(folder: Path, files: ModelFiles, role: str) -> Path:
    found = _named(folder, getattr(files, role), role) or _usual(folder, role)
    if found is None:
        raise Missing(_sentence(folder, role, NAMES[role]))
    return found


def _usual(folder: Path, role: str) -> Path | None:
    paths = (folder / (name + suffix) for name in NAMES[role] for suffix in SUFFIXES)
    return next((path for path in paths if path.is_dir()), None)


def _named(folder: Path, name: str | None, role: str) -> Path | None:
    if name is None:
        return None
    path = folder / Path(name).expanduser()
    if path.suffix not in SUFFIXES:
        raise Missing(f"files.{role} is {name}, but must be a .mlmodelc or a .mlpackage.")
    if not path.is_dir():
        raise Missing(f"files.{role} names {path}, which does not exist.")
    return path


def _vocabulary(folder: Path, name: str | None) -> Path:
    if name is not None:
        path = folder / Path(name).expanduser()
        if not path.is_file():
            raise Missing(f"files.vocabulary names {path}, which does not exist.")
        return path
    paths = [folder / usual for usual in VOCABULARIES]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        hint = "an exported set comes without: copy it from the published one, or name it in files.vocabulary"
        raise Missing(f"{folder} has no vocabulary ({' or '.join(VOCABULARIES)}); {hint}.")
    return found


def _may_encode(preprocessor: Path) -> bool:
    """Sets of the 110m model have the encoder in the preprocessor; only a load tells what a package does."""
    try:
        return preprocessor.suffix == ".mlpackage" or "encoder" in compiled_features(preprocessor)[1]
    except NotDescribed:
        return True


def _sentence(folder: Path, role: str, names: tuple[str, ...]) -> str:
    wanted = f"{', '.join(names)} as .mlmodelc or .mlpackage"
    if role == "joint" and _any(folder, ("parakeet_joint", "parakeet_joint_decision", "Joint")):
        return (
            f"{folder} has a joint network for whole windows only; the one for single steps is missing ({wanted}). "
            "It is a hundred times faster; export it as well."
        )
    noun = {"joint": "joint network"}.get(role, role)
    return f"{folder} has no {noun} ({wanted})."


def _any(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / (name + suffix)).is_dir() for name in names for suffix in SUFFIXES)
