"""What a case says to people: one headline, a few lines, the next command.

Rules of this file:
1. Only what a `Case` holds: counts, names of rules and systems, pseudonyms. Never log text, never a person of the log.
2. Free text that a person wrote (a reason) stays in the audit trail; it may name somebody.
3. Moments are in UTC and absolute, with what is left beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sentinel.cases.clocks import earliest
from sentinel.cases.counting import limit_text
from sentinel.cases.identity import notification_id
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.inventory import is_special
from sentinel.model import Case, Clock, Finding, Notification, State

_SHOWN = 5
"""Names listed in a message before "and n more"."""

_OCCASIONS = {
    "opened": "a breach case is open",
    "digest": "findings from before the watch began are in one case",
    "acknowledged": "somebody looks after it",
    "confirmed": "the breach is confirmed",
    "dismissed": "the case is dismissed",
    "notified": "the supervisory authority is notified",
    "closed": "the case is closed",
    "reopened": "the case is open again",
    "overdue": "THE DEADLINE HAS PASSED",
}

_OF_REQUESTS = {
    ("sar", "opened"): "a person asks for their data",
    ("complaint", "opened"): "a complaint about data protection came in",
    ("sar", "notified"): "the person was answered",
    ("complaint", "notified"): "the outcome was told",
}

_REACTED = {"unacknowledged": "acknowledged", "undecided": "decided"}
_WORDS = {"d": "day", "h": "hour", "m": "minute"}
_LEFT = re.compile(r"(\d+)([dhm])-left")
_LATE = re.compile(r"(unacknowledged|undecided)-(\d+)([dhm])")

_TYPES = {
    "escalated": "case.escalated",
    "grew": "case.grew",
    "aware": "case.aware_moved",
    "overdue": "case.overdue",
}


def notice(case: Case, key: str, now: Micros, finding: Finding | None = None) -> Notification:
    """What the case owes its people on this occasion, as things stand at `now`. Of the finding it says in what that is
    unusual, and what the author of the rule says is to be done first.
    """
    return Notification(
        id=notification_id(case.id, key),
        case=case,
        key=key,
        owed_at=now,
        headline=f"[{case.level.word}] {case.id}: {occasion(case, key)}: {case.title}",
        lines=(*_lines(case, now), *(_of_finding(finding) if finding is not None else ())),
        next_action=next_action(case),
    )


def redirected(notification: Notification, channel: str, reason: str) -> Notification:
    """The same message for a fallback channel, saying why it comes there. `reason` is a channel's own, so harmless."""
    line = f"Channel '{channel}' does not take messages ({reason}): it has to be mended."
    return replace(notification, lines=(*notification.lines, line))


def occasion(case: Case, key: str) -> str:
    """Why this message is sent, in a few words."""
    base = key.rsplit("/", 1)[-1]
    left = _LEFT.fullmatch(base)
    if left:
        return f"{_length(*left.groups())} left"
    late = _LATE.fullmatch(base)
    if late:
        return f"nobody has {_REACTED[late[1]]} it for {_length(late[2], late[3])}"
    if base.startswith("task-"):
        return f"task {base.split('-')[1]} is due"
    if base.startswith("escalated-"):
        return f"the level rose to {base.removeprefix('escalated-')}"
    if base.startswith("grew-"):
        return f"the case grew to {people(case.subjects)}"
    if base.startswith("aware-"):
        return f"the controller was aware at {rfc3339(case.aware_at or case.detected_at)}"
    word = base.split("-", maxsplit=1)[0]
    return _OF_REQUESTS.get((case.kind, word)) or _OCCASIONS.get(word, base)


def message_type(key: str) -> str:
    """The dotted type of the message, for machines: one of a closed set, without numbers in it."""
    base = key.rsplit("/", 1)[-1]
    if _LEFT.fullmatch(base):
        return "case.reminder"
    word = base.split("-", maxsplit=1)[0]
    return _TYPES.get(word, f"case.{word}")


def _length(number: str, unit: str) -> str:
    return f"{number} {_WORDS[unit]}{'' if number == '1' else 's'}"


