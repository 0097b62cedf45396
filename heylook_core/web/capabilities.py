"""`GET /v1/capabilities`: what this server can do now, derived from what is installed, loaded and enforced."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

import msgspec

from heylook_core import __version__
from heylook_core.dialect import Call, Operation, Reply, operation
from heylook_core.pages import Pages
from heylook_core.plugins import DIALECTS, PREFIX_TIERS, PROVIDERS, SINKS
from heylook_core.residency import ModelState

# The keys are those of heylookitsanllm, whose clients read them; the values are this server's own.
MODES = ("conversation", "sequential", "sequential_with_context", "parallel", "parallel_with_context")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MULTIPART = "/v1/chat/completions/multipart"
CHAT = "/v1/chat/completions"


class JsonLibrary(msgspec.Struct, frozen=True):
    """`orjson_available` is false because msgspec does its work, on every installation."""

    library: str = "msgspec"
    orjson_available: bool = False
    speedup: float | None = None


class ImageLibrary(msgspec.Struct, frozen=True):
    """Pillow reads images; the libraries that the predecessor looked for are not used."""

    library: str | None
    xxhash_available: bool = False
    turbojpeg_available: bool = False
    cachetools_available: bool = False
    hash_speedup: float | None = None
    jpeg_speedup: float | None = None


class Optimizations(msgspec.Struct, frozen=True):
    json: JsonLibrary
    image: ImageLibrary


class Metal(msgspec.Struct, frozen=True):
    """Whether models can run on Apple's GPU here."""

    available: bool


class Endpoint(msgspec.Struct, frozen=True):
    """One way to ask. `available` needs the route, and for images a library that reads them."""

    available: bool
    endpoint: str
    description: str


class BatchEndpoint(msgspec.Struct, frozen=True):
    available: bool
    endpoint: str
    processing_modes: tuple[str, ...]
    description: str


class Endpoints(msgspec.Struct, frozen=True):
    fast_vision: Endpoint
    standard_vision: Endpoint
    batch_processing: BatchEndpoint


class ModelCaching(msgspec.Struct, frozen=True):
    enabled: bool
    cache_size: int
    eviction_policy: str


class Features(msgspec.Struct, frozen=True):
    """`vision_models` are those in memory that take images; `max_image_size` is in bytes."""

    streaming: bool
    model_caching: ModelCaching
    vision_models: list[str]
    concurrent_requests: bool
    max_image_size: int
    max_image_pixels: int
    supported_image_formats: tuple[str, ...]


class BatchSize(msgspec.Struct, frozen=True):
    """Requests at a time: what the models in memory run together, and what they take on with their queues."""

    optimal: int | None
    max: int | None


class ImageFormat(msgspec.Struct, frozen=True):
    format: str = "JPEG"
    quality: int = 85


class Recommendations(msgspec.Struct, frozen=True):
    vision_models: list[str]
    batch_size: BatchSize
    image_format: ImageFormat
    request_pattern: str


class Limits(msgspec.Struct, frozen=True):
    """Each is enforced. `max_tokens` is the longest context of a model in memory; null where there is no limit."""

    max_tokens: int | None
    max_images_per_request: int
    max_request_size_mb: float
    timeout_seconds: float | None
    load_timeout_seconds: float
    max_waiting_requests: int


class ResidentModel(msgspec.Struct, frozen=True):
    """A model in memory and what it can do."""

    id: str
    capabilities: tuple[str, ...]
    context: int
    rows: int


class Installed(msgspec.Struct, frozen=True):
    """Plugins by name that are installed and not disabled."""

    providers: list[str]
    dialects: list[str]
    sinks: list[str]
    prefix_tiers: list[str]


class Capabilities(msgspec.Struct, frozen=True):
    server_version: str
    optimizations: Optimizations
    metal: Metal
    endpoints: Endpoints
    features: Features
    recommendations: Recommendations
    limits: Limits
    models: list[ResidentModel]
    plugins: Installed


class CapabilityPages(Pages):
    """What this server can do now."""

    name = "capabilities"
    title = "Capabilities"
    prefixes = ("/v1/capabilities",)

    @operation("GET", "/v1/capabilities", summary="What this server can do now", response=Capabilities)
    async def capabilities(self, call: Call) -> Reply:
        ready = [state for state in self.serving.residency.states() if state.state == "ready"]
        vision = [state.id for state in ready if state.info is not None and "vision" in state.info.capabilities]
        body = Capabilities(
            server_version=__version__,
            optimizations=Optimizations(JsonLibrary(), ImageLibrary("Pillow" if _reads_images() else None)),
            metal=Metal(sys.platform == "darwin" and platform.machine() == "arm64"),
            endpoints=self._endpoints(),
            features=self._features(vision),
            recommendations=self._recommendations(ready, vision),
            limits=self._limits(ready),
            models=[_resident(state) for state in ready],
            plugins=self._installed(),
        )
        return Reply(body=body)

    def _endpoints(self) -> Endpoints:
        paths = {operation.path for operation in self._served()}
        images = _reads_images()
        return Endpoints(
            Endpoint(MULTIPART in paths and images, MULTIPART, "Images as files of a form, without base64."),
            Endpoint(CHAT in paths and images, CHAT, "Images in the JSON of a conversation, as data or web URLs."),
            BatchEndpoint(CHAT in paths, CHAT, MODES, "Several conversations in one request, by `processing_mode`."),
        )

    def _served(self) -> list[Operation]:
        """What the dialects of this server answer."""
        plugins, api = self.serving.plugins, self.serving.settings.server.api
        names = plugins.names(DIALECTS) if api in ("all", "both") else [api]
        rows = {row.name: row.state for row in plugins.rows() if row.group == DIALECTS}
        loaded = [plugins.load(DIALECTS, name) for name in names if rows.get(name) == "loaded"]
        return [operation for dialect in loaded for _, operation in dialect.handlers()]

    def _features(self, vision: list[str]) -> Features:
        settings = self.serving.settings
        return Features(
            streaming=True,
            model_caching=ModelCaching(True, settings.max_loaded_models, "LRU"),
            vision_models=vision,
            concurrent_requests=True,
            max_image_size=settings.images.max_bytes,
            max_image_pixels=settings.images.max_pixels,
            supported_image_formats=FORMATS if _reads_images() else (),
        )

    def _recommendations(self, ready: list[ModelState], vision: list[str]) -> Recommendations:
        rows = max((state.info.rows for state in ready if state.info is not None), default=None)
        most = None if rows is None else rows + self.serving.settings.server.max_queue
        pattern = "Send requests side by side: each model runs them together."
        return Recommendations(vision, BatchSize(rows, most), ImageFormat(), pattern)

    def _limits(self, ready: list[ModelState]) -> Limits:
        server = self.serving.settings.server
        return Limits(
            max_tokens=max((state.info.context for state in ready if state.info is not None), default=None),
            max_images_per_request=self.serving.settings.images.max_count,
            max_request_size_mb=server.max_body_bytes / (1 << 20),
            timeout_seconds=None,
            load_timeout_seconds=server.load_timeout,
            max_waiting_requests=server.max_queue,
        )

    def _installed(self) -> Installed:
        names = self.serving.plugins.names
        return Installed(names(PROVIDERS), names(DIALECTS), names(SINKS), names(PREFIX_TIERS))


def _resident(state: ModelState) -> ResidentModel:
    info = state.info
    if info is None:
        return ResidentModel(state.id, (), 0, 0)
    return ResidentModel(state.id, tuple(info.capabilities), info.context, info.rows)


def _reads_images() -> bool:
    return find_spec("PIL") is not None
