"""Training lowers the loss, goes on where it ended, and begins from another's weights."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch trains the demo model; no other test and no part of heylook needs it")
pytest.importorskip("tokenizers", reason="tokenizers comes with heylook-mlx")
pytest.importorskip("safetensors", reason="safetensors comes with heylook-mlx")
pytest.importorskip("gguf", reason="gguf writes the file for llama.cpp")

import torch

from tools.demo_model.export import export, read_mlx
from tools.demo_model.network import Network
from tools.demo_model.optimiser import rate_at
from tools.demo_model.packing import batches
from tools.demo_model.shape import SHAPE, Shape
from tools.demo_model.train import Run, Training

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SMALL = Run(steps=20, tokens=1024, shape=Shape(width=64, layers=2, heads=2, kv_heads=1, feed_forward=64))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, list[float]]:
    torch.set_num_threads(1)
    training = Training(tmp_path_factory.mktemp("run"), SMALL)
    losses: list[float] = []
    training.steps(lambda _, loss: losses.append(loss))
    export(training.network.weights(), training.tokenizer, SMALL.shape, training.folder / "model")
    return training, losses


def test_twenty_steps_lower_the_loss(trained):
    _, losses = trained
    assert len(losses) == 20
    assert sum(losses[-5:]) / 5 < losses[0] - 0.3


def test_no_token_sees_another_conversation(trained):
    training, _ = trained
    batch = next(batches(0, training.tokenizer, 1024, first=0))
    ids = torch.from_numpy(batch.ids)
    assert len(batch.lengths) > 1
    with torch.no_grad():
        together = training.network(ids, batch.lengths)
        apart = [training.network(one, [len(one)]) for one in ids.split(batch.lengths)]
        assert torch.allclose(together, torch.cat(apart), atol=1e-4)
        assert not torch.allclose(together, training.network(ids, [len(ids)]), atol=1e-2)


def test_a_run_that_ended_early_goes_on_as_if_it_had_not(trained, tmp_path: Path):
    whole, losses = trained
    (tmp_path / "tokenizer.json").write_bytes((whole.folder / "tokenizer.json").read_bytes())
    Training(tmp_path, SMALL).steps(lambda *_: None, until=8)
    later: list[float] = []
    resumed = Training(tmp_path, SMALL)
    assert resumed.step == 8
    resumed.steps(lambda _, loss: later.append(loss))
    assert later == pytest.approx(losses[8:], rel=1e-3)


def test_a_second_run_begins_with_the_weights_of_the_first_and_without_the_drill_of_its_beginning(trained, tmp_path):
    first, losses = trained
    second = Training(tmp_path, Run(steps=4, seed=1, tokens=1024, shape=SMALL.shape, peak=0.5, begin=str(first.folder)))
    assert second.network.embedding.weight.equal(first.network.embedding.weight)
    assert second.tokenizer.to_str() == first.tokenizer.to_str()
    assert (second.step, second.run.beginning(), SMALL.beginning()) == (0, 0, 5)
    assert second.run.rate(3) == 0.5 * rate_at(3, 4)
    later: list[float] = []
    second.steps(lambda _, loss: later.append(loss))
    assert max(later) < losses[0]


def test_a_run_that_has_not_ended_and_another_vocabulary_are_refused(trained, tmp_path):
    whole, _ = trained
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "tokenizer.json").write_bytes((whole.folder / "tokenizer.json").read_bytes())
    Training(tmp_path / "early", SMALL).steps(lambda *_: None, until=2)
    with pytest.raises(SystemExit, match="step 2 of 20"):
        Training(tmp_path / "second", Run(steps=4, tokens=1024, shape=SMALL.shape, begin=str(tmp_path / "early")))
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "tokenizer.json").write_text("{}")
    with pytest.raises(SystemExit, match="not the vocabulary"):
        Training(tmp_path / "third", Run(steps=4, tokens=1024, shape=SMALL.shape, begin=str(whole.folder)))


def test_a_folder_of_another_run_is_refused(trained):
    training, _ = trained
    with pytest.raises(SystemExit, match="another run"):
        Training(training.folder, Run(steps=21, tokens=1024, shape=SMALL.shape))


def test_the_rate_rises_is_held_and_falls():
    rates = [rate_at(step, 1000) for step in range(1000)]
    assert rates[0] < rates[29] == rates[299] == 1.0
    assert rates[300:] == sorted(rates[300:], reverse=True)
    assert rates[-1] == 0.01


def test_the_size_is_what_the_shape_says():
    for shape in (SHAPE, SMALL.shape):
        network = Network(shape)
        assert sum(value.numel() for value in network.parameters()) == shape.parameters()


def test_what_is_written_is_float16_of_what_was_trained(trained):
    training, _ = trained
    stored, _ = read_mlx(training.folder / "model" / "mlx", SMALL.shape)
    wanted = training.network.state_dict()
    assert stored.keys() == wanted.keys()
    assert all((stored[name] == wanted[name].to(torch.float16).numpy()).all() for name in stored)
