"""Bodies that are multipart forms: text fields and files."""

from __future__ import annotations

from typing import IO, Any, TypeVar, get_args, get_origin

import msgspec

from heylook_core.complaints import invalid_value

T = TypeVar("T")


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a form, received whole. `file` is at its start and `size` bytes long; it is closed, and its bytes are
    gone, when the request is over.

    `filename` and `content_type` are what the client says of it: neither is to be trusted.
    """

    name: str
    filename: str
    content_type: str
    file: IO[bytes]
    size: int


class Form(msgspec.Struct, kw_only=True):
    """The parts of a form in their order. A name may come several times, with or without `[]` at its end."""

    texts: list[tuple[str, str]] = []
    files: list[Upload] = []

    def text(self, name: str) -> str | None:
        """The text field of this name; the last one counts."""
        return next(reversed(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        return [text for given, text in self.texts if given.removesuffix("[]") == name]

    def file(self, name: str) -> Upload | None:
        return next((file for file in reversed(self.files) if file.name.removesuffix("[]") == name), None)

    def unknown(self, fields: type[msgspec.Struct]) -> list[str]:
        """Names of text fields that `fields` does not have."""
        known = {field.encode_name for field in msgspec.structs.fields(fields)}
        return sorted({name.removesuffix("[]") for name, _ in self.texts} - known)

    def decode(self, fields: type[T]) -> T:
        """The text fields as a Struct: "true" is a bool where one is expected, "0.5" a number; lists are gathered.

        Fields that it does not have are left out. Raises InvalidRequest that names the field.
        """
        found: dict[str, Any] = {}
        for field in msgspec.structs.fields(fields):  # type: ignore[arg-type]
            texts = self.all(field.encode_name)
            if texts:
                found[field.encode_name] = texts if _takes_list(field.type) else texts[-1]
        try:
            return msgspec.convert(found, fields, strict=False)
        except msgspec.ValidationError as error:
            raise invalid_value(str(error)) from None


def _takes_list(type_: Any) -> bool:
    return any(get_origin(option) in (list, tuple) for option in (type_, *get_args(type_)))
