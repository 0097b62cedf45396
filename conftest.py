"""For all tests: a server's answers have to fit its own API description, and a busy machine fails none of them."""

from __future__ import annotations

from importlib.util import find_spec

from heylook_core.testkit.server import LiveServer

LiveServer.recording = find_spec("jsonschema_rs") is not None

if find_spec("hypothesis") is not None:
    from hypothesis import HealthCheck, settings

    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
