"""Audio of any length to segments, over a transducer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from heylook_core.speech.tdt.greedy import Emission, greedy, likeliest
from heylook_core.speech.tdt.network import FRAME, TdtNetwork
from heylook_core.speech.tdt.pieces import FRAME_SECONDS, Pieces
from heylook_core.speech.tdt.seams import TOLERANCE, joined
from heylook_core.speech.tdt.windows import windows
from heylook_core.spoken import Heard, Segment, TranscribeOptions


class TdtRecogniser:
    """`transcribe` is what `Provider.transcribe` gives; tokens are told once no later window can change them."""

    def __init__(self, network: TdtNetwork, pieces: Pieces) -> None:
        self._network = network
        self._pieces = pieces

    def transcribe(
        self, blocks: Iterable[np.ndarray[Any, Any]], options: TranscribeOptions
    ) -> Iterator[Segment | Heard]:
        choose = self._pieces.of_script(options.language) or likeliest
        pending: list[Emission] = []
        ended = 0
        for window in windows(blocks, self._network.window):
            frames = self._network.encode(window.samples)[: -(-len(window.samples) // FRAME)]
            found = greedy(self._network, frames, window.start, choose)
            if ended:
                pending = joined(pending, found, window.start, ended, self._pieces)
            else:
                pending = found
            ended = window.end
            count = len(pending) if window.last else self._settled(pending, window.settled - TOLERANCE)
            told, pending = pending[:count], pending[count:]
            if told:
                until = pending[0].frame if pending else ended
                yield self._pieces.segment(told, until, options.language)
            yield Heard(window.end * FRAME_SECONDS)

    def _settled(self, emissions: list[Emission], frame: int) -> int:
        """How many tokens are words that end before this frame."""
        count = 0
        for at, emission in enumerate(emissions):
            if emission.frame >= frame:
                return count
            if at and self._pieces.starts_word(emission.token):
                count = at
        return count
