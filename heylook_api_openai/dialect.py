"""The OpenAI API over the core's Serving."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from heylook_api_openai.chat import chat_completion, chat_request
from heylook_api_openai.errors import error_frame, error_reply
from heylook_api_openai.models import model_list, model_of
from heylook_api_openai.schema import (
    OpenAIChatChunk,
    OpenAIChatCompletion,
    OpenAIChatRequest,
    OpenAIModel,
    OpenAIModelList,
)
from heylook_api_openai.stream import ChatChunks, chat_stream
from heylook_api_openai.wire import new_id
from heylook_core.dialect import Call, Dialect, Reply, StreamReply, operation
from heylook_core.errors import HeylookError, MissingField

if TYPE_CHECKING:
    from heylook_core.serving import Serving


class OpenAIDialect(Dialect):
    name = "openai"
    prefixes = ("/v1",)
    default_port = 8080

    def __init__(self, serving: Serving) -> None:
        super().__init__(serving)
        self._created = int(time.time())

    def error(self, error: HeylookError) -> Reply:
        return error_reply(error)

    def ready_line(self, url: str, model: str) -> str:
        return (
            f"curl {url}/v1/chat/completions -H 'Content-Type: application/json' "
            f'-d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\''
        )

    @operation("GET", "/v1/models", summary="List the models", response=OpenAIModelList)
    async def models(self, call: Call) -> Reply:
        return Reply(body=model_list(self.serving.models(), self._created))

    @operation("GET", "/v1/models/{model:path}", summary="Describe one model", response=OpenAIModel)
    async def model(self, call: Call) -> Reply:
        return Reply(body=model_of(self.serving.catalog.get(call.params["model"]), self._created))

    @operation(
        "POST",
        "/v1/chat/completions",
        summary="Answer a conversation",
        body=OpenAIChatRequest,
        response=OpenAIChatCompletion,
        chunk=OpenAIChatChunk,
    )
    async def chat(self, call: Call) -> Reply | StreamReply:
        body: OpenAIChatRequest = call.body
        request = chat_request(body, self._model(body.model))
        run = await self.serving.open(request, request_id=call.id, dialect=self.name, gone=call.gone)
        id_, created = new_id("chatcmpl"), int(time.time())
        if request.stream:
            include_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
            chunks = ChatChunks(request, id_=id_, created=created, include_usage=include_usage)
            return StreamReply(content=chat_stream(run, chunks, include_usage), failure=error_frame)
        try:
            return Reply(body=chat_completion(await run.collect(), request, id_=id_, created=created))
        finally:
            run.close()

    def _model(self, asked: str | None) -> str:
        """The model's name as the client gave it, else the default one, for clients that leave it to the server."""
        name = asked or self.serving.catalog.default
        if name is None:
            raise MissingField(
                "The required field `model` is missing, and no default model is configured.", param="model"
            )
        return name
