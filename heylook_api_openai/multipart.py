"""POST /v1/chat/completions/multipart: a chat request as a form, whose images are files.

Every field of the JSON route is a text field of the same name, structured ones as JSON. In `messages` the URL
`__RAW_IMAGE__` stands for the next file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import msgspec

from heylook_api_openai.schema import OpenAIChatRequest
from heylook_core.complaints import invalid_value
from heylook_core.dialect import Form
from heylook_core.errors import InvalidRequest, MissingField
from heylook_core.form import Upload
from heylook_core.messages import ChatRequest, ImagePart, Message, Part

PLACEHOLDER = "__RAW_IMAGE__"
FILES = "images"
IN_MEMORY = 1 << 20  # larger files may be on disk


def chat_body(form: Form) -> OpenAIChatRequest:
    """The text fields as the JSON route's body. Raises InvalidRequest that names the field at fault."""
    if unknown := form.unknown(OpenAIChatRequest):
        message = f"There is no field `{unknown[0][:40]}`; images are sent as files in `{FILES}`."
        raise InvalidRequest(message, param=unknown[0][:40])
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(OpenAIChatRequest):
        text = form.text(field.encode_name)
        if text:
            found[field.name] = _value(text, field.encode_name, field.type)
    if "messages" not in found:
        raise MissingField("The required field `messages` is missing.", param="messages")
    return OpenAIChatRequest(**found)


async def files_of(form: Form) -> list[bytes]:
    """The contents of the files, in order. Raises InvalidRequest for a file in another field."""
    for upload in form.files:
        if upload.name.removesuffix("[]") != FILES:
            message = f"Files belong into `{FILES}`, not into `{upload.name[:40]}`."
            raise InvalidRequest(message, param=upload.name[:40])
    if sum(upload.size for upload in form.files) < IN_MEMORY:
        return [_read(upload) for upload in form.files]
    return await asyncio.to_thread(lambda: [_read(upload) for upload in form.files])


def with_files(request: ChatRequest, files: list[bytes]) -> ChatRequest:
    """The files in the places of the placeholders. Raises InvalidRequest unless they are as many."""
    parts = [part for message in request.messages for part in message.content if isinstance(part, ImagePart)]
    places = sum(part.url == PLACEHOLDER for part in parts)
    if places != len(files):
        message = f"`messages` has {places} images with the URL {PLACEHOLDER}, and `{FILES}` has {len(files)} files."
        raise InvalidRequest(message, param=FILES)
    left = iter(files)
    return msgspec.structs.replace(request, messages=tuple(_filled(message, left) for message in request.messages))


def _read(upload: Upload) -> bytes:
    upload.file.seek(0)
    return upload.file.read()


def _filled(message: Message, files: Iterator[bytes]) -> Message:
    return msgspec.structs.replace(message, content=tuple(_part(part, files) for part in message.content))


def _part(part: Part, files: Iterator[bytes]) -> Part:
    if isinstance(part, ImagePart) and part.url == PLACEHOLDER:
        return msgspec.structs.replace(part, url="", file=next(files))
    return part


def _value(text: str, name: str, type_: Any) -> Any:
    """What a text field says: JSON where the type is structured, else the text itself as a number or truth value."""
    try:
        if _is_structured(type_) and (not _takes_text(type_) or text.lstrip()[:1] in ("[", "{")):
            return msgspec.json.decode(text, type=type_)
        return msgspec.convert(text, type_, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_value(_at(str(error), name)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"The field `{name}` is not valid JSON: {error}.", param=name) from None


def _at(complaint: str, name: str) -> str:
    """msgspec's complaint with the field's name before the path inside it."""
    what, _, where = complaint.partition(" - at `$")
    return f"{what} - at `$.{name}{where or '`'}"


def _is_structured(type_: Any) -> bool:
    return any(
        option is Any
        or get_origin(option) in (list, dict)
        or (isinstance(option, type) and issubclass(option, msgspec.Struct))
        for option in _options(type_)
    )


def _takes_text(type_: Any) -> bool:
    return str in _options(type_)


def _options(type_: Any) -> list[Any]:
    """The members of a union, without annotations."""
    if get_origin(type_) is Annotated:
        return _options(get_args(type_)[0])
    if get_origin(type_) in (list, dict) or not get_args(type_):
        return [type_]
    return [found for option in get_args(type_) for found in _options(option)]
