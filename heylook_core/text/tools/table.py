"""Every tool-call format, as data, in the order in which templates are searched for their signs.

The strings are those of the models' own chat templates; `docs/reference/tool-formats.md` lists which.
"""

from __future__ import annotations

from heylook_core.errors import ConfigError
from heylook_core.text.reasoning import HARMONY, HARMONY_SIGN
from heylook_core.text.tools.format import ToolFormat
from heylook_core.text.tools.gemma import Gemma
from heylook_core.text.tools.harmony import HarmonyFormat
from heylook_core.text.tools.json_calls import JsonCalls, NamedJson
from heylook_core.text.tools.pythonic import Pythonic
from heylook_core.text.tools.tags import Tags

_DS = "\uff5c"  # the bar in DeepSeek's markers, U+FF5C
_DS_CALL = (f"<{_DS}tool\u2581call\u2581begin{_DS}>", f"<{_DS}tool\u2581call\u2581end{_DS}>")
_DS_CALLS = (f"<{_DS}tool\u2581calls\u2581begin{_DS}>", f"<{_DS}tool\u2581calls\u2581end{_DS}>")
_DS_SEP = f"<{_DS}tool\u2581sep{_DS}>"
_DSML = f"{_DS}DSML{_DS}"
_M3 = "]<]minimax[>["


def _json(name: str, sign: str, open: str, close: str = "", **more: object) -> JsonCalls:
    return JsonCalls(name=name, signs=(sign,), openers=(open,), open=open, close=close, **more)  # type: ignore[arg-type]


def _named(name: str, sign: str, call: str, arguments: str, close: str = "", **more: object) -> NamedJson:
    section = more.get("section", ("", ""))
    openers = tuple(opener for opener in (section[0], call) if opener)  # type: ignore[index]
    return NamedJson(
        name=name,
        signs=(sign,),
        openers=openers,
        call=call,
        arguments=arguments,
        close=close,
        **more,  # type: ignore[arg-type]
    )


def _tags(name: str, sign: str, call: str, key: str, key_end: str, value_end: str, close: str, **more: object) -> Tags:
    section = more.get("section", ("", ""))
    openers = tuple(opener for opener in (section[0], call) if opener)  # type: ignore[index]
    return Tags(
        name=name,
        signs=(sign,),
        openers=openers,
        call=call,
        key=key,
        key_end=key_end,
        value_end=value_end,
        close=close,
        **more,  # type: ignore[arg-type]
    )


