"""Random detections and random events that have much in common. Everything comes from one `Random`, so that a seed
gives the same case again; plain code makes ten times as many cases a second as composed strategies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.conformance import oracle

FRAGMENTS = ("a", "B", "ab", "é", "É", "ß", "İ", "ſ", "K", "Σ", "ς", "σ", "-a", "/b", "–a", " ", "\\", "*", "?", "%",
             "1", "20", ".5", "\n", '"', "/", "&", "\x00", "7")  # fmt: skip
FIELDS = ("f", "f", "g", "n.o", "n.p", "n.p.q")
NAMES = ("selection", "sel_a", "sel_b", "order", "android", "allowed", "_hidden", "1st", "of_note", "filter_them")
LISTS = {"l": ["a", "B*", "20"], "m": ["\\*", "é"]}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
MOMENTS = ("2026-01-01T00:30:00Z", "2024-12-30T23:59:59+02:00", "2026-03-29T02:30:00", "1767225600", "no time")
NUMBERS = (-3, 0, 1, 7, 20, 25, 0.5, 2.0, 1e21, 20.25)
ADDRESSES = ("10.0.0.1", "10.1.0.1", "::ffff:10.0.0.1", "fe80::1", "192.168.7.255", "10.0.0", "x")
NETWORKS = ("10.0.0.0/8", "10.0.0.1", "fe80::/10", "0.0.0.0/0", "::/0", "192.168.7.128/25")
PIECES = ("a", "B", "é", ".", "[a-z]", "[^a]", r"\d", r"\w+", "(a|B)", "20?", "b{1,2}", r"\.", ".*", "ß", "%", " +")


@dataclass(frozen=True)
class Case:
    """A detection, the log it is tried on, and the time zone of the rule."""

    detection: dict[str, Any]
    log: list[dict[str, Any]]
    zone: str


def case(seed: int) -> Case:
    """The case of the seed."""
    random = Random(seed)
    log = [_event(random) for _ in range(random.randint(1, 4))]
    known = sorted({each for one in log for each in oracle.leaves(one) if isinstance(each, str) and each})
    names = random.sample(NAMES, random.randint(1, 3))
    detection = {name: _selection(random, known) for name in names}
    condition: Any = _condition(random, names, 2)
    if random.random() < 0.2:
        condition = [condition, _condition(random, names, 1)]
    return Case({**detection, "condition": condition}, log, random.choice(ZONES))


# --- events --------------------------------------------------------------------------------------------------


def _text(random: Random, least: int = 0) -> str:
    return "".join(random.choice(FRAGMENTS) for _ in range(random.randint(least, 4)))


def _value(random: Random) -> Any:
    kind = random.randrange(10)
    if kind < 5:
        return _text(random)
    return random.choice((NUMBERS, ADDRESSES, MOMENTS, (True, False), (None,))[kind - 5])


def _leaf(random: Random) -> Any:
    return [_value(random) for _ in range(random.randint(0, 3))] if random.random() < 0.2 else _value(random)


def _inner(random: Random) -> dict[str, Any]:
    return {name: _leaf(random) for name in ("o", "p", "p.q") if random.random() < 0.4}


def _event(random: Random) -> dict[str, Any]:
    found = {name: _leaf(random) for name in ("f", "g", "n.o") if random.random() < 0.6}
    if random.random() < 0.5:
        found["n"] = random.choice((_leaf, _inner, lambda r: [_inner(r), _value(r)], lambda r: [_inner(r)]))(random)
    if random.random() < 0.2:
        found["n.p"] = _inner(random)
    return found


# --- selections ----------------------------------------------------------------------------------------------


def _selection(random: Random, known: list[str]) -> Any:
    def one_map() -> dict[str, Any]:
        return dict(_item(random, known) for _ in range(random.randint(1, 2)))

    def keywords() -> list[Any]:
        return [_words(random, known) or "a", *([7] if random.random() < 0.2 else [])]

    kinds: list[Callable[[], Any]] = [
        one_map,
        one_map,
        one_map,
        lambda: [one_map(), one_map()],
        lambda: [one_map(), *keywords()],
        keywords,
        lambda: {"|all": [_words(random, known), _words(random, known)]},
        lambda: {"|re": _pattern(random)},
        lambda: _words(random, known),
    ]
    return random.choice(kinds)()


def _words(random: Random, known: list[str]) -> str:
    """A random text, or some of one that stands in the log, escaped, with a wildcard here and there."""
    if not known or random.random() < 0.3:
        return _text(random, least=random.random() < 0.95)
    chosen = random.choice(known)
    first, last = sorted((random.randint(0, len(chosen)), random.randint(0, len(chosen))))
    if random.random() < 0.5:
        first, last = random.choice(((0, len(chosen)), (0, last), (first, len(chosen))))
    letters = [f"\\{each}" if each in "*?\\" else each for each in chosen[first:last]]
    if letters and random.random() < 0.3:
        letters[random.randrange(len(letters))] = random.choice("*?")
    found = "".join(letters) or random.choice(("a", "b", "", "B"))
    return random.choice((found, found, found.swapcase()))


def _plain(random: Random, known: list[str]) -> str:
    words = _words(random, known)
    return "ab" if set("*?\\") & set(words) or len(words) < 2 else words


def _pattern(random: Random) -> str:
    middle = "".join(random.choice(PIECES) for _ in range(random.randint(1, 3)))
    return random.choice(("", "^")) + middle + random.choice(("", "$"))


Draw = Callable[[Random, list[str]], Any]
_TEXT = ((), (), ("contains",), ("startswith",), ("endswith",))
_NEVER: Any = ((),)
KINDS: dict[str, tuple[tuple[tuple[str, ...], ...], Any, Draw, str]] = {
    # name: first modifiers, further modifiers, value, what else it may take: l(ist), a(ll), n(eq), c(ased)
    "text": (((),), _TEXT, _words, "lanc"),
    "windash": ((("windash",),), _TEXT, _words, "lac"),
    "base64": ((("base64",),), _TEXT, _plain, "la"),
    "base64offset": ((("base64offset", "contains"),), _NEVER, _plain, "la"),
    "wide": ((("wide",), ("utf16le",), ("utf16be",), ("utf16",)), (("base64offset", "contains"),), _plain, "la"),
    "re": ((("re",),), ((), ("i",), ("m",), ("s",), ("i", "s"), ("multiline",)), lambda r, _: _pattern(r), "lan"),
    "cidr": ((("cidr",),), _NEVER, lambda r, _: r.choice(NETWORKS), "ln"),
    "compare": ((("lt",), ("lte",), ("gt",), ("gte",)), _NEVER, lambda r, _: r.choice(NUMBERS), "ln"),
    "time": (tuple((each,) for each in sorted(oracle.PARTS)), ((), ("gte",), ("lt",)),
             lambda r, _: r.choice((1, 2, 12)), "l"),
    "exists": ((("exists",),), _NEVER, lambda r, _: r.random() < 0.5, ""),
    "fieldref": ((("fieldref",),), _TEXT, lambda r, _: r.choice(FIELDS), "nc"),
    "expand": ((("expand",),), _TEXT, lambda r, _: r.choice(("%l%", "a%m%", "%m%%l%", "\\%l%")), "la"),
    "null": (((),), _NEVER, lambda _r, _k: None, ""),
    "number": (((),), _NEVER, lambda r, _: r.choice((*NUMBERS, True)), "ln"),
}  # fmt: skip


def _item(random: Random, known: list[str]) -> tuple[str, Any]:
    name = random.choice(("text", "text", "text", "re", *KINDS))
    firsts, further, draw, takes = KINDS[name]
    modifiers = [*random.choice(firsts), *random.choice(further)]
    many = "l" in takes and random.random() < 0.5
    if "c" in takes and random.random() < 0.3:
        modifiers.insert(0, "cased")
    if many and "a" in takes and random.random() < 0.4:
        modifiers.append("all")
    if "n" in takes and random.random() < 0.2:
        modifiers.append("neq")
    field = "@timestamp" if name == "time" and random.random() < 0.5 else random.choice(FIELDS)
    value = [draw(random, known) for _ in range(random.randint(2, 3))] if many else draw(random, known)
    return "|".join((field, *modifiers)), value


# --- conditions ----------------------------------------------------------------------------------------------


def _condition(random: Random, names: list[str], depth: int) -> str:
    kind = random.randrange(8) if depth else random.randrange(3)
    if kind < 2:
        return random.choice(names)
    if kind == 2:
        name = random.choice(names)
        patterns = ["them", "*", f"{name[:3]}*", f"*{name[-2:]}", f"{name[:2]}*{name[-1:]}"]
        return f"{random.choice(('1', 'all', 'any'))} of {random.choice(patterns)}"
    left = _condition(random, names, depth - 1)
    if kind == 3:
        return f"not {left}"
    if kind == 4:
        return f"({left})"
    return f"{left} {random.choice(('and', 'or', 'and not'))} {_condition(random, names, depth - 1)}"
