"""Keys of a model's config, the predecessor's among them."""

from __future__ import annotations

import msgspec
import pytest

from heylook_coreml_stt.config import CoreMLConfig, ModelFiles

pytestmark = pytest.mark.unit


def config(**keys: object) -> CoreMLConfig:
    return msgspec.convert({"model_path": "/m", **keys}, CoreMLConfig)


def test_the_predecessors_keys_are_taken() -> None:
    found = config(compute_units="CPU_AND_GPU", sample_rate=16_000, max_audio_seconds=15.0)
    assert found.longest == 3600
    assert "is the predecessor's window" in found.notices()[0]


def test_another_limit_is_one() -> None:
    found = config(max_audio_seconds=60)
    assert (found.longest, found.notices()) == (60, [])
    assert config().longest == 3600


def test_files_are_named_by_their_roles() -> None:
    assert config(files={"encoder": "EncoderInt4.mlmodelc"}).files == ModelFiles(encoder="EncoderInt4.mlmodelc")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"sample_rate": 8_000}, "these models take 16000"),
        ({"max_audio_seconds": 0}, "must be more than 0"),
        ({"delay_frames": -1}, "must be at least 0"),
        ({"compute_units": "GPU"}, "Invalid enum value 'GPU'"),
        ({"files": {"encode": "x"}}, "unknown field `encode`"),
        ({"vocab_path": "x"}, "unknown field `vocab_path`"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, object], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        config(**keys)
