"""Whether the parts of a configuration fit together. Pure; whether they fit the machine is said by `surroundings`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sentinel.channels.base import ChannelOptions
from sentinel.formats import AUTO, FormatError, FormatOptions, make
from sentinel.inventory import Inventory
from sentinel.problems import Problem, Span, did_you_mean
from sentinel.routing import Route, listed
from sentinel.settings import ConfigPart, SourceConfig
from sentinel.yamlfile import Document, Path, shorten


def check(
    document: Document,
    part: ConfigPart,
    sources: Sequence[SourceConfig],
    channels: Mapping[str, ChannelOptions],
    inventory: Inventory | None,
) -> list[Problem]:
    """Every way in which one part speaks of another that is not there, or repeats it, or leaves it without use."""
    return [
        *_repeated_names(document),
        *_unknown_channels(document, part, channels),
        *_unused_channels(document, part, channels),
        *_unreached_routes(document, part),
        *_acting(document, part, channels),
        *_unknown_systems(document, part, inventory),
        *_left_out(document, part, sources),
        *_formats(document, sources),
    ]


def _repeated_names(document: Document) -> Iterator[Problem]:
    first: dict[str, Span] = {}
    for number, source in enumerate(document.value["sources"]):
        name, span = source.get("name"), document.span(("sources", number, "name"))
        if isinstance(name, str) and first.setdefault(name, span) is not span:
            said = f"source '{shorten(name)}' is given twice, first in line {first[name].line}"
            hint = "positions are kept under the name, so give each its own"
            yield Problem(span, "C006", said, hint)
    piped = [number for number, source in enumerate(document.value["sources"]) if source.get("type") == "stdin"]
    for number in piped[1:]:
        span = document.span(("sources", number, "type"))
        yield Problem(span, "C021", "standard input can be read by one source only", "keep one source of 'type: stdin'")


def _unknown_channels(
    document: Document, part: ConfigPart, channels: Mapping[str, ChannelOptions]
) -> Iterator[Problem]:
    named: list[tuple[Path, tuple[str, ...]]] = [((*place, "to"), route.to) for place, route in _routes(part.routes)]
    named += [(("channels", name, "fallback"), options.fallback) for name, options in channels.items()]
    named += [(("cases", "escalation", number, "to"), rung.to) for number, rung in enumerate(part.cases.escalation)]
    for place, names in named:
        for number, name in enumerate(names):
            if name not in part.channels:
                hint = did_you_mean(name, part.channels) or "write it under 'channels:'"
                said = f"there is no channel '{shorten(name)}'"
                yield Problem(document.span((*place, number)), "C007", said, hint)


def _unused_channels(document: Document, part: ConfigPart, channels: Mapping[str, ChannelOptions]) -> Iterator[Problem]:
    if not part.routes:
        return
    used = {name for _, route in _routes(part.routes) for name in route.to}
    used |= {name for options in channels.values() for name in options.fallback}
    used |= {name for rung in part.cases.escalation for name in rung.to}
    for name in part.channels:
        if name not in used:
            span, hint = document.key_span(("channels", name)), "name it in a route, or remove it"
            yield Problem(span, "C008", f"no route uses channel '{name}'", hint, "warning")


def _unreached_routes(document: Document, part: ConfigPart) -> Iterator[Problem]:
    taker: dict[Path, Path] = {}
    for place, route in _routes(part.routes):
        parent = place[:-1]
        if parent in taker:
            said = f"no message gets to this route: the one in line {document.span(taker[parent]).line} takes them all"
            hint = "the first route that fits decides; put the one without 'when:' last"
            yield Problem(document.span(place), "C009", said, hint, "warning")
        elif route.takes_all:
            taker[parent] = place


def _acting(document: Document, part: ConfigPart, channels: Mapping[str, ChannelOptions]) -> Iterator[Problem]:
    if part.acting is None:
        for name, options in channels.items():
            if getattr(options, "signing_secret", None) is not None:
                span, hint = (
                    document.span(("channels", name, "signing_secret")),
                    "add 'acting:' with 'listen' and 'url'",
                )
                yield Problem(span, "C026", f"the buttons of channel '{name}' lead nowhere", hint)
        return
    if part.acting.listen == part.http.listen and not part.acting.listen.endswith(":0"):
        span, said = document.span(("acting", "listen")), "'http' and 'acting' want the same address"
        yield Problem(span, "C027", said, "give one of them another port")
    known: dict[str, str] = {}
    for name, person in part.acting.people.items():
        for kind, by in (("email", person.email), ("slack", person.slack)):
            other = name if by is None else known.setdefault(f"{kind} {by.casefold()}", name)
            if other != name:
                span, said = document.span(("acting", "people", name, kind)), f"that is '{other}' already"
                yield Problem(span, "C028", said, "who acts must be one person for certain")


def _unknown_systems(document: Document, part: ConfigPart, inventory: Inventory | None) -> Iterator[Problem]:
    if inventory is None:
        return
    known = {system.name for system in inventory.systems}
    for place, route in _routes(part.routes):
        for name in listed(route.when.system):
            if name not in known:
                span = document.span((*place, "when", "system"))
                said = f"the inventory has no system '{shorten(name)}'"
                yield Problem(span, "C010", said, did_you_mean(name, known), "warning")


def _routes(routes: Sequence[Route], above: Path = ()) -> Iterator[tuple[Path, Route]]:
    """Every route with its place in the file, each before those inside it."""
    for number, route in enumerate(routes):
        place = (*above, "routes", number)
        yield place, route
        yield from _routes(route.routes, place)


def _left_out(document: Document, part: ConfigPart, sources: Sequence[SourceConfig]) -> Iterator[Problem]:
    if not part.channels:
        said = "there are no channels, so nobody is told of a case"
        yield Problem(document.span(), "C011", said, "add 'channels:' with a webhook or a chat", "warning")
    if part.inventory is None:
        said = "there is no inventory, so no event is known to be an access to personal data"
        yield Problem(document.span(), "C012", said, "add 'inventory: inventory.yaml'", "warning")
    for source in sources:
        if not (source.logsource.category or source.logsource.product or source.logsource.service):
            said = f"source '{source.name}' has no 'logsource:', so only rules for every log are tried on it"
            hint = "write what it is, such as 'logsource: {category: webserver}'"
            yield Problem(document.span(("sources", source.number)), "C013", said, hint, "warning")


def _formats(document: Document, sources: Sequence[SourceConfig]) -> Iterator[Problem]:
    for source in sources:
        if source.format == AUTO:
            continue
        try:
            make(source.format, FormatOptions(timezone=source.timezone, time_field=source.time))
        except FormatError as refused:
            place = ("sources", source.number, "format")
            yield Problem(document.span(place), "C020", refused.message, refused.hint)
