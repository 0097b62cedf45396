"""The command as a user starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from heylook_core import __version__

pytestmark = pytest.mark.integration

MODELS = """
server: {port: 0}
logging: {file_level: DEBUG, dir: here}
plugins: {sinks: [jsonl]}
queue_config: {}
models: [{id: a, provider: toy, placement: thread}]
"""


def test_the_command_serves_until_ctrl_c(tmp_path):
    (tmp_path / "models.yaml").write_text(MODELS)
    command = [sys.executable, "-W", "error", "-c", "import sys; from heylook_core.cli import main; sys.exit(main())"]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "HEYLOOK_PLUGINS": "", "HOME": str(tmp_path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            lines = list(takewhile(lambda line: not line.startswith("Ctrl-C"), process.stdout))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert lines[0].startswith(f"heylook {__version__} is ready: http://127.0.0.1:"), err
    assert lines[1] == "Models: a\n"
    assert lines[3].strip().startswith("curl ")
    assert process.returncode == 0, err
    warning = "WARNING - models.yaml, line 5: queue_config: this has no effect"
    assert warning in err
    (log,) = (tmp_path / "here").glob("heylookllm_*.log")
    assert warning in log.read_text()
