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

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], lengths: list[int]) -> Tensor:
        """`x` is (tokens, width), conversations of `lengths` in a row; `turn` cosine and sine of each position."""
        x = x + self._attended(self.attention_norm(x), turn, lengths)
        y = self.feed_forward_norm(x)
        found: Tensor = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return found

    def _attended(self, x: Tensor, turn: tuple[Tensor, Tensor], lengths: list[int]) -> Tensor:
        """Each conversation by itself: faster than a mask over all of them, most of which would be empty."""
        heads = (_rotated(self._heads(self.q(x)), turn), _rotated(self._heads(self.k(x)), turn), self._heads(self.v(x)))
        apart = zip(*(part.split(lengths, 2) for part in heads), strict=True)
        seen = [functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True) for q, k, v in apart]
        found: Tensor = self.o(torch.cat(seen, 2)[0].transpose(0, 1).reshape(len(x), -1))
        return found

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(1, len(x), -1, self.shape.head_size).transpose(1, 2)


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

    def forward(self, ids: Tensor, lengths: list[int]) -> Tensor:
        """`ids` is (tokens,): conversations of `lengths`, one after another. Returns their states (tokens, width)."""
        x = self.embedding(ids)
        turn = self._turn(lengths, x)
        for block in self.blocks:
            x = block(x, turn, lengths)
        found: Tensor = self.norm(x)
        return found

    def loss(self, ids: Tensor, learned: Tensor, lengths: list[int]) -> Tensor:
        """Mean over the tokens that the model has to say, each from the state of the one before it."""
        chosen = learned.nonzero().squeeze(1)
        logits = functional.linear(self(ids, lengths)[chosen - 1], self.embedding.weight)
        return functional.cross_entropy(logits.float(), ids[chosen])

    def _turn(self, lengths: list[int], like: Tensor) -> tuple[Tensor, Tensor]:
        size = self.shape.head_size
        places = torch.arange(0, size, 2, device=like.device).float() / size
        positions = torch.cat([torch.arange(length, device=like.device) for length in lengths])
        angles = torch.outer(positions.float(), self.shape.rope_theta**-places)
        angles = torch.cat((angles, angles), -1)
        return angles.cos().to(like.dtype), angles.sin().to(like.dtype)

    def weights(self) -> dict[str, Any]:
        """Float16 arrays of numpy by the names that `export` knows."""
        return {name: value.detach().to("cpu", torch.float16).numpy() for name, value in self.state_dict().items()}
