"""For plugin authors and for our own tests: contracts to inherit, providers without weights, a server to start.

Put `pytest_plugins = ["heylook_core.testkit"]` into your conftest, so that failing asserts are explained.
Names are imported at first use: the toy provider works without pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heylook_core.testkit.dialect_contract import DialectContract
    from heylook_core.testkit.engine_contract import EngineContract
    from heylook_core.testkit.provider_contract import ProviderContract
    from heylook_core.testkit.scripted import ScriptedProvider
    from heylook_core.testkit.sink_contract import SinkContract
    from heylook_core.testkit.speech_contract import SpeechContract
    from heylook_core.testkit.toy import ToyProvider

_HOME = {
    "EngineContract": "engine_contract",
    "ProviderContract": "provider_contract",
    "DialectContract": "dialect_contract",
    "SinkContract": "sink_contract",
    "SpeechContract": "speech_contract",
    "PrefixTierContract": "tier_contract",
    "ToyProvider": "toy",
    "ScriptedProvider": "scripted",
}
__all__ = [
    "DialectContract",
    "EngineContract",
    "ProviderContract",
    "ScriptedProvider",
    "SinkContract",
    "SpeechContract",
    "ToyProvider",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
