"""The network, a small Llama, in PyTorch: what is trained. Needs torch, which nothing else of heylook does."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.demo_model.shape import Shape


class Block(nn.Module):
    """Attention with shared key and value heads, then a gated feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.q = nn.Linear(shape.width, queries, bias=False)
        self.k = nn.Linear(shape.width, keys, bias=False)
        self.v = nn.Linear(shape.width, keys, bias=False)
        self.o = nn.Linear(queries, shape.width, bias=False)
        self.feed_forward_norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """`x` is (rows, positions, width); `turn` cosine and sine of each position; `mask` who may look at whom."""
        x = x + self._attended(self.attention_norm(x), turn, mask)
        y = self.feed_forward_norm(x)
        found: Tensor = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return found

    def _attended(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        rows, positions, _ = x.shape
        shared = self.shape.heads // self.shape.kv_heads
        q = _rotated(self._heads(self.q(x)), turn)
        k = _rotated(self._heads(self.k(x)), turn).repeat_interleave(shared, 1)
        v = self._heads(self.v(x)).repeat_interleave(shared, 1)
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        found: Tensor = self.o(seen.transpose(1, 2).reshape(rows, positions, -1))
        return found

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.shape.head_size).transpose(1, 2)


def _rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions in the order of halves, as Hugging Face has it."""
    half = x.shape[-1] // 2
    return x * turn[0] + torch.cat((-x[..., half:], x[..., :half]), -1) * turn[1]


class Network(nn.Module):
    """Token ids to states; the embedding is also the output matrix, so logits can be had where they are needed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self._begin()

    def _begin(self) -> None:
        """Matrices that write to the residual stream begin at half the size of the others."""
        nn.init.normal_(self.embedding.weight, std=0.02)
        for name, weight in self.blocks.named_parameters():
            if weight.ndim == 2:
                part = 0.5 if name.endswith(("o.weight", "down.weight")) else 1.0
                nn.init.normal_(weight, std=part * weight.shape[1] ** -0.5)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(ids)
        turn = self._turn(ids.shape[1], x)
        for block in self.blocks:
            x = block(x, turn, mask)
        found: Tensor = self.norm(x)
        return found

    def loss(self, ids: Tensor, learned: Tensor, mask: Tensor) -> Tensor:
        """Mean over the tokens that the model has to say. `ids` and `learned` are (rows, positions + 1)."""
        states = self(ids[:, :-1], mask)
        chosen = learned[:, 1:].flatten().nonzero().squeeze(1)
        logits = functional.linear(states.flatten(0, 1)[chosen], self.embedding.weight)
        return functional.cross_entropy(logits.float(), ids[:, 1:].flatten()[chosen])

    def _turn(self, positions: int, like: Tensor) -> tuple[Tensor, Tensor]:
        size = self.shape.head_size
        places = torch.arange(0, size, 2, device=like.device).float() / size
        angles = torch.outer(torch.arange(positions, device=like.device).float(), self.shape.rope_theta**-places)
        angles = torch.cat((angles, angles), -1)
        return angles.cos().to(like.dtype), angles.sin().to(like.dtype)

    def weights(self) -> dict[str, Any]:
        """Float16 arrays of numpy by the names that `export` knows."""
        return {name: value.detach().to("cpu", torch.float16).numpy() for name, value in self.state_dict().items()}
