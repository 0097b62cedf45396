"""The provider `onnx_stt`. Light: onnxruntime is imported by `load`, in the model's own process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from heylook_core.errors import LoadFailed
from heylook_core.provider import Capability, Estimate, ModelInfo, Provider
from heylook_core.spoken import SAMPLE_RATE, Heard, Segment, SpeechInfo, TranscribeOptions
from heylook_onnx_stt.config import OnnxConfig

if TYPE_CHECKING:
    import numpy as np

    from heylook_core.catalog.facts import ModelFacts
    from heylook_core.speech.tdt.recogniser import TdtRecogniser
    from heylook_onnx_stt.files import ModelFiles

NOT_INSTALLED = "onnxruntime is not installed: install it with: pip install onnxruntime"


class OnnxProvider(Provider):
    """Serves one export of a Parakeet TDT model, in a process of its own: a fault in onnxruntime ends only that."""

    placement: ClassVar[Literal["thread", "process"]] = "process"
    Config: ClassVar[type[OnnxConfig]] = OnnxConfig
    config: OnnxConfig

    _recogniser: TdtRecogniser
    _info: ModelInfo

    def load(self) -> None:
        from heylook_core.speech.tdt.languages import languages_of
        from heylook_core.speech.tdt.pieces import Pieces
        from heylook_core.speech.tdt.recogniser import TdtRecogniser
        from heylook_onnx_stt.vocabulary import read_vocabulary

        files = self._files()
        pieces = read_vocabulary(files.vocabulary)
        from heylook_onnx_stt.network import OnnxNetwork, warm_up  # onnxruntime is there, and worth its time
        from heylook_onnx_stt.sessions import Graph

        encoder, decoder = (
            Graph(file, self.config.threads, self.config.execution_providers) for file in (files.encoder, files.decoder)
        )
        network = OnnxNetwork(encoder, decoder, files.features, len(pieces))
        warm_up(network)
        self._recogniser = TdtRecogniser(network, Pieces(pieces, self.config.delay_frames))
        languages = self.config.languages
        self._info = ModelInfo(
            context=0,
            capabilities=("transcribe",),
            vocabulary=len(pieces) + 1,
            weights_bytes=files.bytes,
            details={
                "architecture": "parakeet-tdt",
                "device": "cpu" if self.config.execution_providers[0].startswith("CPU") else "gpu",
            },
            speech=SpeechInfo(
                languages=languages_of(pieces) if languages is None else languages,
                hints=("language",),
                longest=self.config.max_audio_seconds,
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
        """The library, the files, their settings and the vocabulary; the graphs are not loaded."""
        from heylook_onnx_stt.vocabulary import read_vocabulary

        read_vocabulary(self._files().vocabulary)

    def estimate(self) -> Estimate | None:
        """The weights, as large as on disk."""
        from heylook_onnx_stt.files import find

        return Estimate(weights=find(self.config.folder, self.config.precision).bytes)

    @classmethod
    def expects(cls, config: OnnxConfig, facts: ModelFacts) -> tuple[Capability, ...]:
        return ("transcribe",)

    def close(self) -> None:
        self.__dict__.pop("_recogniser", None)

    def _files(self) -> ModelFiles:
        from heylook_onnx_stt.files import find

        if importlib.util.find_spec("onnxruntime") is None:
            raise LoadFailed(NOT_INSTALLED)
        return find(self.config.folder, self.config.precision)
