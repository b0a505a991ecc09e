"""Text made harmless before it is put into a message.

Rules of this file: every value that did not come from this program's own source text passes through `clean`, and then
through the escaping of the service it goes to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from sentinel.model import Notification

RUNES = 120
"""The longest value shown."""

LINE_RUNES = 300
"""The longest line of a message."""

REPEAT = "Possible repeat: this message may have arrived already, before a restart."
"""What is put before a message that may have arrived, for a service that cannot tell by itself."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Signs that take no or empty space although Unicode does not call them format characters."""

_SPACE = re.compile(r"\s+")
_LINK = re.compile(r"(?<=\w)(?=://)|(?<=\bwww)(?=\.)|(?<=\bmailto)(?=:)", re.IGNORECASE)


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


@dataclass(frozen=True, slots=True)
class Words:
    """What every channel for people shows, in the same order: what happened, the facts, what to do, the id."""

    headline: str
    lines: tuple[str, ...]
    action: str
    foot: str


def words(notification: Notification, escape: Callable[[str], str] = str) -> Words:
    """The words of the message, each line made harmless and then escaped for its service.

    No address in them becomes a link where a service makes links by itself: a space breaks its beginning.
    """

    def harmless(text: str) -> str:
        return escape(_LINK.sub(" ", clean(text, LINE_RUNES)))

    return Words(
        headline=harmless(notification.headline),
        lines=tuple(harmless(line) for line in notification.lines),
        action=harmless(notification.next_action),
        foot=harmless(f"{notification.id} {notification.key}"),
    )


def cut(text: str, size: int, sizer: Callable[[str], int] = len) -> str:
    """The text, or as much of its beginning as has `size` with "…" behind it, as `sizer` measures."""
    if sizer(text) <= size:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if sizer(text[:middle]) + sizer("…") <= size:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…"


def utf8_size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text.encode())
