"""The register: cases, the findings in them, and the data subjects they touch as keyed hashes.

Rules of this file: a case holds pseudonyms and is stored as it is, but for its owner, who is a person and is sealed.
What a finding says of people (its group, its actors) is sealed under the case's own key, or left out where that key
is not to be had; it is never written in clear.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import apsw

from sentinel.clock import Micros
from sentinel.model import Absorbed, Case, Clock, Counting, Finding, Level, Mode, Notice, State, Task
from sentinel.store import audit
from sentinel.store.connection import Row, number, row, rows
from sentinel.vault import KeyUnavailable, Vault

STILL_RUNNING: Final = (State.OPEN, State.CONFIRMED, State.NOTIFIED)
"""The states in which a case can still be joined or can still owe something."""

_IN_CLEAR: Final = (
    "rule_id",
    "title",
    "mode",
    "first_seen",
    "last_seen",
    "digits",
    "source",
    "evidence_total",
    "historical",
    "systems",
    "categories",
    "actor_verified",
    "suppressed",
    "because",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding as the register keeps it: the newest numbers of its episode, and nobody's name."""

    id: str
    case_id: str
    rule: str
    rule_id: str | None
    title: str
    level: Level
    mode: Mode
    first_seen: Micros
    last_seen: Micros
    fired_at: Micros
    digits: int
    value: int | float
    subjects: int | None
    source: str
    evidence_total: int
    updates: int
    historical: bool
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    actor_verified: bool
    suppressed: int
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingValues:
    """What a finding says of people, in clear. Showing it is an act to be audited."""

    group: tuple[tuple[str, str], ...]
    case_key: tuple[tuple[str, str], ...]
    actors: tuple[str, ...]


# --- cases -------------------------------------------------------------------------------------------------


def save(db: apsw.Connection, vault: Vault, case: Case) -> None:
    """The case stands as given."""
    owner = None if case.owner is None else vault.seal_state(f"owner {case.id}", case.owner.encode("utf-8", "replace"))
    db.execute(
        "INSERT INTO cases (id, state, level, key_hash, detected_at, historical, body, owner) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
        "level = excluded.level, key_hash = excluded.key_hash, detected_at = excluded.detected_at, "
        "historical = excluded.historical, body = excluded.body, owner = excluded.owner",
        (case.id, case.state, case.level, case.key_hash, case.detected_at, case.historical, to_text(case), owner),
    )
    audit.link_case(db, number(db, "SELECT number FROM cases WHERE id = ?", (case.id,)))


def load(db: apsw.Connection, vault: Vault) -> list[Case]:
    """Every case, in the order they were opened."""
    return [_case(vault, found) for found in rows(db, "SELECT body, owner FROM cases ORDER BY number")]


def load_running(db: apsw.Connection, vault: Vault) -> list[Case]:
    """The cases that can still be joined or owe something, in the order they were opened."""
    found = rows(db, "SELECT body, owner FROM cases WHERE state IN (?, ?, ?) ORDER BY number", STILL_RUNNING)
    return [_case(vault, each) for each in found]


def load_one(db: apsw.Connection, vault: Vault, case_id: str) -> Case | None:
    """The case of that id, or None."""
    found = row(db, "SELECT body, owner FROM cases WHERE id = ?", (case_id,))
    return None if found is None else _case(vault, found)


def _case(vault: Vault, found: Row) -> Case:
    body, owner = found
    case = from_text(body)
    if owner is None:
        return case
    # An owner that does not open (somebody changed the file) must not keep the case's clock from running.
    with suppress(KeyUnavailable):
        case = dataclasses.replace(case, owner=vault.unseal_state(f"owner {case.id}", owner).decode("utf-8", "replace"))
    return case


def to_text(case: Case) -> str:
    """The case as JSON, without its owner."""
    body = dataclasses.asdict(case)
    del body["owner"]
    return json.dumps(body, separators=(",", ":"))


def from_text(text: str) -> Case:
    """The case whose JSON `to_text` gave. A field this version does not know is passed over."""
    body = _known(Case, json.loads(text))
    body["state"], body["level"] = State(body["state"]), Level(body["level"])
    body["state_before"] = None if body.get("state_before") is None else State(body["state_before"])
    for name, part in _PARTS.items():
        body[name] = tuple(part(each) for each in body.get(name, ()))
    return Case(**body)


def _clock(body: dict[str, Any]) -> Clock:
    # Clocks were once written with their hours alone.
    counting = body.get("counting") or {"amount": body.get("hours", 0)}
    return Clock(**_known(Clock, {**body, "counting": None}) | {"counting": Counting(**_known(Counting, counting))})


def _absorbed(body: dict[str, Any]) -> Absorbed:
    known = _known(Absorbed, body)
    known |= {name: Level(body[name]) for name in ("level", "level_before")}
    return Absorbed(**known | {"clocks_before": tuple(_clock(each) for each in body["clocks_before"])})


_PARTS: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "clocks": _clock,
    "dormant": _clock,
    "notices": lambda body: Notice(**_known(Notice, body)),
    "tasks": lambda body: Task(**_known(Task, body)),
    "absorbed": _absorbed,
}
"""What a case holds several of, and how each is made again from JSON."""


def _known(kind: type[Case | Clock | Counting | Notice | Task | Absorbed], body: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: _frozen(value) for name, value in body.items() if name in names}


