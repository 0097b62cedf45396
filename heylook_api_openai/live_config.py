"""What a live session is to be like: from the query, then from messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from heylook_api_openai.languages import code_of
from heylook_api_openai.live_schema import LiveConfig, LiveConfigure, LiveMessage
from heylook_core.complaints import invalid_value
from heylook_core.errors import InvalidRequest
from heylook_core.spoken import Endpointing, LiveOptions, TranscribeOptions

decoder: msgspec.json.Decoder[LiveMessage] = msgspec.json.Decoder(LiveMessage)


def config_of_query(query: Mapping[str, str]) -> LiveConfig:
    """Raises InvalidRequest that names the parameter."""
    if "vad" in query:
        raise InvalidRequest("`vad` is set with a `config` message.", param="vad")
    return _converted(dict(query))


def changed(config: LiveConfig, message: LiveConfigure) -> LiveConfig:
    """Raises InvalidRequest that names the field."""
    named = {name: getattr(message, name) for name in message.__struct_fields__}
    fields = {name: getattr(config, name) for name in config.__struct_fields__}
    return _converted({**fields, **{name: value for name, value in named.items() if value is not msgspec.UNSET}})


def _converted(fields: dict[str, Any]) -> LiveConfig:
    try:
        return msgspec.convert(msgspec.to_builtins(fields), LiveConfig, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_value(str(error)) from None


def message_of(text: str) -> LiveMessage:
    """Raises msgspec.DecodeError for what is no JSON, InvalidRequest for what is no message."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise invalid_value(str(error)) from None


def options_of(config: LiveConfig) -> LiveOptions:
    """Raises InvalidRequest for a language that is none."""
    vad = config.vad
    return LiveOptions(
        transcribe=TranscribeOptions(language=code_of(config.language), prompt=config.prompt or None),
        sample_rate=config.sample_rate,
        endpointing=None
        if vad is None
        else Endpointing(
            threshold=vad.threshold,
            silence=vad.silence_duration_ms / 1000,
            padding=vad.prefix_padding_ms / 1000,
        ),
        partials=config.partials,
        partial_interval=config.partial_interval_ms / 1000,
    )
