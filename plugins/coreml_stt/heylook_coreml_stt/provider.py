"""The provider `coreml_stt`. Light: coremltools is imported by `load`, in the model's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from heylook_core.errors import LoadFailed
from heylook_core.provider import Estimate
from heylook_core.speech.tdt.provider import TdtProvider
from heylook_coreml_stt.config import CoreMLConfig
from heylook_coreml_stt.names import Missing, ModelSet, find

if TYPE_CHECKING:
    from heylook_coreml_stt.runtime import Runtime


class CoreMLProvider(TdtProvider):
    """Serves one set of Parakeet TDT graphs, in a process of its own: CoreML's binding holds the GIL."""

    Config: ClassVar[type[CoreMLConfig]] = CoreMLConfig
    config: CoreMLConfig

    def runtime(self) -> Runtime:
        """What runs the graphs."""
        from heylook_coreml_stt.coreml import CoreML

        return CoreML()

    def load(self) -> None:
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
        self.serve(
            network,
            pieces,
            nbytes=found.bytes,
            device=self.config.compute_units,
            longest=self.config.longest,
            hints=("language",) if network.tells_top else (),
        )

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
