"""What every dialect promises, tested on a real server with toy models behind it.

    class TestMyDialect(DialectContract):
        dialect = "mine"                   # entry-point name

        def question(self, text, model="toy", stream=False): ...
        def answer(self, body): ...
        def reading(self, body): ...

The three methods say how a client of this API asks and what it makes of the bytes; everything else is the same for
all. The dialect is found by its entry point, as the server finds it.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest

from heylook_core import errors
from heylook_core.analytics import RequestRecord
from heylook_core.dialect import Dialect, Route
from heylook_core.errors import HeylookError
from heylook_core.plugins import DIALECTS, Plugins
from heylook_core.settings import ModelEntry
from heylook_core.testkit.server import LIMIT_SECONDS, LiveServer, live_server, toy_settings
from heylook_core.web.openapi import Locks, describe, described, described_path

KEEPALIVE_SECONDS = 0.1
MAX_BODY_BYTES = 1 << 16
NEVER_ENDING = "[toy:prompt=600]"

STATUS: dict[type[HeylookError], int] = {
    errors.AuthenticationFailed: 401,
    errors.Forbidden: 403,
    errors.ModelNotFound: 404,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.TooLarge: 413,
}


class Question(NamedTuple):
    """A request on the wire; `body` is sent as JSON."""

    method: str
    path: str
    body: dict[str, Any]


class Reading(NamedTuple):
    """What a client makes of a whole stream: its text, whether it was told the end, and the error it was told."""

    text: str
    complete: bool
    error: str | None = None


class Answer(NamedTuple):
    """Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def _tree(kind: type[HeylookError]) -> list[type[HeylookError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]


@contextlib.contextmanager
def sent(url: str, method: str, path: str, body: bytes, **headers: str) -> Iterator[HTTPConnection]:
    """A connection over which the request has gone out; leaving the block leaves the server."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=LIMIT_SECONDS)
    try:
        connection.request(method, path, body, {"content-type": "application/json", **headers})
        yield connection
    finally:
        connection.close()


def exchange(url: str, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """The whole answer, streamed or not."""
    with sent(url, method, path, body, **headers) as connection:
        return _whole(connection.getresponse())


def _whole(response: HTTPResponse) -> Answer:
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


class DialectContract:
    """Overridable: `dialect`, the three methods, `keepalives`; `streams = False` for an API without streams."""

    dialect: ClassVar[str]
    streams: ClassVar[bool] = True

    @abstractmethod
    def question(self, text: str, model: str = "toy", stream: bool = False) -> Question:
        """A request whose only user message is `text`."""

    @abstractmethod
    def answer(self, body: bytes) -> str:
        """The model's text in the body of a whole answer."""

    def reading(self, body: bytes) -> Reading:
        """What a client understands of the bytes of a stream."""
        raise NotImplementedError

    def keepalives(self, body: bytes) -> int:
        """How many keepalives are in the bytes of a stream; as they are, comments of server-sent events."""
        return body.count(b": keepalive")

    # ------------------------------------------------------------------ the server

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[LiveServer]:
        settings = toy_settings(
            server={"api": cls.dialect, "keepalive": KEEPALIVE_SECONDS, "max_body_bytes": MAX_BODY_BYTES}
        )
        scripted = ModelEntry(id="scripted", provider="scripted", placement="thread")
        broken = ModelEntry(id="broken", provider="toy", config={"fail": "load"}, placement="thread")
        with live_server(msgspec.structs.replace(settings, models=(*settings.models, scripted, broken))) as running:
            yield running

    @pytest.fixture
    def loaded(self, server: LiveServer) -> Dialect:
        (dialect,) = server.server.dialects
        return dialect

    @pytest.fixture
    def routes(self, loaded: Dialect) -> list[Route]:
        return loaded.routes()

    def ask(self, server: LiveServer, text: str, model: str = "toy", stream: bool = False) -> Answer:
        method, path, body = self.question(text, model, stream)
        return exchange(server.url, method, path, msgspec.json.encode(body))

    def stream(self, server: LiveServer, text: str, model: str = "toy") -> Reading:
        """A stream that began with 200, as a client reads it."""
        if not self.streams:
            pytest.skip("this API does not stream")
        answer = self.ask(server, text, model, stream=True)
        assert answer.status == 200, answer.body
        return self.reading(answer.body)

    # ------------------------------------------------------------------ routes

    def test_it_is_found_by_its_entry_point(self) -> None:
        loaded = Plugins().load(DIALECTS, self.dialect)
        assert issubclass(loaded, Dialect)
        assert loaded.name == self.dialect, "the name of the class and of its entry point differ"

    def test_every_route_has_a_summary_and_an_absolute_path(self, routes: list[Route]) -> None:
        assert routes
        for route in routes:
            assert route.operation.summary.strip(), f"{route.operation.path} has no summary"
            assert route.operation.path.startswith("/")
            assert route.operation.method == route.operation.method.upper()

    def test_no_route_is_there_twice(self, routes: list[Route]) -> None:
        found = [(route.operation.method, route.operation.path) for route in routes]
        assert len(found) == len(set(found))

    def test_every_route_can_be_described(self, loaded: Dialect) -> None:
        """Its Structs are such that `/openapi.json` can be made; the server fails at the first request for it else."""
        document = describe([loaded], model="toy", locks=Locks())
        found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
        assert {(one.method, described_path(one.path)) for _, one in described(loaded)} <= found

    def test_errors_of_its_routes_are_its_own(self, loaded: Dialect, routes: list[Route]) -> None:
        """The core words the errors of paths outside of a dialect's prefixes."""
        owned = tuple(prefix.rstrip("/") + "/" for prefix in loaded.prefixes)
        for route in routes:
            if route.operation.body is not None:
                assert f"{route.operation.path}/".startswith(owned), f"{route.operation.path} is under no prefix"

    # ------------------------------------------------------------------ errors

    @pytest.mark.parametrize("kind", _tree(HeylookError), ids=lambda kind: kind.__name__)
    def test_every_error_has_a_wire_form_that_fits(self, loaded: Dialect, kind: type[HeylookError]) -> None:
        reply = loaded.error(kind("Something is wrong.", param="field", retry_after=2.0))
        body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
        assert isinstance(json.loads(body), dict)
        assert "Something is wrong." in body.decode()
        assert "json" in reply.content_type
        if kind in STATUS:
            assert reply.status == STATUS[kind]
        elif issubclass(kind, errors.RequestError):
            assert 400 <= reply.status < 500
        elif issubclass(kind, errors.Busy):
            assert reply.status == 429 or 500 <= reply.status < 600
        elif issubclass(kind, errors.Cancelled):
            assert 400 <= reply.status < 600
        else:
            assert 500 <= reply.status < 600

    def assert_refused(self, answer: Answer, *statuses: int) -> None:
        assert answer.status in statuses, answer.body
        assert "json" in answer.headers["content-type"]
        assert isinstance(json.loads(answer.body), dict)
        assert answer.headers["x-request-id"]

    def test_an_unknown_route_under_its_prefixes_is_404_in_its_own_form(
        self, server: LiveServer, loaded: Dialect
    ) -> None:
        known = loaded.error(errors.NotFound("x"))
        shape = json.loads(known.body if isinstance(known.body, bytes) else msgspec.json.encode(known.body))
        for prefix in loaded.prefixes:
            answer = exchange(server.url, "GET", f"{prefix.rstrip('/')}/no-such-route-{uuid.uuid4().hex}/x")
            self.assert_refused(answer, 404)
            assert json.loads(answer.body).keys() == shape.keys()

    def test_a_wrong_method_is_405_and_says_which_are_right(self, server: LiveServer) -> None:
        path = self.question("hello").path
        answer = exchange(server.url, "PATCH", path)
        self.assert_refused(answer, 405)
        assert self.question("hello").method in answer.headers["allow"]

    @pytest.mark.parametrize("body", [b"{bad", b"[]", b'"text"', b"null", b"", b"\xff\xfe", b"[" * 20_000])
    def test_a_body_that_is_no_json_object_is_400(self, server: LiveServer, body: bytes) -> None:
        method, path, _ = self.question("hello")
        self.assert_refused(exchange(server.url, method, path, body), 400)

    def test_fields_of_a_wrong_type_are_400_and_never_a_failure(self, server: LiveServer) -> None:
        method, path, known = self.question("hello")
        values: tuple[Any, ...] = (-1, 1.5, "x", [], {}, [{}], True)
        refused = 0
        for field in known:
            for value in values:
                answer = exchange(server.url, method, path, msgspec.json.encode(known | {field: value}))
                assert answer.status < 500, answer.body
                refused += answer.status >= 400
        assert refused

    def test_a_body_over_the_limit_is_413(self, server: LiveServer) -> None:
        self.assert_refused(self.ask(server, "x" * MAX_BODY_BYTES), 413)

    def test_an_unknown_model_is_404_streamed_or_not(self, server: LiveServer) -> None:
        for stream in {False, self.streams}:
            answer = self.ask(server, "hello", model="no/such", stream=stream)
            self.assert_refused(answer, 404)
            assert b"no/such" in answer.body

    def test_a_model_that_cannot_be_loaded_is_5xx(self, server: LiveServer) -> None:
        self.assert_refused(self.ask(server, "hello", model="broken"), 500, 503)

    def test_a_prompt_that_does_not_fit_is_4xx_streamed_or_not(self, server: LiveServer) -> None:
        for stream in {False, self.streams}:
            self.assert_refused(self.ask(server, "word " * 3000, stream=stream), 400, 413, 422)

    # ------------------------------------------------------------------ answers

    @pytest.mark.parametrize(
        "text", ["hello there", 'a "quoted" \\ text', "caf\u00e9 \u20ac \U0001d11e", "<b>&amp;</b>"]
    )
    def test_the_answer_is_the_models_text_streamed_or_not(self, server: LiveServer, text: str) -> None:
        whole = self.ask(server, f"[toy:say={text}]")
        assert whole.status == 200, whole.body
        assert self.answer(whole.body) == text
        if self.streams:
            assert self.stream(server, f"[toy:say={text}]") == Reading(text, complete=True)

    def test_answers_at_once_do_not_mix(self, server: LiveServer) -> None:
        texts = [f"answer number {number} " * (number + 1) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda text: self.ask(server, f"[toy:say={text}]"), texts))
        assert [self.answer(answer.body) for answer in answers] == texts

    def test_a_crash_is_5xx_and_the_next_request_works(self, server: LiveServer) -> None:
        self.assert_refused(self.ask(server, "[toy:crash]"), 500, 503)
        assert self.answer(self.ask(server, "[toy:say=still here]").body) == "still here"

    def test_a_stream_that_breaks_ends_with_the_error_and_without_an_end(self, server: LiveServer) -> None:
        reading = self.stream(server, "fail", model="scripted")
        assert reading.text == "so", "the text of an error is never text of the answer"
        assert reading.error
        assert not reading.complete
        assert self.stream(server, "say still here", model="scripted") == Reading("still here", complete=True)

    def test_a_silent_stream_is_kept_alive_and_reads_the_same(self, server: LiveServer) -> None:
        if not self.streams:
            pytest.skip("this API does not stream")
        answer = self.ask(server, f"[toy:prompt={KEEPALIVE_SECONDS * 12}]", stream=True)
        assert self.keepalives(answer.body) >= 2
        reading = self.reading(answer.body)
        assert reading.complete
        assert reading.text

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_client_that_leaves_stops_the_work(self, server: LiveServer, stream: bool) -> None:
        if stream and not self.streams:
            pytest.skip("this API does not stream")
        name = f"leaving-{uuid.uuid4().hex}"
        method, path, body = self.question(NEVER_ENDING, stream=stream)
        with sent(server.url, method, path, msgspec.json.encode(body), **{"x-request-id": name}):
            _until_in_flight(server)
        assert _record(server, name).outcome == "cancelled"
        assert self.answer(self.ask(server, "[toy:say=still here]").body) == "still here"

    def test_finished_requests_are_recorded_under_its_name(self, server: LiveServer) -> None:
        name = f"recorded-{uuid.uuid4().hex}"
        method, path, body = self.question("[toy:say=hello]")
        exchange(server.url, method, path, msgspec.json.encode(body), **{"x-request-id": name})
        record = _record(server, name)
        assert (record.dialect, record.model, record.outcome) == (self.dialect, "toy", "ok")
        assert record.completion_tokens > 0


def _until_in_flight(server: LiveServer) -> None:
    """Wait until the toy model works on a request."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        models = json.loads(exchange(server.url, "GET", "/health").body)["models"]
        if any(model["id"] == "toy" and model["in_flight"] for model in models):
            return
        time.sleep(0.01)
    raise TimeoutError("The request did not reach the model.")


def _record(server: LiveServer, request_id: str) -> RequestRecord:
    """The record of a request, as soon as it is over."""
    count = 1
    while True:
        records = server.finishes.get(count)
        for record in records:
            if record.request_id == request_id:
                return record
        count = len(records) + 1
