"""The routes for speech, as a part of the OpenAI dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from heylook_api_openai.durations import keep_alive_of
from heylook_api_openai.errors import error_frame
from heylook_api_openai.live import LiveTalk, refuse_live
from heylook_api_openai.live_config import config_of_query, options_of
from heylook_api_openai.live_schema import PROTOCOL, LiveConfig, LiveMessage, LiveNews
from heylook_api_openai.transcript_formats import transcript_reply
from heylook_api_openai.transcription_schema import (
    OpenAISpeechModel,
    OpenAISpeechModelList,
    OpenAITranscription,
    OpenAITranscriptionDelta,
    OpenAITranscriptionDone,
    OpenAITranscriptionFields,
    OpenAITranslationFields,
    OpenAIVerboseTranscription,
)
from heylook_api_openai.transcriptions import (
    Asked,
    check_answerable,
    headers_of,
    transcript_stream,
    transcription_asked,
    translation_asked,
    whole_transcript,
)
from heylook_core.calls import CALL
from heylook_core.catalog.facts import ModelFacts
from heylook_core.dialect import Call, Dialect, Form, Reply, Socket, StreamReply, Upload, operation, socket
from heylook_core.errors import Busy, Cancelled, HeylookError, MissingField, Unavailable
from heylook_core.hearing import Hearing
from heylook_core.plugins import PROVIDERS
from heylook_core.provider import Capability
from heylook_core.settings import ModelEntry

if TYPE_CHECKING:
    from heylook_core.media.audio.files import AudioFile

LIMIT = "audio.max_upload_bytes"
Transcription = OpenAITranscription | OpenAIVerboseTranscription
TranscriptionEvent = OpenAITranscriptionDelta | OpenAITranscriptionDone


class SpeechRoutes(Dialect):
    """Transcriptions, translations, which models make them, and live sessions."""

    _live = 0

    @operation(
        "POST",
        "/v1/audio/transcriptions",
        summary="Speech to text, in the language that is spoken",
        body=Form,
        fields=OpenAITranscriptionFields,
        files=("file",),
        limit=LIMIT,
        response=Transcription,
        texts=("text/plain", "text/vtt"),
        chunk=TranscriptionEvent,
        kind="transcription",
    )
    async def transcriptions(self, call: Call) -> Reply | StreamReply:
        return await self._answered(call, transcription_asked(call.body))

    @operation(
        "POST",
        "/v1/audio/translations",
        summary="Speech to English text",
        body=Form,
        fields=OpenAITranslationFields,
        files=("file",),
        limit=LIMIT,
        response=Transcription,
        texts=("text/plain", "text/vtt"),
        kind="transcription",
    )
    async def translations(self, call: Call) -> Reply | StreamReply:
        return await self._answered(call, translation_asked(call.body))

    @operation("GET", "/v1/stt/models", summary="List the models that transcribe", response=OpenAISpeechModelList)
    async def speech_models(self, call: Call) -> Reply:
        entries = await asyncio.to_thread(self._speech_entries)
        return Reply(body=OpenAISpeechModelList([self._speech_model(*found) for found in entries]))

    @socket("/v1/stt/stream", summary="Live speech to text", received=LiveMessage, sent=LiveNews, kind="transcription")
    async def live(self, socket: Socket) -> None:
        if self.serving.stopping.is_set():
            raise Unavailable("The server is stopping.", retry_after=5)
        await socket.accept(PROTOCOL if PROTOCOL in socket.offered else None)
        limits = self.serving.settings.audio
        if self._live >= limits.max_sessions:
            taken = Busy(f"All {limits.max_sessions} live sessions are taken; try again later.")
            await self._refuse(socket, taken)
            return
        self._live += 1
        try:
            config = await self._live_config(socket.call.query)
            await LiveTalk(socket, config, partial(self._listen, socket), limits, self.serving.stopping).run()
        except Cancelled:
            raise
        except HeylookError as error:
            await self._refuse(socket, error)
        finally:
            self._live -= 1

    # ------------------------------------------------------------------ inside

    async def _refuse(self, socket: Socket, error: HeylookError) -> None:
        call = CALL.get()
        if call is not None:
            self.serving.requests.refuse(call, error, socket.call.query.get("model", ""))
        await refuse_live(socket, error)

    async def _live_config(self, query: Mapping[str, str]) -> LiveConfig:
        config = config_of_query(query)
        if config.model is None:
            return msgspec.structs.replace(config, model=await self._first_speech_model())
        self.serving.catalog.get(config.model)
        return config

    async def _listen(self, socket: Socket, config: LiveConfig) -> Hearing:
        return await self.serving.listen(
            config.model or "",
            options_of(config),
            request_id=socket.call.id,
            dialect=self.name,
            gone=socket.call.gone,
        )

    async def _answered(self, call: Call, asked: Asked) -> Reply | StreamReply:
        run = await self._begun(call, asked)
        headers = headers_of(asked, run.model.speech)
        if asked.stream:
            content = transcript_stream(run, asked)
            return StreamReply(content=content, failure=error_frame, headers=headers)
        said = await whole_transcript(run, asked)
        reply = transcript_reply(said, asked.format, asked.granularities, asked.logprobs)
        return msgspec.structs.replace(reply, headers=headers)

    async def _begun(self, call: Call, asked: Asked) -> Hearing:
        model = asked.model or await self._first_speech_model()
        audio = await asyncio.to_thread(_opened, asked.upload)
        return await self.serving.transcribe(
            model,
            asked.options,
            audio,
            request_id=call.id,
            dialect=self.name,
            streamed=asked.stream,
            gone=call.gone,
            keep_alive=keep_alive_of(asked.keep_alive),
            check=partial(check_answerable, asked),
        )

    async def _first_speech_model(self) -> str:
        """For clients that name none: the default model if it transcribes, else the first that does."""
        found = [entry.id for entry, _ in await asyncio.to_thread(self._speech_entries)]
        if not found:
            raise MissingField("The required field `model` is missing, and no model here transcribes.", param="model")
        return self.serving.catalog.default if self.serving.catalog.default in found else found[0]

    def _speech_entries(self) -> list[tuple[ModelEntry, tuple[Capability, ...]]]:
        found = [(entry, self._expected(entry)) for entry in self.serving.models()]
        return [(entry, expected) for entry, expected in found if "transcribe" in expected]

    def _expected(self, entry: ModelEntry) -> tuple[Capability, ...]:
        """What its provider says without loading it: nothing where the provider or the config is at fault."""
        try:
            provider = self.serving.plugins.load(PROVIDERS, entry.provider)
            config = msgspec.convert(entry.config, provider.Config)
            expected: tuple[Capability, ...] = provider.expects(config, ModelFacts(digest=""))
        except (HeylookError, msgspec.ValidationError):
            return ()
        return expected

    def _speech_model(self, entry: ModelEntry, expected: tuple[Capability, ...]) -> OpenAISpeechModel:
        resident = self.serving.residency.resident(entry.id)
        info = resident.info if resident is not None else None
        capabilities = info.capabilities if info is not None else expected
        speech = info.speech if info is not None else None
        return OpenAISpeechModel(
            id=entry.id,
            name=entry.description or entry.id,
            provider=entry.provider,
            loaded=info is not None,
            capabilities={
                "transcribe": True,
                "translate": "translate" in capabilities,
                "streaming": True,
                "word_timestamps": speech.words if speech is not None else None,
            },
            languages=list(speech.languages) if speech is not None else None,
            max_seconds=speech.longest if speech is not None else None,
        )


def _opened(upload: Upload) -> AudioFile:
    from heylook_core.media.audio.files import AudioFile as Opened

    return Opened(upload.file)
