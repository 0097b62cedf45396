"""Which chat template a model gets."""

from __future__ import annotations

import logging
from pathlib import Path

from heylook_core.errors import LoadFailed
from heylook_gguf.config import GgufConfig
from heylook_gguf.weights import Weights

log = logging.getLogger(__name__)

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def chat_template(config: GgufConfig, weights: Weights) -> str | None:
    """The chat template: models.yaml's, else the file's, else a known format by name."""
    if config.chat_format_template is not None:
        path = Path(config.chat_format_template).expanduser()
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoadFailed(
                f"chat_format_template names {path}, which cannot be read ({error}): correct it."
            ) from error
    if weights.template is not None:
        if config.chat_format is not None:
            log.warning("chat_format %r is ignored: %s brings its own template", config.chat_format, weights.path.name)
        return weights.template
    if config.chat_format in (None, "chatml"):
        return CHATML if config.chat_format else None
    raise LoadFailed(
        f"{weights.path.name} has no chat template, and chat_format {config.chat_format!r} is not one that is built in "
        "(chatml is): set chat_format_template to a file with the model's Jinja template."
    )
