"""A slow evaluator of Sigma detections, written from the text of the specification (version 2.1) and from nothing else.

It shares no code with the engine: the wildcards, the modifiers and the conditions are read again here, in the plainest
way. Where the specification is silent it follows docs/rules.md, "What the specification leaves open".
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

ANY, ONE = object(), object()
Token = object
"""One character, or ANY, or ONE."""


@dataclass(frozen=True)
class Log:
    """An event: its fields, its record as written, its time, and the time zone and lists of the rule."""

    fields: Mapping[str, Any]
    raw: str
    time: datetime | None = None
    zone: str = "UTC"
    lists: Mapping[str, list[str]] | None = None


def matches(detection: Mapping[str, Any], log: Log) -> bool:
    """Whether the `detection:` map of a rule holds for the event."""
    held = {name: selection(each, log) for name, each in detection.items() if name != "condition"}
    conditions = detection["condition"]
    return any(Condition(each, held).value() for each in ([conditions] if isinstance(conditions, str) else conditions))


# --- conditions --------------------------------------------------------------------------------------------


class Condition:
    """Recursive descent over: or < and < not < x of < parentheses."""

    def __init__(self, text: str, held: Mapping[str, bool]) -> None:
        self.words = re.findall(r"[()]|[^\s()]+", text)
        self.held = held

    def value(self) -> bool:
        found = self._or()
        assert not self.words, self.words
        return found

    def _next(self, *words: str) -> str | None:
        return self.words.pop(0) if self.words and self.words[0] in words else None

    def _or(self) -> bool:
        found = self._and()
        while self._next("or"):
            found = self._and() or found
        return found

    def _and(self) -> bool:
        found = self._not()
        while self._next("and"):
            found = self._not() and found
        return found

    def _not(self) -> bool:
        return not self._not() if self._next("not") else self._primary()

    def _primary(self) -> bool:
        if self._next("("):
            found = self._or()
            assert self._next(")")
            return found
        word = self.words.pop(0)
        if self.words[:1] == ["of"]:
            self.words.pop(0)
            pattern = self.words.pop(0)
            chosen = [self.held[name] for name in self.held if self._fits(pattern, name)]
            return all(chosen) if word == "all" else any(chosen)
        return self.held[word]

    @staticmethod
    def _fits(pattern: str, name: str) -> bool:
        if name.startswith("_") and not pattern.startswith("_"):
            return False
        letters: list[Token] = [ANY if letter == "*" else letter for letter in pattern]
        return pattern == "them" or like(letters, name)


# --- selections --------------------------------------------------------------------------------------------


def selection(definition: Any, log: Log) -> bool:
    """A map is AND; a list is OR of maps and of keywords; anything else is a keyword."""
    if isinstance(definition, Mapping):
        return all(item(str(key), value, log) for key, value in definition.items())
    if isinstance(definition, list):
        return any(selection(each, log) for each in definition)
    return item("", definition, log)


def item(key: str, value: Any, log: Log) -> bool:
    """One line of a map."""
    field, *modifiers = key.split("|")
    values = value if isinstance(value, list) else [value]
    found = [one(field, [each for each in modifiers if each not in ("all", "neq")], each, log) for each in values]
    held = all(found) if "all" in modifiers else any(found)
    if "neq" not in modifiers:
        return held
    others = [str(each) for each in values] if "fieldref" in modifiers else []
    return not held and all(found_at(log.fields, name) for name in (field, *others))


def one(field: str, modifiers: list[str], value: Any, log: Log) -> bool:
    """Whether one value, through its modifiers, holds for the field; for any text of the record without a field."""
    if not field:
        everywhere = [log.raw, *map(text, leaves(log.fields))]
        return any(holds(_keyword(modifiers), value, each, log) for each in everywhere if each is not None)
    members = found_at(log.fields, field)
    if value is None:
        return all(each is None or (each != [] and all(single is None for single in singles(each))) for each in members)
    if "exists" in modifiers:
        return bool(members) is value
    part = next((each for each in modifiers if each in PARTS), None)
    if part is not None:
        moments = [log.time] if field == "@timestamp" else [moment(each, log.zone) for each in singles(members)]
        return any(
            each is not None and compare(modifiers, PARTS[part](each.astimezone(ZoneInfo(log.zone))), value)
            for each in moments
        )
    return any(holds(modifiers, value, each, log) for each in singles(members))


def _keyword(modifiers: list[str]) -> list[str]:
    return modifiers if "re" in modifiers else [*modifiers, "contains"]


def found_at(fields: Mapping[str, Any], name: str) -> list[Any]:
    """Every value of the field: by its name as it is, else along the dots; through lists on the way."""
    if name in fields:
        return [fields[name]]
    for place, letter in enumerate(name):
        if letter != ".":
            continue
        inner = fields.get(name[:place])
        found: list[Any] = []
        for each in inner if isinstance(inner, list) else [inner]:
            found += found_at(each, name[place + 1 :]) if isinstance(each, Mapping) else []
        if found:
            return found
    return []


def singles(value: Any) -> Iterator[Any]:
    """The value itself, or every member of a list, however deep; a map is a single value without text."""
    if isinstance(value, list):
        for each in value:
            yield from singles(each)
    else:
        yield value


def leaves(value: Any) -> Iterator[Any]:
    """Every single value, however deep in lists and maps."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from leaves(each)
    else:
        yield value


