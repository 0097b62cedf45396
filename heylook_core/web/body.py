"""Request bodies: read within a limit, decoded once into the operation's Struct."""

from __future__ import annotations

from typing import Any

import falcon.asgi
import msgspec

from heylook_core.errors import InvalidRequest, MissingField, TooLarge, WrongType

MISSING = "Object missing required field `"


async def read_body(request: falcon.asgi.Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge beyond `limit` bytes, announced or counted."""
    if (request.content_length or 0) > limit:
        raise TooLarge(_too_large(limit))
    body = bytearray()
    async for chunk in request.stream:
        body += chunk
        if len(body) > limit:
            raise TooLarge(_too_large(limit))
    return bytes(body)


def _too_large(limit: int) -> str:
    return (
        f"The request body is larger than the {limit:,} bytes that this server accepts; "
        "send less, or raise `server.max_body_bytes` in its configuration."
    )


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


def invalid_value(complaint: str) -> InvalidRequest:
    """msgspec's complaint as our error: "Expected `int`, got `str` - at `$.messages[0].role`"."""
    what, _, where = complaint.partition(" - at ")
    path = where.strip("`").removeprefix("$").removeprefix(".")
    if what.startswith(MISSING):
        field = what.removeprefix(MISSING).rstrip("`")
        path = f"{path}.{field}" if path else field
        return MissingField(f"The required field `{path}` is missing.", param=path)
    subject = f"The value of `{path}`" if path else "The body"
    message = f"{subject} is not valid: {what[:1].lower()}{what[1:]}."
    error = WrongType if what.startswith("Expected") and ", got " in what else InvalidRequest
    return error(message, param=path or None)


def _not_json(complaint: str, content_type: str | None) -> str:
    message = f"The body is not valid JSON: {complaint}."
    if content_type and "json" not in content_type:
        message += f" It was sent as {content_type}; this route expects a JSON object."
    return message
