"""Which files of a folder make a set. Empty folders do: nothing is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heylook_coreml_stt.config import ModelFiles
from heylook_coreml_stt.names import Missing, find, looks_like_set

pytestmark = pytest.mark.unit


def folder(path: Path, *names: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        if name.endswith(".json"):
            (path / name).write_text("{}")
        else:
            (path / name).mkdir()
    return path


PUBLISHED = ("Preprocessor.mlmodelc", "Encoder.mlmodelc", "Decoder.mlmodelc", "JointDecisionv3.mlmodelc")
VOCABULARY = "parakeet_vocab.json"
NONE = ModelFiles()


def test_a_published_set_is_found_by_its_names(tmp_path: Path) -> None:
    found = find(folder(tmp_path, *PUBLISHED, VOCABULARY), NONE)
    assert [path.name for path in found.packages] == list(PUBLISHED)
    assert found.vocabulary == tmp_path / VOCABULARY


def test_the_sound_encoder_the_newer_joint_network_and_compiled_files_are_preferred(tmp_path: Path) -> None:
    more = ("Encoder_v2.mlmodelc", "EncoderInt4.mlmodelc", "JointDecision.mlmodelc", "Decoder.mlpackage")
    found = find(folder(tmp_path, *PUBLISHED, *more, VOCABULARY), NONE)
    names = [path.name for path in found.packages]
    assert names == ["Preprocessor.mlmodelc", "Encoder_v2.mlmodelc", "Decoder.mlmodelc", "JointDecisionv3.mlmodelc"]


def test_an_exported_set_is_found_by_its_names(tmp_path: Path) -> None:
    names = (
        "parakeet_preprocessor.mlpackage",
        "parakeet_encoder.mlpackage",
        "parakeet_decoder.mlpackage",
        "parakeet_joint_decision_single_step.mlpackage",
    )
    files = ModelFiles(vocabulary="elsewhere.json")
    found = find(folder(tmp_path, *names, "elsewhere.json"), files)
    assert [path.name for path in found.packages] == list(names)


def test_preprocessor_and_encoder_may_be_one(tmp_path: Path) -> None:
    joint = "parakeet_joint_decision_single_step.mlpackage"
    names = ("parakeet_mel_encoder.mlpackage", "parakeet_decoder.mlpackage", joint)
    found = find(folder(tmp_path, *names, VOCABULARY), NONE)
    assert found.mel_encoder == tmp_path / names[0]
    assert found.preprocessor is found.encoder is None


@pytest.mark.parametrize("outputs", ["encoder", "mel"])
def test_a_preprocessor_alone_is_the_encoder_too_if_it_says_so(tmp_path: Path, outputs: str) -> None:
    whole = folder(tmp_path, "Preprocessor.mlmodelc", "Decoder.mlmodelc", "JointDecision.mlmodelc", VOCABULARY)
    schema = [{"name": outputs, "type": "MultiArray", "dataType": "Float32", "shape": "[]"}]
    told = json.dumps([{"inputSchema": [], "outputSchema": schema}])
    (whole / "Preprocessor.mlmodelc" / "metadata.json").write_text(told)
    if outputs == "encoder":
        assert find(whole, NONE).mel_encoder == whole / "Preprocessor.mlmodelc"
    else:
        with pytest.raises(Missing, match="has no encoder"):
            find(whole, NONE)


def test_files_of_other_names_are_named_in_the_config(tmp_path: Path) -> None:
    names = ("a.mlpackage", "b.mlpackage", "c.mlpackage", "d.mlpackage", "words.json")
    keys = ("preprocessor", "encoder", "decoder", "joint", "vocabulary")
    found = find(folder(tmp_path, *names), ModelFiles(**dict(zip(keys, names, strict=True))))
    assert [path.name for path in found.packages] == list(names[:4])
    assert found.vocabulary.name == "words.json"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("Preprocessor.mlmodelc", "has no preprocessor"),
        ("Encoder.mlmodelc", "has no encoder"),
        ("Decoder.mlmodelc", "has no decoder"),
        ("JointDecisionv3.mlmodelc", "has no joint network"),
        (VOCABULARY, "has no vocabulary"),
    ],
)
def test_a_missing_file_is_named_with_what_it_may_be_called(tmp_path: Path, missing: str, sentence: str) -> None:
    whole = folder(tmp_path, *(name for name in (*PUBLISHED, VOCABULARY) if name != missing))
    for preprocessor in whole.glob("Preprocessor.mlmodelc"):
        (preprocessor / "metadata.json").write_text(json.dumps([{"inputSchema": [], "outputSchema": []}]))
    with pytest.raises(Missing, match=sentence) as caught:
        find(whole, NONE)
    assert missing.partition(".")[0] in str(caught.value)


def test_a_joint_network_for_whole_windows_is_not_enough(tmp_path: Path) -> None:
    names = ("parakeet_mel_encoder.mlpackage", "parakeet_decoder.mlpackage", "parakeet_joint.mlpackage", VOCABULARY)
    with pytest.raises(Missing, match="the one for single steps is missing"):
        find(folder(tmp_path, *names), NONE)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (ModelFiles(encoder="none.mlpackage"), "which does not exist"),
        (ModelFiles(encoder="encoder.onnx"), "must be a .mlmodelc or a .mlpackage"),
        (ModelFiles(vocabulary="none.json"), "which does not exist"),
    ],
)
def test_a_file_that_the_config_names_has_to_be_there(tmp_path: Path, files: ModelFiles, sentence: str) -> None:
    with pytest.raises(Missing, match=sentence):
        find(folder(tmp_path, *PUBLISHED, VOCABULARY), files)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="There is no folder"):
        find(tmp_path / "none", NONE)


def test_a_folder_with_other_things_is_no_set(tmp_path: Path) -> None:
    assert not looks_like_set(folder(tmp_path, "Decoder.mlmodelc", "weights"))
    assert looks_like_set(folder(tmp_path, "Encoder.mlmodelc"))
