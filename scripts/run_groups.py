"""Runs pytest once per test group, prints the minutes of each, and ends with one summary line like pytest's."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5
OUTCOME = re.compile(r"(\d+) (passed|failed|skipped|deselected|xfailed|xpassed|warnings?|errors?)\b")
SUMMARY = re.compile(r"^=*\s*(?:no tests ran|\d+ \w+(?:, \d+ \w+)*) in [\d.]+s")


@dataclass(frozen=True)
class Result:
    name: str
    code: int
    outcomes: Counter[str]
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code in (0, NOTHING_COLLECTED)


def groups() -> dict[str, list[str]]:
    """Name to paths: the loose files of tests/, each folder of tests/ and each plugin's tests; packaging is last."""
    found = {}
    if loose := sorted(ROOT.glob("tests/test_*.py")):
        found["tests"] = [str(path.relative_to(ROOT)) for path in loose]
    for folder in sorted([*ROOT.glob("tests/*/"), *ROOT.glob("plugins/*/tests/")]):
        if any(folder.rglob("test_*.py")):
            name = folder.parent.name if folder.name == "tests" else folder.name
            found[name] = [str(folder.relative_to(ROOT))]
    return dict(sorted(found.items(), key=lambda item: item[0] == "packaging"))


def run(name: str, paths: list[str]) -> Result:
    print(f"\n##### {name}: pytest {' '.join(paths)}", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "--color=no", "--durations=5", "--durations-min=5", *paths]
    summary = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if SUMMARY.match(line):
                summary = line
    return Result(name, process.returncode, count_outcomes(summary, process.returncode), time.monotonic() - started)


def count_outcomes(summary: str, code: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for number, outcome in OUTCOME.findall(summary):
        outcomes[outcome.rstrip("s") if outcome.startswith(("error", "warning")) else outcome] += int(number)
    if code not in (0, NOTHING_COLLECTED) and not outcomes["failed"] and not outcomes["error"]:
        outcomes["error"] += 1
    return outcomes


def report(results: list[Result]) -> None:
    print("\n##### minutes per test group")
    for result in results:
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in result.outcomes.items()) or "no tests"
        print(f"{result.seconds / 60:6.2f}  {'ok    ' if result.ok else 'FAILED'}  {result.name}: {outcomes}")
    total = sum((result.outcomes for result in results), Counter[str]())
    counted = ["failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error"]
    parts = [f"{total[outcome]} {outcome}" for outcome in counted if total[outcome] or outcome == "passed"]
    print(f"{', '.join(parts)} in {sum(result.seconds for result in results):.2f}s")


def main() -> int:
    found = groups()
    if not found:
        print("scripts/test: there are no tests in tests/ or plugins/*/tests/", file=sys.stderr)
        return 1
    results = [run(name, paths) for name, paths in found.items()]
    report(results)
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
