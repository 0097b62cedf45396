"""The provider `onnx_stt`. Light: onnxruntime is imported by `load`, in the model's own process."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, ClassVar

from heylook_core.errors import LoadFailed
from heylook_core.provider import Estimate
from heylook_core.speech.tdt.provider import TdtProvider
from heylook_onnx_stt.config import OnnxConfig

if TYPE_CHECKING:
    from heylook_onnx_stt.files import ModelFiles

NOT_INSTALLED = "onnxruntime is not installed: install it with: pip install onnxruntime"


class OnnxProvider(TdtProvider):
    """Serves one export of a Parakeet TDT model, in a process of its own: a fault in onnxruntime ends only that."""

    Config: ClassVar[type[OnnxConfig]] = OnnxConfig
    config: OnnxConfig

    def load(self) -> None:
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
        device = "cpu" if self.config.execution_providers[0].startswith("CPU") else "gpu"
        self.serve(network, pieces, nbytes=files.bytes, device=device, longest=self.config.max_audio_seconds)

    def check(self) -> None:
        """The library, the files, their settings and the vocabulary; the graphs are not loaded."""
        from heylook_onnx_stt.vocabulary import read_vocabulary

        read_vocabulary(self._files().vocabulary)

    def estimate(self) -> Estimate | None:
        """The weights, as large as on disk."""
        from heylook_onnx_stt.files import find

        return Estimate(weights=find(self.config.folder, self.config.precision).bytes)

    def _files(self) -> ModelFiles:
        from heylook_onnx_stt.files import find

        if importlib.util.find_spec("onnxruntime") is None:
            raise LoadFailed(NOT_INSTALLED)
        return find(self.config.folder, self.config.precision)
