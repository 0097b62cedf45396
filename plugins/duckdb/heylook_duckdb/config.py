"""What can be configured. Light: nothing of DuckDB is imported for it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["none", "basic", "requests", "full"]
Format: TypeAlias = Literal["csv", "json", "parquet"]
AtLeastOne: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Megabytes: TypeAlias = Annotated[int, msgspec.Meta(ge=5)]


class DuckDbConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`storage_level` none stores nothing; basic who asked what model when, how long it took and how many tokens;
    requests everything but texts; full texts too, without images.

    `anonymize_content` stores lengths and hashes in place of texts. Records older than `retention_days` are deleted,
    and the oldest ones where the file is larger than `max_db_size_mb`. `analytics export` writes `export_formats`.
    """

    storage_level: Level = "requests"
    db_path: str = "logs/analytics.db"
    retention_days: AtLeastOne = 30
    max_db_size_mb: Megabytes = 1000
    anonymize_content: bool = False
    export_formats: tuple[Format, ...] = ("csv", "json")
