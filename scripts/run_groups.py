"""Runs pytest once per test group, two groups at a time, and ends with the minutes of each and a line like pytest's.

What a group prints comes when it is over. Most of what tests take is waiting: for servers that start, for pip, for one
another. LONGEST are begun first, so that none is left over at the end.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 2
LONGEST = ("e2e", "packaging", "playground")
NOTHING_COLLECTED = 5
OUTCOME = re.compile(r"(\d+) (passed|failed|skipped|deselected|xfailed|xpassed|warnings?|errors?)\b")
SUMMARY = re.compile(r"^=*\s*(?:no tests ran|\d+ \w+(?:, \d+ \w+)*) in [\d.]+s")


@dataclass(frozen=True)
class Result:
    name: str
    code: int
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code in (0, NOTHING_COLLECTED)

    @property
    def outcomes(self) -> Counter[str]:
        summaries = [line for line in self.output.splitlines() if SUMMARY.match(line)]
        return count_outcomes(summaries[-1] if summaries else "", self.code)


def groups() -> dict[str, list[str]]:
    """Name to paths: the loose files of tests/, each folder of tests/ and each plugin's tests."""
    found = {}
    if loose := sorted(ROOT.glob("tests/test_*.py")):
        found["tests"] = [str(path.relative_to(ROOT)) for path in loose]
    for folder in sorted([*ROOT.glob("tests/*/"), *ROOT.glob("plugins/*/tests/")]):
        if any(folder.rglob("test_*.py")):
            name = folder.parent.name if folder.name == "tests" else folder.name
            found[name] = [str(folder.relative_to(ROOT))]
    return dict(sorted(found.items(), key=lambda item: item[0] not in LONGEST))


def run(name: str, paths: list[str]) -> Result:
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "--color=no", "--durations=5", "--durations-min=5", *paths]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    return Result(name, done.returncode, done.stdout, time.monotonic() - started)


def run_all(found: dict[str, list[str]]) -> list[Result]:
    """The results in the order of the groups; each group's output is printed when it has ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(run, name, paths) for name, paths in found.items()}
        for future in as_completed(running.values()):
            result = future.result()
            print(f"\n##### {result.name}: pytest {' '.join(found[result.name])}\n{result.output}", flush=True)
        return [future.result() for future in running.values()]


def count_outcomes(summary: str, code: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for number, outcome in OUTCOME.findall(summary):
        outcomes[outcome.rstrip("s") if outcome.startswith(("error", "warning")) else outcome] += int(number)
    if code not in (0, NOTHING_COLLECTED) and not outcomes["failed"] and not outcomes["error"]:
        outcomes["error"] += 1
    return outcomes


def report(results: list[Result], seconds: float) -> None:
    print("\n##### minutes per test group")
    for result in results:
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in result.outcomes.items()) or "no tests"
        print(f"{result.seconds / 60:6.2f}  {'ok    ' if result.ok else 'FAILED'}  {result.name}: {outcomes}")
    total = sum((result.outcomes for result in results), Counter[str]())
    counted = ["failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error"]
    parts = [f"{total[outcome]} {outcome}" for outcome in counted if total[outcome] or outcome == "passed"]
    print(f"{', '.join(parts)} in {seconds:.2f}s")


def main() -> int:
    found = groups()
    if not found:
        print("scripts/test: there are no tests in tests/ or plugins/*/tests/", file=sys.stderr)
        return 1
    started = time.monotonic()
    results = run_all(found)
    report(results, time.monotonic() - started)
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
