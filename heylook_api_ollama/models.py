"""GET /api/tags, GET /api/ps, POST /api/show: models described from their files, and from themselves once loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from heylook_api_ollama.names import listed_name
from heylook_api_ollama.schema import OllamaCard, OllamaDetails, OllamaModel, OllamaRunningModel
from heylook_api_ollama.times import NEVER_SECONDS, moment
from heylook_core.catalog.facts import FactReader, ModelFacts
from heylook_core.errors import HeylookError
from heylook_core.plugins import PROVIDERS
from heylook_core.provider import ModelInfo, TokenConfig
from heylook_core.settings import ModelEntry

if TYPE_CHECKING:
    from heylook_core.residency import ModelState
    from heylook_core.serving import Serving

COPILOT = "GitHubCopilotChat/"

# Ours to Ollama's. `schema` and `logprobs` have no word there.
CAPABILITIES = {
    "chat": "completion",
    "completion": "completion",
    "tools": "tools",
    "fill_in_middle": "insert",
    "vision": "vision",
    "embed": "embedding",
    "reasoning": "thinking",
    "audio": "audio",
}
ORDER = tuple(dict.fromkeys(CAPABILITIES.values()))
# Continue looks for this word in the template to find models that fill in.
FILLS_IN = "{# .Suffix #}"
PARAMETERS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "repetition_penalty": "repeat_penalty",
    "repetition_context_size": "repeat_last_n",
    "seed": "seed",
    "max_tokens": "num_predict",
}
KEPT_BACK = ("general.name", "tokenizer.chat_template")
SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


class Described(msgspec.Struct, frozen=True):
    """A model, what its files say, its provider's settings, and what it says itself if it is loaded."""

    entry: ModelEntry
    facts: ModelFacts
    config: Any
    info: ModelInfo | None

    @property
    def architecture(self) -> str:
        own = self.info.details.get("architecture") if self.info is not None else None
        return self.facts.architecture or str(own or self.entry.provider)

    @property
    def context(self) -> int:
        """Tokens that a request may have: as the loaded model says, else as configured or trained; 0 if unknown."""
        if self.info is not None and self.info.context:
            return self.info.context
        trained = self.facts.number("context_length")
        configured = [getattr(self.config, name, None) for name in ("context", "n_ctx")]
        limits = [limit for limit in (*configured, trained) if isinstance(limit, int) and limit > 0]
        return min(limits, default=0)

    @property
    def template(self) -> str:
        return (self.info.template if self.info is not None else self.facts.template) or ""

    @property
    def capabilities(self) -> list[str]:
        """As the loaded model says; before that, what the files let expect."""
        found = set(self.info.capabilities if self.info is not None else _expected(self.facts))
        words = {CAPABILITIES[capability] for capability in found if capability in CAPABILITIES}
        return [word for word in ORDER if word in words]


