"""Every error heylook raises on purpose.

    HeylookError
    |-- ConfigError             settings or models.yaml are wrong; names file, line and path
    |-- PluginError             a plugin is missing or could not be loaded
    |-- RequestError            the request cannot be served as it was asked
    |   |-- InvalidRequest      a value is wrong or contradicts another
    |   |   |-- MissingField    a required field is absent
    |   |   `-- WrongType       a value is of another type than its field
    |   |-- Unsupported         the model or backend lacks a capability that was asked for
    |   |-- ContextExceeded     prompt (and limit) do not fit the model's context
    |   |-- ModelNotFound       no model of that name
    |   |-- AuthenticationFailed no or wrong API key
    |   |-- Forbidden           refused by policy (foreign origin, host not allowed)
    |   |-- NotFound            no such route or object
    |   |-- MethodNotAllowed    the route exists, the method does not
    |   |-- WrongMediaType      the body is of another media type than the route takes
    |   `-- TooLarge            the body is over the limit
    |-- Busy                    the model's queue is full; try again soon
    |-- Unavailable             the model cannot run now (no room, stopping, hung)
    |   |-- LoadFailed          the model could not be loaded
    |   |   `-- OutOfMemory     because there was not enough memory
    |   `-- PullFailed          the model could not be fetched from the hub
    |-- EngineFailed            the backend broke while it answered
    `-- Cancelled               the client left, or an administrator ended the request

Core and plugins raise these; a dialect words them for its API. They cross the worker channel as
`messages.Failed(kind, message, data)`, where `kind` is the class's own.
"""

from __future__ import annotations

from typing import ClassVar


class HeylookError(Exception):
    """The server failed for a reason of its own. `param` names the field of the request that is at fault, if one is."""

    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after


class ConfigError(HeylookError):
    """Settings or models.yaml are wrong; the message names file, line and path."""

    kind = "config"


class PluginError(HeylookError):
    """A plugin is not installed or could not be loaded."""

    kind = "plugin"


class RequestError(HeylookError):
    """The request cannot be served as it was asked; the client has to change it."""

    kind = "request"


class InvalidRequest(RequestError):
    """A value in the request is wrong or contradicts another."""

    kind = "invalid"


class MissingField(InvalidRequest):
    """A required field is absent; `param` names it."""

    kind = "missing"


class WrongType(InvalidRequest):
    """A value is of another type than its field takes."""

    kind = "wrong_type"


class Unsupported(RequestError):
    """The model or its backend lacks a capability that the request needs."""

    kind = "unsupported"


class ContextExceeded(RequestError):
    """The prompt does not fit the model's context."""

    kind = "context"


class ModelNotFound(RequestError):
    """No enabled model has the name that the request gives."""

    kind = "model_not_found"


class AuthenticationFailed(RequestError):
    """An API key is required and was missing or wrong."""

    kind = "authentication"


class Forbidden(RequestError):
    """Refused by policy: a write from a foreign origin, a host that is not allowed."""

    kind = "forbidden"


class NotFound(RequestError):
    """No such route or object."""

    kind = "not_found"


class MethodNotAllowed(RequestError):
    """The route exists but does not take this method."""

    kind = "method_not_allowed"


class WrongMediaType(RequestError):
    """The body is declared as another media type than the route takes: JSON where a form is expected."""

    kind = "media_type"


class TooLarge(RequestError):
    """The request body is over the configured limit."""

    kind = "too_large"


class Busy(HeylookError):
    """The model's queue is full."""

    kind = "busy"


class Unavailable(HeylookError):
    """The model cannot run now: no room for it, the server is stopping, or its worker hangs."""

    kind = "unavailable"


class LoadFailed(Unavailable):
    """The model could not be loaded; the message carries the cause."""

    kind = "load_failed"


class OutOfMemory(LoadFailed):
    """The model did not fit into memory; another one has to leave first."""

    kind = "load_memory"


class PullFailed(Unavailable):
    """A model could not be fetched: no connection, no room on the disk, damaged, or no model that can be served."""

    kind = "pull_failed"


class EngineFailed(HeylookError):
    """The backend broke while it answered."""

    kind = "engine"


class Cancelled(HeylookError):
    """The request was ended from outside: its client left, or an administrator stopped it."""

    kind = "cancelled"


def _tree(cls: type[HeylookError]) -> list[type[HeylookError]]:
    return [cls, *(sub for child in cls.__subclasses__() for sub in _tree(child))]


_BY_KIND = {cls.kind: cls for cls in _tree(HeylookError)}


def error_of(kind: str, message: str, param: str | None = None, retry_after: float | None = None) -> HeylookError:
    """The exception that a `Failed` event of this kind stands for; an unknown kind is an `EngineFailed`."""
    return _BY_KIND.get(kind, EngineFailed)(message, param=param, retry_after=retry_after)
