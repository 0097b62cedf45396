"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from collections.abc import Iterable

from heylook_api_openai.schema import OpenAIModel, OpenAIModelList
from heylook_core.settings import ModelEntry

OWNER = "heylook"


def model_of(entry: ModelEntry, created: int) -> OpenAIModel:
    """`created` is Unix time; ours is that of the server's start, for a local file has none that means anything."""
    return OpenAIModel(
        id=entry.id, created=created, owned_by=OWNER, provider=entry.provider, description=entry.description
    )


def model_list(entries: Iterable[ModelEntry], created: int) -> OpenAIModelList:
    return OpenAIModelList(data=[model_of(entry, created) for entry in entries])
