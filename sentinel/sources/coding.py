"""How the bytes of a log are text: one byte a sign or more (UTF-8 and its like), or two (UTF-16), and where lines end.

Rules of this file: only UTF-16 is turned into UTF-8, because there a newline is not one byte; everything else passes as
it is. A log in UTF-16 is aligned to two bytes from its first one on.
"""

from __future__ import annotations

from typing import Final

_CODECS: Final = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}
_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_BOM_UTF8: Final = b"\xef\xbb\xbf"
_LOOKED_AT: Final = 512


class Coding:
    """One way to write text. `name` is `utf-8`, which stands for every coding with one byte a newline, or UTF-16."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.newline = _CODECS.get(name, b"\n")
        self.width = len(self.newline)

    def first_end(self, data: bytes, start: int = 0) -> int:
        """Behind the first newline at or after `start`; 0 where there is none."""
        at = data.find(self.newline, start)
        while at >= 0 and (at - start) % self.width:
            at = data.find(self.newline, at + 1)
        return at + self.width if at >= 0 else 0

    def last_end(self, data: bytes, start: int = 0) -> int:
        """Behind the last newline at or after `start`; 0 where there is none."""
        at = data.rfind(self.newline, start)
        while at >= 0 and (at - start) % self.width:
            at = data.rfind(self.newline, start, at + self.width - 1)
        return at + self.width if at >= 0 else 0

    def text(self, data: bytes) -> bytes:
        """The same in UTF-8; what is no UTF-16 becomes U+FFFD."""
        if self.width == 1:
            return data
        return data.decode(self.name, "replace").encode()

    def length(self, text: bytes) -> int:
        """How many bytes of the log the text was made of, where it is made of whole signs."""
        return len(text) if self.width == 1 else len(text.decode().encode(self.name))


PLAIN: Final = Coding("utf-8")


def coding_of(first: bytes) -> Coding:
    """How a log is written that begins with these bytes: by where its nulls are, and by its byte order mark.

    A mark alone decides nothing: it would take two odd bytes at the beginning to hide a whole log.
    """
    pairs = first[: min(len(first), _LOOKED_AT) & ~1]
    if len(pairs) >= 4:
        even, odd = pairs[::2].count(0), pairs[1::2].count(0)
        marked = _MARKS.get(first[:2], "")
        # Latin text has a null in nearly every pair, on the same side but for rare signs; nulls on both are a hole.
        few = len(pairs) // 2 * (0.1 if marked else 0.7)
        if odd >= few and even * 10 <= odd and marked != "utf-16-be":
            return Coding("utf-16-le")
        if even >= few and odd * 10 <= even and marked != "utf-16-le":
            return Coding("utf-16-be")
    return PLAIN


def mark_length(first: bytes, coding: Coding) -> int:
    """How many bytes at the beginning only say how the rest is written."""
    if coding.width == 1:
        return 3 if first.startswith(_BOM_UTF8) else 0
    return 2 if _MARKS.get(first[:2]) == coding.name else 0
