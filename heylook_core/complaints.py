"""msgspec's complaints about a value, in our words."""

from __future__ import annotations

from heylook_core.errors import InvalidRequest, MissingField, WrongType

MISSING = "Object missing required field `"


def invalid_value(complaint: str, whole: str = "The body") -> InvalidRequest:
    """msgspec's complaint as our error: "Expected `int`, got `str` - at `$.messages[0].role`". `whole` is all of it."""
    what, _, where = complaint.partition(" - at ")
    path = where.strip("`").removeprefix("$").removeprefix(".")
    if what.startswith(MISSING):
        field = what.removeprefix(MISSING).rstrip("`")
        path = f"{path}.{field}" if path else field
        return MissingField(f"The required field `{path}` is missing.", param=path)
    subject = f"The value of `{path}`" if path else whole
    message = f"{subject} is not valid: {what[:1].lower()}{what[1:]}."
    error = WrongType if what.startswith("Expected") and ", got " in what else InvalidRequest
    return error(message, param=path or None)
