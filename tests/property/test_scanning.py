"""Scanning hides nothing: what a lane finds is what trying every record on every rule would find, in every format."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from sentinel import formats, inventory
from sentinel.detect import access
from sentinel.detect.access import Entry
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Lane, Match
from sentinel.detect.rules import RuleSet
from sentinel.model import Block
from tests.detecting import NOON, a_block, a_view, an_engine, detection, read
from tests.property.test_formats import OPTIONS, SPECS, lines_of, values

EXAMPLES = 3000 if os.environ.get("SENTINEL_LONG") else 120

Values = Sequence[tuple[str, str]]
Found = tuple[int, tuple[int, ...], dict[str, Any]]

# --- what is searched for: made of what stands in the records -------------------------------------------------------


def written(text: str) -> str:
    """The text as a Sigma value that means itself."""
    return re.sub(r"([*?\\])", r"\\\1", text)


def as_written(text: str) -> str:
    return text


def odd_case(text: str) -> str:
    """The same text to whoever does not regard case, with the letters that are hardest to fold."""
    return text.replace("k", "\u212a").swapcase()


CASES = (as_written, as_written, as_written, odd_case, str.upper)
CONDITIONS = (
    "a", "a", "a and b", "a or b", "a and not b", "not a", "1 of them", "all of them", "not 1 of b*", "not (a and b)",
    "(a or b) and not b", "a and (b or not a)",
)  # fmt: skip
GIVEN = (("access.subject", "k"), ("access.system", "portal"), ("ward", "a"), ("access.records", "1"))
CATEGORIES = ("webserver", "webserver", "webserver", "personal_data_access")
PATTERNS = (
    "{0}", "^{0}", "{0}$", "(?i){0}", "(?i:{0})", "(?m)^{0}$", "^(?:{0}|x)", "(?:^|/){0}", "(?:{0})+$", "(?:{0})?",
    "(?:{0}){{1,2}}", "[{0}x]", "\\A{0}", "\\d+{0}", "{0}\\b", "(?s).{0}", "a|{0}", "(?:x|{0}).*", "{0}{0}?",
    "[[:word:]]{0}",
)  # fmt: skip


class Author:
    """Writes rules and inventories about the values it knows. The same for the same seed."""

    def __init__(self, seed: int, known: Values, raws: Sequence[str]) -> None:
        self.chance = random.Random(seed)
        self.known, self.raws = known, raws

    def piece(self, text: str) -> str:
        """A piece of the text, perhaps all of it, perhaps in another case."""
        begin, end = sorted((self.chance.randint(0, len(text)), self.chance.randint(0, len(text))))
        piece = self.chance.choice([text, text[begin:end], text[:end], text[begin:]])
        return self.chance.choice(CASES)(piece)

    def glob(self, text: str) -> str:
        """The text as a Sigma value with some of it left to wildcards."""
        cut, gap = self.chance.randint(0, len(text)), self.chance.randint(0, 3)
        return written(text[:cut]) + self.chance.choice(["*", "?" * gap, "*?"]) + written(text[cut + gap :])

    def pattern(self, text: str) -> str:
        """A regular expression that a piece of the text may satisfy."""
        half = len(text) // 2
        if self.chance.random() < 0.2:
            return re.escape(text[:half]) + self.chance.choice([".*", ".", "[^/]+"]) + re.escape(text[half + 1 :])
        return self.chance.choice(PATTERNS).format(re.escape(self.piece(text)))

    def item(self, known: Values) -> tuple[str, Any]:
        """One line of a selection: a field with modifiers, and its value."""
        field, text = self.chance.choice(known)
        field = "no.such.field" if self.chance.random() < 0.05 else field
        modifiers, value = self.chance.choice(ITEMS)
        return field + self.chance.choice(modifiers), value(self, text)

    def selection(self, known: Values) -> Any:
        """A map, a list of maps, or keywords."""
        kind = self.chance.random()
        if kind < 0.15:
            return [written(self.piece(self.chance.choice(self.raws))) for _ in range(self.chance.randint(1, 2))]
        if kind < 0.3:
            return [dict([self.item(known)]) for _ in range(2)]
        return dict(self.item(known) for _ in range(self.chance.choice([1, 1, 2])))

    def rule(self, number: int) -> dict[str, Any]:
        """A detection; its selections may also ask for what the inventory gives."""
        known = [*self.known, *GIVEN] if self.chance.random() < 0.3 else self.known
        parts = {name: self.selection(known) for name in "ab"}
        source = {"category": self.chance.choice(CATEGORIES)}
        return detection(f"rule{number}", parts, self.chance.choice(CONDITIONS), logsource=source, level="low")

    def entry(self) -> dict[str, Any]:
        """One way to reach a system, with what it captures."""
        when = dict([self.item(self.known)]) if self.chance.random() < 0.4 else {}
        field, text = self.chance.choice(self.known)
        group = self.chance.choice(["subject", "actor", "records", "ward"])
        rest = self.chance.choice([f"(?P<{group}>.*)$", f"(?P<{group}>[^/]+)", f"(?P<{group}>.)?"])
        if not when or self.chance.random() < 0.5:
            begin = re.escape(text[: self.chance.randint(0, len(text))])
            when[f"{field}|re"] = self.chance.choice(["^", "", "^.?"]) + begin + rest
        entry: dict[str, Any] = {"when": when, "actor": self.chance.choice(self.known)[0] or "user.name"}
        if self.chance.random() < 0.5:
            entry["subject"] = self.chance.choice(self.known)[0] or "a"
        return entry

    def systems(self) -> list[dict[str, Any]]:
        """An inventory of no, one or two systems."""
        names = self.chance.choice([[], ["portal"], ["portal", "ehr"]])
        return [{"name": name, "data": ["health"], "access": [self.entry(), self.entry()]} for name in names]

    def number(self, text: str) -> int:
        """A number, near the one that the text is."""
        near = [int(float(text))] if re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]+)?", text) else []
        return self.chance.choice([*near, *near, 0, 200, 401])


PLAIN = ("", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|neq", "|contains|windash", "|wide")
ITEMS: tuple[tuple[tuple[str, ...], Callable[[Author, str], Any]], ...] = (
    (PLAIN, lambda author, text: written(author.piece(text))),
    (PLAIN, lambda author, text: written(author.piece(text))),
    (("", "|contains", "|startswith", "|neq"), Author.glob),
    (("|re", "|re", "|re|i", "|re|m", "|re|s", "|re|i|m", "|re|neq"), Author.pattern),
    (("|re", "|re|i"), Author.pattern),
    (
        ("", "|contains", "|startswith", "|contains|all", "|all", "|neq"),
        lambda author, text: [written(author.piece(text)) for _ in range(2)],
    ),
    (("|lt", "|lte", "|gt", "|gte", "", "|neq"), Author.number),
    (("|exists",), lambda author, _: author.chance.random() < 0.5),
    (("",), lambda _author, _text: None),
    (("|cidr",), lambda author, _: author.chance.choice(["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"])),
    (("|base64|contains", "|base64offset|contains"), lambda author, text: written(author.piece(text))),
    (("|fieldref", "|fieldref|startswith"), lambda author, _: author.chance.choice(["user.name", "message", "a", "b"])),
)


# --- the records ----------------------------------------------------------------------------------------------------

APPLICATION_KEYS = ("access.subject", "access", "ward", "user.name", "a", "user", "\\u0061ccess.subject", "message")
application_lines = st.dictionaries(
    st.sampled_from(APPLICATION_KEYS),
    st.one_of(
        st.sampled_from(["kim", "\\u004bim", "\u212a", "10.0.0.1", "a\\nkim", "portal"]).map('"{}"'.format),
        st.sampled_from(["401", "4.0", "1e2", "null", "true", '{"subject":"p","name":"kim"}', '[{"name":"k"},"kim"]']),
    ),
    max_size=4,
).map(lambda fields: ("{" + ", ".join(f'"{key}":{value}' for key, value in fields.items()) + "}").encode())


def lines(spec: Any) -> st.SearchStrategy[list[bytes]]:
    one = st.one_of(lines_of(spec), lines_of(spec), application_lines) if spec == "json" else lines_of(spec)
    cleaned = one.map(lambda line: line.replace(b"\n", b" "))
    ended = st.builds(bytes.__add__, cleaned, st.sampled_from([b"", b"", b"\r"]))
    return st.lists(st.one_of(ended, ended, ended, st.sampled_from([b"", b"\r", b" "])), min_size=1, max_size=6)


def known_values(spec: Any, records: Sequence[bytes]) -> Values:
    parse = formats.make(spec, OPTIONS).parser(None)
    found: list[tuple[str, str]] = [("message", "kim")]
    for record in records:
        parsed = parse(record.removesuffix(b"\r"), NOON)
        fields = {"message": record.decode(errors="replace")} if parsed is None else parsed[0]
        found += values(fields)
    return [(field, text[:200]) for field, text in found if "|" not in field]


class World:
    """Records of a source, and the rules and inventory it is judged by."""

    def __init__(self, spec: Any, records: list[bytes], documents: list[Any], systems: list[Any]) -> None:
        self.spec, self.records, self.documents, self.systems = spec, records, documents, systems

    def __repr__(self) -> str:
        return f"World({self.spec!r}, {self.records!r}, {self.documents!r}, {self.systems!r})"

    def engine(self) -> Engine:
        return an_engine(self.rules(), [a_view(self.spec)], self.entries())

    def rules(self) -> RuleSet:
        return read("\n---\n".join(map(json.dumps, self.documents)))[0]

    def entries(self) -> tuple[Entry, ...]:
        found, _ = inventory.parse(json.dumps({"systems": self.systems}))
        return access.entries(found)[0] if found is not None else ()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    spec = draw(st.sampled_from(SPECS))
    records = draw(lines(spec))
    raws = [record.decode(errors="replace")[:200] or "kim" for record in records]
    author = Author(draw(st.integers(0, 2**32)), known_values(spec, records), raws)
    return World(spec, records, [author.rule(number) for number in range(8)], author.systems())


# --- both ways ------------------------------------------------------------------------------------------------------


def found_in(match: Match) -> Found:
    fields = match.event.fields
    given = {name: fields[name] for name in sorted(fields) if name.startswith("access.")}
    return match.event.block.offset + match.event.start, match.rules, given


def tried(lane: Lane, block: Block) -> list[Found]:
    """Every record tried on everything."""
    matches = [lane.judge_alone(block, start, end) for start, end in lane.records(block)]
    assert lane.counts.errors == {}
    return [found_in(match) for match in matches if match is not None and match.rules]


def scanned(lane: Lane, *blocks: Block) -> list[Found]:
    found = [found_in(match) for block in blocks for match in lane.matches(block)]
    assert lane.counts.errors == {}
    return found


def data_of(records: Sequence[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)


def check(world: World, cuts: Sequence[int]) -> None:
    block = a_block(data_of(world.records))
    expected = tried(world.engine().lanes["app"], block)
    event(f"found: {bool(expected)}")
    lane = world.engine().lanes["app"]
    assert scanned(lane, block) == expected
    # Once more: after a block with many escapes the next ones are decoded as a whole.
    assert scanned(lane, block) == expected
    assert scanned(world.engine().lanes["app"], *blocks_of(world.records, cuts)) == expected


def blocks_of(records: Sequence[bytes], cuts: Sequence[int]) -> list[Block]:
    ends = sorted({min(cut, len(records)) for cut in cuts} | {len(records)})
    blocks, begin, offset = [], 0, 0
    for end in ends:
        data = data_of(records[begin:end])
        blocks.append(a_block(data, offset))
        begin, offset = end, offset + len(data)
    return blocks


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(worlds(), st.lists(st.integers(0, 6), max_size=3))
def test_scanning_and_then_trying_finds_what_trying_every_record_finds(world: World, cuts: list[int]) -> None:
    check(world, cuts)


def one_rule(spec: Any, record: bytes, selection: Mapping[str, Any], **more: Any) -> World:
    return World(spec, [record], [detection("rule0", {"a": selection}, "a", **more)], [])


@settings(max_examples=1)
@given(st.just(None))
@example(one_rule("json", b'{"a":"x\\nkim"}', {"a|re": "(?m)^kim"}))
@example(one_rule("json", b'{"\\u0061ccess.subject":"p"}', {"access.subject": "p"}))
def test_what_once_was_hidden_is_found(world: World | None) -> None:
    if world is not None:
        check(world, [])
