"""Requests that arrive together and begin alike: one of them reads the shared beginning, the others take it over."""

from __future__ import annotations

from collections.abc import Iterable

from heylook_core.batching.choice import Choice, Leader
from heylook_core.prefix.cache import common_prefix
from heylook_core.vision import outside_pictures

# Fewer tokens than this are computed about as soon as they are copied.
WORTH_SHARING = 64
# A running row is copied whole, whatever part of it is wanted: about so much cheaper is a copied token than a computed.
COPIES_PER_TOKEN = 16


def find_leader(choice: Choice, running: Iterable[Choice], known: int, trims: bool) -> Leader | None:
    """The running row that spares `choice` the most tokens beyond the `known` ones that are kept already.

    Waiting for it delays nobody: it has less left to read before token `n` than `choice` would have. Where states
    cannot be cut (`trims` False), only those at a row's marks will be there to take.
    """
    leaders = (Leader(other, _shared(choice, other, trims)) for other in running)
    worth = [leader for leader in leaders if _worth(leader, known) and (trims or not leader.ready)]
    return max(worth, key=lambda leader: leader.n, default=None)


def _shared(choice: Choice, other: Choice, trims: bool) -> int:
    shared = min(common_prefix(choice.ids, other.ids), len(choice.ids) - 1)
    if trims:
        return outside_pictures(choice.ids, shared)
    return max((mark for mark in other.prepared.marks if mark <= shared), default=0)


def _worth(leader: Leader, known: int) -> bool:
    spared = leader.n - known
    return spared >= WORTH_SHARING and spared * COPIES_PER_TOKEN >= leader.choice.held
