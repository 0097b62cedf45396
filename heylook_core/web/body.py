"""Request bodies: read within a limit, decoded once into the operation's Struct."""

from __future__ import annotations

from typing import Any, NamedTuple

import falcon.asgi
import msgspec

from heylook_core.complaints import invalid_value
from heylook_core.errors import InvalidRequest, TooLarge


class Limit(NamedTuple):
    """The largest body in bytes, and the setting that says so."""

    bytes: int
    setting: str

    @property
    def exceeded(self) -> TooLarge:
        return TooLarge(
            f"The request body is larger than the {self.bytes:,} bytes that this server accepts; "
            f"send less, or raise `{self.setting}` in its configuration."
        )


async def read_body(request: falcon.asgi.Request, limit: Limit) -> bytes:
    """The whole body. Raises TooLarge beyond the limit, announced or counted."""
    announced = request.content_length
    if announced is not None:
        if announced > limit.bytes:
            raise limit.exceeded
        data: bytes = await request.stream.read()
        return data
    body = bytearray()
    async for chunk in request.stream:
        body += chunk
        if len(body) > limit.bytes:
            raise limit.exceeded
    return bytes(body)


def decode(decoder: msgspec.json.Decoder[Any], body: bytes, content_type: str | None = None) -> Any:
    """What the body says, whatever its declared content type. Raises InvalidRequest with the path at fault."""
    if not body.strip():
        raise InvalidRequest("The request has no body; this route expects a JSON object.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_value(str(error)) from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: it is not UTF-8 ({error.reason}).") from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(_not_json(str(error), content_type)) from None
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply.") from None


def _not_json(complaint: str, content_type: str | None) -> str:
    message = f"The body is not valid JSON: {complaint}."
    if content_type and "json" not in content_type:
        message += f" It was sent as {content_type}; this route expects a JSON object."
    return message
