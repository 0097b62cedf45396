"""The sink `duckdb`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from heylook_core.analytics import Exchanged, RequestRecord, Sink
from heylook_core.errors import PluginError
from heylook_core.hookspecs import hookimpl
from heylook_duckdb.config import DuckDbConfig
from heylook_duckdb.database import check
from heylook_duckdb.keeping import Keeping
from heylook_duckdb.schema import request_row, switch_row
from heylook_duckdb.texts import Hashed, Plain
from heylook_duckdb.writer import Writer

if TYPE_CHECKING:
    from heylook_core.residency_events import ResidencyEvent

log = logging.getLogger(__name__)


class DuckDbSink(Sink):
    """Queues rows for its writer's thread; a request never waits for the disk."""

    Config = DuckDbConfig

    def __init__(self, config: DuckDbConfig) -> None:
        self._config = config
        self.path = Path(config.db_path).expanduser()
        self.wants_content = config.storage_level == "full"
        self._basic = config.storage_level == "basic"
        self._texts = Hashed() if config.anonymize_content else Plain()
        self._writer: Writer | None = None
        if config.storage_level != "none":
            self._writer = self._start()

    def _start(self) -> Writer:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PluginError(f"The folder of {self.path} cannot be made: {error.strerror}.") from error
        check(self.path)
        log.info("Requests are recorded in %s (storage_level: %s).", self.path, self._config.storage_level)
        return Writer(self.path, Keeping(self.path, self._config.retention_days, self._config.max_db_size_mb))

    def record(self, record: RequestRecord) -> None:
        if self._writer is not None:
            self._writer.put("request_logs", request_row(record, self._basic))

    def record_content(self, record: RequestRecord, content: Exchanged) -> None:
        if self._writer is not None:
            row = request_row(record, self._basic) | self._texts.columns(content)
            self._writer.put("request_logs", row)

    @hookimpl
    def residency_event(self, event: ResidencyEvent) -> None:
        if self._writer is not None:
            self._writer.put("model_switches", switch_row(event))

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
