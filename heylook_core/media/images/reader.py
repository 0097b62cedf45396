"""Reads the images of requests beside the event loop, and remembers what it has decoded."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import TypeAlias, TypeVar

import msgspec

from heylook_core.errors import Busy, HeylookError, InvalidRequest
from heylook_core.media.images.decode import decode, pillow
from heylook_core.media.images.fetch import fetch
from heylook_core.media.images.source import checked_size, inline_data, is_web_address
from heylook_core.messages import ChatRequest, ImageOptions, ImagePart, Message, Part, Picture
from heylook_core.settings import ImageSettings

DECODERS = 2
FETCHERS = 8
LOW_DETAIL = 512
"""Pixels of the longer side that `detail: low` shrinks an image to, as at OpenAI."""

Key: TypeAlias = tuple[bytes, ImageOptions]
T = TypeVar("T")


class ImageReader:
    """One for a server. `read` is called on the event loop; fetching and decoding happen on threads of their own."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="heylook-images")
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="heylook-fetch")
        self._decoded = DecodedImages(settings.cache_bytes)
        self._held: dict[int, int] = {}

    async def read(self, request: ChatRequest, holder: int = 0) -> ChatRequest:
        """The request with a picture in every image part; they count as held until `let_go(holder)`.

        Raises InvalidRequest, naming the part at fault, Unsupported without Pillow, Busy where too much is held.
        """
        parts = [part for message in request.messages for part in message.content if isinstance(part, ImagePart)]
        if not parts:
            return request
        pillow()
        if len(parts) > self._settings.max_count:
            message = f"The request has {len(parts)} images; this server takes at most {self._settings.max_count}."
            raise InvalidRequest(message, param="messages")
        found = await _all([self._picture(part, request.images) for part in parts])
        self._check_total(found)
        self._hold(holder, sum(len(one.data) for one in found))
        pictures = iter(found)
        return msgspec.structs.replace(
            request, messages=tuple(_with(message, pictures) for message in request.messages)
        )

    def let_go(self, holder: int) -> None:
        """What `holder` has read is not needed any more."""
        self._held.pop(holder, None)

    def close(self) -> None:
        """Let go of the threads; a fetch that is under way ends by its own limit of time."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)

    async def _picture(self, part: ImagePart, asked: ImageOptions) -> Picture:
        if part.picture is not None:
            return part.picture
        options = with_detail(asked, part.detail)
        try:
            data = part.file
            if data is None and is_web_address(part.url):
                data = await self._fetched(part.url)
            return await _on(self._decoders, partial(self._decode, part, data, options))
        except HeylookError as error:
            raise _placed(error, part.path) from error

    async def _fetched(self, url: str) -> bytes:
        """Its own limit of time counts from when a thread takes it up; here the wait for one counts too."""
        limits = self._settings
        seconds = limits.fetch_timeout
        job = _on(self._fetchers, partial(fetch, url, limits.fetch, limits.max_bytes, seconds))
        try:
            return await asyncio.wait_for(job, seconds + 0.5)
        except TimeoutError:
            raise InvalidRequest(f"The image could not be fetched within {seconds:g} seconds.") from None

    def _decode(self, part: ImagePart, data: bytes | None, options: ImageOptions) -> Picture:
        """On a thread of the pool."""
        limits = self._settings
        data = inline_data(part.url, limits.max_bytes) if data is None else checked_size(data, limits.max_bytes)
        key = (sha256(data).digest(), options)
        found = self._decoded.get(key)
        if found is None:
            found = decode(data, options, limits.max_pixels)
            self._decoded.put(key, found)
        return found

    def _hold(self, holder: int, nbytes: int) -> None:
        held = sum(self._held.values())
        if held and held + nbytes > self._settings.held_bytes:
            message = f"The images of running and waiting requests take {held:,} bytes already: try again soon."
            raise Busy(message, retry_after=1)
        self._held[holder] = nbytes

    def _check_total(self, pictures: list[Picture]) -> None:
        total, most = sum(one.width * one.height for one in pictures), self._settings.max_total_pixels
        if total > most:
            message = f"The request's images have {total:,} pixels together, more than the {most:,} that one may have."
            raise InvalidRequest(message, param="messages")


class DecodedImages:
    """Pictures by file and options, least recently used out first, within a budget of bytes. Any thread."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Picture] = OrderedDict()
        self.nbytes = 0

    def get(self, key: Key) -> Picture | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Key, picture: Picture) -> None:
        with self._lock:
            if len(picture.data) > self._budget or key in self._entries:
                return
            self._entries[key] = picture
            self.nbytes += len(picture.data)
            while self.nbytes > self._budget:
                _, oldest = self._entries.popitem(last=False)
                self.nbytes -= len(oldest.data)


def with_detail(options: ImageOptions, detail: str | None) -> ImageOptions:
    """`low` bounds the longer side; other hints ask for the image as it is."""
    if detail != "low":
        return options
    return msgspec.structs.replace(options, largest=min(LOW_DETAIL, options.largest or LOW_DETAIL))


async def _all(jobs: list[Awaitable[Picture]]) -> list[Picture]:
    """Every result in order; the first failure ends the others."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


async def _on(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _with(message: Message, pictures: Iterator[Picture]) -> Message:
    if not any(isinstance(part, ImagePart) for part in message.content):
        return message
    return msgspec.structs.replace(message, content=tuple(_shown(part, pictures) for part in message.content))


def _shown(part: Part, pictures: Iterator[Picture]) -> Part:
    return (
        ImagePart(detail=part.detail, path=part.path, picture=next(pictures)) if isinstance(part, ImagePart) else part
    )


def _placed(error: HeylookError, path: str | None) -> HeylookError:
    """The same error with the place in the request."""
    if path is None:
        return error if error.param else type(error)(error.message, param="messages", retry_after=error.retry_after)
    return type(error)(f"`{path}`: {error.message}", param=path, retry_after=error.retry_after)