TOOL_FORMATS: tuple[ToolFormat, ...] = (
    HarmonyFormat(name=HARMONY, signs=(HARMONY_SIGN,)),
    _tags(
        "kimi_k3", "<|open|>", '<|open|>call tool="', '<|open|>argument key="', "<|sep|>",
        "<|close|>argument<|sep|>", "<|close|>call<|sep|>",
        section=("<|open|>tools<|sep|>", "<|close|>tools<|sep|>"), name_end="<|sep|>", name_attributes='"',
        attributes='"',
    ),
    _tags(
        "minimax_m3", _M3, f'{_M3}<invoke name="', f"{_M3}<", ">", f"{_M3}</{{key}}>", f"{_M3}</invoke>",
        section=(f"{_M3}<tool_call>", f"{_M3}</tool_call>"), name_end='">',
    ),
    _tags(
        "minimax_m2", "<minimax:tool_call>", '<invoke name="', '<parameter name="', '">', "</parameter>", "</invoke>",
        section=("<minimax:tool_call>", "</minimax:tool_call>"), name_end='">',
    ),
    _tags(
        "dsml", _DSML, f'<{_DSML}invoke name="', f'<{_DSML}parameter name="', ">", f"</{_DSML}parameter>",
        f"</{_DSML}invoke>", section=(f"<{_DSML}tool_calls>", f"</{_DSML}tool_calls>"), name_end='">',
        attributes='" string="{string}"', besides="tool_calls>",
    ),
    _tags(
        "dsml_v3", _DSML, f'<{_DSML}invoke name="', f'<{_DSML}parameter name="', ">", f"</{_DSML}parameter>",
        f"</{_DSML}invoke>", section=(f"<{_DSML}function_calls>", f"</{_DSML}function_calls>"), name_end='">',
        attributes='" string="{string}"',
    ),
    _tags(
        "hunyuan", "<tool_sep", "<tool_call:opensource>", "<arg_key:opensource>",
        "<arg_value:opensource>", "</arg_value:opensource>", "</tool_call:opensource>",
        section=("<tool_calls:opensource>", "</tool_calls:opensource>"), name_end="<tool_sep:opensource>",
        attributes="</arg_key:opensource>", besides="opensource",
    ),
    _tags(
        "glm", "<arg_key>", "<tool_call>", "<arg_key>", "<arg_value>", "</arg_value>", "</tool_call>",
        attributes="</arg_key>",
    ),
    _tags(
        "seed", "<seed:tool_call>", "<function=", "<parameter=", ">", "</parameter>", "</function>",
        section=("<seed:tool_call>", "</seed:tool_call>"), name_end=">",
    ),
    _tags(
        "qwen_coder", "<parameter=", "<function=", "<parameter=", ">", "</parameter>", "</function>",
        section=("<tool_call>", "</tool_call>"), name_end=">", newlines=True,
    ),
    _tags(
        "minicpm", "<param name=", '<function name="', '<param name="', '">', "</param>", "</function>", name_end='">',
    ),
    _named("kimi", "<|tool_call_argument_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>",
           "<|tool_call_end|>", section=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
           name_pattern=r"\s*(?:functions\.)?(.+?)(?::\d+)?\s*", written="functions.{name}:{index}"),
    _named("solar", "<|tool_call:begin|>", "<|tool_call:begin|>", "<|tool_call:args|>", "<|tool_call:end|>",
           section=("<|tool_calls|>", "<|calls|>"), name_pattern=r".*<\|tool_call:name\|>(.+)",
           written="call<|tool_call:name|>{name}"),
    _named("deepseek_r1", _DS_SEP, _DS_CALL[0], "```json\n", f"\n```{_DS_CALL[1]}", section=_DS_CALLS,
           name_pattern=rf"\s*(?:function)?{_DS_SEP}\s*(.+?)\s*", written=f"function{_DS_SEP}{{name}}\n",
           besides="```json"),
    _named("deepseek_v3", _DS_CALLS[0], _DS_CALL[0], _DS_SEP, _DS_CALL[1], section=_DS_CALLS),
    _json("apertus", "<|tools_prefix|>", "<|tools_prefix|>", "<|tools_suffix|>", listed=True, keyed=True),
    _json("cohere", "<|START_ACTION|>", "<|START_ACTION|>", "<|END_ACTION|>", listed=True, name_key="tool_name",
          arguments_key="parameters"),
    _json("gigachat3", "'role': 'function call'", "<|message_sep|>\n\nfunction call<|role_sep|>\n"),
    _json("gigachat", "<|function_call|>", "<|function_call|>"),
    _json("nemotron", "<TOOLCALL>", "<TOOLCALL>", "</TOOLCALL>", listed=True),
    _named("mistral", "[ARGS]", "[TOOL_CALLS]", "[ARGS]", name_pattern=r"\s*([^\[]+?)\s*(?:\[CALL_ID\].*)?"),
    _json("mistral_list", "[TOOL_CALLS]", "[TOOL_CALLS]", listed=True),
    Pythonic(name="lfm2", signs=("<|tool_call_start|>", "<|tool_list_start|>"), openers=("<|tool_call_start|>",),
             open="<|tool_call_start|>", close="<|tool_call_end|>"),
    Gemma(name="gemma", signs=("<|tool_call>",), openers=("<|tool_call>",), open="<|tool_call>", close="<tool_call|>",
          quote='<|"|>'),
    Gemma(name="function_gemma", signs=("<start_function_call>",), openers=("<start_function_call>",),
          open="<start_function_call>", close="<end_function_call>", quote="<escape>"),
    _named("functionary", "<function=", "<function=", ">", "</function>"),
    _json("tool_calls", "<tool_calls>", "<tool_calls>", "</tool_calls>", listed=True),
    _json("hermes", "<tool_call>", "<tool_call>", "</tool_call>", spaced=True),
    _json("granite", "<|tool_call|>", "<|tool_call|>", listed=True),
    _json("firefunction", "functools", "functools", listed=True),
    JsonCalls(name="llama3", signs=('"parameters"',), openers=("<|python_tag|>",), bare="{",
              arguments_key="parameters"),
    Pythonic(name="pythonic", bare="["),
)  # fmt: skip


def tool_format(template: str | None, chosen: str | None) -> ToolFormat | None:
    """The format of a model by its template's text, or the one that models.yaml names ("none": no parsing)."""
    if chosen is not None:
        return _by_name(chosen)
    for format in TOOL_FORMATS:
        if template is not None and format.shown_in(template):
            return format
    return None


def _by_name(name: str) -> ToolFormat | None:
    for format in TOOL_FORMATS:
        if format.name == name:
            return format
    if name == "none":
        return None
    known = ", ".join(sorted(format.name for format in TOOL_FORMATS))
    raise ConfigError(f"tool_format {name!r} is not known; models.yaml may name one of: {known}, none.")
