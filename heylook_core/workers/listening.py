"""One request for speech on its thread: audio from its intake to the provider, and what that tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_core.messages import Event
from heylook_core.provider import Provider
from heylook_core.spoken import PCM_BYTES, SAMPLE_BYTES, SAMPLE_RATE, Credit, LiveOptions, Segment, TranscribeOptions
from heylook_core.workers.intake import Intake
from heylook_core.workers.protocol import Feed
from heylook_core.workers.turns import Turns

if TYPE_CHECKING:
    import numpy as np

    from heylook_core.media.audio.pcm import PcmReader
    from heylook_core.speech.session import News, Session

AHEAD_SECONDS = 30  # of audio that may wait here for each request
Tell = Callable[[Event], None]


def transcribe(provider: Provider, options: TranscribeOptions, intake: Intake, turns: Turns, tell: Tell) -> None:
    """A whole file. Raises what the provider raises, and Cancelled."""
    said = False
    tell(Credit(AHEAD_SECONDS * SAMPLE_RATE * SAMPLE_BYTES))
    with turns.held():
        news = provider.transcribe(_blocks(intake, turns, tell), options)
        try:
            for event in news:
                if isinstance(event, Segment) and not said:
                    event = msgspec.structs.replace(event, text=event.text.lstrip())
                    said = bool(event.text)
                tell(event)
                intake.check()
                turns.pass_on()
        finally:
            _close(news)


def _blocks(intake: Intake, turns: Turns, tell: Tell) -> Iterator[np.ndarray[Any, Any]]:
    """The audio; while it waits for more, others have the provider."""
    import numpy as np

    while True:
        with turns.away():
            feed = intake.take()
            tell(Credit(len(feed.data)))
        if feed.command == "end":
            return
        yield np.frombuffer(feed.data, "<f4")


def listen(provider: Provider, options: LiveOptions, intake: Intake, turns: Turns, tell: Tell) -> None:
    """A live session, until its end. Raises what the provider raises, and Cancelled."""
    from heylook_core.media.audio.pcm import PcmReader

    reader = PcmReader(options.sample_rate)
    with turns.held(live=True):
        session = provider.session(options)
    tell(Credit(AHEAD_SECONDS * options.sample_rate * PCM_BYTES))
    while True:
        for feed in intake.take_all():
            for news in _in_turn(_told(session, reader, feed), turns):
                tell(news)
                intake.check()
            if feed.command == "end":
                return
            if feed.data:
                tell(Credit(len(feed.data)))


def _told(session: Session, reader: PcmReader, feed: Feed) -> Iterable[News]:
    """What a session has to say to some audio, or to a command."""
    if feed.command == "audio":
        yield from session.feed(reader.read(feed.data))
    elif feed.command == "commit":
        yield from session.commit()
    elif feed.command == "clear":
        session.clear()
    else:
        yield from session.feed(reader.end())
        yield from session.end()


def _in_turn(news: Iterable[News], turns: Turns) -> Iterator[News]:
    """The same, computed while it is our turn."""
    iterator = iter(news)
    while True:
        with turns.held(live=True):
            event = next(iterator, None)
        if event is None:
            return
        yield event


def _close(news: Iterable[object]) -> None:
    close = getattr(news, "close", None)
    if close is not None:
        close()
