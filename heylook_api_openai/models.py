"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from collections.abc import Mapping

from heylook_api_openai.schema import OpenAIModel
from heylook_core.provider import ModelInfo
from heylook_core.residency import ModelState
from heylook_core.settings import ModelEntry

OWNER = "heylook"


def model_of(entry: ModelEntry, created: int, states: Mapping[str, ModelState]) -> OpenAIModel:
    """`created` is Unix time; ours is that of the server's start, for a local file has none that means anything.

    What only a loaded model tells is null until it is loaded.
    """
    state = states.get(entry.id)
    info: ModelInfo | None = state.info if state is not None else None
    return OpenAIModel(
        id=entry.id,
        created=created,
        owned_by=OWNER,
        provider=entry.provider,
        description=entry.description,
        capabilities=list(info.capabilities) if info is not None else None,
        context_length=(info.context or None) if info is not None else None,
        loaded=state is not None and state.state == "ready",
    )
