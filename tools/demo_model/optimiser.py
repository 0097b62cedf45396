"""Muon for the matrices, AdamW for the rest, and the course of the learning rate.

Muon steps along the momentum with its singular values made equal (Newton and Schulz's iteration): Keller Jordan, 2024,
https://kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

MATRIX_RATE = 0.02
OTHER_RATE = 3e-3
WEIGHT_DECAY = 0.02
WARM_UP_STEPS = 30
HOLD = 0.3
LAST = 0.01


def rate_at(step: int, steps: int) -> float:
    """Share of the highest rate: up in a few steps, held, then half a cosine down."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    done = step / steps
    falling = 0.5 * (1 + math.cos(math.pi * (done - HOLD) / (1 - HOLD)))
    return warm * (1.0 if done < HOLD else max(LAST, falling))


class Muon:
    """Matrices of one shape are worked on together."""

    def __init__(self, matrices: list[nn.Parameter], momentum: float = 0.95) -> None:
        self._momentum = momentum
        self._groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for matrix in matrices:
            self._groups.setdefault(tuple(matrix.shape), []).append(matrix)
        self._moments = [torch.zeros_like(torch.stack([*group]).detach()) for group in self._groups.values()]

    def step(self, rate: float) -> None:
        with torch.no_grad():
            for (shape, group), moment in zip(self._groups.items(), self._moments, strict=True):
                slopes = torch.stack([matrix.grad for matrix in group if matrix.grad is not None])
                moment.lerp_(slopes, 1 - self._momentum)
                steps = _equalised(slopes.lerp(moment, self._momentum)) * max(1.0, shape[0] / shape[1]) ** 0.5
                for matrix, change in zip(group, steps, strict=True):
                    matrix.mul_(1 - rate * WEIGHT_DECAY).add_(change, alpha=-rate)

    def state(self) -> list[Tensor]:
        return self._moments

    def restore(self, moments: list[Tensor]) -> None:
        for mine, given in zip(self._moments, moments, strict=True):
            mine.copy_(given)


def multiplies_bfloat16(device: str) -> bool:
    """Whether it is the faster type there. A CPU without AVX512 emulates it: 0.3 GFLOPS, where float32 has 109."""
    return device != "cpu" or bool(torch.cpu._is_avx512_bf16_supported())


def _equalised(x: Tensor) -> Tensor:
    """Five steps of the iteration for a stack of matrices. Bfloat16 is precise enough, and taken where it is faster."""
    y = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    y = y.bfloat16() if multiplies_bfloat16(x.device.type) else y
    tall = y.size(-2) > y.size(-1)
    y = y.mT if tall else y
    for _ in range(5):
        square = y @ y.mT
        y = 3.4445 * y + (-4.7750 * square + 2.0315 * square @ square) @ y
    return (y.mT if tall else y).float()


class Optimiser:
    """Both together, stepped with one share of the highest rate."""

    def __init__(self, network: nn.Module) -> None:
        named = list(network.named_parameters())
        matrices = [value for name, value in named if value.ndim == 2 and "embedding" not in name]
        self._rest = [value for name, value in named if value.ndim != 2 or "embedding" in name]
        self._muon = Muon(matrices)
        self._adam = torch.optim.AdamW(self._rest, lr=OTHER_RATE, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
        self._all = [value for _, value in named]

    def step(self, share: float) -> None:
        """Uses the gradients and clears them."""
        nn.utils.clip_grad_norm_(self._rest, 1.0)
        self._muon.step(MATRIX_RATE * share)
        for group in self._adam.param_groups:
            group["lr"] = OTHER_RATE * share
        self._adam.step()
        for value in self._all:
            value.grad = None

    def state(self) -> dict[str, Any]:
        return {"muon": self._muon.state(), "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self._muon.restore(state["muon"])
        self._adam.load_state_dict(state["adam"])
