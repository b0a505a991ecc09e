"""What is asked and answered about one person, and for those who watch the watchers."""

from __future__ import annotations

from typing import TypedDict


class SubjectArguments(TypedDict):
    """`name` as logs write it: an account, or the id of a data subject."""

    name: str
    reason: str


class HeldCase(TypedDict):
    """A case that holds something of the person: as what, and why it is not erased ("" where it can be)."""

    case: str
    state: str
    found_as: list[str]
    kept_because: str


class SubjectAnswer(TypedDict):
    """`hash` is how the ledger of accesses knows the person; `acts` counts what they did in the audit trail;
    `erased` are cases whose records and names are destroyed now; `is_ledger_erased`: so are their accesses.
    """

    pseudonyms: dict[str, str]
    cases: list[HeldCase]
    hash: str
    acts: int
    erased: list[str]
    is_ledger_erased: bool


class CouncilRule(TypedDict):
    """A rule at work: what it looks for, and whether it opens cases."""

    rule: str
    title: str
    level: str
    mode: str


class CouncilReveal(TypedDict):
    """That somebody was shown who a case is about, asked for it or approved it; not who."""

    at: str
    case: str
    act: str


class CouncilAnswer(TypedDict):
    """For the works council: rules, purposes of the systems that are watched, and looks at names. It names nobody."""

    rules: list[CouncilRule]
    purposes: dict[str, str]
    reveals: list[CouncilReveal]
