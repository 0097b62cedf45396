"""The command line `heylookllm`."""

from heylook_core.cli.root import main

__all__ = ["main"]
