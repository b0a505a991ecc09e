"""The monitoring report of a period: what was watched, what was found, what was decided, how fast, and what was told.

Rules of this file:
1. Absence is shown, not claimed: "nothing came up" stands beside what was read, when nobody watched and what was lost.
2. Numbers and cases only; nobody is named, not even who decided.
3. A case belongs to the period in which it was detected; an act to the one in which it was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from sentinel.acts import CaseDetail
from sentinel.clock import DAY, SECOND, Micros, from_datetime, rfc3339

FEW = 20
"""Of cases: below that a 95th percentile says nothing that the longest does not."""


def cases_section(details: Iterable[CaseDetail], start: str, end: str) -> dict[str, Any]:
    """Cases of the period by state, level, rule, kind and reason of dismissal."""
    found = [detail["case"] for detail in details if start <= detail["case"]["detected_at"] < end]
    decided = [case for case in found if case["state"] in {"dismissed", "closed", "confirmed", "notified"}]
    dismissed = [case for case in found if case["state"] == "dismissed"]
    return {
        "detected": len(found),
        "by_state": _counted(case["state"] for case in found),
        "by_level": _counted(case["level"] for case in found),
        "by_kind": _counted(case["kind"] for case in found),
        "by_rule": _counted(rule for case in found for rule in case["rules"]),
        "findings": sum(case["findings"] for case in found),
        "dismissed_by_reason": _counted(case["dismissal"] or "no code" for case in dismissed),
        "dismissed_share": round(len(dismissed) / len(decided), 3) if decided else None,
        "by_day": _counted(case["detected_at"][:10] for case in found),
    }


def response_section(details: Iterable[CaseDetail], start: str, end: str, now: Micros) -> dict[str, Any]:
    """How long it took, in seconds, for the cases of the period; which clocks are open and which were late."""
    every = list(details)
    found = [detail["case"] for detail in every if start <= detail["case"]["detected_at"] < end]
    breaches = [case for case in found if case["kind"] == "breach" and not case["historical"]]
    lengths: dict[str, list[tuple[str | None, str | None]]] = {
        "occurred_to_detected": [(case["occurred_from"], case["detected_at"]) for case in breaches],
        "detected_to_acknowledged": [(case["detected_at"], case["acknowledged_at"]) for case in breaches],
        "detected_to_aware": [(case["detected_at"], case["aware_at"]) for case in breaches],
        "aware_to_notified": [(case["aware_at"], case["notified_at"]) for case in breaches],
        "detected_to_closed": [(case["detected_at"], case["closed_at"]) for case in found],
    }
    clocks = [(detail, clock) for detail in every for clock in detail["case"]["clocks"]]
    return {
        "seconds": {name: _spread(pairs) for name, pairs in lengths.items()},
        "open_clocks": [
            {
                "case": detail["case"]["id"],
                "clock": f"{clock['regime']}/{clock['step']}",
                "deadline_at": clock["deadline_at"],
                "provisional": clock["provisional"],
                "remaining_seconds": clock["remaining_seconds"],
                "state": clock["state"],
            }
            for detail, clock in clocks
            if clock["state"] in {"running", "overdue"}
        ],
        "late": [
            {
                "case": detail["case"]["id"],
                "clock": f"{clock['regime']}/{clock['step']}",
                "reason": _late_reason(detail),
            }
            for detail, clock in clocks
            if clock["state"] in {"overdue", "met_late"} and start <= clock["deadline_at"] < end
        ],
        "tasks_open": sum(task["done_at"] is None for detail in every for task in detail["case"]["tasks"]),
        "as_of": rfc3339(now),
    }


def acts_section(details: Iterable[CaseDetail], start: str, end: str) -> dict[str, Any]:
    """What people did in the period, by act, with the notices sent by clock and phase."""
    every = list(details)
    notices = [sent for detail in every for sent in detail["case"]["notices"] if start <= sent["at"] < end]
    entries = [entry for detail in every for entry in detail["timeline"] if start <= entry["at"] < end]
    return {
        "by_act": _counted(entry["act"].removeprefix("case.") for entry in entries if entry["who"] != "sentinel"),
        "notices": _counted(f"{sent['clock'] or 'authority'} {sent['phase']}" for sent in notices),
        "exports": sum(entry["act"] == "case.export" for entry in entries),
    }


COUNTS = ("lines", "bytes", "accesses", "unparsed", "late", "gaps", "lost_bytes")
"""What is counted of each source on each day."""

Days = Mapping[str, Mapping[str, Mapping[str, int]]]


def coverage_section(
    days: Days, watches: Sequence[tuple[Micros, Micros]], start: Micros, end: Micros
) -> dict[str, Any]:
    """What was read (day, source, counts) and when somebody watched; `unwatched` are the times when nobody did."""
    totals: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    sources: dict[str, Counter[str]] = {}
    for here in days.values():
        for source, counts in here.items():
            totals.update(counts)
            sources.setdefault(source, Counter()).update(counts)
    unwatched = _unwatched(watches, start, end)
    lost = sum(last - first for first, last in unwatched)
    return {
        "totals": dict(totals),
        "sources": {source: dict(counts) for source, counts in sorted(sources.items())},
        "days": {
            day: dict.fromkeys(COUNTS, 0) | dict(_sum(days.get(day, {}).values()))
            for day in map(day_text, range(start // DAY, (end - 1) // DAY + 1))
        },
        "watched_share": round(1 - lost / (end - start), 4) if end > start else None,
        "unwatched": [{"from": rfc3339(first), "to": rfc3339(last)} for first, last in unwatched],
    }


def delivery_section(owed: Iterable[tuple[str, str, Micros, Micros | None]]) -> dict[str, Any]:
    """Messages of the period by channel: owed, taken, refused, waiting; seconds until they were taken."""
    channels: dict[str, list[tuple[str, Micros, Micros | None]]] = {}
    for channel, state, owed_at, taken_at in owed:
        channels.setdefault(channel, []).append((state, owed_at, taken_at))
    return {
        channel: {
            "owed": len(found),
            **{state: sum(each[0] == state for each in found) for state in ("sent", "never", "pending", "inflight")},
            "seconds": _lengths([(taken - begun) // SECOND for _, begun, taken in found if taken is not None]),
        }
        for channel, found in sorted(channels.items())
    }


def verdict(report: Mapping[str, Any]) -> str:
    """The report in one sentence, which claims no more than it shows."""
    found, coverage = report["cases"]["detected"], report["coverage"]
    lines = coverage["totals"].get("lines", 0)
    gaps = coverage["totals"].get("gaps", 0)
    watched = coverage["watched_share"]
    sources = f"{len(coverage['sources'])} {'source' if len(coverage['sources']) == 1 else 'sources'}"
    seen = f"{lines:,} lines of {sources} were read, and the watch ran for {_percent(watched)} of the time"
    stretches = "1 stretch of a log was" if gaps == 1 else f"{gaps} stretches of logs were"
    lost = f"; {stretches} lost unread" if gaps else "; no stretch of a log was lost"
    if found:
        return f"{found} {'case' if found == 1 else 'cases'} came up. {seen}{lost}."
    nothing = "Nothing came up" if lines else "Nothing came up, but nothing was read either"
    return f"{nothing}. {seen}{lost}."


def _percent(share: float | None) -> str:
    return "an unknown part" if share is None else f"{100 * share:.1f} %"


def _unwatched(watches: Sequence[tuple[Micros, Micros]], start: Micros, end: Micros) -> list[tuple[Micros, Micros]]:
    """The parts of the period that no watch covers; a pause of less than two minutes is none."""
    free: list[tuple[Micros, Micros]] = []
    reached = start
    for begun, last in sorted(watches):
        if begun - reached > 120 * SECOND:
            free.append((reached, min(begun, end)))
        reached = max(reached, last)
    return [*free, (reached, end)] if end - reached > 120 * SECOND else free


def _spread(pairs: Iterable[tuple[str | None, str | None]]) -> dict[str, Any]:
    """Number, median, 95th percentile (from FEW on) and longest, in seconds, of the pairs that have both ends."""
    return _lengths([(_at(later) - _at(earlier)) // SECOND for earlier, later in pairs if earlier and later])


def _lengths(lengths: list[int]) -> dict[str, Any]:
    if not lengths:
        return {"count": 0, "median": None, "p95": None, "longest": None}
    p95 = round(quantiles(lengths, n=20)[-1]) if len(lengths) >= FEW else None
    return {"count": len(lengths), "median": round(median(lengths)), "p95": p95, "longest": max(lengths)}


def _late_reason(detail: CaseDetail) -> str | None:
    given = (entry["detail"] or {} for entry in detail["timeline"] if entry["act"] == "case.notify")
    return next((str(each["delay_reason"]) for each in given if each.get("delay_reason")), None)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _at(text: str) -> Micros:
    return from_datetime(datetime.fromisoformat(text))


def day_text(day: int) -> str:
    """The day since 1970 as 2026-03-04."""
    return rfc3339(day * DAY)[:10]
