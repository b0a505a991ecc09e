"""Proposals from the paths that a log shows: what follows a person's word, searches, exports, large answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from sentinel import ecs
from sentinel.discovery import words
from sentinel.discovery.census import Census, Endpoint, Values
from sentinel.discovery.proposal import LEAST, Proposal, Sure, who
from sentinel.discovery.shapes import NO_SUBJECT, PATTERNS, regex_of
from sentinel.discovery.values import kind_of_values, masked

MANY: Final = 20
"""So many different ids make an endpoint one about single things, whatever it is called."""

LARGE: Final = 1_000_000
"""Bytes of an answer that may hold many people's data."""

_READS: Final = frozenset({"GET", "HEAD", "?"})
_WRITES: Final = frozenset({"PUT", "PATCH", "POST"})
_GOOD: Final = {"read": [200, 206], "search": 200, "export": 200, "update": [200, 201, 204], "delete": [200, 204]}


def of_paths(census: Census, actor: str | None, asked: frozenset[str]) -> Iterator[Proposal]:
    """`asked` are the parameters of queries that look like people's data."""
    groups: dict[tuple[Any, ...], list[tuple[str, tuple[str, ...], Endpoint]]] = {}
    for (method, segments), endpoint in merged(census.endpoints).items():
        if endpoint.good >= LEAST:
            groups.setdefault(_key(method, segments, endpoint, asked), []).append((method, segments, endpoint))
    usual = _usual_size(census)
    for (action, segments, subject), members in groups.items():
        endpoints = [each for *_, each in members]
        by = sorted(asked.intersection(*(each.queries for each in endpoints))) if action == "search" else []
        proposal = _of_group(action, segments, subject, endpoints, usual)
        if by:
            proposal = _asked_for(proposal, segments, endpoints, by[0])
        if proposal is not None:
            yield replace(proposal, **who(endpoints, actor))


def _asked_for(
    proposal: Proposal | None, segments: tuple[str, ...], endpoints: Sequence[Endpoint], by: str
) -> Proposal | None:
    """A search for one person by what only that person has."""
    if proposal is not None and proposal.sure == "high":
        return proposal
    title = "/" + "/".join(segments)
    if any(each.startswith("{") for each in segments):
        return proposal
    return Proposal(
        title=title,
        action="search",
        when={"url.path": title, "url.query|contains": f"{by}=", "http.response.status_code": 200},
        data=("contact", "identification"),
        sure="high",
        because=(f"it is asked for '{by}'",),
        count=sum(each.good for each in endpoints),
        covered=sum(each.covered for each in endpoints),
        example=title,
    )


def merged(endpoints: dict[tuple[str, tuple[str, ...]], Endpoint]) -> dict[tuple[str, tuple[str, ...]], Endpoint]:
    """The endpoints, and those that differ in a name after a person's word (`/users/kim`) as one: `/users/{name}`."""
    families: dict[tuple[str, tuple[str, ...]], set[tuple[str, ...]]] = {}
    for method, segments in endpoints:
        general = _with_name(segments)
        if general is not None:
            families.setdefault((method, general), set()).add(segments)
    found = dict(endpoints)
    for (method, general), members in families.items():
        if len({_named(segments) for segments in members}) >= 2 * LEAST:
            whole = found.setdefault((method, general), Endpoint())
            for segments in members:
                _join(whole, found.pop((method, segments)), general.index("{name}"), _named(segments))
    return found


def _with_name(segments: tuple[str, ...]) -> tuple[str, ...] | None:
    place = _place_of_name(segments)
    return None if place is None else (*segments[:place], "{name}", *segments[place + 1 :])


def _place_of_name(segments: tuple[str, ...]) -> int | None:
    for place, (before, segment) in enumerate(pairwise(segments), start=1):
        is_name = (
            not segment.startswith("{")
            and segment.lower() not in words.NOT_A_NAME
            and segment.lower() not in (words.PEOPLE.keys() | words.RECORDS.keys())
        )
        if before.lower() in words.PEOPLE and is_name and segment:
            return place
    return None


def _named(segments: tuple[str, ...]) -> str:
    return segments[_place_of_name(segments) or 0]


def _join(whole: Endpoint, part: Endpoint, place: int, name: str) -> None:
    for each in ("count", "good", "covered", "bytes", "sized"):
        setattr(whole, each, getattr(whole, each) + getattr(part, each))
    whole.most_bytes = max(whole.most_bytes, part.most_bytes)
    whole.types |= part.types
    whole.queries |= part.queries
    whole.ids.setdefault(place, Values()).add(name)
    for actor, count in part.actors.items():
        whole.actors[actor] = whole.actors.get(actor, 0) + count


def _key(
    method: str, segments: tuple[str, ...], endpoint: Endpoint, asked: frozenset[str]
) -> tuple[str, tuple[str, ...], int | None]:
    """What endpoints are told apart by: the action, and the path up to the id of a person or thing."""
    action = "read" if method in _READS else "update" if method in _WRITES else "delete" if method == "DELETE" else ""
    is_asked = action == "read" and bool(endpoint.queries & asked)
    if is_asked or (action in ("read", "update") and _is_search(segments, endpoint)):
        return "search", segments, None
    if action == "read" and _is_export(segments, endpoint):
        return "export", segments, _subject(segments)
    subject = _subject(segments)
    return action, segments if subject is None else segments[: subject + 1], subject


