"""From a match or a window to a finding: its id, its evidence, whom it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from sentinel.clock import Micros
from sentinel.detect import access
from sentinel.detect.correlate import MOST_EVIDENCE, Tally
from sentinel.detect.entries import Entry, place, rows
from sentinel.detect.episodes import Closed, Episode, Fired, Summary
from sentinel.detect.fields import getter, members, single, text
from sentinel.detect.rules import About, Correlation, Detection
from sentinel.detect.unusual.absence import Heard
from sentinel.durations import show
from sentinel.model import Block, Event, Evidence, Finding, Mode, Position


class Paths(Protocol):
    """What is known of a stream by its number: source, stream, path to show."""

    def __getitem__(self, number: int) -> tuple[str, int, str]: ...


Pairs = tuple[tuple[str, str], ...]


class Ordinals:
    """How many findings of a rule the same bytes at the same time have completed: equal records stay apart.

    Kept for the newest `most` findings; what is older cannot come again within any rule's lateness.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self.seen: dict[str, int] = {}

    def next(self, key: str) -> int:
        """0 for the first, 1 for the second, …"""
        ordinal = self.seen.pop(key, -1) + 1
        self.seen[key] = ordinal
        if len(self.seen) > self._most:
            del self.seen[next(iter(self.seen))]
        return ordinal


def finding_id(about: About, event: Event, ordinals: Ordinals) -> str:
    """`f_` and 32 hex digits of SHA-256 over rule, event time, digest of the record and its ordinal among equals.

    The same in replay and in the daemon, after rotation and after a restore: no path and no offset is in it.
    """
    return closed_id(about, event.time, hashlib.sha256(event.raw).hexdigest(), ordinals)


def closed_id(about: About, time: Micros, digest: str, ordinals: Ordinals) -> str:
    """The same from a record's time and digest: for a window that no event completes, of the record it begins with."""
    rule = about.id or about.key
    ordinal = ordinals.next(f"{rule}\0{time}\0{digest[:32]}")
    return "f_" + hashlib.sha256(f"{rule}\0{time}\0{digest}\0{ordinal}".encode()).hexdigest()[:32]


def of_detection(rule: Detection, event: Event, identity: str, subject: int, because: tuple[str, ...] = ()) -> Finding:
    """The finding of one event. Its case key: what the rule names, else the actor, else the rule itself."""
    about = rule.about
    actors = _actors(event, (rule,))
    key = _pairs(event, about.additions.case.key) or tuple((access.ACTOR, name) for name in actors[:1])
    block = event.block
    found = Evidence(block.source, block.stream, block.path, block.offset + event.start, event.end - event.start)
    return _finding(
        about,
        event,
        id=identity,
        group=(),
        case_key=key or (("rule", about.key),),
        seen=(event.time, event.time, event.time),
        value=1,
        subjects=1 if subject else None,
        subject_hashes=(subject,) if subject else (),
        evidence=(found,),
        evidence_total=1,
        rules=(rule,),
        because=because,
    )


def of_window(tally: Tally, values: Sequence[str], event: Event, fired: Fired, identity: str, paths: Paths) -> Finding:
    """The finding that begins an episode: the window as it was when the condition began to hold."""
    rule = tally.rule
    group = tuple(zip(rule.group_by, values, strict=True))
    entries = list(rows(fired.entries))
    evidence = tuple(_evidence(entry[3], entry[4], paths) for entry in entries[:MOST_EVIDENCE])
    subjects = {entry[2] for entry in entries if entry[2]}
    key = _pairs(event, rule.about.additions.case.key) or group
    return _finding(
        rule.about,
        event,
        id=identity,
        group=group,
        case_key=key or (("rule", rule.about.key),),
        seen=(entries[0][0], entries[-1][0], fired.at),
        value=fired.value,
        value_is_estimate=fired.is_estimate,
        subjects=len(subjects) if subjects else None,
        subject_hashes=tuple(sorted(subjects)),
        evidence=evidence,
        evidence_total=len(entries),
        rules=rule.rules,
        because=tally.because(),
    )


def summary(rule: Correlation, values: Sequence[str], event: Event) -> Summary:
    """What a finding of the window that begins with the event needs to say of it."""
    group = tuple(zip(rule.group_by, values, strict=True))
    return Summary(
        values=tuple(values),
        case_key=_pairs(event, rule.about.additions.case.key) or group or (("rule", rule.about.key),),
        actors=_actors(event, rule.rules),
        systems=_texts(event, access.SYSTEM),
        categories=_categories(event, rule.rules, rule.about),
        digits=event.digits,
        verified=event.fields.get(access.TRUST) == "verified",
        historical=event.time < event.block.historical_before,
    )


def of_closed(tally: Tally, closed: Closed, fired: Fired, identity: str, paths: Paths) -> Finding:
    """The finding of a window that can change no more; `fired_at` is the moment it ended."""
    rule, known = tally.rule, closed.known
    about = rule.about
    entries = list(rows(fired.entries))
    subjects = {entry[2] for entry in entries if entry[2]}
    return Finding(
        id=identity,
        rule=about.key,
        rule_id=about.id,
        title=about.title,
        response=about.additions.response.strip(),
        level=about.level,
        mode=about.mode,
        group=tuple(zip(rule.group_by, known.values, strict=True)),
        first_seen=entries[0][0],
        last_seen=entries[-1][0],
        fired_at=closed.end,
        digits=known.digits,
        value=fired.value,
        subjects=len(subjects) if subjects else None,
        source=paths[entries[-1][4]][0],
        evidence=tuple(_evidence(entry[3], entry[4], paths) for entry in entries[:MOST_EVIDENCE]),
        evidence_total=len(entries),
        historical=known.historical,
        opens_case=about.opens_case and about.mode is Mode.ENFORCE,
        case_key=known.case_key,
        actors=known.actors,
        actor_verified=known.verified,
        systems=known.systems,
        categories=known.categories,
        subject_hashes=tuple(sorted(subjects)),
    )


