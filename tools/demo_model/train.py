"""Trains the demo model and writes it for both engines.

    python -m tools.demo_model.train FOLDER --steps 10000 --nice 19

FOLDER gets `tokenizer.json`, `checkpoint.pt` every some steps, and at the end `model/` (see `export`). A run that ended
early goes on from its checkpoint. Equal seeds give equal text; equal weights also need the same number of threads.

    python -m tools.demo_model.train SECOND --begin FOLDER --seed 1 --peak 0.6 --steps 5000 --nice 19

trains on from the weights of a run that has ended.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tools.demo_model.export import export
from tools.demo_model.network import Network
from tools.demo_model.optimiser import Optimiser, multiplies_bfloat16, rate_at
from tools.demo_model.packing import Batch, batches
from tools.demo_model.shape import SHAPE, Shape
from tools.demo_model.tokenizer import learned

CHECKPOINT, TOKENIZER = "checkpoint.pt", "tokenizer.json"
REPORTED_EVERY = 50
FIRST_STEPS = 448


@dataclass(frozen=True)
class Run:
    """What decides the weights, apart from the number of threads.

    `tokens` is the most of a step, `peak` the highest rate as a share of the usual one, and `begin` the folder of the
    run whose weights this one goes on from.
    """

    steps: int
    seed: int = 0
    tokens: int = 2048
    shape: Shape = SHAPE
    peak: float = 1.0
    begin: str = ""

    def beginning(self) -> int:
        """Steps with the mix of the beginning: what copying needs, however long the run is; a quarter at most."""
        return 0 if self.begin else min(FIRST_STEPS, self.steps // 4)

    def rate(self, step: int) -> float:
        return self.peak * rate_at(step, self.steps)


class Training:
    """One run in its folder: new, or as its checkpoint left it."""

    def __init__(self, folder: Path, run: Run, device: str = "cpu") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.run, self.device = folder, run, device
        self.tokenizer = self._tokenizer()
        torch.manual_seed(run.seed)
        self.network = Network(run.shape).to(device)
        self.optimiser = Optimiser(self.network)
        self.step = 0
        if self.checkpoint.exists():
            self._restore()
        elif run.begin:
            self.network.load_state_dict(self._ended(Path(run.begin))["network"])

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    def steps(self, report: Callable[[int, float], None], *, until: int | None = None, save_every: int = 500) -> None:
        """Runs to the end, or to the step `until`. `report` gets the number of each step and its loss."""
        run = self.run
        source = batches(run.seed, self.tokenizer, run.tokens, first=run.beginning(), begin=self.step)
        end = run.steps if until is None else until
        while self.step < end:
            loss = self._stepped(next(source))
            self.step += 1
            report(self.step, loss)
            if self.step % save_every == 0 or self.step == end:
                self.save()

    def save(self) -> None:
        """Written beside and moved, so that an end in the middle leaves the one before."""
        state = {
            "run": asdict(self.run),
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state(),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _stepped(self, batch: Batch) -> float:
        with torch.autocast(self.device, torch.bfloat16, enabled=multiplies_bfloat16(self.device)):
            loss = self.network.loss(self._tensor(batch.ids), self._tensor(batch.learned), batch.lengths)
        loss.backward()
        self.optimiser.step(self.run.rate(self.step))
        return float(loss.detach())

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _tokenizer(self) -> Tokenizer:
        path = self.folder / TOKENIZER
        if self.run.begin:
            first = (Path(self.run.begin) / TOKENIZER).read_bytes()
            if path.exists() and path.read_bytes() != first:
                raise SystemExit(f"{path} is not the vocabulary of {self.run.begin}. Choose another folder.")
            path.write_bytes(first)
        elif not path.exists():
            learned().save(str(path))
        return Tokenizer.from_file(str(path))

    def _ended(self, folder: Path) -> dict[str, Any]:
        state = self._state(folder)
        if state["step"] != state["run"]["steps"]:
            raise SystemExit(f"{folder} is at step {state['step']} of {state['run']['steps']}. Let it end first.")
        return state

    def _state(self, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = torch.load(folder / CHECKPOINT, map_location=self.device, weights_only=True)
        return found

    def _restore(self) -> None:
        state = self._state(self.folder)
        if state["run"] != asdict(self.run):
            raise SystemExit(f"{self.checkpoint} is of another run: {state['run']}. Choose another folder.")
        self.network.load_state_dict(state["network"])
        self.optimiser.restore(state["optimiser"])
        self.step = state["step"]


class Progress:
    """A line every some steps: the mean loss, the rate, the speed and how long it will take."""

    def __init__(self, run: Run, begin: int) -> None:
        self._run, self._begin = run, begin
        self._losses: list[float] = []
        self._started = time.monotonic()

    def __call__(self, step: int, loss: float) -> None:
        self._losses.append(loss)
        if step % REPORTED_EVERY and step != self._run.steps:
            return
        seconds = time.monotonic() - self._started
        pace = seconds / (step - self._begin)
        mean = sum(self._losses) / len(self._losses)
        left = pace * (self._run.steps - step) / 60
        rate = self._run.rate(step)
        speed = self._run.tokens / pace
        print(f"{step}: loss {mean:.4f}, rate {rate:.3f}, {speed:.0f} tokens/s, {left:.0f} minutes left", flush=True)
        self._losses.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of a step")
    parser.add_argument("--begin", type=Path, help="the folder of a run that has ended, from whose weights to go on")
    parser.add_argument("--peak", type=float, default=1.0, help="the highest rate, as a share of the usual one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nice", type=int, default=0, help="added to the niceness of the process")
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    given = parser.parse_args()
    os.nice(given.nice)
    torch.set_num_threads(given.threads)
    begin = str(given.begin.resolve()) if given.begin else ""
    run = Run(given.steps, given.seed, given.tokens, peak=given.peak, begin=begin)
    training = Training(given.folder, run, given.device)
    print(f"{SHAPE.parameters():,} parameters, from step {training.step} of {given.steps}", flush=True)
    training.steps(Progress(training.run, training.step), save_every=given.save_every)
    export(training.network.weights(), training.tokenizer, training.run.shape, given.folder / "model")
    print(f"written to {given.folder / 'model'}")


if __name__ == "__main__":
    main()
