"""How large the network is. Light: the exporter and tests need it without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A Llama. A head size of 64 and a width that 32 divides let both engines quantise weights and KV cache."""

    vocabulary: int = 1536
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    feed_forward: int = 512
    context: int = 2048
    rope_theta: float = 10000.0
    epsilon: float = 1e-5

    def parameters(self) -> int:
        attention = 2 * self.width * (self.heads + self.kv_heads) * self.head_size
        block = attention + 3 * self.width * self.feed_forward + 2 * self.width
        return self.vocabulary * self.width + self.layers * block + self.width


SHAPE = Shape()
