"""For all tests: what a server answers has to fit its own API description."""

from __future__ import annotations

from importlib.util import find_spec

from heylook_core.testkit.server import LiveServer

LiveServer.recording = find_spec("jsonschema_rs") is not None
