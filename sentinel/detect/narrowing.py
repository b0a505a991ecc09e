"""What `sentinel:` adds to a rule that one event decides: checks of what was found, and times at which it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from sentinel.detect.draft import Draft
from sentinel.detect.match import AllOf, AnyOf, Item, Node, Not, Selection, items
from sentinel.detect.needs import Run
from sentinel.detect.predicates import TIME_FIELD
from sentinel.detect.selections import build
from sentinel.detect.unusual import calendar, checks
from sentinel.detect.unusual.calendar import CalendarPart
from sentinel.detect.values import Pattern
from sentinel.problems import did_you_mean

NEVER = Item("nothing", None, (), lambda _: False, Run(None, "b1946ac92492d2347c6235b4d2611184"), ())
"""What no event matches and no record is a candidate for: the text stands in no log."""


def checked(draft: Draft, selections: Mapping[str, Selection], wanted: Mapping[str, str]) -> dict[str, Selection]:
    """The selections, of which some count only where what their regular expressions found passes a check."""
    found = dict(selections)
    for name, check_name in wanted.items():
        path = ("sentinel", "validate", name)
        check = checks.check(check_name)
        if check is None:
            hint = "luhn, iban, or a name of python-stdnum such as de.idnr, fr.nir, gb.nhs"
            draft.error(path, "R061", f"there is no check '{check_name}'", hint)
        elif name not in selections:
            if draft.is_sound:
                draft.error(path, "R062", f"there is no selection '{name}'", did_you_mean(name, selections))
        elif not any(isinstance(each, Pattern) for item in items(selections[name]) for each in _flat(item)):
            hint = "a line such as 'message|re: …'; what it finds is checked"
            draft.error(path, "R062", f"the selection '{name}' has no regular expression", hint)
        else:
            found[name] = Selection(name, _with(selections[name].node, check))
    return found


def check_masks(draft: Draft, selections: Mapping[str, Selection], names: Sequence[str]) -> None:
    """What is to be masked must be there, and be found by a regular expression."""
    for place, name in enumerate(names):
        path = ("sentinel", "redact", place)
        if name not in selections:
            if draft.is_sound:
                draft.error(path, "R062", f"there is no selection '{name}'", did_you_mean(name, selections))
        elif not any(isinstance(each, Pattern) for item in items(selections[name]) for each in _flat(item)):
            hint = "a line such as 'message|re: …'; what it finds is masked"
            draft.error(path, "R062", f"the selection '{name}' has no regular expression", hint)


def _flat(item: Item) -> list[object]:
    return [each for alternatives in item.wanted for each in alternatives]


def _with(node: Node, check: checks.Check) -> Node:
    match node:
        case Item():
            wanted = [tuple(replace(e, check=check) if isinstance(e, Pattern) else e for e in a) for a in node.wanted]
            return build(node.key, node.field, node.modifiers, node.values, wanted, node.zone)
        case Selection():
            return Selection(node.name, _with(node.node, check))
        case Not():
            return Not(_with(node.node, check))
        case AllOf():
            return AllOf(tuple(_with(each, check) for each in node.nodes))
        case AnyOf():
            return AnyOf(tuple(_with(each, check) for each in node.nodes))


def within(node: Node, part: CalendarPart | None, zone: ZoneInfo) -> Node:
    """The condition, which holds only at the times that the calendar says."""
    if part is None:
        return node
    said = " ".join([f"{part.when} working hours:", *part.workdays, *part.hours, *part.holidays, *part.days_off])
    return AllOf((node, Item("calendar", TIME_FIELD, (said,), calendar.condition(part, zone), None, ())))
