"""The model that was trained to see (`tools/vision_model`), exported: its colours are right, and those that MLX tells.

Where squares are it has not learned, and llama.cpp moves the patches by one, so answers about places are not compared.
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import gguf
import pytest

pytest.importorskip("openai")
pytest.importorskip("safetensors", reason="safetensors comes with heylook-mlx")

from heylook_core.settings import ModelEntry
from tools.vision_model.data import ALL, COLOUR
from tools.vision_model.export import export
from tools.vision_model.suite import FOLDER, MODEL, PAIRS, SQUARES, SquareServer, all_said, turn

if TYPE_CHECKING:
    import openai

pytestmark = pytest.mark.integration

OTHER = "squares-mlx"
BOTH = find_spec("mlx_vlm") is not None and find_spec("heylook_mlx") is not None


class TestGgufServer(SquareServer):
    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelEntry, ...]:
        files = export(FOLDER, tmp_path_factory.mktemp("squares"))
        config = {
            "model_path": str(files.model),
            "mmproj_path": str(files.projector),
            "n_gpu_layers": 0,
            "n_threads": 1,
        }
        asked = ModelEntry(id=MODEL, provider="gguf", config=config, placement="process")
        other = ModelEntry(id=OTHER, provider="mlx", config={"model_path": str(FOLDER)}, placement="process")
        return (asked, other) if BOTH else (asked,)

    @pytest.mark.skipif(not BOTH, reason="both engines are needed")
    @pytest.mark.timeout(300)
    def test_both_engines_write_the_same_answers(self, client: openai.OpenAI) -> None:
        asked = [[turn(question, square)] for square in SQUARES for question in (COLOUR, ALL)]
        asked += [[turn(ALL, *pair)] for pair in PAIRS]
        assert all_said(client, asked) == all_said(client, asked, OTHER)


def copied(folder: Path, section: str | None, name: str, value: object) -> Path:
    """The model with another value in its config."""
    shutil.copytree(FOLDER, folder)
    config = json.loads((folder / "config.json").read_text())
    (config[section] if section else config)[name] = value
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(("layer", "layers"), [(-1, 2), (2, 2), (-2, 1)])
def test_features_are_taken_where_the_config_says(tmp_path: Path, layer: int, layers: int) -> None:
    """The colours are right with a layer less, too."""
    files = export(copied(tmp_path / "model", None, "vision_feature_layer", layer), tmp_path)
    field = gguf.GGUFReader(files.projector).get_field("clip.vision.feature_layer")
    assert field is not None
    assert field.contents() == [layers]


@pytest.mark.parametrize(
    ("section", "name", "other"),
    [
        ("vision_config", "model_type", "siglip_vision_model"),
        ("vision_config", "hidden_act", "gelu"),
        (None, "vision_feature_select_strategy", "full"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_not_exported(
    tmp_path: Path, section: str | None, name: str, other: object
) -> None:
    folder = copied(tmp_path / "model", section, name, other)
    with pytest.raises(ValueError, match=name):
        export(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
