"""What a request says about reasoning: an effort, and the arguments of the model's template."""

from __future__ import annotations

from typing import Any

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Thinking

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SWITCH = "enable_thinking"


def thinking_of(
    effort: str | None, field: str, template_args: dict[str, Any] | None, budget: int | None = None
) -> Thinking:
    """`enable_thinking` of the template arguments is decisive; the effort `none` switches thinking off.

    `field` is what the effort is called. Raises InvalidRequest for an unknown effort, or a switch that is not true or
    false.
    """
    if effort is not None and effort not in EFFORTS:
        message = f"`{field}` is {effort[:40]!r}; it must be one of {', '.join(EFFORTS)}."
        raise InvalidRequest(message, param=field)
    asked = (template_args or {}).get(SWITCH)
    if asked is not None and not isinstance(asked, bool):
        switch = f"chat_template_kwargs.{SWITCH}"
        raise InvalidRequest(f"`{switch}` must be true or false.", param=switch)
    if effort == "none":
        return Thinking(enabled=bool(asked), budget=budget)
    return Thinking(enabled=asked, effort=effort, budget=budget)


def template_args_of(given: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments of the template, without the switch that `thinking_of` reads."""
    return {name: value for name, value in (given or {}).items() if name != SWITCH}
