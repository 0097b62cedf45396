"""What can be configured, as strict Structs: an unknown key is an error. `config.py` reads them from files."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
NotNegative: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Duration: TypeAlias = float | str


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the server listens and whom it lets in.

    `port` None takes those of the selected dialects (OpenAI 8080, Ollama 11434). `api` is a dialect's name, or
    `all` (`both` is accepted for it). `allowed_hosts` guards against DNS rebinding: empty means the loopback
    names when bound to loopback, any name otherwise. Origins may end in `:*` for any port. Durations are
    seconds: `keepalive` between comments on a silent stream, `early_headers` until a stream's 200 is sent
    although the model is not ready, `drain_timeout` for running requests at SIGTERM, `load_timeout` for finding room
    for a model and again for its load, `load_backoff` after a failed load until it is tried again, `swap_patience`
    until a busy model takes no new requests for the sake of one that waits for room, `hang_timeout` without a sign of
    life from a busy worker until it counts as hung.
    """

    host: str = "127.0.0.1"
    port: Port | None = None
    api: str = "all"
    api_keys: tuple[str, ...] = ()
    admin_tokens: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ("http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")
    max_body_bytes: Positive = 100 << 20
    max_queue: Positive = 64
    keepalive: Seconds = 10.0
    early_headers: Seconds = 10.0
    write_timeout: Seconds = 60.0
    drain_timeout: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    load_timeout: Seconds = 600.0
    load_backoff: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    swap_patience: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    hang_timeout: Seconds = 120.0


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Console and file logs have levels of their own; without `file_level` there is no file.

    `format` json writes an object a line to both.
    """

    format: Literal["text", "json"] = "text"
    level: LogLevel = "INFO"
    file_level: LogLevel | None = None
    dir: str = "logs"
    rotate_mb: Positive = 100
    rotate_count: NotNegative = 10


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sink by its entry-point name, and a part that belongs to the sink itself."""

    name: str
    config: dict[str, Any] = {}


class PluginSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`disabled` names plugins (`gguf`) or group and name (`heylook.sinks:duckdb`) that are not to be used."""

    disabled: tuple[str, ...] = ()
    sinks: tuple[str | SinkSettings, ...] = ()


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What images requests may bring.

    `fetch` is which web addresses are read: none (`deny`), those on the public internet (`public`), or any (`allow`),
    within `fetch_timeout` seconds. `max_bytes` and `max_pixels` bound one image, `max_count` and `max_total_pixels`
    those of a request. `cache_bytes` are for decoded images that come again, as in the next turn of a conversation;
    `held_bytes` bound those of all requests that run or wait, beyond which a request is told to come again.
    """

    fetch: Literal["deny", "public", "allow"] = "public"
    fetch_timeout: Seconds = 4.0
    max_bytes: Positive = 20 << 20
    max_pixels: Positive = 50_000_000
    max_count: Positive = 32
    max_total_pixels: Positive = 100_000_000
    cache_bytes: NotNegative = 128 << 20
    held_bytes: Positive = 1 << 30


class AudioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What audio may be sent. `max_seconds` bounds a file, besides what its model allows; uploads go to the disk first.

    Of live sessions there are at most `max_sessions` at a time, each of up to `session_seconds` of audio; one to which
    no audio comes for `idle_seconds` is ended.
    """

    max_upload_bytes: Positive = 512 << 20
    max_seconds: Seconds = 4 * 3600.0
    max_sessions: Positive = 16
    session_seconds: Seconds = 4 * 3600.0
    idle_seconds: Seconds = 30.0


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of models.yaml. `config` belongs to the provider and is checked against its own Struct.

    `placement` says where it runs: a thread of the server or a child process (None: the provider's default). `pin`
    keeps it in memory once it is loaded; `keep_alive` is like that of `Settings`, for this model.
    """

    id: str
    provider: str
    config: dict[str, Any] = {}
    description: str | None = None
    tags: tuple[str, ...] = ()
    enabled: bool = True
    aliases: tuple[str, ...] = ()
    placement: Literal["thread", "process"] | None = None
    pin: bool = False
    keep_alive: Duration | None = None


class ScanSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where models are served from as they lie there: a `folder`, or what another `program` keeps.

    `profile` is an import profile for them. Raises ValueError for both places, or none.
    """

    folder: str | None = None
    program: Literal["hf-cache", "lm-studio", "ollama"] | None = None
    profile: Literal["fast", "balanced", "quality", "memory", "interactive"] | None = None

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.program is None):
            raise ValueError("name either a `folder` or a `program`")


class TierSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prefix tier behind the memory cache: its entry-point name, and a part that belongs to the tier itself."""

    name: str
    config: dict[str, Any] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of models.yaml. `prefix_cache_bytes` is what each loaded model may keep in memory for prefix reuse;
    `prefix_tier` keeps more of it elsewhere, on disk for one, where it survives swaps and restarts.

    `memory_budget` is what all loaded models may take together, in bytes or as a text such as "12GB"; "auto" is a
    share of the machine's memory.

    `keep_alive` is how long an idle model stays unless a request says otherwise, in seconds or as a text such as "5m";
    None or below 0 keeps it. `dialects` holds the settings of API dialects by name, each checked by the dialect itself.
    `models_dir` is the folder of pulled models; `config.models_folder` resolves it.
    """

    default_model: str | None = None
    max_loaded_models: Positive = 2
    memory_budget: int | str = "auto"
    keep_alive: Duration | None = None
    prefix_cache_bytes: NotNegative = 512 << 20
    prefix_tier: TierSettings | None = None
    server: ServerSettings = ServerSettings()
    logging: LoggingSettings = LoggingSettings()
    plugins: PluginSettings = PluginSettings()
    images: ImageSettings = ImageSettings()
    audio: AudioSettings = AudioSettings()
    dialects: dict[str, dict[str, Any]] = {}
    models_dir: str = "~/.cache/heylook/models"
    scan: tuple[ScanSettings, ...] = ()
    models: tuple[ModelEntry, ...] = ()
