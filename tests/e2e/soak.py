"""Long forms of the tests with random numbers. `scripts/soak gguf | prefix | swap`.

gguf     random clients of a server with the GGUF demo model, for minutes
prefix   random conversations, every answer compared with that of a model without prefix reuse
swap     eight clients of two models of which only one may be loaded, for as many loads as wanted
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conversations import KINDS, Script, serving
from swapping import Swaps, children, installed, swapping
from swapping import settings as swap_settings
from test_prefix_scripts import STEPS, entry
from traffic import Tally, Traffic, settings

from heylook_core.testkit.server import server_process

ROOM = 48 << 20


def gguf(arguments: argparse.Namespace) -> bool:
    deadline = time.monotonic() + arguments.minutes * 60
    with server_process(settings()) as server:
        traffic = Traffic(server.url, server.process.pid, arguments.seed)
        tally = asyncio.run(traffic.run(lambda _: time.monotonic() < deadline))
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.kinds.items()))
    say(f"{tally.requests} requests ({kinds}), {tally.compared} answers compared, none wrong, no slot left behind")
    return flat(tally)


def prefix(arguments: argparse.Namespace) -> bool:
    for provider in ("mlx", "gguf"):
        if find_spec(f"heylook_{provider}") is None:
            say(f"{provider}: not installed")
            continue
        total = asyncio.run(_scripts(provider, range(arguments.seed, arguments.seed + arguments.scripts)))
        compared = f"{arguments.scripts} scripts, {total['asked']} answers compared, {total['cached']} tokens reused"
        say(f"{provider}: {compared}, no difference; {_told(total)}")
    return True


async def _scripts(provider: str, seeds: range) -> Counter[str]:
    """What was done how often, with `asked`, `cached` and `forgot` of `Script`."""
    total = Counter[str]()
    async with serving(entry(provider)) as warm, serving(entry(provider), prefix_cache_bytes=0) as cold:
        for seed in seeds:
            script = Script(seed, "m")
            await script.run(warm, cold, STEPS[provider])
            total += script.kinds + Counter(asked=script.asked, cached=script.cached, forgot=script.forgot)
    return total


def _told(total: Counter[str]) -> str:
    done = ", ".join(f"{count} {kind}" for kind, count in sorted(total.items()) if kind in KINDS)
    return f"{done}; {total['forgot']} names not recalled, without reuse neither"


def swap(arguments: argparse.Namespace) -> bool:
    """Both engines against each other and each against itself, where they are installed; or the pair that is named."""
    names = installed()
    pairs = ([tuple(names)] if len(names) > 1 else []) + [(name, name) for name in names]
    if arguments.pair:
        pairs = [tuple(arguments.pair)]
    flat = [_swaps(pair, arguments) for pair in pairs]
    return all(flat)


def _swaps(pair: tuple[str, ...], arguments: argparse.Namespace) -> bool:
    models = swap_settings(*pair)
    deadline = time.monotonic() + arguments.minutes * 60

    def more(swaps: Swaps) -> bool:
        return swaps.loads < arguments.swaps and time.monotonic() < deadline

    with server_process(models) as server:
        names = [entry.id for entry in models.models]
        swaps = asyncio.run(swapping(server, names, more, arguments.seed))
        left = children(server.process.pid)
    say(f"{' and '.join(names)}: {swaps.loads} loads, {swaps.answers} answers, none wrong")
    for model, samples in swaps.memory.items():
        first, most, last = (value / 2**20 for value in (samples[0], max(samples), samples[-1]))
        say(f"  with {model}: {first:.0f} MiB first, {most:.0f} most, {last:.0f} last")
        say(f"  from the first third to the last {100 * (swaps.growth(model) - 1):+.1f} %")
    if not swaps.flat:
        say("  FAILED: memory grew by more than 5 %")
    if left > 2:
        say(f"  FAILED: {left} processes are there, where one works and one waits for the next model")
    return swaps.flat and left <= 2


def flat(tally: Tally) -> bool:
    """Whether memory stayed within bounds, said in a line."""
    samples = tally.memory
    first, most, last = (value / 2**20 for value in (samples[0], max(samples), samples[-1]))
    say(f"resident memory: {first:.0f} MiB first, {most:.0f} most, {last:.0f} last")
    if tally.growth > ROOM:
        say(f"FAILED: memory grew by {tally.growth / 2**20:.0f} MiB from the first third of the run to the last")
    return tally.growth <= ROOM


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(required=True, metavar="gguf | prefix | swap")
    known: dict[Callable[[argparse.Namespace], bool], tuple[str, type[float] | type[int], float]] = {
        gguf: ("--minutes", float, 10),
        prefix: ("--scripts", int, 300),
        swap: ("--swaps", int, 500),
    }
    for function, (option, kind, default) in known.items():
        command = commands.add_parser(function.__name__)
        command.add_argument(option, type=kind, default=default)
        command.set_defaults(run=function)
        if function is swap:
            command.add_argument("--minutes", type=float, default=float("inf"), help="end after these, swaps or not")
            command.add_argument("--pair", nargs=2, choices=installed(), help="only these two, such as: mlx gguf")
    arguments = parser.parse_args()
    return 0 if arguments.run(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
