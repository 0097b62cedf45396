"""The command that makes the model of `test_squares`: one that is there is kept, gone on from or replaced, as told."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tools.vision_model.suite import FOLDER
from tools.vision_model.train import WEIGHTS, main

pytestmark = pytest.mark.integration

BRIEFLY = ("--steps", "5", "--batch", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tests' model."""
    return Path(shutil.copytree(FOLDER, tmp_path / "squares"))


def differences(folder: Path) -> list[float]:
    """How far each weight is from the tests' model, at the most."""
    ours, theirs = (load_file(one / WEIGHTS) for one in (folder, FOLDER))
    assert ours.keys() == theirs.keys()
    return [float(np.abs(ours[name].astype(float) - theirs[name]).max()) for name in ours]


def test_a_model_that_is_there_is_not_replaced_unasked(folder: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main([str(folder), *BRIEFLY])
    assert caught.value.code == 2
    assert "say --again to replace it, or --go-on" in capsys.readouterr().err
    for path in FOLDER.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_there_has_to_be_a_model_to_go_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none"), *BRIEFLY, "--go-on"])
    assert "there is no model in" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_training_goes_on_from_the_weights_that_are_there(folder: Path):
    main([str(folder), *BRIEFLY, "--go-on"])
    assert 0 < max(differences(folder)) < 0.05


def test_a_training_begins_anew_where_it_is_told_to(folder: Path, tmp_path: Path):
    main([str(folder), *BRIEFLY, "--again"])
    assert max(differences(folder)) > 0.2
    main([str(tmp_path / "new"), *BRIEFLY])
    assert load_file(tmp_path / "new" / WEIGHTS).keys() == load_file(folder / WEIGHTS).keys()
