"""The house style that no tool checks: prints, emoji, marketing words, vague names, addresses of one machine.

A line that ends in a comment `style: ok` (with a reason) is left alone. This file holds the word lists and is exempt.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = {"", ".cfg", ".css", ".html", ".js", ".md", ".py", ".sh", ".toml", ".ts", ".tsx", ".txt", ".yaml", ".yml"}
LOCK_FILES = {"package-lock.json", "pnpm-lock.yaml", "uv.lock", "yarn.lock"}
EXEMPT = {"scripts/style.py", "LICENSE"}

WORDS = re.compile(
    r"\b(enhanced|ultimate|advanced(?= (caching|feature|mode|option|server|setting|support|usage)\w*)"
    r"|blazing(ly)?|seamless(ly)?|state[- ]of[- ]the[- ]art|cutting[- ]edge"
    r"|robust(ly|ness)?|resilien(t|tly|ce)|supercharged?|turbocharged?|world[- ]class|next[- ]gen(eration)?"
    r"|effortless(ly)?|game[- ]chang(er|ing)|powerful)\b",
    re.IGNORECASE,
)
NAME_PARTS = {
    "enhanced", "helper", "helpers", "manager", "managers", "optimised", "optimized",
    "resilient", "robust", "ultimate", "util", "utils",
}  # fmt: skip
CLASS_NAME_PARTS = NAME_PARTS | {"advanced", "smart"}
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f]")
MACHINE_PATH = re.compile(
    r"(?<![\w.~$}<>/-])/(root|work|workspace|mnt|opt(?!/homebrew)|(home|Users)/(?!(you|me|user|name|ada|runner)\b))/?[\w.]"
)
PACKAGE_HOST = re.compile(
    r"https?://[^\s/\"']*(pypi|pythonhosted|npmjs|conda|artifactory|nexus)|\b(index-url|find-links)\b[\s=:\"']+\S*/",
    re.IGNORECASE,
)
CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def files() -> list[Path]:
    """What git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and name not in EXEMPT and (ROOT / name).is_file()]


def text_findings(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if emoji := EMOJI.search(line):
            yield number, f"emoji U+{ord(emoji[0]):04X}; write the word, or an escape in a test"
        if word := WORDS.search(line):
            yield number, f"'{word[0]}' says nothing; say what it does"
        if path := MACHINE_PATH.search(line):
            yield number, f"'{path[0]}...' is a path of one machine"
        if PACKAGE_HOST.search(line):
            yield number, "the address of a package index belongs to the machine, not to the repository"


def name_findings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Classes and functions only: a variable may hold pluggy's PluginManager."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            banned = CLASS_NAME_PARTS if isinstance(node, ast.ClassDef) else NAME_PARTS
            if vague := banned & {part.lower() for part in CAMEL.findall(node.name)}:
                yield node.lineno, f"the name {node.name} says '{vague.pop()}'; name it after what it is"


def print_findings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "print() outside the command line's output; use logging"


def may_print(name: str) -> bool:
    """Only the packages are held to it: scripts, benchmarks, tools and tests talk to a person."""
    package = re.match(r"(heylook_\w+|plugins/\w+/heylook_\w+)/", name)
    return package is None or name.startswith("heylook_core/cli/")


def findings(path: Path) -> Iterator[tuple[int, str]]:
    name = path.relative_to(ROOT).as_posix()
    if path.name in LOCK_FILES and PACKAGE_HOST.search(path.read_text()):
        yield 1, "a lock file with the addresses of a package index"
    if path.suffix not in TEXT or path.name in LOCK_FILES:
        return
    if vague := NAME_PARTS & set(re.split(r"[_./-]", name.lower())):
        yield 1, f"the path says '{vague.pop()}'; name it after what it is"
    text = path.read_text(encoding="utf-8")
    found = list(text_findings(text))
    if path.suffix == ".py":
        tree = ast.parse(text, filename=name)
        found += name_findings(tree)
        found += [] if may_print(name) else print_findings(tree)
    lines = text.splitlines()
    for number, message in sorted(found):
        if "style: ok" not in lines[number - 1]:
            yield number, message


def main() -> int:
    found = [(path, number, message) for path in files() for number, message in findings(path)]
    for path, number, message in found:
        print(f"{path.relative_to(ROOT)}:{number}: {message}")
    print(f"scripts/style.py: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
