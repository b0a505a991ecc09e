"""From rule files to rules: everything that can be wrong with them is said at once, with its line and column.

pySigma reads each document too and is the judge of what is Sigma; what it would read differently from the
specification, or accept without a word, is caught here first. A rule with an error is left out; the others are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sentinel.clock import DAY, Micros, from_datetime, rfc3339
from sentinel.detect import correlations, placing
from sentinel.detect.additions import Additions
from sentinel.detect.conditions import read as read_condition
from sentinel.detect.draft import Draft
from sentinel.detect.lint import ask_pysigma, lint
from sentinel.detect.lists import Texts, resolved
from sentinel.detect.match import AnyOf, Item, Node, Selection
from sentinel.detect.modifiers import Setting
from sentinel.detect.narrowing import NEVER, check_masks, checked, within
from sentinel.detect.predicates import TIME_FIELD
from sentinel.detect.rules import About, Detection, Filter, RuleSet
from sentinel.detect.selections import Reader
from sentinel.detect.unusual.calendar import CalendarPart
from sentinel.detect.values import ValueRefused
from sentinel.model import Level, LogSource
from sentinel.problems import Problem
from sentinel.schema import validate
from sentinel.yamlfile import Document

LEVELS = {level.word: level for level in Level}


def load(documents: Iterable[Document], lists: Texts | None = None) -> tuple[RuleSet, list[Problem]]:
    """The rules in the documents, and every problem found in them. `lists` are the files that rules name
    (`sentinel.detect.lists.files_named`).
    """
    drafts = [Draft(document, number) for number, document in enumerate(documents)]
    for draft in drafts:
        lint(draft)
    detections, filters, counts = _read_all(drafts, lists or {})
    known = correlations.read_all(counts, detections, lists or {})
    silent = {key for each in known if not each.generate for key in each.order}
    ready = _filtered(detections, filters)
    problems = [problem for draft in drafts for problem in draft.problems]
    by_key = {rule.about.key: rule for rule in ready}
    joined = tuple(correlations.with_rules(each, by_key) for each in known)
    return RuleSet(ready, joined, tuple(each for _, each in filters), frozenset(silent)), problems


Found = tuple[list[Detection], list[tuple[Draft, Filter]], list[tuple[Draft, About]]]


def _read_all(drafts: list[Draft], lists: Texts) -> Found:
    detections: list[Detection] = []
    filters: list[tuple[Draft, Filter]] = []
    counts: list[tuple[Draft, About]] = []
    taken: dict[str, Draft] = {}
    for draft in drafts:
        about = _about(draft)
        for reference in {about.name, about.id} - {None} if about else ():
            if taken.setdefault(str(reference), draft) is not draft:
                first = taken[str(reference)].span(())
                draft.error(
                    (), "R003", f"'{reference}' is the name or id of another rule too", f"the first is at {first}"
                )
        if about is None or not draft.is_sound:
            continue
        if draft.kind == "detection":
            rule = _detection(draft, about, lists)
            detections += [rule] if rule is not None else []
        elif draft.kind == "filter":
            exception = _filter(draft, about, lists)
            filters += [(draft, exception)] if exception is not None else []
        else:
            counts.append((draft, about))
    return detections, filters, counts


def _about(draft: Draft) -> About | None:
    value = draft.value
    if not isinstance(value, Mapping):
        return None
    additions: Additions | None = Additions()
    if "sentinel" in value:
        additions, problems = validate(draft.document, Additions, "R041", ("sentinel",))
        draft.problems += problems
    level = value.get("level")
    name, identity = value.get("name"), value.get("id")
    if additions is None:
        return None
    if additions.runtime.mode is not None:
        additions = additions.model_copy(update={"mode": additions.runtime.mode})
    return About(
        key=str(name or identity or f"{draft.document.file}#{draft.number}"),
        name=str(name) if name else None,
        id=str(identity) if identity else None,
        title=str(value.get("title", "")),
        level=LEVELS.get(str(level), Level.MEDIUM),
        level_is_given=level is not None,
        file=draft.document.file,
        number=draft.number,
        additions=additions,
        source=dict(value),
    )


def _zone(draft: Draft, additions: Additions) -> ZoneInfo:
    try:
        return ZoneInfo(additions.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # "America" is a folder
        hint = "a name such as Europe/Berlin"
        draft.error(("sentinel", "timezone"), "R042", f"there is no time zone '{additions.timezone}'", hint)
        return ZoneInfo("UTC")


def _selections(draft: Draft, about: About, section: str, known: Mapping[str, Sequence[str]]) -> dict[str, Selection]:
    def report(path: tuple[str | int, ...], refused: ValueRefused) -> None:
        draft.error((section, *path), refused.code, refused.message, refused.hint)

    if not draft.is_sound:
        return {}
    reader = Reader(report, Setting(known), _zone(draft, about.additions))
    found: dict[str, Selection] = {}
    for name, definition in draft.value[section].items():
        if name in ("condition", "rules", "timeframe"):
            continue
        node = reader.read(definition, (name,))
        if node is not None:
            found[name] = Selection(name, node)
    check_masks(draft, found, about.additions.redact)
    return checked(draft, found, about.additions.checks)


def _condition(draft: Draft, section: str, selections: Mapping[str, Selection]) -> Node | None:
    text = draft.value[section].get("condition")
    try:
        node, used = read_condition(text, selections)
    except ValueRefused as refused:
        if draft.is_sound:  # a selection that could not be read is no unknown name
            draft.error((section, "condition"), refused.code, refused.message, refused.hint)
        return None
    for name in selections:
        if name not in used and not name.startswith("_"):
            draft.warn((section, name), "R014", f"the selection '{name}' is never used", "name it in the condition")
    return node


def logsource_of(draft: Draft) -> LogSource:
    """The three dimensions of the document's log source; anything else in it is for people."""
    source = draft.value["logsource"]
    return LogSource(*(str(source[key]) if source.get(key) else None for key in ("category", "product", "service")))


