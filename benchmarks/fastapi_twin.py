"""What a FastAPI and pydantic server does for the same short answer, without any model: the peer of `requests`.

    python -P benchmarks/fastapi_twin.py PORT

Needs fastapi and uvicorn in the Python that runs it; nothing of heylook.
"""

from __future__ import annotations

import sys
import time
import uuid
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


class Request(BaseModel):
    model: str
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = False


class Answer(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None


class Choice(BaseModel):
    index: int
    message: Answer
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


app = FastAPI()


@app.post("/v1/chat/completions", response_model=Completion)
async def chat(request: Request) -> Completion:
    return Completion(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=request.model,
        choices=[Choice(index=0, message=Answer(content="hello"), finish_reason="stop")],
        usage=Usage(prompt_tokens=2, completion_tokens=1, total_tokens=3),
    )


@app.get("/v1/models")
async def models() -> dict[str, Any]:
    return {"object": "list", "data": []}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
