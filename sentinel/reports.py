"""The monitoring report of a period, from the store: coverage, cases, response, delivery, evidence, keys, privacy."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.answers import register_answer
from sentinel.cases import reporting
from sentinel.cases.book import Book
from sentinel.cases.moments import read_day
from sentinel.cases.moving import CaseError
from sentinel.clock import DAY, SECOND, Micros, rfc3339
from sentinel.store import Store
from sentinel.vault import Vault

USUAL_DAYS = 30
"""The length of a period of which nobody says where it begins."""


def period(since: str | None, until: str | None, zone: ZoneInfo, now: Micros) -> tuple[Micros, Micros]:
    """From and to of a period, by the days of the zone; the last 30 days unless said. Raises CaseError."""
    # Times are compared to the second: what happened in this one belongs to the period too.
    latest = now - now % SECOND + SECOND
    end = latest if until is None else min(latest, read_day("--to", until, zone))
    start = end - USUAL_DAYS * DAY if since is None else read_day("--from", since, zone)
    if start >= end:
        raise CaseError("the period ends before it begins", "--from is the first day, --to the day after the last")
    return start, end


def report(store: Store, vault: Vault, book: Book, start: Micros, end: Micros, now: Micros) -> dict[str, Any]:
    """The report as JSON. `digest` is the SHA-256 of everything else in it, keys sorted, no spaces."""
    details = register_answer(store, book, now)["cases"]
    first, last = rfc3339(start), rfc3339(end)
    days: dict[str, dict[str, dict[str, int]]] = {}
    for (day, source), read in store.coverage(start // DAY, (end - 1) // DAY).items():
        counts = {name: getattr(read, name) for name in read.__slots__}
        days.setdefault(reporting.day_text(day), {})[source] = counts
    made: dict[str, Any] = {
        "version": version("breach-sentinel"),
        "made_at": rfc3339(now),
        "from": first,
        "to": last,
        "coverage": reporting.coverage_section(days, store.watches(start, end), start, end),
        "cases": reporting.cases_section(details, first, last),
        "response": reporting.response_section(details, first, last, now),
        "acts": reporting.acts_section(details, first, last),
        "delivery": reporting.delivery_section(store.owed_between(start, end)),
        "evidence": _evidence(store, details),
        "keys": _keys(vault),
    }
    made["verdict"] = reporting.verdict(made)
    made["digest"] = hashlib.sha256(json.dumps(made, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return made


def _evidence(store: Store, details: list[Any]) -> dict[str, Any]:
    head, breaks = store.audit_head(), store.verify_audit()
    return {
        "records": sum(detail["evidence_total"] for detail in details),
        "chain_links": head.seq,
        "chain_head": head.link.hex(),
        "chain_holds": not breaks,
        "breaks": [{"link": each.seq, "reason": each.reason} for each in breaks],
    }


def _keys(vault: Vault) -> dict[str, Any]:
    keys = vault.case_keys()
    live, gone = ({key.case_id for key in keys if key.is_live is each} for each in (True, False))
    return {"cases_with_key": len(live), "destroyed": len(gone)}