# --- values ------------------------------------------------------------------------------------------------


def text(value: Any) -> str | None:
    """Strings as they are, true and false as words, numbers as digits; null has none."""
    if value is None or isinstance(value, str | Mapping):
        return value if isinstance(value, str) else None
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def number(value: Any) -> float | None:
    """The number that a value or its text is."""
    if isinstance(value, bool | Mapping) or value is None:
        return None
    written = str(value).strip()
    return float(written) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", written) else None


def holds(modifiers: list[str], wanted: Any, value: Any, log: Log) -> bool:
    """Whether a single value of an event is what is wanted."""
    if "fieldref" in modifiers:
        others = list(singles(found_at(log.fields, wanted)))
        return any(_refers(modifiers, text(each), text(value)) for each in others)
    if {"lt", "lte", "gt", "gte"} & set(modifiers):
        found = number(value)
        return found is not None and compare(modifiers, found, wanted)
    words = text(value)
    if words is None:
        return False
    if "cidr" in modifiers:
        return in_network(words, wanted)
    if modifiers[:1] == ["re"]:
        return any(searches(each, modifiers, words) for each in expanded(wanted, modifiers, log, quote=re.escape))
    is_cased = "cased" in modifiers
    subject = words if is_cased else fold(words)
    return any(
        like([each if is_cased or not isinstance(each, str) else fold(each) for each in tokens], subject)
        for tokens in variants(text(wanted) or "", [each for each in modifiers if each != "cased"], log)
    )


def fold(words: str) -> str:
    return "".join(letter.lower() for letter in words).replace("ς", "σ")


def _refers(modifiers: list[str], other: str | None, value: str | None) -> bool:
    if other is None or value is None:
        return False
    if "cased" not in modifiers:
        other, value = fold(other), fold(value)
    if "contains" in modifiers:
        return other in value
    if "startswith" in modifiers:
        return value[: len(other)] == other
    return (value[-len(other) :] if other else "") == other if "endswith" in modifiers else value == other


def compare(modifiers: list[str], left: float, right: float) -> bool:
    for name, result in (("lt", left < right), ("lte", left <= right), ("gt", left > right), ("gte", left >= right)):
        if name in modifiers:
            return result
    return left == right


def in_network(words: str, network: str) -> bool:
    try:
        address = ipaddress.ip_address(words)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    base, _, length = network.partition("/")
    first = ipaddress.ip_address(base)
    bits = first.max_prefixlen
    hidden = bits - int(length or bits)
    return first.version == address.version and int(first) >> hidden == int(address) >> hidden


FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "d": re.DOTALL, "s": re.DOTALL}


def searches(pattern: str, modifiers: list[str], words: str) -> bool:
    flags = 0
    for letters, flag in (
        ({"i", "ignorecase"}, re.IGNORECASE),
        ({"m", "multiline"}, re.MULTILINE),
        ({"s", "dotall"}, re.DOTALL),
    ):
        flags |= flag if letters & set(modifiers) else 0
    pattern = pattern.replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]")
    if not flags & re.MULTILINE and pattern.endswith("$") and not pattern.endswith(r"\$"):
        pattern = pattern[:-1] + r"\Z"
    # Of all letters this one alone is an `i` to Python when it ignores case, and a letter of its own to RE2.
    return re.search(pattern, words.replace("İ", "\u2603"), flags) is not None


PARTS = {
    "minute": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar()[1],
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}


