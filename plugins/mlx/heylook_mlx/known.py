"""The types of models that the installed mlx-lm and mlx-vlm implement, by their files: neither is imported."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path


@cache
def text_types() -> frozenset[str]:
    """`model_type`s that mlx-lm loads; none where it is not installed."""
    return _types("mlx_lm")


@cache
def vision_types() -> frozenset[str]:
    """`model_type`s that mlx-vlm loads; none where it is not installed."""
    return _types("mlx_vlm")


def _types(package: str) -> frozenset[str]:
    spec = importlib.util.find_spec(package)
    places = [Path(place) for place in (spec.submodule_search_locations if spec is not None else None) or ()]
    modules = {path.stem for place in places for path in (place / "models").glob("[!_]*")}
    others = {kind for place in places for kind, module in _remapped(place / "utils.py").items() if module in modules}
    return frozenset(modules | others)


def _remapped(source: Path) -> dict[str, str]:
    """The table MODEL_REMAPPING: types that another one's implementation serves."""
    try:
        body = ast.parse(source.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return {}
    for statement in body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "MODEL_REMAPPING":
            found = ast.literal_eval(statement.value)
            return found if isinstance(found, dict) else {}
    return {}
