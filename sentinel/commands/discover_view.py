"""How what was found in a log is shown: 80 columns, the surest first, nothing of a log in clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from sentinel.clock import rfc3339
from sentinel.commands.output import console, print_table, safe
from sentinel.discovery.proposal import Findings, Proposal
from sentinel.discovery.writing import Told
from sentinel.exploring import Explored
from sentinel.scenarios import Log, stem

MOST_ROWS = 25


def recipe(explored: Explored) -> str:
    """Where the documentation says how this kind of log gets to know who it was."""
    source = explored.logsource
    if source.product == "nginx" or (source.category == "webserver" and source.product is None):
        return "docs/logging.md, recipe 1"
    anchors = {
        "nodejs": "#node-express",
        "django": "#python-any-framework",
        "spring": "#java-slf4j-with-the-logstash-encoder-for-logback",
    }
    if source.product in anchors:
        return f"docs/logging.md{anchors[source.product]}"
    return "docs/formats.md" if source.category in ("proxy", "database") else "docs/logging.md, recipe 2"


def show(explored: Explored, found: Findings, *, has_inventory: bool) -> None:
    """One log, for people."""
    terminal = console()
    census = explored.census
    name = safe(", ".join(explored.log.paths[:3]) + (" …" if len(explored.log.paths) > 3 else ""))
    terminal.print(name, style="bold")
    for line in _head(explored):
        terminal.print(f"  {safe(line)}")
    if not census.records:
        return
    terminal.print()
    new = [each for each in found.proposals if not each.is_known]
    shown = new if has_inventory else found.proposals
    if shown:
        _show_proposals(shown, has_inventory=has_inventory)
    if not found.proposals:
        terminal.print("  Nothing here looks like access to people's data.", style="yellow")
    if has_inventory:
        known = len(found.proposals) - len(new)
        terminal.print(
            f"  The inventory has {known} of {len(found.proposals)} already; {census.covered:,} records are accesses."
        )
    if found.fields:
        terminal.print()
        print_table(
            ("people in fields", "look like", "records #", "different #", "as"),
            [
                (each.name, each.kind, f"{each.count:,}",
                 _at_least(each.different), each.example[:24])
                for each in found.fields[:MOST_ROWS]
            ],
        )  # fmt: skip
    terminal.print()
    for line, style in _who(explored, found):
        terminal.print(safe(line), style=style, soft_wrap=False)
    terminal.print()


def _head(explored: Explored) -> Iterator[str]:
    census = explored.census
    yield f"read as {explored.said or explored.spec}"
    if census.first is not None and census.last is not None:
        yield f"{census.records:,} records, from {rfc3339(census.first, 0)} to {rfc3339(census.last, 0)}"
    else:
        yield f"{census.records:,} records, none with a time"
    if census.unparsed:
        yield f"{census.unparsed:,} records are not of this format"
    if census.crowded:
        yield f"{census.crowded:,} records with yet another address were left out: there are too many"


def _show_proposals(proposals: Sequence[Proposal], *, has_inventory: bool) -> None:
    heading = "not in the inventory" if has_inventory else "accesses to people's data"
    print_table(
        (heading, "action", "count #", "ids #", "no actor #", "sure"),
        [
            (
                each.title if len(each.title) <= 34 else each.title[:33] + "…",
                each.action,
                f"{each.count:,}",
                _at_least(each.people) if each.people else "",
                f"{each.actorless / max(1, each.count):.0%}",
                each.sure,
            )
            for each in proposals[:MOST_ROWS]
        ],
    )
    if len(proposals) > MOST_ROWS:
        console().print(f"and {len(proposals) - MOST_ROWS} more: --output yaml has them all")


def _at_least(count: int) -> str:
    return f"{count:,}" if count < 10_000 else "10,000+"


def _who(explored: Explored, found: Findings) -> Iterator[tuple[str, str]]:
    if not found.accesses:
        return
    share = found.actorless / found.accesses
    if found.actor is None:
        yield f"  Nobody: no record says who it was, of {found.accesses:,} accesses.", "red"
    else:
        style = "red" if share > 0.5 else "yellow" if share > 0.05 else ""
        checked = "" if explored.trust == "verified" else ", as the client said it, unless you know better"
        yield f"  Who: {found.actor}{checked}.", ""
        yield f"  {share:.1%} of {found.accesses:,} accesses name nobody.", style
    if share > 0.05:
        yield f"  hint: {recipe(explored)} says how this log gets to know who it was", "yellow"


def rows(explored: Explored, found: Findings) -> dict[str, Any]:
    """One log, for programs."""
    census = explored.census
    source = explored.logsource
    return {
        "log": list(explored.log.paths),
        "format": explored.spec,
        "said": explored.said,
        "logsource": logsource(explored),
        "records": census.records,
        "unparsed": census.unparsed,
        "first": None if census.first is None else rfc3339(census.first, 0),
        "last": None if census.last is None else rfc3339(census.last, 0),
        "covered": census.covered,
        "actor": found.actor,
        "accesses": found.accesses,
        "accesses_without_actor": found.actorless,
        "recipe": recipe(explored) if source else "",
        "proposals": [_row(each) for each in found.proposals],
        "fields": [
            {"field": each.name, "kind": each.kind, "data": each.data, "by": each.by, "records": each.count,
             "different": each.different, "example": each.example}
            for each in found.fields
        ],
    }  # fmt: skip


def logsource(explored: Explored) -> dict[str, str]:
    """The log source, as it is written in YAML."""
    source = explored.logsource
    named = {"category": source.category, "product": source.product, "service": source.service}
    return {name: value for name, value in named.items() if value is not None}


def _row(each: Proposal) -> dict[str, Any]:
    return {
        "endpoint": each.title,
        "action": each.action,
        "when": each.when,
        "subject": each.subject,
        "data": list(each.data),
        "confidence": each.sure,
        "because": list(each.because),
        "accesses": each.count,
        "subjects": each.people,
        "without_actor": each.actorless,
        "covered": each.covered,
        "example": each.example,
    }


def told(found: Sequence[Explored], findings: Sequence[Findings]) -> list[Told]:
    """The logs as the writer of YAML wants them, each with a name of its own."""
    names: set[str] = set()
    result = []
    for explored, each in zip(found, findings, strict=True):
        name = name_of(explored.log, names)
        names.add(name)
        result.append(Told(name, logsource(explored), each, explored.trust, recipe(explored)))
    return result


def name_of(log: Log, taken: set[str]) -> str:
    """A name for the log's source and system, after its file: `portal` for `/var/log/nginx/portal.access.log.1`."""
    path = PurePath(stem(log.paths[0]))
    first = (
        path.name.removesuffix(".log")
        .removesuffix(".json")
        .removesuffix(".csv")
        .removesuffix(".access")
        .removesuffix("-access")
    )
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in first).strip(
        "-._"
    )
    if plain in ("", "access", "error", "audit", "other_vhosts_access"):
        plain = f"{path.parent.name or 'log'}-{plain or 'log'}".strip("-._")
    name, number = plain[:60] or "log", 2
    while name in taken:
        name, number = f"{plain[:56]}-{number}", number + 1
    return name
