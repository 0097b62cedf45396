"""The Ollama API over the core's Serving."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_api_ollama.answers import Stopwatch, chat_answer, empty_chat, empty_generate, generate_answer
from heylook_api_ollama.chat import chat_request, generate_request
from heylook_api_ollama.config import OllamaConfig, config_of
from heylook_api_ollama.embed import inputs_of, rows_of
from heylook_api_ollama.errors import JSON, error_line, error_reply
from heylook_api_ollama.features import features
from heylook_api_ollama.fitting import Fitting
from heylook_api_ollama.management import ManagementRoutes
from heylook_api_ollama.meanings import MEANINGS
from heylook_api_ollama.models import Described, Shelf, running
from heylook_api_ollama.names import find
from heylook_api_ollama.options import options_of
from heylook_api_ollama.schema import (
    OllamaCard,
    OllamaChatAnswer,
    OllamaChatRequest,
    OllamaDebugAnswer,
    OllamaDebugInfo,
    OllamaEmbedAnswer,
    OllamaEmbeddingsAnswer,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaError,
    OllamaGenerateAnswer,
    OllamaGenerateRequest,
    OllamaModelList,
    OllamaNamedRequest,
    OllamaRunningList,
    OllamaVersion,
)
from heylook_api_ollama.stream import CHAT, GENERATE, NDJSON, Lines, Shape, ndjson
from heylook_api_ollama.times import keep_alive_seconds, nanoseconds, now
from heylook_core.dialect import Call, Feature, Reply, StreamReply, operation
from heylook_core.errors import HeylookError
from heylook_core.messages import ChatRequest, ImagePart, Vectors
from heylook_core.provider import EmbedOptions
from heylook_core.settings import ModelEntry

if TYPE_CHECKING:
    from heylook_core.serving import Serving

Body = OllamaChatRequest | OllamaGenerateRequest
ALIVE = b"Ollama is running"
TEXT = "text/plain; charset=utf-8"

# Pages of desktop programs and of browser extensions, as Ollama lets them in (`envconfig/config.go`).
ORIGINS = (
    "https://localhost:*",
    "https://127.0.0.1:*",
    "http://0.0.0.0:*",
    "https://0.0.0.0:*",
    "app://*",
    "file://*",
    "tauri://*",
    "vscode-webview://*",
    "vscode-file://*",
    "chrome-extension://*",
    "safari-extension://*",
    "moz-extension://*",
    "ms-browser-extension://*",
)


class OllamaDialect(ManagementRoutes):
    """What Ollama's clients speak: chats and completions as lines of JSON, embeddings, and models to list and pull."""

    name = "ollama"
    title = "Ollama API"
    error_body = OllamaError
    Config = OllamaConfig
    meanings = MEANINGS
    prefixes = ("/api",)
    default_port = 11434
    origins = ORIGINS

    def __init__(self, serving: Serving) -> None:
        super().__init__(serving)
        self._config = config_of(serving.settings.dialects)
        self.pulls = self._config.pull
        self._shelf = Shelf(serving)

    def error(self, error: HeylookError) -> Reply:
        return error_reply(error)

    def features(self) -> list[Feature]:
        return features()

    def ready_line(self, url: str, model: str) -> str:
        return f'curl {url}/api/generate -d \'{{"model": "{model}", "prompt": "Hello"}}\''

    # ------------------------------------------------------------------ the server

    @operation("GET", "/", summary="Tell that the server runs", media="text/plain")
    @operation("HEAD", "/", summary="Tell that the server runs")
    async def alive(self, call: Call) -> Reply:
        return Reply(body=ALIVE, content_type=TEXT)

    @operation("GET", "/api/version", summary="The version of the API", response=OllamaVersion)
    @operation("HEAD", "/api/version", summary="The version of the API")
    async def version(self, call: Call) -> Reply:
        return _json(OllamaVersion(self._config.version))

    # ------------------------------------------------------------------ models

    @operation("GET", "/api/tags", summary="List the models", response=OllamaModelList)
    @operation("HEAD", "/api/tags", summary="List the models")
    async def tags(self, call: Call) -> Reply:
        described = await self._described(self.serving.models())
        newest = sorted(described, key=lambda found: -found.facts.modified)
        return _json(OllamaModelList([model for found in newest for model in self._shelf.listed(found)]))

    @operation("GET", "/api/ps", summary="List the loaded models", response=OllamaRunningList)
    async def ps(self, call: Call) -> Reply:
        states = {state.id: state for state in self.serving.residency.states() if state.state == "ready"}
        described = await self._described([entry for entry in self.serving.models() if entry.id in states])
        longest = sorted(described, key=lambda found: -(states[found.entry.id].expires_at or math.inf))
        at = time.time()
        return _json(OllamaRunningList([running(states[found.entry.id], found, at) for found in longest]))

    @operation("POST", "/api/show", summary="Describe a model", body=OllamaNamedRequest, response=OllamaCard)
    async def show(self, call: Call) -> Reply:
        body: OllamaNamedRequest = call.body
        asked = body.model or body.name
        [found] = await self._described([find(self.serving.catalog, asked)])
        return _json(self._shelf.card(found, asked or found.entry.id, call.headers.get("user-agent", "")))

    async def _described(self, entries: list[ModelEntry]) -> list[Described]:
        """Files are read on another thread."""
        pairs = [(entry, self._shelf.info(entry.id)) for entry in entries]
        return await asyncio.to_thread(lambda: [self._shelf.describe(entry, info) for entry, info in pairs])

    # ------------------------------------------------------------------ generation

    @operation(
        "POST",
        "/api/chat",
        summary="Answer a conversation",
        body=OllamaChatRequest,
        response=OllamaChatAnswer | OllamaDebugAnswer,
        chunk=OllamaChatAnswer,
        chunk_media=NDJSON,
        kind="chat",
    )
    async def chat(self, call: Call) -> Reply | StreamReply:
        body: OllamaChatRequest = call.body
        watch = Stopwatch()
        entry = find(self.serving.catalog, body.model)
        if not body.messages:
            return _json(empty_chat(body.model or "", await self._load_or_unload(entry, body)))
        options = options_of(body.options)
        request = chat_request(body, entry.id, options, may_truncate=self._may_truncate)
        return await self._answer(call, body, request, Fitting(body.model or "", options), CHAT, watch)

    @operation(
        "POST",
        "/api/generate",
        summary="Answer or complete a prompt",
        body=OllamaGenerateRequest,
        response=OllamaGenerateAnswer | OllamaDebugAnswer,
        chunk=OllamaGenerateAnswer,
        chunk_media=NDJSON,
        kind="completion",
    )
    async def generate(self, call: Call) -> Reply | StreamReply:
        body: OllamaGenerateRequest = call.body
        watch = Stopwatch()
        entry = find(self.serving.catalog, body.model)
        if not (body.prompt or body.suffix or body.images):
            return _json(empty_generate(body.model or "", await self._load_or_unload(entry, body)))
        options = options_of(body.options)
        request = generate_request(body, entry.id, options, may_truncate=self._may_truncate)
        return await self._answer(call, body, request, Fitting(body.model or "", options), GENERATE, watch)

    @property
    def _may_truncate(self) -> bool:
        return self._config.context_overflow == "truncate"

    async def _load_or_unload(self, entry: ModelEntry, body: Body) -> str:
        """What a request without a prompt asks for, and the `done_reason` that tells of it."""
        keep_alive = keep_alive_seconds(body.keep_alive)
        if keep_alive == 0:
            await self.serving.unload(entry.id)
            return "unload"
        await self.serving.load(entry.id, keep_alive)
        return "load"

    async def _answer(
        self, call: Call, body: Body, request: ChatRequest, fitting: Fitting, shape: Shape, watch: Stopwatch
    ) -> Reply | StreamReply:
        keep_alive = keep_alive_seconds(body.keep_alive)
        if body.debug_render_only:
            return await self._rendered(call, body, request)
        run = await self.serving.open(
            request,
            request_id=call.id,
            dialect=self.name,
            kind="chat" if shape is CHAT else "completion",
            gone=call.gone,
            keep_alive=keep_alive,
            fit=fitting,
        )
        model, headers = body.model or "", fitting.headers(run.accepted)
        if request.stream:
            lines = Lines(request, model, shape, watch)
            return StreamReply(content=ndjson(run, lines), failure=error_line, content_type=NDJSON, headers=headers)
        try:
            [choice] = await run.collect()
            counts = watch.counts(choice.finish, run.load_seconds) if choice.finish is not None else {}
        finally:
            run.close()
        if shape is CHAT:
            return _json(chat_answer(choice, model, counts), headers)
        return _json(generate_answer(choice, model, counts, request), headers)

    async def _rendered(self, call: Call, body: Body, request: ChatRequest) -> Reply:
        """The prompt as the model would get it."""
        text = await self.serving.render(request, request_id=call.id, dialect=self.name, gone=call.gone)
        images = sum(isinstance(part, ImagePart) for message in request.messages for part in message.content)
        return _json(OllamaDebugAnswer(body.model or "", now(), OllamaDebugInfo(text, images)))

    # ------------------------------------------------------------------ embeddings

    @operation(
        "POST",
        "/api/embed",
        summary="Embed texts",
        body=OllamaEmbedRequest,
        response=OllamaEmbedAnswer,
        kind="embedding",
    )
    async def embed(self, call: Call) -> Reply:
        body: OllamaEmbedRequest = call.body
        started = time.monotonic()
        entry, inputs, options = find(self.serving.catalog, body.model), inputs_of(body.input), options_of(body.options)
        keep_alive = keep_alive_seconds(body.keep_alive)
        dimensions = int(body.dimensions or 0)
        how = EmbedOptions(dimensions=dimensions if dimensions > 0 else None, truncate=body.truncate is not False)
        await self.serving.load(entry.id, keep_alive)
        loaded = time.monotonic()
        vectors = await self._vectors(call, entry, inputs, how, keep_alive)
        answer = OllamaEmbedAnswer(
            model=body.model or "",
            embeddings=rows_of(vectors),
            total_duration=nanoseconds(time.monotonic() - started),
            load_duration=nanoseconds(loaded - started),
            prompt_eval_count=sum(vectors.tokens),
        )
        return _json(answer, Fitting(body.model or "", options).headers(None))

    @operation(
        "POST",
        "/api/embeddings",
        summary="Embed one text (the older form)",
        body=OllamaEmbeddingsRequest,
        response=OllamaEmbeddingsAnswer,
        kind="embedding",
    )
    async def embeddings(self, call: Call) -> Reply:
        body: OllamaEmbeddingsRequest = call.body
        entry, options = find(self.serving.catalog, body.model), options_of(body.options)
        keep_alive = keep_alive_seconds(body.keep_alive)
        vectors = await self._vectors(call, entry, inputs_of(body.prompt), EmbedOptions(truncate=True), keep_alive)
        rows: list[list[float]] = rows_of(vectors)
        answer = OllamaEmbeddingsAnswer(rows[0] if rows else [])
        return _json(answer, Fitting(body.model or "", options).headers(None))

    async def _vectors(
        self,
        call: Call,
        entry: ModelEntry,
        inputs: tuple[str, ...],
        how: EmbedOptions,
        keep_alive: float | None,
    ) -> Vectors:
        """Nothing is asked of the model where there is nothing to embed."""
        if not inputs:
            await self.serving.load(entry.id, keep_alive)
            return Vectors(b"", 0, 0, ())
        return await self.serving.embed(
            entry.id, inputs, how, request_id=call.id, dialect=self.name, gone=call.gone, keep_alive=keep_alive
        )


def _json(body: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(body=msgspec.json.encode(body), content_type=JSON, headers=headers or {})
