"""Which conditions on what is unusual fit which rule: what is wrong with where they stand, and with what they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentinel.clock import HOUR
from sentinel.detect.additions import Additions
from sentinel.detect.draft import Draft
from sentinel.detect.witness import DERIVED
from sentinel.problems import did_you_mean

ON: Mapping[str, tuple[str, ...]] = {
    "first_seen": ("detection", "value_count"),
    "baseline": ("event_count", "value_count", "value_sum", "value_avg"),
    "sequence": ("value_count",),
    "score": ("temporal",),
    "absence": ("event_count", "detection"),
    "calendar": ("detection",),
    "checks": ("detection", "filter"),
    "extract": ("detection",),
    "travel": ("detection",),
    "session": ("detection",),
    "redact": ("detection",),
}
"""Each condition, and the rules it may stand on: detections, or correlations of some types."""

STATEFUL = ("first_seen", "baseline", "travel")
"""Those that learn, for which an event may be at most an hour late."""

OF_WINDOWS = (*STATEFUL, "sequence", "score")
"""Those that judge the windows of a correlation as each event comes."""


def check(draft: Draft, additions: Additions, kind: str) -> None:
    """Add what is wrong to the draft of a detection, a filter, or a correlation of that type."""
    for key, places in ON.items():
        if getattr(additions, key) and kind not in places:
            what = f"a {kind}" if kind in ("detection", "filter") else f"a correlation of type {kind}"
            hint = f"it may stand on: {', '.join(places)}"
            name = Additions.model_fields[key].serialization_alias or key
            draft.error(("sentinel", name), "R057", f"'{name}' cannot stand on {what}", hint)
    _check_extracted(draft, additions)
    absence = additions.absence
    if absence is not None and kind == "detection" and (absence.of == "events" or absence.duration is None):
        hint = "absence: {of: source, for: 15m}; events that are missing are told by an event_count with 'lt: 1'"
        draft.error(("sentinel", "absence"), "R064", "a detection can miss a source only, and says for how long", hint)
    learns = next((key for key in STATEFUL if getattr(additions, key) is not None), None)
    if learns is not None and additions.runtime.late > HOUR:
        message = f"with '{learns}' an event may be at most an hour late"
        draft.error(("sentinel", "runtime", "late"), "R058", message, "late: 1h")


def _check_extracted(draft: Draft, additions: Additions) -> None:
    """Nobody but the inventory sets `access.*`; and the selections of a rule are tried before it makes fields."""
    for name in additions.extract:
        if name == "access" or name.startswith(DERIVED) or not name:
            message = f"'{name}' is set by the inventory alone"
            draft.error(("sentinel", "extract", name), "R060", message, "another name, such as customer.id")


def check_correlation(
    draft: Draft,
    additions: Additions,
    group_by: Sequence[str],
    fields: Sequence[str],
    rules: Sequence[str],
    *,
    is_judged_at_end: bool,
) -> None:
    """As `check`, for what a condition says of the group, the field and the rules of its correlation."""
    wanted = (
        ("first_seen", "field", fields),
        ("first_seen", "per", group_by),
        ("baseline", "per", group_by),
        ("sequence", "field", fields),
    )
    for key, name, known in wanted:
        part = getattr(additions, key)
        said = getattr(part, name) if part is not None else ()
        if said and tuple(said) != tuple(known):
            message = f"'{name}' of '{key}' is not what the correlation counts by"
            hint = f"{name}: [{', '.join(known)}], or leave it out"
            draft.error(("sentinel", key, name), "R059", message, hint)
    absence = additions.absence
    if absence is not None and absence.of == "source":
        draft.error(("sentinel", "absence", "of"), "R064", "a source is missed by a detection", "of: events")
    if absence is not None and absence.expect and len(group_by) != 1:
        message = "'expect' names groups of one field"
        draft.error(("sentinel", "absence", "expect"), "R064", message, "group-by: one field")
    if is_judged_at_end:
        for key in OF_WINDOWS:
            if getattr(additions, key) is not None:
                message = f"'{key}' needs a condition that is a threshold"
                draft.error(("sentinel", key), "R057", message, "condition: {gte: …}")
    for rule in additions.score.weights if additions.score is not None else ():
        if rule not in rules:
            message = f"the rule '{rule}' has a weight and is not counted"
            draft.error(("sentinel", "score", "weights", rule), "R063", message, did_you_mean(rule, rules))
    peers = additions.baseline.peers if additions.baseline is not None else None
    for name in peers.lists if peers is not None else ():
        if name not in additions.lists:
            hint = did_you_mean(name, additions.lists) or "add it under 'sentinel.lists'"
            draft.error(("sentinel", "baseline", "peers", "lists"), "R032", f"there is no list '{name}'", hint)


def is_of_source(additions: Additions) -> bool:
    """The rule is about a source that falls silent, and matches no event."""
    return additions.absence is not None and additions.absence.of == "source"


def named_fields(additions: Additions) -> set[str]:
    """Every field of an event that the conditions of a rule read."""
    found: set[str] = set()
    if additions.first_seen is not None:
        found.update((*additions.first_seen.field, *additions.first_seen.per))
    if additions.baseline is not None and additions.baseline.peers is not None:
        found.update(additions.baseline.peers.by)
    found.update(part.source for part in additions.extract.values())
    if additions.session is not None:
        found.update((additions.session.id, additions.session.user))
    travel = additions.travel
    if travel is not None:
        found.update(travel.per)
        found.update([f"{travel.location}.lat", f"{travel.location}.lon"] if travel.location else [travel.address])
    return found
