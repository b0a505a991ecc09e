"""Proposals from logs without paths: what an application says was done, and the tables that a database's log names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sentinel.discovery import words
from sentinel.discovery.census import Census, Endpoint
from sentinel.discovery.proposal import LEAST, PersonField, Proposal, who
from sentinel.discovery.values import masked


def of_actions(census: Census, actor: str | None, fields: Sequence[PersonField]) -> Iterator[Proposal]:
    looks = {each.name for each in fields if each.by != "name"}
    audited = {action for name, action in census.actions if name == "db.query.text audited"}
    for (name, action), endpoint in census.actions.items():
        if endpoint.good < LEAST:
            continue
        if name.startswith("db.query.text"):
            # A statement that is audited too would be counted twice.
            if name.endswith("audited") or action not in audited:
                yield from _of_statements(action, endpoint, actor, is_audited=name.endswith("audited"))
            continue
        subject = _subject_field(endpoint, looks, actor)
        is_table = name == "db.collection.name"
        table = action.rpartition(".")[2].lower()
        if subject is None and not (is_table and table in words.PEOPLE.keys() | words.RECORDS.keys()):
            continue
        person = words.person_of_name(subject) if subject else None
        data = words.PEOPLE.get(person or table) or words.RECORDS.get(table) or ("contact",)
        when: dict[str, Any] = {name: action} if name else {}
        if subject is not None:
            when[f"{subject}|exists"] = True
        people = endpoint.subjects.get(subject) if subject else None
        records = max(endpoint.counts, key=lambda each: endpoint.counts[each], default=None)
        yield Proposal(
            title=f"{name} {action}".strip() or "every record",
            action=_action_word(action),
            when=when,
            subject=subject,
            records=records,
            data=data,
            sure="high" if subject is not None else "medium",
            because=(f"'{subject}' says whose data" if subject else f"table '{table}' is about people",),
            count=endpoint.good,
            people=len(people) if people else 0,
            covered=endpoint.covered,
            example=f"{subject}={masked(next(iter(people.samples), ''))}" if subject and people else "",
            **who([endpoint], actor),
        )


def _of_statements(table: str, endpoint: Endpoint, actor: str | None, *, is_audited: bool) -> Iterator[Proposal]:
    """What is read of a table by statements that a database writes down."""
    data = words.PEOPLE.get(table) or words.RECORDS.get(table)
    if data is None:
        return
    when: dict[str, Any] = {"event.code": "READ"} if is_audited else {}
    when["db.query.text|re|i"] = rf'\b(?:from|join)\s+(?:"?\w+"?\.)?"?{table}\b'
    yield Proposal(
        title=f"statements on {table}",
        action="read",
        when=when,
        records="db.response.returned_rows" if endpoint.counts.get("db.response.returned_rows") else None,
        data=data,
        sure="medium",
        because=(f"table '{table}' is about people",),
        count=endpoint.good,
        covered=endpoint.covered,
        **who([endpoint], actor),
    )


def _subject_field(endpoint: Endpoint, looks: set[str], actor: str | None) -> str | None:
    """The field that names the person in most of the endpoint's records; one whose values look like it goes first."""
    known = [name for name in endpoint.subjects if name != actor]
    known.sort(key=lambda name: (name not in looks, not name.endswith(("id", "Id", "number", "no")), name))
    return known[0] if known else None


def _action_word(action: str) -> str:
    lower = action.lower()
    for word in ("export", "print", "search", "update", "delete"):
        if word in lower:
            return word
    return "export" if any(word in lower for word in words.EXPORTS) else "read"
