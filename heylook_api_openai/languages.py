"""Languages by ISO 639-1 code and by the English names that transcriptions give them."""

from __future__ import annotations

from heylook_core.errors import InvalidRequest

TABLE = """
ar arabic, be belarusian, bg bulgarian, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german,
el greek, en english, es spanish, et estonian, eu basque, fa persian, fi finnish, fr french, ga irish,
gl galician, he hebrew, hi hindi, hr croatian, hu hungarian, hy armenian, id indonesian, is icelandic,
it italian, ja japanese, ka georgian, kk kazakh, ko korean, lt lithuanian, lv latvian, mk macedonian,
ms malay, mt maltese, nl dutch, no norwegian, pl polish, pt portuguese, ro romanian, ru russian, sk slovak,
sl slovenian, sq albanian, sr serbian, sv swedish, sw swahili, ta tamil, th thai, tl tagalog, tr turkish,
uk ukrainian, ur urdu, vi vietnamese, zh chinese
"""
NAMES: dict[str, str] = dict(pair.split() for pair in TABLE.strip().split(","))
CODES = {name: code for code, name in NAMES.items()}


def code_of(language: str | None) -> str | None:
    """The code that a client means by `language`: `en`, `en-US` or `English`. Raises InvalidRequest."""
    if language is None or not language.strip():
        return None
    plain = language.strip().lower().replace("_", "-")
    code = CODES.get(plain) or plain.partition("-")[0]
    if len(code) not in (2, 3) or not code.isascii() or not code.isalpha():
        raise InvalidRequest(
            f"`language` is {language[:40]!r}; expected an ISO 639-1 code such as en.", param="language"
        )
    return code


def name_of(code: str | None) -> str:
    """As `verbose_json` has it; empty where it is not known which language was spoken."""
    return NAMES.get(code, code) if code else ""
