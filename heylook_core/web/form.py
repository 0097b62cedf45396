"""Multipart forms: read as they come, files spooled to disk, all of it within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import Any, Protocol

import falcon
import falcon.asgi
import falcon.media

from heylook_core.errors import Cancelled, InvalidRequest, TooLarge, Unavailable, WrongMediaType
from heylook_core.form import Form, Upload
from heylook_core.web.body import Limit
from heylook_core.web.disconnect import DEPARTURE, HELD

MULTIPART = "multipart/form-data"
PARTS = 256
TEXT_BYTES = 4 << 20  # of all text fields together
MEMORY_BYTES = 1 << 20  # of a file, before it goes to disk
WRITE_BYTES = 256 << 10


def _handler() -> falcon.media.MultipartFormHandler:
    made = falcon.media.MultipartFormHandler()
    made.parse_options.max_body_part_count = PARTS
    return made


HANDLER = _handler()


class Stream(Protocol):
    """What can be read of a part."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


async def read_form(request: falcon.asgi.Request, limit: Limit) -> Form:
    """The whole form. Raises WrongMediaType, TooLarge beyond the limit, InvalidRequest for what is malformed.

    Its files belong to the exchange and are closed with it.
    """
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type != MULTIPART:
        sent = f"it was sent as {media_type}" if media_type else "it was sent without a content type"
        raise WrongMediaType(f"This route expects a form of the type {MULTIPART}; {sent}.")
    if (request.content_length or 0) > limit.bytes:
        raise limit.exceeded
    try:
        return await _parts(request, limit)
    except (falcon.MultipartParseError, UnicodeDecodeError) as error:
        if request.scope[DEPARTURE].happened:
            raise Cancelled("The client left before its request was complete.") from None
        why = getattr(error, "description", None) or str(error)
        raise InvalidRequest(f"The multipart form is malformed: {why}.") from None


async def _parts(request: falcon.asgi.Request, limit: Limit) -> Form:
    held: ExitStack = request.scope[HELD]()
    form = Form(texts=[], files=[])
    room = TEXT_BYTES
    stream = _counted(request.stream, limit)
    # Falcon reads any asynchronous iterable of bytes.
    async for part in await HANDLER.deserialize_async(stream, request.content_type, None):  # type: ignore[arg-type]
        name = part.name
        if not name:
            raise InvalidRequest("The multipart form is malformed: a part has no name.")
        if part.filename is None:
            text = await part.stream.read(room + 1)
            if len(text) > room:
                raise TooLarge(f"The text fields of the form are larger than {TEXT_BYTES:,} bytes together.")
            room -= len(text)
            form.texts.append((name, _text(name, text)))
        else:
            form.files.append(await _upload(name, part.filename, part, held))
    return form


async def _counted(stream: Stream, limit: Limit) -> AsyncIterator[bytes]:
    count = 0
    async for chunk in stream:
        count += len(chunk)
        if count > limit.bytes:
            raise limit.exceeded
        yield chunk


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The field `{name}` is not UTF-8 ({error.reason}).", param=name) from None


async def _upload(name: str, filename: str, part: Any, held: ExitStack) -> Upload:
    file = held.enter_context(SpooledTemporaryFile(MEMORY_BYTES))  # noqa: SIM115 the exchange closes it
    content_type = part.content_type
    size = 0
    waiting = bytearray()
    try:
        async for chunk in part.stream:
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                size += await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        size += file.write(bytes(waiting))
        file.seek(0)
    except OSError as error:
        raise Unavailable(f"The upload could not be stored: {error.strerror or error}.") from error
    return Upload(name=name, filename=filename, content_type=content_type, file=file, size=size)