def moment(value: Any, zone: str) -> datetime | None:
    """ISO 8601, in the rule's zone where it says none; or seconds since 1970."""
    seconds = number(value)
    if seconds is not None and abs(seconds) > 1e11:
        return None
    if seconds is not None:
        return datetime.fromtimestamp(seconds, UTC)
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


# --- wildcards, escapes and the modifiers of text ------------------------------------------------------------


def like(pattern: list[Token], subject: str) -> bool:
    """Whether the tokens, texts and wildcards, make up the whole subject."""
    reached = {0}
    for token in pattern:
        if token is ANY:
            reached = set(range(min(reached), len(subject) + 1)) if reached else set()
        elif token is ONE:
            reached = {place + 1 for place in reached if place < len(subject)}
        else:
            assert isinstance(token, str)
            reached = {place + len(token) for place in reached if subject.startswith(token, place)}
    return len(subject) in reached


def read(words: str) -> list[Token]:
    r"""The tokens of a value: `\` makes `*`, `?` and itself plain, and is itself plain before anything else."""
    found: list[Token] = []
    place = 0
    while place < len(words):
        letter = words[place]
        if letter == "\\" and words[place + 1 : place + 2] in ("*", "?", "\\"):
            found.append(words[place + 1])
            place += 2
            continue
        found.append({"*": ANY, "?": ONE}.get(letter, letter))
        place += 1
    return found


def expanded(words: str, modifiers: list[str], log: Log, quote: Any = str) -> list[str]:
    """The texts that a value with placeholders stands for, still with their escapes."""
    if "expand" not in modifiers:
        return [words]
    pieces = re.split(r"(?<!\\)%([^%\\]+)%", words)
    choices = [
        [quote(each) for each in (log.lists or {})[piece]] if place % 2 else [piece.replace(r"\%", "%")]
        for place, piece in enumerate(pieces)
    ]
    return ["".join(each) for each in product(*choices)]


def variants(words: str, modifiers: list[str], log: Log) -> list[list[Token]]:
    """Every row of tokens that a value stands for, its modifiers applied one after the other."""
    rows = [read(each) for each in expanded(words, modifiers, log)]
    for name in modifiers:
        rows = [new for row in rows for new in MODIFY[name](row)]
    return [[_decoded(row)] if row and isinstance(row[0], bytes) else row for row in rows]


def _decoded(row: list[Token]) -> str:
    data = b"".join(each for each in row if isinstance(each, bytes))
    return data.decode()


def windash(row: list[Token]) -> list[list[Token]]:
    """Five dashes for each one that stands before a word and not behind one."""

    def begins(place: int) -> bool:
        before, after = row[place - 1] if place else None, row[place + 1] if place + 1 < len(row) else None
        return not _in_word(before) and _in_word(after)

    dashes = "-/\u2013\u2014\u2015"
    choices = [
        list(dashes) if isinstance(each, str) and each in dashes and begins(place) else [each]
        for place, each in enumerate(row)
    ]
    return [list(each) for each in product(*choices)]


def _in_word(letter: Token) -> bool:
    return isinstance(letter, str) and (letter.isalnum() or letter == "_")


def encoded(name: str, mark: bytes = b"") -> Any:
    def modify(row: list[Token]) -> list[list[Token]]:
        assert all(isinstance(each, str) for each in row)
        return [[mark + "".join(map(str, row)).encode(name)]]

    return modify


def _bytes(row: list[Token]) -> bytes:
    return b"".join(each if isinstance(each, bytes) else str(each).encode() for each in row)


def base64offset(row: list[Token]) -> list[list[Token]]:
    """What stays the same whatever three bytes stand around: found by trying two neighbourhoods."""
    data = _bytes(row)
    rows: list[list[Token]] = []
    for before in range(3):
        behind = -(len(data) + before) % 3
        ones, others = (base64.b64encode(each * before + data + each * behind) for each in (b"\0", b"\xff"))
        rows.append([chr(a) for a, b in zip(ones, others, strict=True) if a == b])
    return rows


MODIFY: dict[str, Any] = {
    "contains": lambda row: [[ANY, *row, ANY]],
    "startswith": lambda row: [[*row, ANY]],
    "endswith": lambda row: [[ANY, *row]],
    "windash": windash,
    "wide": encoded("utf-16-le"),
    "utf16le": encoded("utf-16-le"),
    "utf16be": encoded("utf-16-be"),
    "utf16": encoded("utf-16-le", b"\xff\xfe"),
    "base64": lambda row: [list(base64.b64encode(_bytes(row)).decode())],
    "base64offset": base64offset,
    "expand": lambda row: [row],
}
