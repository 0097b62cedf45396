import json
import logging
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from heylook_core.plugins import HOOKS, Plugins
from heylook_core.testkit.server import live_server


def test_tokens_of_a_real_server_are_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "heylook_tally")
    plugins = Plugins(only=["tally"])
    plugins.load_hooks()
    with live_server(plugins=plugins) as server:
        connection = HTTPConnection(urlsplit(server.url).netloc)
        message = {"role": "user", "content": "[toy:say=hello]"}
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": "toy", "messages": [message]}))
        assert connection.getresponse().status == 200
        connection.close()
        server.finishes.get()
    assert caplog.messages == ["toy has generated 5 tokens"]


def test_nothing_is_wrong_with_the_hooks() -> None:
    plugins = Plugins()
    plugins.load_hooks()
    (row,) = [row for row in plugins.rows() if (row.group, row.name) == (HOOKS, "tally")]
    assert (row.state, row.error) == ("loaded", "")
    subjects = [subject for finding in plugins.ask("diagnose") for subject, _, _ in finding]
    assert "tally" in subjects
