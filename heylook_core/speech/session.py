"""What a live session is to a worker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from heylook_core.spoken import Segment, SpeechStarted

if TYPE_CHECKING:
    import numpy as np

News: TypeAlias = Segment | SpeechStarted


class Session(ABC):
    """Speech as it is spoken. One thread at a time; what a method gives is iterated to its end before the next call.

    Of each utterance it tells that it started, guesses while it lasts, and one final segment.
    """

    @abstractmethod
    def feed(self, block: np.ndarray[Any, Any]) -> Iterable[News]:
        """More audio (see `spoken`), of any length: everything that has come since the last call."""

    @abstractmethod
    def commit(self) -> Iterable[News]:
        """The utterance ends here."""

    @abstractmethod
    def clear(self) -> None:
        """Forget the utterance that is being spoken; there is no final segment of it. Time goes on."""

    def end(self) -> Iterable[News]:
        """Nothing more will come."""
        return self.commit()