def of_absence(about: About, group: Pairs, heard: Heard, silence: Micros) -> Finding:
    """The finding of a silence: from the last event, or since it was expected, to the moment at which it is missed."""
    due = heard.last + silence
    rule = about.id or about.key
    who = "\x1f".join(value for _, value in group)
    return Finding(
        id="f_" + hashlib.sha256(f"{rule}\0{due}\0absent\0{who}".encode()).hexdigest()[:32],
        rule=about.key,
        rule_id=about.id,
        title=about.title,
        response=about.additions.response.strip(),
        level=about.level,
        mode=about.mode,
        group=group,
        first_seen=heard.last,
        last_seen=heard.last,
        fired_at=due,
        digits=0,
        value=0,
        subjects=None,
        source=heard.source,
        evidence=(),
        evidence_total=0,
        historical=heard.is_historical,
        opens_case=about.opens_case and about.mode is Mode.ENFORCE,
        case_key=group or (("rule", about.key),),
        because=(f"nothing for {show(silence)}",),
    )


def closed_event(finding: Finding, fired: Fired, paths: Paths) -> tuple[Event, Entry]:
    """A closed window's finding as an event that others count: the group's fields at the moment it ended. It stands
    where the window's last event does, and has no bytes of its own.
    """
    _, _, subject, number, stream = list(rows(fired.entries))[-1]
    source, known, path = paths[stream]
    block = Block(
        source=source,
        stream=known,
        path=path,
        offset=place(number)[0],
        data=b"",
        position=Position(source=source, stream=known, state=""),
        reference=finding.fired_at,
        historical_before=finding.fired_at + 1 if finding.historical else 0,
    )
    event = Event(dict(finding.group), finding.fired_at, finding.digits, block, 0, 0)
    return event, (finding.fired_at, 0, subject, number, stream)


def of_episode(rule: Correlation, episode: Episode, last_seen: Micros, subjects: int | None) -> Finding:
    """How an episode stands now: the same finding with its newest numbers. It carries no clear value."""
    about = rule.about
    return Finding(
        id=episode.finding,
        rule=about.key,
        rule_id=about.id,
        title=about.title,
        response=about.additions.response.strip(),
        level=about.level,
        mode=about.mode,
        group=(),
        first_seen=episode.first_seen,
        last_seen=last_seen,
        fired_at=episode.fired_at,
        digits=episode.digits,
        value=episode.value,
        value_is_estimate=episode.is_estimate,
        subjects=subjects,
        source=episode.source,
        evidence=(),
        evidence_total=episode.events,
        update=True,
        opens_case=about.opens_case and about.mode is Mode.ENFORCE,
        subject_hashes=tuple(sorted(episode.subjects)),
        suppressed=episode.held_again,
    )


def _finding(  # noqa: PLR0913  (a finding has so many parts; every one is named at the call)
    about: About,
    event: Event,
    *,
    id: str,  # noqa: A002  (the noun's own field)
    group: Pairs,
    case_key: Pairs,
    seen: tuple[Micros, Micros, Micros],
    value: float,
    subjects: int | None,
    subject_hashes: tuple[int, ...],
    evidence: tuple[Evidence, ...],
    evidence_total: int,
    rules: tuple[Detection, ...],
    because: tuple[str, ...],
    value_is_estimate: bool = False,
) -> Finding:
    return Finding(
        id=id,
        rule=about.key,
        rule_id=about.id,
        title=about.title,
        response=about.additions.response.strip(),
        level=about.level,
        mode=about.mode,
        group=group,
        first_seen=seen[0],
        last_seen=seen[1],
        fired_at=seen[2],
        digits=event.digits,
        value=value,
        value_is_estimate=value_is_estimate,
        subjects=subjects,
        source=event.block.source,
        evidence=evidence,
        evidence_total=evidence_total,
        historical=seen[2] < event.block.historical_before,
        opens_case=about.opens_case and about.mode is Mode.ENFORCE,
        case_key=case_key,
        actors=_actors(event, rules),
        actor_verified=event.fields.get(access.TRUST) == "verified",
        systems=_texts(event, access.SYSTEM),
        categories=_categories(event, rules, about),
        subject_hashes=subject_hashes,
        because=because,
    )


def _evidence(number: int, stream: int, paths: Paths) -> Evidence:
    offset, length = place(number)
    source, stream, path = paths[stream]
    return Evidence(source, stream, path, offset, length)


def _pairs(event: Event, names: Sequence[str]) -> Pairs:
    found = ((name, single(getter(name)(event.fields))) for name in names)
    return tuple((name, value) for name, value in found if value is not None)


def _texts(event: Event, name: str) -> tuple[str, ...]:
    value = getter(name)(event.fields)
    return tuple(words for each in members(value) if (words := text(each)) is not None)


def _actors(event: Event, rules: Sequence[Detection]) -> tuple[str, ...]:
    names = (access.ACTOR, *(rule.about.additions.data.actor for rule in rules))
    return next((found for name in names if name and (found := _texts(event, name))), ())


def _categories(event: Event, rules: Sequence[Detection], about: About) -> tuple[str, ...]:
    said = [category for rule in rules for category in rule.about.additions.data.categories]
    return tuple(dict.fromkeys([*_texts(event, access.DATA), *said, *about.additions.data.categories]))
