"""The log formats, by the name that the configuration gives them. To add one: one file, and one line in FORMATS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sentinel.formats import access, json_lines, regex, sniffing, syslog
from sentinel.formats.base import Format, FormatError, FormatOptions, Parsed, Parser
from sentinel.problems import did_you_mean

__all__ = [
    "FORMATS", "PLAIN_TEXT", "Format", "FormatError", "FormatOptions", "Parsed", "Parser", "Spec", "make", "sniff",
]  # fmt: skip

Spec = str | Mapping[str, Any]
"""A name, or a mapping with that name as one key: `json`, `{syslog: json}`, `{regex: '…', time: at}`."""

Maker = Callable[[Mapping[str, Any], FormatOptions], Format]
"""Makes a format from its settings: the mapping of the configuration, empty for a bare name."""

FORMATS: Final[dict[str, Maker]] = {
    "nginx": access.make("nginx"),
    "apache": access.make("apache"),
    "combined": access.make("combined"),
    "common": access.make("common"),
    "vhost_combined": access.make("vhost_combined", has_host=True),
    "json": json_lines.make,
    "syslog": lambda settings, options: syslog.make(settings, options, make),
    "regex": regex.make,
}

PLAIN_TEXT: Final[Spec] = sniffing.PLAIN_TEXT
"""What `sniff` answers for a log that looks like nothing known."""

AUTO: Final = "auto"
"""Not a format: the caller asks `sniff` first."""


def make(spec: Spec, options: FormatOptions) -> Format:
    """The format that a specification names. Raises FormatError, with a hint, for one that names none."""
    if isinstance(spec, str):
        return _maker(spec)({}, options)
    if not isinstance(spec, Mapping):
        raise FormatError("a format is a name or a mapping", "write `format: json` or `format: {syslog: json}`")
    if not all(isinstance(key, str) for key in spec):
        raise FormatError("the settings of a format are named by text", "write `format: {syslog: json}`")
    named = [key for key in spec if key in FORMATS]
    if len(named) > 1:
        raise FormatError(f"a format has one name, not {len(named)}: {', '.join(map(repr, named))}", "keep one of them")
    if not named:
        _maker(next(iter(spec), ""))
    return FORMATS[named[0]](spec, options)


def sniff(sample: bytes) -> tuple[Spec, str]:
    """What `auto` decides for a log that begins with these bytes, and one sentence: what, and from how many records."""
    return sniffing.sniff(sample, make)


def _maker(name: str) -> Maker:
    if name == AUTO:
        raise FormatError("'auto' is decided from the log itself", "name the format here")
    if name not in FORMATS:
        raise FormatError(f"unknown format '{name}'", did_you_mean(name, FORMATS))
    return FORMATS[name]
