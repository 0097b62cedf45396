from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from heylook_core.errors import ConfigError
from heylook_core.logs import logging_to
from heylook_core.settings import LoggingSettings

pytestmark = pytest.mark.unit

log = logging.getLogger("heylook_core.some_module")


def test_the_console_shows_its_level_and_above(capsys):
    with logging_to(LoggingSettings(level="WARNING")) as file:
        log.info("not shown")
        log.warning("shown")
    assert file is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - WARNING - shown\n", capsys.readouterr().err)


def test_file_and_console_have_levels_of_their_own(tmp_path, capsys):
    with logging_to(LoggingSettings(level="ERROR", file_level="DEBUG", dir=str(tmp_path / "new" / "logs"))) as file:
        log.debug("detail")
        log.error("trouble")
    assert file is not None
    assert file.parent == tmp_path / "new" / "logs"
    assert re.fullmatch(r"heylookllm_\d{8}_\d{6}\.log", file.name)
    lines = file.read_text().splitlines()
    assert [line.split(" - ", 1)[1] for line in lines] == [
        "heylook_core.some_module - DEBUG - detail",
        "heylook_core.some_module - ERROR - trouble",
    ]
    assert "detail" not in capsys.readouterr().err


def test_the_file_is_rotated_and_old_ones_are_dropped(tmp_path):
    with logging_to(LoggingSettings(level="ERROR", file_level="INFO", dir=str(tmp_path), rotate_mb=1, rotate_count=2)):
        for _ in range(9):
            log.info("x" * (1 << 19))
    files = sorted(path.name.partition(".log")[2] for path in tmp_path.iterdir())
    assert files == ["", ".1", ".2"]
    assert all(path.stat().st_size <= 1 << 20 for path in tmp_path.iterdir())


def test_what_other_libraries_tell_is_left_out(capsys):
    with logging_to(LoggingSettings(level="DEBUG")):
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("asyncio").debug("Using selector")
        logging.getLogger("falcon").warning("kept")
    assert capsys.readouterr().err.count("\n") == 1


def test_the_root_logger_is_as_before_afterwards(tmp_path):
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("uvicorn").level)
    with logging_to(LoggingSettings(level="DEBUG", file_level="INFO", dir=str(tmp_path))):
        assert root.level == logging.DEBUG
    assert (root.level, list(root.handlers), logging.getLogger("uvicorn").level) == before


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    settings = LoggingSettings(file_level="INFO", dir=str(tmp_path / "file" / "logs"))
    with pytest.raises(ConfigError, match="cannot be written: Not a directory; name another"), logging_to(settings):
        pass
    assert Path(settings.dir).exists() is False