def _is_export(segments: tuple[str, ...], endpoint: Endpoint) -> bool:
    lower = [each.lower() for each in segments]
    is_file = any("csv" in each or "excel" in each or "spreadsheet" in each or "zip" in each for each in endpoint.types)
    # One person's file is that person's data read; a file without an id may be everybody's.
    takes_away = words.FILES.search(lower[-1]) is not None and _subject(segments) is None
    return is_file or takes_away or bool(words.EXPORTS.intersection(lower))


def _is_search(segments: tuple[str, ...], endpoint: Endpoint) -> bool:
    last = segments[-1].lower()
    is_list = last in words.PEOPLE and bool(endpoint.queries)
    return last in words.SEARCHES or is_list


def _subject(segments: tuple[str, ...]) -> int | None:
    """The place of the first id after a person's word; else after a word for what is about people; else the first."""
    ids = [place for place, each in enumerate(segments) if each.startswith("{") and not each.startswith(NO_SUBJECT)]
    for known in (words.PEOPLE, words.RECORDS):
        for place in ids:
            if place and segments[place - 1].lower() in known:
                return place
    return ids[0] if ids else None


def _usual_size(census: Census) -> float:
    sized = [each for each in census.endpoints.values() if each.sized]
    return sum(each.bytes for each in sized) / max(1, sum(each.sized for each in sized))


def _of_group(
    action: str, segments: tuple[str, ...], subject: int | None, members: Sequence[Endpoint], usual: float
) -> Proposal | None:
    ids = Values()
    for endpoint in members:
        for value in endpoint.ids[subject].samples if subject in endpoint.ids else ():
            ids.add(value)
        if subject in endpoint.ids:
            ids.hashes |= endpoint.ids[subject].hashes
    sized = sum(each.sized for each in members)
    mean = sum(each.bytes for each in members) / sized if sized else 0.0
    is_large = mean >= LARGE and mean >= 20 * usual
    sure, data, because = _judged(action, segments, subject, ids, is_large)
    if not action or not because:
        return None
    if is_large and action == "read" and subject is None:
        action = "export"
    is_whole = subject is None or action == "export"
    has_id = any(each.startswith("{") for each in segments)
    path = (
        {"url.path|re": regex_of(segments, subject, is_whole=is_whole)}
        if has_id
        else {"url.path": "/" + "/".join(segments)}
    )
    return Proposal(
        title="/" + "/".join(segments),
        action=action,
        when={**path, **_methods(action), "http.response.status_code": _GOOD[action]},
        bytes=ecs.HTTP_RESPONSE_BODY_BYTES if action in ("export", "search") and sized else None,
        data=data,
        sure=sure,
        because=because,
        count=sum(each.good for each in members),
        people=len(ids),
        covered=sum(each.covered for each in members),
        example=_example(segments, members),
    )


def _methods(action: str) -> dict[str, Any]:
    methods = {"read": ["GET", "HEAD"], "update": ["PUT", "PATCH", "POST"], "delete": "DELETE"}.get(action)
    return {} if methods is None else {"http.request.method": methods}


def _judged(
    action: str, segments: tuple[str, ...], subject: int | None, ids: Values, is_large: bool
) -> tuple[Sure, tuple[str, ...], tuple[str, ...]]:
    """How sure it is that people's data are shown, of which categories, and why; nothing where nothing says so."""
    lower = [words.FILES.sub("", each.lower()) for each in segments]
    before = lower[subject - 1] if subject else ""
    person = before if before in words.PEOPLE else next((each for each in lower if each in words.PEOPLE), "")
    thing = next((each for each in lower if each in words.RECORDS), "")
    data = words.PEOPLE.get(person) or words.RECORDS.get(thing) or ("contact",)
    by_values = kind_of_values(list(ids.samples)) if subject is not None else None
    if by_values is not None:
        return "high", tuple(dict.fromkeys((by_values[1], *data))), (f"the path holds a {by_values[0]}",)
    if person and subject is not None and before == person:
        return "high", data, (f"'{person}' are people, and an id follows",)
    if person and action in ("export", "search"):
        return "high", data, (f"'{person}' are people, and this is a{'n export' if action == 'export' else ' search'}",)
    if thing and (subject is not None or action == "export"):
        return "medium", data, (f"'{thing}' may be about people",)
    if is_large:
        return "medium", data, ("its answers are far larger than others",)
    if person:
        return "medium", data, (f"'{person}' are people",)
    if action == "export":
        return "low", data, ("it is a file to take away",)
    if subject is not None and len(ids) >= MANY:
        return "low", data, (f"{len(ids)} different ids",)
    return "low", data, ()


def _example(segments: tuple[str, ...], members: Iterable[Endpoint]) -> str:
    """The template with the shapes of real ids in it."""
    parts = []
    for place, segment in enumerate(segments):
        value = next((next(iter(each.ids[place].samples), "") for each in members if place in each.ids), "")
        parts.append(masked(value) if segment in PATTERNS and value else segment)
    return "/" + "/".join(parts)
