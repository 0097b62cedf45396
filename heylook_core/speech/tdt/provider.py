"""What every provider of a Parakeet TDT model has in common, whatever runs its graphs. Importing it is light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from heylook_core.provider import Capability, ModelInfo, Provider
from heylook_core.spoken import SAMPLE_RATE, Heard, Hint, Segment, SpeechInfo, TranscribeOptions

if TYPE_CHECKING:
    import numpy as np

    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.speech.tdt.network import TdtNetwork
    from heylook_core.speech.tdt.recogniser import TdtRecogniser


class TdtProvider(Provider):
    """`load` of a subclass makes a network and ends with `serve`. The config has `languages` and `delay_frames`.

    Models run in a process of their own: a fault in native code ends only that.
    """

    placement: ClassVar[Literal["thread", "process"]] = "process"

    _recogniser: TdtRecogniser
    _info: ModelInfo

    def serve(
        self,
        network: TdtNetwork,
        pieces: Sequence[str],
        *,
        nbytes: int,
        device: str,
        longest: float,
        hints: tuple[Hint, ...] = ("language",),
    ) -> None:
        """Be ready to transcribe: `pieces` is the vocabulary, `nbytes` the weights' size, `longest` is in seconds."""
        from heylook_core.speech.tdt.languages import languages_of
        from heylook_core.speech.tdt.pieces import Pieces
        from heylook_core.speech.tdt.recogniser import TdtRecogniser

        self._recogniser = TdtRecogniser(network, Pieces(pieces, self.config.delay_frames))
        languages = self.config.languages
        self._info = ModelInfo(
            context=0,
            capabilities=("transcribe",),
            vocabulary=len(pieces) + 1,
            weights_bytes=nbytes,
            details={"architecture": "parakeet-tdt", "device": device},
            speech=SpeechInfo(
                languages=languages_of(pieces) if languages is None else languages,
                hints=hints,
                longest=longest,
                window=network.window / SAMPLE_RATE,
            ),
        )

    def info(self) -> ModelInfo:
        return self._info

    def transcribe(
        self, blocks: Iterator[np.ndarray[Any, Any]], options: TranscribeOptions
    ) -> Iterator[Segment | Heard]:
        return self._recogniser.transcribe(blocks, options)

    @classmethod
    def expects(cls, config: Any, facts: ModelFacts) -> tuple[Capability, ...]:
        return ("transcribe",)

    def close(self) -> None:
        self.__dict__.pop("_recogniser", None)