def _frozen(value: Any) -> Any:
    # JSON has no tuples, the nouns have no lists.
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


# --- findings ----------------------------------------------------------------------------------------------


_GROWING = ("last_seen", "evidence_total", "suppressed")
"""What an update of a finding says anew; whom the finding is about and where was said when it was first given."""


def save_finding(db: apsw.Connection, vault: Vault, case_id: str, finding: Finding) -> None:
    """The finding is in the case, with its newest numbers; an update is counted and takes nothing away."""
    known = rows(db, "SELECT body FROM findings WHERE id = ?", (finding.id,))
    if known and finding.update:
        body = json.loads(known[0][0]) | {name: getattr(finding, name) for name in _GROWING}
        db.execute(
            "UPDATE findings SET level = ?, value = ?, subjects = coalesce(max(?, subjects), ?, subjects), "
            "updates = updates + 1, body = ? WHERE id = ?",
            (
                *(finding.level, finding.value, finding.subjects, finding.subjects),
                *(json.dumps(body, separators=(",", ":")), finding.id),
            ),
        )
        return
    clear = {name: getattr(finding, name) for name in _IN_CLEAR}
    people = {"group": finding.group, "case_key": finding.case_key, "actors": finding.actors}
    try:
        sealed = vault.seal(case_id, f"finding {finding.id}", json.dumps(people).encode())
    except KeyUnavailable:
        sealed = None
    db.execute(
        "INSERT INTO findings (id, case_id, rule, level, fired_at, value, subjects, updates, body, sealed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (id) DO NOTHING",
        (
            *(finding.id, case_id, finding.rule, finding.level, finding.fired_at, finding.value, finding.subjects),
            *(json.dumps(clear, separators=(",", ":")), sealed),
        ),
    )


def load_findings(db: apsw.Connection, case_id: str) -> list[FindingRow]:
    """The findings of a case, in the order they first came."""
    found = rows(
        db,
        "SELECT id, case_id, rule, level, fired_at, value, subjects, updates, body FROM findings "
        "WHERE case_id = ? ORDER BY number",
        (case_id,),
    )
    return [_finding(each) for each in found]


def _finding(found: Row) -> FindingRow:
    finding_id, case_id, rule, level, fired_at, value, subjects, updates, text = found
    body = json.loads(text)
    body = {"because": ()} | body | {"mode": Mode(body["mode"])}  # an older state has no reasons
    return FindingRow(
        id=finding_id,
        case_id=case_id,
        rule=rule,
        level=Level(level),
        fired_at=fired_at,
        value=value,
        subjects=subjects,
        updates=updates,
        **{name: _frozen(body[name]) for name in _IN_CLEAR},
    )


def load_finding_values(db: apsw.Connection, vault: Vault, finding_id: str) -> FindingValues | None:
    """Who a finding is about; None for an unknown finding. Raises KeyUnavailable where it cannot be unsealed."""
    found = row(db, "SELECT case_id, sealed FROM findings WHERE id = ?", (finding_id,))
    if found is None:
        return None
    case_id, sealed = found
    if sealed is None:
        raise KeyUnavailable("what this finding says of people was shredded, or could not be sealed")
    people = json.loads(vault.unseal(case_id, f"finding {finding_id}", sealed))
    return FindingValues(*(_frozen(people[name]) for name in ("group", "case_key", "actors")))


def case_of(db: apsw.Connection, finding_id: str) -> str | None:
    """The id of the case a finding is in, or None."""
    found = row(db, "SELECT case_id FROM findings WHERE id = ?", (finding_id,))
    return None if found is None else str(found[0])


def move_finding(db: apsw.Connection, vault: Vault, finding_id: str, case_id: str) -> None:
    """The finding is in that case, what it says of people sealed anew under its key; lost where that cannot be."""
    try:
        people = load_finding_values(db, vault, finding_id)
        text = json.dumps(None if people is None else dataclasses.asdict(people))
        sealed = vault.seal(case_id, f"finding {finding_id}", text.encode())
    except KeyUnavailable:
        sealed = None
    db.execute("UPDATE findings SET case_id = ?, sealed = ? WHERE id = ?", (case_id, sealed, finding_id))


def forget_values(db: apsw.Connection, case_id: str) -> None:
    """No finding of the case says anything of people any more."""
    db.execute("UPDATE findings SET sealed = NULL WHERE case_id = ?", (case_id,))


# --- data subjects -----------------------------------------------------------------------------------------


def add_subjects(db: apsw.Connection, case_id: str, hashes: Iterable[int]) -> None:
    """These data subjects are among those the case touches, each once."""
    case = number(db, "SELECT number FROM cases WHERE id = ?", (case_id,))
    db.executemany("INSERT OR IGNORE INTO subjects VALUES (?, ?)", [(case, each) for each in hashes])


def count_subjects(db: apsw.Connection, case_id: str) -> int:
    """How many distinct data subjects the case touches."""
    return number(db, f"SELECT count(*) {_SUBJECTS_OF}", (case_id,))


def load_subjects(db: apsw.Connection, case_id: str) -> set[int]:
    """The keyed hashes of the data subjects the case touches."""
    return {each[0] for each in rows(db, f"SELECT hash {_SUBJECTS_OF}", (case_id,))}


_SUBJECTS_OF: Final = 'FROM subjects WHERE "case" = (SELECT number FROM cases WHERE id = ?)'
