"""The provider `coreml_stt`. Light: coremltools is imported by `load`, in the model's own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from heylook_core.errors import LoadFailed
from heylook_core.provider import Capability, Estimate, ModelInfo, Provider
from heylook_core.spoken import SAMPLE_RATE, Heard, Segment, SpeechInfo, TranscribeOptions
from heylook_coreml_stt.config import CoreMLConfig
from heylook_coreml_stt.names import Missing, ModelSet, find

if TYPE_CHECKING:
    import numpy as np

    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.speech.tdt.recogniser import TdtRecogniser
    from heylook_coreml_stt.runtime import Runtime


class CoreMLProvider(Provider):
    """Serves one set of Parakeet TDT graphs, in a process of its own: CoreML's binding holds the GIL."""

    placement: ClassVar[Literal["thread", "process"]] = "process"
    Config: ClassVar[type[CoreMLConfig]] = CoreMLConfig
    config: CoreMLConfig

    _recogniser: TdtRecogniser
    _info: ModelInfo

    def runtime(self) -> Runtime:
        """What runs the graphs."""
        from heylook_coreml_stt.coreml import CoreML

        return CoreML()

    def load(self) -> None:
        from heylook_core.speech.tdt.languages import languages_of
        from heylook_core.speech.tdt.pieces import Pieces
        from heylook_core.speech.tdt.recogniser import TdtRecogniser
        from heylook_coreml_stt.graphs import load_graphs
        from heylook_coreml_stt.network import CoreMLNetwork
        from heylook_coreml_stt.soundness import check_graphs, warm_up
        from heylook_coreml_stt.vocabulary import read_vocabulary

        found = self._ready()
        pieces = read_vocabulary(found.vocabulary)
        graphs = load_graphs(found, self.runtime(), self.config.compute_units)
        check_graphs(graphs)
        network = CoreMLNetwork(graphs, blank=len(pieces))
        warm_up(network, found.vocabulary.name)
        self._recogniser = TdtRecogniser(network, Pieces(pieces, self.config.delay_frames))
        languages = self.config.languages
        self._info = ModelInfo(
            context=0,
            capabilities=("transcribe",),
            vocabulary=len(pieces) + 1,
            weights_bytes=found.bytes,
            details={"architecture": "parakeet-tdt", "device": self.config.compute_units},
            speech=SpeechInfo(
                languages=languages_of(pieces) if languages is None else languages,
                hints=("language",) if network.tells_top else (),
                longest=self.config.longest,
                window=network.window / SAMPLE_RATE,
            ),
        )

    def info(self) -> ModelInfo:
        return self._info

    def transcribe(
        self, blocks: Iterator[np.ndarray[Any, Any]], options: TranscribeOptions
    ) -> Iterator[Segment | Heard]:
        return self._recogniser.transcribe(blocks, options)

    def check(self) -> None:
        """The machine, the files, the vocabulary, and what compiled parts say of themselves."""
        from heylook_coreml_stt.description import NotDescribed, compiled_features
        from heylook_coreml_stt.vocabulary import read_vocabulary

        found = self._ready()
        read_vocabulary(found.vocabulary)
        try:
            for part in found.packages:
                if part.suffix == ".mlmodelc":
                    compiled_features(part)
        except NotDescribed as error:
            raise LoadFailed(str(error)) from error

    def estimate(self) -> Estimate | None:
        """The weights, as large as on disk."""
        return Estimate(weights=self._files().bytes)

    @classmethod
    def expects(cls, config: CoreMLConfig, facts: ModelFacts) -> tuple[Capability, ...]:
        return ("transcribe",)

    def close(self) -> None:
        self.__dict__.pop("_recogniser", None)

    def _ready(self) -> ModelSet:
        """The files, on a machine that runs them. Raises LoadFailed, before anything that takes time."""
        if why := self.runtime().obstacle():
            raise LoadFailed(why)
        return self._files()

    def _files(self) -> ModelSet:
        try:
            return find(self.config.folder, self.config.files)
        except Missing as error:
            raise LoadFailed(str(error)) from error
