"""scripts/style.py finds what the house style bans."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("style", ROOT / "scripts/style.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("heylook_core/x.py", "print(1)"),
        ("plugins/mlx/heylook_mlx/x.py", "print(1)"),
        ("heylook_core/x.py", "class CacheManager: ..."),
        ("heylook_core/x.py", "def load_utils(): ..."),
        ("heylook_core/x.py", "class SmartCache: ..."),
        ("heylook_core/helpers.py", ""),
        ("docs/x.md", "A blazing fast server."),  # style: ok, the test's input
        ("docs/x.md", "Robust by design."),  # style: ok, the test's input
        ("docs/x.md", "It works \N{ROCKET}"),
        ("docs/x.md", "cd " + "/root" + "/heylook"),
        ("docs/x.md", "cd " + "/home" + "/bob/heylook"),
        ("setup.sh", "pip install --index-" + "url http://index.local/simple x"),
    ],
)
def test_a_line_against_the_house_style_is_found(style: ModuleType, tmp_path: Path, name: str, line: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    assert len(list(style.findings(path))) == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("heylook_core/cli/x.py", "print(1)"),
        ("scripts/x.py", "print(1)"),
        ("apps/x.tsx", "<option>one</option>"),
        ("heylook_core/x.py", "manager = pluggy.PluginManager('heylook')"),
        ("heylook_core/x.py", "value = 'robust'  # style: ok, quoted from upstream"),
        ("docs/x.md", "The cursor is advanced by one; see /home/you/models and ~/work/x."),
    ],
)
def test_a_line_within_the_house_style_is_left_alone(style: ModuleType, tmp_path: Path, name: str, line: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    assert list(style.findings(path)) == []