class Shelf:
    """Every model of the server, described. `describe` blocks while files are read for the first time."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._reader = FactReader()
        self._started = time.time()

    def describe(self, entry: ModelEntry, info: ModelInfo | None) -> Described:
        return Described(entry, self._reader.facts(entry), self._config(entry), info)

    def info(self, model_id: str) -> ModelInfo | None:
        """What the loaded model says of itself. Event loop only."""
        resident = self._serving.residency.resident(model_id)
        return resident.info if resident is not None else None

    def modified_at(self, found: Described) -> str:
        """When the weights were written; the server's start for a model without files."""
        return moment(found.facts.modified or self._started)

    def _config(self, entry: ModelEntry) -> Any:
        """The entry's settings with the provider's defaults; None where the provider is missing."""
        try:
            provider = self._serving.plugins.load(PROVIDERS, entry.provider)
            return msgspec.convert(entry.config, provider.Config)
        except (HeylookError, msgspec.ValidationError):
            return None

    def listed(self, found: Described) -> Iterator[OllamaModel]:
        """The model under its id and, as after `ollama cp`, under each alias."""
        for name in (found.entry.id, *found.entry.aliases):
            tagged = listed_name(name)
            yield OllamaModel(
                name=tagged,
                model=tagged,
                modified_at=self.modified_at(found),
                size=found.facts.bytes,
                digest=found.facts.digest,
                details=details_of(found),
                capabilities=found.capabilities,
            )

    def card(self, found: Described, asked: str, agent: str) -> OllamaCard:
        """VS Code shows `general.basename`: for it, as in Ollama, the name that it asked for."""
        parameters = parameters_of(found)
        basename = asked if agent.startswith(COPILOT) else found.entry.id
        modelfile = [f"FROM {listed_name(found.entry.id)}", *(f"PARAMETER {line}" for line in parameters)]
        return OllamaCard(
            modelfile="\n".join(modelfile),
            parameters="\n".join(parameters),
            template=found.template + (FILLS_IN if "insert" in found.capabilities else ""),
            details=details_of(found),
            model_info=model_info(found, basename),
            capabilities=found.capabilities,
            modified_at=self.modified_at(found),
        )


def details_of(found: Described) -> OllamaDetails:
    facts = found.facts
    return OllamaDetails(
        parent_model="",
        format=facts.format or found.entry.provider,
        family=found.architecture,
        families=[found.architecture],
        parameter_size=_short(facts.parameters),
        quantization_level=facts.quantization or "unknown",
        context_length=found.context,
        embedding_length=facts.number("embedding_length"),
    )


def model_info(found: Described, basename: str) -> dict[str, Any]:
    """The keys of the file's header, with the context that requests really have."""
    facts, architecture = found.facts, found.architecture
    info = {key: value for key, value in facts.metadata.items() if key not in KEPT_BACK}
    info |= {"general.architecture": architecture, "general.basename": basename}
    if found.context:
        info[f"{architecture}.context_length"] = found.context
    return info


def parameters_of(found: Described) -> list[str]:
    """Lines of a Modelfile, one word and one value each; Continue parses them, quotes around texts included."""
    lines = [_parameter("num_ctx", found.context)] if found.context else []
    if isinstance(found.config, TokenConfig):
        for ours, theirs in PARAMETERS.items():
            value = getattr(found.config, ours)
            if value is not None:
                lines.append(_parameter(theirs, value))
        lines += [_parameter("stop", msgspec.json.encode(stop).decode()) for stop in found.config.stop]
    return lines


def _parameter(name: str, value: object) -> str:
    return f"{name:<30} {value}"


def running(state: ModelState, found: Described, now: float) -> OllamaRunningModel:
    """`now` is Unix time. A model that stays expires in 292 years, as in Ollama."""
    gauges = state.gauges
    weights = gauges.weights or (state.info.weights_bytes if state.info is not None else 0) or found.facts.bytes
    size = weights + gauges.live_kv + gauges.kept
    device = state.info.details.get("device", "cpu") if state.info is not None else "cpu"
    name = listed_name(found.entry.id)
    return OllamaRunningModel(
        name=name,
        model=name,
        size=size,
        digest=found.facts.digest,
        details=details_of(found),
        expires_at=moment(now + NEVER_SECONDS if state.expires_at is None else state.expires_at),
        size_vram=0 if device == "cpu" else size,
        context_length=found.context,
    )


def _expected(facts: ModelFacts) -> list[str]:
    """Capabilities of a model that is not loaded, by its template."""
    if facts.number("pooling_type"):
        return ["embed"]
    template = facts.template or ""
    found = ["completion"]
    if "tools" in template:
        found.append("tools")
    if "enable_thinking" in template or "<think>" in template or "reasoning" in template:
        found.append("reasoning")
    return found


def _short(count: int) -> str:
    """1_235_814_400 is 1.2B."""
    for size, unit in SIZES:
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count) if count else "unknown"
