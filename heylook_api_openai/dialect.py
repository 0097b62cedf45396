"""The OpenAI API over the core's Serving."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from heylook_api_openai.batch import mode_of, run_groups
from heylook_api_openai.batch_answer import OpenAIBatch, batch_answer, timing_of
from heylook_api_openai.batch_groups import Mode
from heylook_api_openai.chat import chat_completion, chat_request
from heylook_api_openai.completion_schema import OpenAICompletion, OpenAICompletionRequest
from heylook_api_openai.completion_stream import CompletionChunks, completion_stream
from heylook_api_openai.completions import completion, completion_requests, wanted
from heylook_api_openai.durations import keep_alive_of
from heylook_api_openai.embeddings import (
    OpenAIEmbeddingList,
    OpenAIEmbeddingRequest,
    embedding_list,
    inputs_of,
    options_of,
)
from heylook_api_openai.errors import OpenAIError, error_frame, error_reply
from heylook_api_openai.features import features
from heylook_api_openai.meanings import MEANINGS
from heylook_api_openai.models import model_of
from heylook_api_openai.multipart import chat_body, files_of, with_files
from heylook_api_openai.responses import renamed, response_begun, response_request
from heylook_api_openai.responses_output import Output
from heylook_api_openai.responses_schema import OpenAIResponse, OpenAIResponseEvent, OpenAIResponsesRequest
from heylook_api_openai.responses_stream import Frames, response_stream, whole_response
from heylook_api_openai.schema import (
    OpenAIChatChunk,
    OpenAIChatCompletion,
    OpenAIChatRequest,
    OpenAIModel,
    OpenAIModelList,
)
from heylook_api_openai.side_by_side import Open, Several, collected, gathered
from heylook_api_openai.speech import SpeechRoutes
from heylook_api_openai.stream import ChatChunks, chat_stream
from heylook_api_openai.tokens import (
    OpenAIDetokenized,
    OpenAIDetokenizeRequest,
    OpenAITokenized,
    OpenAITokenizeRequest,
    begins,
    subject_of,
    tokenized,
)
from heylook_api_openai.wire import new_id
from heylook_core.dialect import Call, Feature, Form, Reply, StreamReply, operation
from heylook_core.errors import HeylookError, MissingField
from heylook_core.messages import ChatRequest
from heylook_core.residency import ModelState
from heylook_core.running import Kind, Run

if TYPE_CHECKING:
    from heylook_core.serving import Serving


class OpenAIDialect(SpeechRoutes):
    """What OpenAI's clients speak: chats, completions, responses, embeddings, sound to text, and token ids."""

    name = "openai"
    title = "OpenAI API"
    error_body = OpenAIError
    stream_end = "[DONE]"
    meanings = MEANINGS
    prefixes = ("/v1", "/tokenize", "/detokenize")
    default_port = 8080

    def __init__(self, serving: Serving) -> None:
        super().__init__(serving)
        self._created = int(time.time())

    def error(self, error: HeylookError) -> Reply:
        return error_reply(error)

    def features(self) -> list[Feature]:
        return features()

    def ready_line(self, url: str, model: str) -> str:
        return (
            f"curl {url}/v1/chat/completions -H 'Content-Type: application/json' "
            f'-d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\''
        )

    # ------------------------------------------------------------------ models

    @operation("GET", "/v1/models", summary="List the models", response=OpenAIModelList)
    async def models(self, call: Call) -> Reply:
        states = self._states()
        rows = [model_of(entry, self._created, states) for entry in self.serving.models()]
        return Reply(body=OpenAIModelList(data=rows))

    @operation("GET", "/v1/models/{model:path}", summary="Describe one model", response=OpenAIModel)
    async def model(self, call: Call) -> Reply:
        entry = self.serving.catalog.get(call.params["model"])
        return Reply(body=model_of(entry, self._created, self._states()))

    # ------------------------------------------------------------------ text

    @operation(
        "POST",
        "/v1/chat/completions",
        summary="Answer a conversation, or several in a batch",
        body=OpenAIChatRequest,
        response=OpenAIChatCompletion | OpenAIBatch,
        chunk=OpenAIChatChunk,
        kind="chat",
    )
    async def chat(self, call: Call) -> Reply | StreamReply:
        body: OpenAIChatRequest = call.body
        return await self._chat(call, body, chat_request(body, self._model(body.model)))

    @operation(
        "POST",
        "/v1/chat/completions/multipart",
        summary="Answer a conversation whose images are files of a form",
        body=Form,
        fields=OpenAIChatRequest,
        files=("images[]",),
        response=OpenAIChatCompletion | OpenAIBatch,
        chunk=OpenAIChatChunk,
        kind="chat",
    )
    async def chat_with_files(self, call: Call) -> Reply | StreamReply:
        form: Form = call.body
        body = chat_body(form)
        request = with_files(chat_request(body, self._model(body.model)), await files_of(form))
        return await self._chat(call, body, request)

    async def _chat(self, call: Call, body: OpenAIChatRequest, request: ChatRequest) -> Reply | StreamReply:
        mode = mode_of(body)
        opened = self._opened(call, body.keep_alive)
        if mode is not None:
            return await self._batch(body, request, mode, opened)
        run = await opened(request)
        id_, created, performance = new_id("chatcmpl"), int(time.time()), bool(body.include_performance)
        if request.stream:
            usage = body.stream_options is not None and bool(body.stream_options.include_usage)
            chunks = ChatChunks(request, id_=id_, created=created, include_usage=usage, performance=performance)
            return StreamReply(content=chat_stream(run, chunks), failure=error_frame)
        try:
            choices = await run.collect()
            answer = chat_completion(choices, request, id_=id_, created=created, performance=performance)
            return Reply(body=answer)
        finally:
            run.close()

    async def _batch(self, body: OpenAIChatRequest, request: ChatRequest, mode: Mode, opened: Open) -> Reply:
        created, started = int(time.time()), time.monotonic()
        outcomes = await run_groups(opened, request, mode)
        total = time.monotonic() - started
        individual, figures = body.return_individual is not False, bool(body.include_performance)
        answer = batch_answer(outcomes, request, mode, individual, created=created, performance=figures)
        if body.include_timing:
            answer.timing = timing_of(outcomes, total)
        return Reply(body=answer)

    @operation(
        "POST",
        "/v1/completions",
        summary="Continue raw prompts",
        body=OpenAICompletionRequest,
        response=OpenAICompletion,
        chunk=OpenAICompletion,
        kind="completion",
    )
    async def completions(self, call: Call) -> Reply | StreamReply:
        body: OpenAICompletionRequest = call.body
        model = self._model(body.model)
        requests = completion_requests(body, model)
        opened = self._opened(call, body.keep_alive, "completion")
        echoes = await self._echoes(call, requests) if body.echo else []
        how = wanted(body, model, echoes, new_id("cmpl"), int(time.time()))
        if body.stream:
            several = Several(opened, requests, self.serving.settings.server.keepalive)
            await several.start()
            return StreamReply(content=completion_stream(several, CompletionChunks(how)), failure=error_frame)
        answers = await gathered([collected(opened, request) for request in requests])
        return Reply(body=completion(answers, how))

    async def _echoes(self, call: Call, requests: list[ChatRequest]) -> list[str]:
        """The text of every prompt; that of token ids is what they decode to."""
        return [
            request.prompt
            if isinstance(request.prompt, str)
            else await self.serving.detokenize(
                request.model, request.prompt or (), request_id=call.id, dialect=self.name
            )
            for request in requests
        ]

    @operation(
        "POST",
        "/v1/responses",
        summary="Answer a conversation; nothing is stored",
        body=OpenAIResponsesRequest,
        response=OpenAIResponse,
        chunk=OpenAIResponseEvent,
        kind="chat",
    )
    async def responses(self, call: Call) -> Reply | StreamReply:
        body: OpenAIResponsesRequest = call.body
        request = response_request(body, self._model(body.model))
        try:
            run = await self._opened(call, body.keep_alive)(request)
        except HeylookError as error:
            raise renamed(error) from error
        output = Output(response_begun(body, request, new_id("resp", "_"), int(time.time())))
        if not request.stream:
            return Reply(body=await whole_response(run, output))
        frames = Frames(output)
        return StreamReply(content=response_stream(run, output, frames), failure=frames.failure)

    # ------------------------------------------------------------------ vectors and tokens

    @operation(
        "POST",
        "/v1/embeddings",
        summary="Vectors of texts",
        body=OpenAIEmbeddingRequest,
        response=OpenAIEmbeddingList,
        kind="embedding",
    )
    async def embeddings(self, call: Call) -> Reply:
        body: OpenAIEmbeddingRequest = call.body
        model = self._model(body.model)
        vectors = await self.serving.embed(
            model,
            inputs_of(body.input),
            options_of(body),
            request_id=call.id,
            dialect=self.name,
            gone=call.gone,
            keep_alive=keep_alive_of(body.keep_alive),
        )
        return Reply(body=embedding_list(vectors, model, body.encoding_format))

    @operation(
        "POST",
        "/v1/tokenize",
        summary="Token ids of a text",
        body=OpenAITokenizeRequest,
        response=OpenAITokenized,
        kind="tokens",
    )
    @operation(
        "POST",
        "/tokenize",
        summary="Token ids of a text",
        body=OpenAITokenizeRequest,
        response=OpenAITokenized,
        kind="tokens",
    )
    async def tokenize(self, call: Call) -> Reply:
        body: OpenAITokenizeRequest = call.body
        model = self._model(body.model)
        subject = subject_of(body, model)
        found = await self.serving.tokenize(model, subject, begin=begins(body), request_id=call.id, dialect=self.name)
        return Reply(body=tokenized(found, body, await self._context(model)))

    @operation(
        "POST",
        "/v1/detokenize",
        summary="Text of tokens",
        body=OpenAIDetokenizeRequest,
        response=OpenAIDetokenized,
        kind="tokens",
    )
    @operation(
        "POST",
        "/detokenize",
        summary="Text of tokens",
        body=OpenAIDetokenizeRequest,
        response=OpenAIDetokenized,
        kind="tokens",
    )
    async def detokenize(self, call: Call) -> Reply:
        body: OpenAIDetokenizeRequest = call.body
        text = await self.serving.detokenize(
            self._model(body.model), tuple(body.tokens), request_id=call.id, dialect=self.name
        )
        return Reply(body=OpenAIDetokenized(prompt=text, content=text))

    # ------------------------------------------------------------------ inside

    def _model(self, asked: str | None) -> str:
        """The model's name as the client gave it, else the default one, for clients that leave it to the server."""
        name = asked or self.serving.catalog.default
        if name is None:
            raise MissingField(
                "The required field `model` is missing, and no default model is configured.", param="model"
            )
        return name

    def _opened(self, call: Call, keep_alive: float | str | None, kind: Kind = "chat") -> Open:
        """How this call's requests are started."""
        seconds = keep_alive_of(keep_alive)

        async def open_(request: ChatRequest) -> Run:
            return await self.serving.open(
                request, request_id=call.id, dialect=self.name, kind=kind, gone=call.gone, keep_alive=seconds
            )

        return open_

    def _states(self) -> dict[str, ModelState]:
        return {state.id: state for state in self.serving.residency.states()}

    async def _context(self, model: str) -> int:
        return (await self.serving.load(model)).context
