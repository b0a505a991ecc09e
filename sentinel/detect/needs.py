"""What must stand in the raw record for a rule to match: the part of a rule that can be searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """A text that must stand in a field (in any field, or the raw record, where `field` is None), compared without
    case, at its very start or end where said so.
    """

    field: str | None
    text: str
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """All of them must stand there; one of them is watched for."""

    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of them must stand there; all are watched for."""

    needs: tuple[Need, ...]


Need = Run | Every | Either | None
"""None: nothing that could be searched for has to stand there."""


def every(needs: Sequence[Need]) -> Need:
    """AND of needs: those that say nothing are left out."""
    known = tuple(each for each in needs if each is not None)
    return known[0] if len(known) == 1 else Every(known) if known else None


def either(needs: Sequence[Need]) -> Need:
    """OR of needs: one that says nothing makes the whole say nothing."""
    if not needs or any(each is None for each in needs):
        return None
    return needs[0] if len(needs) == 1 else Either(tuple(needs))
