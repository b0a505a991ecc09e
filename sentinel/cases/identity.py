"""Ids that follow from what they name: the same in replay, after a crash and on every machine.

Rules of this file: no randomness and no counter; whoever knows the finding can recompute every id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from sentinel.clock import Micros
from sentinel.model import Finding

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Douglas Crockford's base 32: no I, L, O, U, so that an id survives being read out on the telephone."""

Key = tuple[tuple[str, str], ...]

_OPEN_FIELDS = frozenset({"historical", "rule"})
"""Fields of a case key whose values name a rule, never a person."""


class Names(Protocol):
    """What turns clear values into what may be stored."""

    def hash64(self, text: str) -> int:
        """The keyed hash of a text."""

    def pseudonym(self, kind: str, value: str) -> str:
        """The name by which a value is shown."""


def case_id(finding: Finding) -> str:
    """The id of the case this finding opens: "C-" and 40 bits of the SHA-256 of the finding's id.

    An `update` that opens a case (its first case is decided already) gives another id than the finding itself did.
    """
    occasion = f"{finding.id}@{finding.last_seen}" if finding.update else finding.id
    return "C-" + _letters(occasion, 8)


def hand_id(kind: str, who: str, now: int, reference: str) -> str:
    """The id of a case that a person opens: "C-" and 40 bits of the SHA-256 of the act."""
    return "C-" + _letters(f"{kind}\0{who}\0{now}\0{reference}", 8)


def split_id(case: str, findings: tuple[str, ...]) -> str:
    """The id of the case that takes these findings out of another one."""
    return "C-" + _letters("\0".join((case, "split", *sorted(findings))), 8)


def own_hash(case: str) -> int:
    """A key hash that no finding has: that of a case which nothing joins by itself."""
    return int.from_bytes(sha256(case.encode()).digest()[:8], "big", signed=True)


def notification_id(case: str, key: str) -> str:
    """The id of what the case owes on that occasion, the same on every channel: "msg_" and 130 bits of SHA-256."""
    return "msg_" + _letters(f"{case}\0{key}", 26)


def reveal_id(who: str, case: str, now: Micros) -> str:
    """The id of somebody's wish at that moment to be shown a case: "R-" and 40 bits of SHA-256."""
    return "R-" + _letters(f"{who}\0{case}\0{now}", 8)


def silence_id(who: str, now: Micros) -> str:
    """The id of the silence that somebody made at that moment: "S-" and 40 bits of SHA-256."""
    return "S-" + _letters(f"{who}\0{now}", 8)


def key_of(finding: Finding) -> Key:
    """What joins findings to one case, in clear: the rule's own choice, else the group's values, else the rule.

    Findings of the time before the watch began join one case a rule.
    """
    if finding.historical:
        return (("historical", finding.rule),)
    return finding.case_key or finding.group or (("rule", finding.rule),)


def key_text(key: Key) -> str:
    """One text for one key, to be hashed with the vault's key."""
    return json.dumps(sorted(key), ensure_ascii=True, separators=(",", ":"))


def tags_of(key: Key, pseudonym: Callable[[str, str], str]) -> Key:
    """The key as it may be stored and shown: `pseudonym(kind, value)` instead of each value that may name a person.

    The kind is the field, and for fields that the inventory sets what is behind `access.`: `actor-7f3a9c2e51`.
    """
    return tuple(
        (name, value if name in _OPEN_FIELDS else pseudonym(name.removeprefix("access."), value)) for name, value in key
    )


def _letters(text: str, count: int) -> str:
    number = int.from_bytes(sha256(text.encode()).digest(), "big")
    return "".join(CROCKFORD[(number >> (256 - 5 * place)) & 31] for place in range(1, count + 1))