def _detection(draft: Draft, about: About, lists: Texts) -> Detection | None:
    known = resolved(draft, about.additions.lists, lists)
    selections = _selections(draft, about, "detection", known)
    node = _condition(draft, "detection", selections)
    placing.check(draft, about.additions, "detection")
    if draft.is_sound:
        ask_pysigma(draft)
    if node is None or not draft.is_sound:
        return None
    source = logsource_of(draft)
    if placing.is_of_source(about.additions):
        node = NEVER
    calendar = _calendar(draft, about.additions.calendar, known)
    narrowed = within(node, calendar, _zone(draft, about.additions))
    if not draft.is_sound:
        return None
    return Detection(about=about, logsource=source, selections=selections, condition=narrowed)


def _calendar(draft: Draft, part: CalendarPart | None, known: Mapping[str, Sequence[str]]) -> CalendarPart | None:
    """The calendar with what stands in the lists that it names."""
    for name in part.lists if part is not None else ():
        path = ("sentinel", "calendar", "lists")
        if name not in known:
            draft.error(path, "R041", f"the rule has no list '{name}'", f"sentinel.lists: {{{name}: []}}")
            continue
        try:
            part = part and part.among(known[name])
        except ValueError as error:
            draft.error(path, "R041", f"the list '{name}': {error}", "a country or a day a line: DE-BE, 2026-12-24")
    return part


def _filter(draft: Draft, about: About, lists: Texts) -> Filter | None:
    selections = _selections(draft, about, "filter", resolved(draft, about.additions.lists, lists))
    node = _condition(draft, "filter", selections)
    end = _end_of(draft, about.additions.expires)
    placing.check(draft, about.additions, "filter")
    if node is None or not draft.is_sound:
        return None
    rules = draft.value["filter"].get("rules")
    listed = [] if rules in (None, "any", []) else rules if isinstance(rules, list) else [rules]
    return Filter(
        about=about,
        logsource=logsource_of(draft),
        selections=selections,
        condition=node if end is None else AnyOf((_from(end), node)),
        rules=tuple(str(each) for each in listed),
        ends=end,
        place=draft.span(("sentinel", "expires") if end is not None else ()),
    )


def _end_of(draft: Draft, expires: str | None) -> Micros | None:
    """When the day is over on which an exception ends (UTC)."""
    if expires is None:
        return None
    try:
        return from_datetime(datetime.combine(date.fromisoformat(expires), time.min, UTC)) + DAY
    except ValueError:
        hint = "a day such as 2026-12-31; the exception still holds on it"
        draft.error(("sentinel", "expires"), "R049", f"'{expires}' is no day", hint)
        return None


def _from(end: Micros) -> Item:
    """What holds for events from then on: every match of them stands."""
    return Item("expires", TIME_FIELD, (rfc3339(end),), lambda event: event.time >= end, None, ())


def _filtered(detections: list[Detection], filters: list[tuple[Draft, Filter]]) -> tuple[Detection, ...]:
    """Each detection with the filters that are for it: by log source, and by reference unless for all."""
    known = {reference for rule in detections for reference in (rule.about.name, rule.about.id)}
    for draft, exception in filters:
        for reference in exception.rules:
            if reference not in known:
                hint = correlations.nearest(reference, known)
                draft.warn(("filter", "rules"), "R004", f"there is no rule '{reference}' to filter", hint)
    return tuple(_with(rule, [each for _, each in filters]) for rule in detections)


def with_filters(rules: RuleSet, more: Sequence[Filter]) -> RuleSet:
    """The rules as they are with these exceptions too."""
    ready = tuple(_with(rule, more) for rule in rules.detections)
    by_key = {rule.about.key: rule for rule in ready}
    joined = tuple(correlations.with_rules(each, by_key) for each in rules.correlations)
    return replace(rules, detections=ready, correlations=joined, filters=(*rules.filters, *more))


def _with(rule: Detection, filters: Sequence[Filter]) -> Detection:
    return replace(rule, filters=(*rule.filters, *(each for each in filters if _is_for(each, rule))))


def _is_for(exception: Filter, rule: Detection) -> bool:
    ours, theirs = exception.logsource, rule.logsource
    for mine, its in ((ours.category, theirs.category), (ours.product, theirs.product), (ours.service, theirs.service)):
        if mine is not None and mine != its:
            return False
    return not exception.rules or rule.about.name in exception.rules or rule.about.id in exception.rules
