"""Text made harmless before it is put into a message.

Rules of this file: every value that did not come from this program's own source text passes through `clean`, and then
through the escaping of the service it goes to.
"""

from __future__ import annotations

import re
import unicodedata

RUNES = 120
"""The longest value shown."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Signs that take no or empty space although Unicode does not call them format characters."""

_SPACE = re.compile(r"\s+")


def clean(text: str, runes: int = RUNES) -> str:
    """One visible line of the text, at most so many code points, "…" where it was cut.

    Without control characters (C0, C1), bidirectional controls, zero-width and other format characters, variation
    selectors and lone surrogates; composed (NFC); every run of white space is one space.
    """
    visible = "".join(_shown(sign) for sign in text[: 8 * runes])
    line = _SPACE.sub(" ", unicodedata.normalize("NFC", visible)).strip()
    cut = len(line) > runes or len(text) > 8 * runes
    return f"{line[: runes - 1].rstrip()}…" if cut else line


def _shown(sign: str) -> str:
    if " " <= sign <= "~":
        return sign
    category = unicodedata.category(sign)
    if category in {"Zs", "Zl", "Zp"} or sign in "\t\n\r\v\f\x85":
        return " "
    if category == "Cs":
        return "\ufffd"
    if category in {"Cc", "Cf"} or sign in _INVISIBLE or _is_variation_selector(sign):
        return ""
    return sign


def _is_variation_selector(sign: str) -> bool:
    return "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef"
