"""What runs a model file. CoreML does (`coreml.py`); the tests have another one, so that they run anywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from heylook_coreml_stt.config import ComputeUnits


class Feature(NamedTuple):
    """An input or output. `shape` is empty where it depends on the input; `largest` is the most that it may be.

    `dtype` is numpy's name of it.
    """

    shape: tuple[int, ...]
    dtype: str
    largest: tuple[int, ...]


class Graph(ABC):
    """A loaded model file. One thread at a time."""

    name: str
    inputs: Mapping[str, Feature]
    outputs: Mapping[str, Feature]

    @abstractmethod
    def predict(self, feed: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Every output for exactly the inputs that it has."""


class Runtime(ABC):
    """Loads model files."""

    @abstractmethod
    def obstacle(self) -> str | None:
        """Why it cannot run on this machine, in a sentence; None if it can. Takes no time."""

    @abstractmethod
    def load(self, path: Path, compute_units: ComputeUnits) -> Graph:
        """Raises LoadFailed."""
