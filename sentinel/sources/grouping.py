"""Records of several lines: which line begins one, and how long the last one is waited for.

Rules of this file: a record that is still open is not handed out, so that what is stored stays at its beginning. It is
closed by the line that begins the next one, by a time in which nothing was written, or by the end of its file.
"""

from __future__ import annotations

import re
from typing import Annotated

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

from sentinel.clock import SECOND, Micros
from sentinel.durations import Duration

re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)

_UNINDENTED = r"[^ \t\r\n]"


def _is_pattern(pattern: str) -> str:
    try:
        _compiled(pattern)
    except (re2.RegexError, re.error) as error:
        raise ValueError(f"not a regular expression that RE2 knows: {error}") from None
    return pattern


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_is_pattern)]


class Multiline(BaseModel):
    """One of three: `start` matches the beginning of a record's first line, `continues` that of every other line, or
    `indented` lines belong to the one before. `timeout` is how long nothing is written before the last one is whole.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    start: Pattern | None = None
    continues: Pattern | None = None
    indented: bool = False
    timeout: Duration = 5 * SECOND

    @model_validator(mode="after")
    def _is_one(self) -> Multiline:
        if [self.start is not None, self.continues is not None, self.indented].count(True) != 1:
            raise ValueError("give one of 'start', 'continues' and 'indented: true'")
        return self


class Grouping:
    """Where records begin in whole lines of text. `timeout` is in microseconds."""

    def __init__(self, options: Multiline) -> None:
        self.timeout: Micros = options.timeout
        first = options.start or (_UNINDENTED if options.indented else None)
        self._first = _compiled(first) if first is not None else None
        self._other = _compiled(options.continues) if options.continues is not None else None

    def starts(self, text: bytes) -> list[int]:
        """Where records begin, the first of them at 0 whatever stands there: the rest of one that is gone."""
        if self._first is not None:
            found = [match.start() for match in self._first.finditer(text)]
        else:
            assert self._other is not None
            goes_on = {match.start() for match in self._other.finditer(text)}
            found = [start for start in _line_starts(text) if start not in goes_on]
        return found if found and found[0] == 0 else [0, *found]


def _line_starts(text: bytes) -> list[int]:
    found, at = [0], text.find(b"\n") + 1
    while 0 < at < len(text):
        found.append(at)
        at = text.find(b"\n", at) + 1
    return found


def _compiled(pattern: str) -> re.Pattern[bytes]:
    # A pattern is for the beginning of a line, also where it says so itself; `(?s)` would let it run over its end.
    found: re.Pattern[bytes] = re2.compile(f"(?m)^(?:{pattern})".encode())
    return found
