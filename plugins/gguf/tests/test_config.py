"""Settings: each key is honoured, warned about or refused; and the provider's module stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heylook_core.provider import TokenConfig
from heylook_gguf.config import GgufConfig
from heylook_gguf.cores import ComputeTurn, physical_cores

pytestmark = pytest.mark.unit


def settings(**fields: Any) -> GgufConfig:
    return msgspec.convert({"model_path": "m.gguf", **fields}, GgufConfig)


def test_every_key_of_the_predecessor_is_known() -> None:
    settings(
        n_gpu_layers=-1,
        n_ctx=4096,
        n_batch=512,
        n_threads=4,
        use_mmap=True,
        use_mlock=False,
        chat_format="chatml",
        chat_format_template="template.jinja",
        embedding=True,
        temperature=0.8,
        top_p=0.95,
        top_k=40,
        min_p=0.05,
        repeat_penalty=1.1,
        max_tokens=512,
        stop=["###"],
        cache=True,
        cache_size=2 << 30,
        vision=False,
    )


def test_an_unknown_key_is_an_error_with_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match="n_contex"):
        settings(n_contex=1)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.lora\[0\]"):
        settings(lora=[{"path": "a.gguf", "strength": 1.0}])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type_v": "q8_0", "flash_attn": False}, "needs flash attention"),
        ({"repeat_penalty": 1.1, "repetition_penalty": 1.1}, "keep one of them"),
        ({"vision": True}, "set mmproj_path to its projector"),
        ({"n_ctx": 0}, "at least 1"),
        ({"slots": 300}, "at most 256"),
        ({"type_k": "q2_k"}, "type_k"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        settings(**fields)


@pytest.mark.parametrize("fields", [{"cache": True}, {"cache_size": 1}])
def test_keys_without_effect_are_told(fields: dict[str, Any]) -> None:
    (notice,) = settings(**fields).notices()
    assert notice.startswith(next(iter(fields)))
    assert "prefix_cache_bytes" in notice
    assert settings().notices() == []


def test_repeat_penalty_is_the_repetition_penalty() -> None:
    assert settings(repeat_penalty=1.3).sampling().repetition_penalty == 1.3
    assert settings(repetition_penalty=1.2).sampling().repetition_penalty == 1.2


def test_one_request_at_a_time_means_one_slot() -> None:
    assert settings(max_concurrency=1).n_slots == 1
    assert settings().n_slots == 8
    assert settings(slots=3).n_slots == 3


def test_importing_the_provider_imports_no_backend() -> None:
    code = (
        "import sys, heylook_gguf.provider, heylook_gguf.plugin;"
        "sys.exit(any(name in sys.modules for name in ('llama_cpp', 'numpy', 'llguidance')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_there_is_at_least_one_core() -> None:
    assert physical_cores() >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no file locks here")
def test_a_compute_turn_is_one_process_s_at_a_time_and_ends_with_it(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from heylook_gguf.cores import ComputeTurn
with ComputeTurn(Path({str(tmp_path)!r})):
    print("mine", flush=True)
    sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"mine\n"
    import fcntl

    turn = ComputeTurn(tmp_path)
    assert turn._file is not None
    with pytest.raises(BlockingIOError):
        fcntl.flock(turn._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    child.kill()
    child.communicate()
    with turn:
        pass
    turn.close()


def test_the_reference_has_every_key_of_ours_and_none_that_is_unknown() -> None:
    page = Path(__file__).parents[3] / "docs/reference/gguf-config.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("| `")]
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    known = set(GgufConfig.__struct_fields__)
    assert named <= known
    assert named >= known - set(TokenConfig.__struct_fields__)
