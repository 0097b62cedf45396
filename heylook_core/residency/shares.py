"""How the memory budget is shared out: pure arithmetic over what each model holds. Bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Cache: TypeAlias = Literal["none", "allocated", "grows"]


class Share(msgspec.Struct, frozen=True):
    """What a loaded model holds for good (`fixed`) and what it needs of a KV cache that grows (`floor`).

    `wanted` is what the request needs that was first to ask for more, 0 for every other model.
    """

    fixed: int
    floor: int = 0
    cache: Cache = "none"
    wanted: int = 0

    @property
    def least(self) -> int:
        """It cannot work with less; a wish for more comes on top of that."""
        return self.fixed + self.floor


class Goal(msgspec.Struct, frozen=True):
    """What a model is to have: `kv` for running rows (-1 where its cache is allocated anyway), `kept` for prefixes."""

    kv: int
    kept: int


def goals(budget: int, shares: Sequence[Share], most_kept: int) -> list[Goal]:
    """Everybody's least, then what is wanted if that is possible, then the rest in equal parts.

    A part of a model whose cache grows is half for kept prefixes, at most `most_kept`, and else for rows. Models
    without a KV cache have no part.
    """
    spare = max(budget - sum(share.least for share in shares), 0)
    granted = []
    for share in shares:
        wish = max(share.wanted - share.floor, 0) if share.cache == "grows" else 0
        granted.append(wish if wish <= spare else 0)
        spare -= granted[-1]
    part = spare // max(sum(share.cache != "none" for share in shares), 1)
    return [_goal(share, more, part, most_kept) for share, more in zip(shares, granted, strict=True)]


def _goal(share: Share, more: int, part: int, most_kept: int) -> Goal:
    if share.cache == "none":
        return Goal(-1, 0)
    if share.cache == "allocated":
        return Goal(-1, min(most_kept, part))
    kept = min(most_kept, part // 2)
    return Goal(share.floor + more + part - kept, kept)
