"""How soon the command line and the server are there, and what an idle server weighs.

python -m benchmarks.start
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.servers import environment, free_port, started
from benchmarks.tables import ratios, spread, table

ROUNDS = 9


def wall(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    return time.perf_counter() - began


def main() -> None:
    script = str(Path(sys.executable).parent / "heylookllm")
    helps, imports, healths, sizes = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "models.yaml"
        config.write_text("models: []\n")
        wall([script, "--help"])
        for _ in range(ROUNDS):
            helps.append(wall([script, "--help"]))
            imports.append(wall([sys.executable, "-c", "import pluggy, stevedore"]))
            port = free_port()
            began = time.perf_counter()
            command = [script, "serve", "--config", str(config), "--port", str(port), "--api", "openai"]
            with started(command, port, ready="/health") as server:
                healths.append(time.perf_counter() - began)
                sizes.append(server.resident_bytes() / 1e6)
    rows = [
        ["`heylookllm --help` / `import pluggy, stevedore`", spread(ratios(helps, imports)), "<= 1.5"],
        ["start to first `/health` 200, s", spread(healths), "<= 1"],
        ["idle resident memory, MB", spread(sizes, 1), "<= 90"],
    ]
    print(table(["measure", "median [range]", "target"], rows))


if __name__ == "__main__":
    main()
