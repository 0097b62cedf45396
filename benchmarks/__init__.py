"""What the README claims, as commands: `python -m benchmarks.http`, `.mlx`, `.gguf`, `.start`.

Every comparison runs in interleaved rounds on one machine; tables give medians, ratios of the same round, and ranges.
"""
