"""Which patterns to watch for, so that no record a rule matches goes by unseen, and as few others as possible are hit.

From what must stand in the raw record (`needs`) and how a format writes its fields, to Hyperscan patterns. Of an AND
the member with the fewest hits in a sample of the source is watched for (never simply the longest: in real access logs
the longest text is the browser's name). An OR watches for all its members. A pattern holds inert ASCII bytes only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sentinel.detect.needs import Either, Every, Need, Run
from sentinel.formats.base import Format

_PLAIN = re.compile(rb'(?:\\x[0-9a-f]{2}|[ "/])+')
_HEX = re.compile(rb"\\x([0-9a-f]{2})")

GRAM = 4
"""Bytes at the end of a text by which the scanner first knows that it may be there."""

SHORTEST = 6
"""No text is made shorter than this: it would stand in too many records that the sample does not show."""

DERIVED = "access."
"""Fields that no log line holds: the inventory gives them."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """One of them is enough to watch for."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """All of them must be watched for."""

    choices: tuple[Choice, ...]


Choice = bytes | AllOf | AnyOf | None
"""A pattern, or patterns; None: nothing can be watched for and every record must be tried."""


def choice(need: Need, log: Format, derived: Mapping[str, Choice]) -> Choice:
    """The patterns of a need in a format. `derived` are the fields given by the inventory, with what they come from."""
    match need:
        case Run():
            return _run(need, log, derived)
        case Every():
            known = tuple(each for part in need.needs if (each := choice(part, log, derived)) is not None)
            return known[0] if len(known) == 1 else AllOf(known) if known else None
        case Either():
            all_of_them = tuple(choice(part, log, derived) for part in need.needs)
            return None if any(each is None for each in all_of_them) else AnyOf(all_of_them)
    return None


def _run(run: Run, log: Format, derived: Mapping[str, Choice]) -> Choice:
    if run.field is not None and run.field.startswith(DERIVED):
        return derived.get(DERIVED)
    found = _of_record(run, log)
    if run.field is not None and run.field in derived:
        other = derived[run.field]
        return None if found is None or other is None else AnyOf((found, other))
    return found


def _of_record(run: Run, log: Format) -> Choice:
    if run.field is not None and log.fields is not None and run.field not in log.fields:
        return AnyOf(())
    patterns = tuple(pattern for pattern in _patterns(run, log) if pattern is not None)
    return patterns[0] if len(patterns) == 1 else AllOf(patterns) if patterns else None


def _patterns(run: Run, log: Format) -> Iterator[bytes | None]:
    for text, first, last in _inert_runs(run.text, log.inert):
        literal = hexed(text)
        if run.field is None:
            yield literal if len(text) > 1 else None
        else:
            begins, ends = run.at_start and first, run.at_end and last
            bound = log.witness(run.field, literal, at_start=begins, at_end=ends)
            yield bound
            if begins and bound is not None and not is_plain(bound):
                # Looser, and cheaper to search for: a sample tells which is the better one.
                yield log.witness(run.field, literal, at_start=False, at_end=ends)


def hexed(text: bytes) -> bytes:
    """The bytes as a pattern in which nothing is special. (A raw NUL would cut a Hyperscan pattern short.)"""
    return b"".join(b"\\x%02x" % byte for byte in text)


def _inert_runs(text: str, inert: frozenset[int]) -> Iterator[tuple[bytes, bool, bool]]:
    """The longest runs of inert bytes, and whether they touch the start and the end of the text."""
    begin = 0
    for place in range(len(text) + 1):
        if place < len(text) and ord(text[place]) in inert:
            continue
        if place > begin:
            yield text[begin:place].encode(), begin == 0, place == len(text)
        begin = place + 1


def patterns(found: Choice) -> Iterator[bytes]:
    """Every pattern in a choice."""
    if isinstance(found, bytes):
        yield found
    elif found is not None:
        for each in found.choices:
            yield from patterns(each)


def cheapest(found: Choice, cost: Callable[[bytes], float]) -> tuple[float, frozenset[bytes]] | None:
    """The patterns to watch for that together cost least; None where nothing can be watched for."""
    if found is None:
        return None
    if isinstance(found, bytes):
        return cost(found), frozenset((found,))
    each = [best for choice in found.choices if (best := cheapest(choice, cost)) is not None]
    if isinstance(found, AllOf):
        return min(each, key=lambda best: (best[0], sorted(best[1]))) if each else None
    return sum(best[0] for best in each), frozenset().union(*(best[1] for best in each))


def is_plain(pattern: bytes) -> bool:
    """The pattern is a text and nothing else, the cheapest thing to search for."""
    return _PLAIN.fullmatch(pattern) is not None


def guess(pattern: bytes) -> float:
    """The cost of a pattern of which no sample is known: the longer the rarer."""
    return 1000 / (1 + len(pattern))


def ends(sample: bytes) -> Counter[bytes]:
    """How often each text of GRAM bytes is in the sample, which is in lower case."""
    return Counter(sample[place : place + GRAM] for place in range(len(sample) - GRAM + 1))


def shortened(pattern: bytes, sample: bytes, known: Mapping[bytes, int]) -> bytes:
    """A plain text cut off where its last bytes are rarest, if no more of the sample (of which `known` are the `ends`)
    is hit by that.

    Thousands of texts are searched for by their last bytes first. Where these are a common word of the log, each of
    them is looked at again and again: ended before the word, 3,000 texts of a log's own words cost a tenth.
    """
    if not is_plain(pattern):
        return pattern
    text = _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), pattern).lower()
    if len(text) <= SHORTEST:
        return pattern
    cut = min(range(len(text), SHORTEST - 1, -1), key=lambda end: known.get(text[end - GRAM : end], 0))
    is_rare = text[cut - GRAM : cut] not in known
    return hexed(text[:cut]) if is_rare or sample.count(text[:cut]) == sample.count(text) else pattern
