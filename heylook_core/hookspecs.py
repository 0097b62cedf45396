"""Every hook. Sync, keyword-only, frozen Structs as arguments; never called per token.

A plugin implements any of them with `hookimpl`. Events are told through `Plugins.notify`, which
keeps a failing plugin from harming anybody else; questions collect answers in the same protected way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from heylook_core.analytics import Exchanged, RequestRecord
    from heylook_core.catalog.recognition import Recognised, Unservable
    from heylook_core.provider import ModelInfo
    from heylook_core.residency_events import ResidencyEvent
    from heylook_core.settings import ModelEntry

hookspec = pluggy.HookspecMarker("heylook")
hookimpl = pluggy.HookimplMarker("heylook")


class ServerHooks:
    """The server's own life."""

    @hookspec
    def add_commands(self, commands: click.Group) -> None:
        """Add subcommands to `heylookllm`. Called whenever the command line starts: import nothing heavy."""

    @hookspec
    def server_started(self, urls: tuple[str, ...]) -> None:
        """The server listens on these addresses."""

    @hookspec
    def server_stopping(self) -> None:
        """The server has stopped accepting requests and is about to unload its models."""

    @hookspec
    def diagnose(self) -> list[tuple[str, str, str]]:  # type: ignore[empty-body]
        """Rows for `heylookllm doctor`: (subject, ok|warning|error, a sentence with the remedy)."""

    @hookspec
    def unusable(self) -> str | None:
        """Why this plugin can do nothing on this machine, in a sentence; None if it can. Import nothing heavy."""


class ProviderHooks:
    """Models coming and going."""

    @hookspec
    def provide_models(self) -> list[ModelEntry]:  # type: ignore[empty-body]
        """Models that a plugin brings along; listed after those of models.yaml, whose ids win."""

    @hookspec
    def recognise_model(self, path: Path, companions: tuple[Path, ...]) -> Recognised | Unservable | ModelEntry | None:
        """What a file or folder is, by its header; None if it is not this plugin's kind. Import no backend.

        `companions` belong to the model by another program's records. A ModelEntry says no more than how to serve it.
        """

    @hookspec
    def model_loading(self, entry: ModelEntry) -> None:
        """A load begins."""

    @hookspec
    def model_loaded(self, entry: ModelEntry, info: ModelInfo, seconds: float) -> None:
        """A load has succeeded."""

    @hookspec
    def model_unloaded(self, model_id: str, reason: str) -> None:
        """A model has left memory: evicted, expired, requested, changed, removed, failed, hung or shutdown."""

    @hookspec
    def residency_event(self, event: ResidencyEvent) -> None:
        """A decision about a model in memory, with its reason: loading, loaded, failed, refused, evicted, …."""

    @hookspec
    def memory_limit(self) -> int | None:
        """Bytes that this plugin's backend can use on this machine, where that is less than all; None for all.

        Asked once, off the event loop, to find `memory_budget: auto`; may take a second. The smallest answer counts.
        """


class DialectHooks:
    """Requests as they arrive."""

    @hookspec
    def request_received(self, request_id: str, dialect: str, model: str) -> None:
        """A request for a model has been decoded and is about to be served."""

    @hookspec
    def add_pages(self) -> list[type[Any]]:  # type: ignore[empty-body]
        """Classes of dialects to serve whatever `--api` says: web pages, tools. See `heylook_core.pages.Pages`."""


class CacheHooks:
    """What prefix reuse did."""

    @hookspec
    def prompt_reused(self, model_id: str, tokens: int, of: int, why: str) -> None:
        """A prompt of `of` tokens found `tokens` of them in a kept prefix; `why` says why not more."""

    @hookspec
    def prefix_evicted(self, model_id: str, nbytes: int) -> None:
        """Kept prefixes of this size were dropped for want of room."""


class AnalyticsHooks:
    """Numbers about finished requests."""

    @hookspec
    def content_wanted(self) -> bool:  # type: ignore[empty-body]
        """Whether this plugin needs the texts of requests and answers. Asked once, when the server starts."""

    @hookspec
    def request_finished(self, record: RequestRecord, content: Exchanged | None) -> None:
        """A request is over: answered, failed or cancelled. Called once for each; `content` only if wanted."""


SPECS = (ServerHooks, ProviderHooks, DialectHooks, CacheHooks, AnalyticsHooks)
