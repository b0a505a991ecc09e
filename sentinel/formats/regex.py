"""A user's own regex with named groups: `{regex: '…', time: GROUP, time_format: PATTERN}`.

The regex is written in RE2's dialect and searched for anywhere in the record. A group is a field: `__` in its name
stands for a dot, so `user__name` is `user.name`. Values are text, as they stand in the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import re2

from sentinel.clock import Micros
from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, FormatError, FormatOptions, Parsed, Parser, fold
from sentinel.formats.times import Moment, access_reader, iso_reader, pattern_reader, read_count, yearless_reader
from sentinel.problems import did_you_mean

TIME_GROUPS: Final = ("time", "timestamp", "ts")

_SETTINGS = ("regex", "time", "time_format")
_DIALECT = "regexes are RE2's: no look-around, no back-references, at most 1000 repetitions"
# What RE2 cannot run must be refused, not handed to a matcher that may take for ever.
re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)

ReadTime = Callable[[str, Micros], Moment | None]


def make(settings: Mapping[str, Any], options: FormatOptions) -> Regex:
    """The registry's entry. Raises FormatError for an unknown setting, a bad regex, group or time pattern."""
    for setting in settings:
        if setting not in _SETTINGS:
            raise FormatError(f"format 'regex' has no setting '{setting}'", did_you_mean(setting, _SETTINGS))
        if not isinstance(settings[setting], str):
            raise FormatError(f"setting '{setting}' of format 'regex' must be text", f"write `{setting}: '…'`")
    pattern = settings.get("regex")
    if not pattern:
        raise FormatError("format 'regex' needs a regex", "write `format: {regex: '(?P<message>.*)'}`")
    groups = tuple(_compile(pattern).groupindex)
    if not groups:
        raise FormatError("the regex has no named group, so it yields no field", "name one: `(?P<user__name>…)`")
    time = settings.get("time", next((name for name in TIME_GROUPS if name in groups), None))
    if time is not None and time not in groups:
        raise FormatError(f"the regex has no group '{time}' for the time", did_you_mean(time, groups))
    time_format = settings.get("time_format")
    if time_format is not None and time is None:
        raise FormatError("'time_format' is set, but no group holds the time", "add `time: GROUP`")
    if time_format is not None:
        try:
            pattern_reader(time_format, options.timezone)
        except (ValueError, re.error):
            raise FormatError(
                f"'{time_format}' is no pattern for times", "write it as for strptime: '%d.%m.%Y %H:%M:%S'"
            ) from None
    return Regex(options=options, pattern=pattern, time=time, time_format=time_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """A record in which the pattern is found. `time` is the group that holds the time."""

    options: FormatOptions
    pattern: str
    time: str | None = None
    time_format: str | None = None
    name: str = field(default="regex", init=False)
    inert: frozenset[int] = field(default=PRINTABLE, init=False)
    signs: tuple[bytes, ...] = field(default=FOLD_SIGNS, init=False)
    opaque: tuple[bytes, ...] = field(default=(), init=False)

    @property
    def fields(self) -> frozenset[str]:
        groups = _compile(self.pattern).groupindex
        return frozenset({"message", *(group.replace("__", ".") for group in groups)})

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return (), self.signs

    def decode(self, records: bytes) -> bytes:
        return fold(records)

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:  # noqa: ARG002  (nothing is known of what stands around a group)
        return literal

    def parser(self, used: frozenset[str] | None) -> Parser:
        search = _compile(self.pattern).search
        names = {group: group.replace("__", ".") for group in _compile(self.pattern).groupindex}
        wanted = {group: name for group, name in names.items() if used is None or name in used}
        time = self.time
        read_time = self._time_reader()

        def parse(raw: bytes, reference: Micros) -> Parsed | None:
            match = search(raw.rstrip(b"\r").decode("utf-8", "replace"))
            if match is None:
                return None
            found = match.groupdict()
            fields = {name: found[group] for group, name in wanted.items() if found[group] is not None}
            moment = read_time(found[time], reference) if time is not None and found[time] is not None else None
            return (fields, None, 0) if moment is None else (fields, *moment)

        return parse

    def _time_reader(self) -> ReadTime:
        zone = self.options.timezone
        if self.time_format is not None:
            return pattern_reader(self.time_format, zone)
        iso, access, yearless = iso_reader(zone), access_reader(zone), yearless_reader(zone)
        return lambda text, reference: (
            iso(text) or access(text.encode("utf-8", "replace")) or yearless(text, reference) or read_count(text)
        )


def _compile(pattern: str) -> Any:
    try:
        compiled = re2.compile(pattern)
    except (re.error, ValueError) as error:
        raise FormatError(f"the regex cannot be used: {str(error).lower()}", _DIALECT) from None
    if not isinstance(compiled, re2.Pattern):
        raise FormatError("the regex cannot be run in linear time", _DIALECT)
    return compiled