def _lines(case: Case, now: Micros) -> list[str]:
    if case.kind != "breach":
        return [
            f"Received: {rfc3339(case.received_at if case.received_at is not None else case.detected_at)}",
            f"Deadline: {deadline_text(case, now)}",
            f"State: {case.state.value}, owner: {case.owner or 'nobody yet'}",
        ]
    lines = [
        f"What: {_what(case)}",
        f"Whose data: {people(case.subjects)}, {_categories(case)}",
        f"When: {rfc3339(case.occurred_from)} to {rfc3339(case.occurred_to)}, detected {rfc3339(case.detected_at)}",
        f"Deadline: {deadline_text(case, now)}",
        f"State: {case.state.value}, owner: {case.owner or 'nobody yet'}",
    ]
    tags = [f"{field} {tag}" for field, tag in case.key]
    if tags:
        lines.insert(1, f"Who or what joins it: {_listed(tags)}")
    return lines


def _of_finding(finding: Finding) -> Iterator[str]:
    if finding.because:
        yield f"Why: {'; '.join(finding.because)}"
    if finding.response:
        yield f"First: {' '.join(finding.response.split())}"


def _what(case: Case) -> str:
    if not case.findings:
        return "reported by a person"
    where = f" in {_listed(case.systems)}" if case.systems else ""
    return f"{case.findings} {'finding' if case.findings == 1 else 'findings'} of {_listed(case.rules)}{where}"


def people(subjects: int | None) -> str:
    """How many people's data, as far as the log says."""
    if not subjects:
        return "an unknown number of people"
    return "1 person" if subjects == 1 else f"{subjects} people"


def _categories(case: Case) -> str:
    if not case.categories:
        return "categories of data unknown"
    special = [name for name in case.categories if is_special(name)]
    text = f"data: {_listed(case.categories)}"
    return f"{text} (special category, Art. 9 GDPR: {_listed(special)})" if special else text


def deadline_text(case: Case, now: Micros) -> str:
    """The first deadline that still counts, in UTC and as what is left; or what became of the clock."""
    clock = earliest(case)
    if clock is None:
        met = [clock.met_at for clock in case.clocks if clock.met_at is not None]
        return f"met at {rfc3339(max(met))}" if met else "none runs"
    kind = _provisional(clock) if clock.provisional else "final" if clock.is_legal else "an inner target"
    left = clock.deadline_at - now
    rest = f"{duration(left)} left" if left >= 0 else f"late by {duration(-left)}"
    return f"{rfc3339(clock.deadline_at)}, {rest} ({clock.regime} {clock.step}, {limit_text(clock.counting)}, {kind})"


def _provisional(clock: Clock) -> str:
    if clock.anchor == "classified":
        return "provisional: it counts from awareness until somebody classifies"
    return "provisional: it counts from detection until somebody confirms"


def duration(length: Micros) -> str:
    """A length of time for people, cut to the minute (below two minutes: to the second)."""
    if length < 2 * MINUTE:
        return f"{length // SECOND} s"
    parts = ((length // DAY, "d"), (length % DAY // HOUR, "h"), (length % HOUR // MINUTE, "min"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def next_action(case: Case) -> str:
    """What to do now, with the exact command."""
    show = f"sentinel case show {case.id}"
    if case.kind != "breach" and case.state is State.OPEN:
        return (
            f"Answer in time, then `sentinel case notify {case.id} --reason …`; "
            f"where nothing is owed `sentinel case dismiss {case.id} --reason …`."
        )
    if case.role == "processor" and case.state is State.CONFIRMED:
        return f"Tell the controller (Art. 33(2) GDPR), then `sentinel case notify {case.id} --reason …`."
    match case.state:
        case State.OPEN:
            return (
                f"Look: `{show}`. Then `sentinel case confirm {case.id} --reason …` or "
                f"`sentinel case dismiss {case.id} --reason …`."
            )
        case State.CONFIRMED:
            return (
                "Notify the authority unless a risk to people is unlikely (Art. 33(1) GDPR), then "
                f"`sentinel case notify {case.id} --reason …`. Where none is owed: "
                f"`sentinel case close {case.id} --reason …`."
            )
        case State.NOTIFIED:
            return (
                f"Follow up and tell the authority what is new; at the end `sentinel case close {case.id} --reason …`."
            )
        case State.CLOSED | State.DISMISSED:
            return f"Nothing to do. To take it back: `sentinel case reopen {case.id} --reason …`."
        case State.MERGED:
            return f"Nothing to do here: it goes on as `sentinel case show {case.merged_into}`."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
