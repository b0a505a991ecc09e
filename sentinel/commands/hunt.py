"""`sentinel hunt`: one rule over an Elasticsearch cluster, all hosts and any period."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from elasticsearch import Elasticsearch

from sentinel import cluster, reading, rulebook
from sentinel import config as configuration
from sentinel.clock import Micros, SystemClock, from_datetime
from sentinel.cluster import ClusterError
from sentinel.commands.finding_view import finding_line
from sentinel.commands.output import CommandError, ConfigOption, Output, OutputOption, safe
from sentinel.config import Config
from sentinel.detect import route
from sentinel.detect.lane import Purpose, SourceView
from sentinel.problems import Unusable, did_you_mean
from sentinel.pruning import Hunt, Hunter, HuntReplay, only
from sentinel.pushdown import Asked, fields_of
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Log, finding_row
from sentinel.secrets import SecretError
from sentinel.settings import SourceConfig
from sentinel.sources.elasticsearch import ElasticsearchOptions

EXAMPLES = (
    "sentinel hunt bulk_access --from 2026-03-01 --to 2026-04-01",
    "sentinel hunt bulk_access --source web --from 2026-03-04T00:00:00Z --to 2026-03-05T00:00:00Z --output json",
)

_KEY = bytes(32)


def command(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The name or id of a rule.")],
    since: Annotated[str, typer.Option("--from", help="A day, or a moment in RFC 3339 (UTC where it says nothing).")],
    until: Annotated[str, typer.Option("--to", help="The first moment that is not looked at any more.")],
    source: Annotated[
        str | None, typer.Option("--source", help="A source of type elasticsearch.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The rule over the documents of a cluster: findings are those of a replay of the same documents.

    The cluster leaves out groups that cannot reach the threshold; what is left is judged here. No case, no message.
    """
    loaded, problems = configuration.load(configuration.find(config))
    if loaded is None:
        raise Unusable(problems)
    chosen = _source(loaded, source)
    try:
        hunter, run = _hunt(loaded, chosen, rule, (_moment(since), _moment(until)))
        for finding in run:
            if output is Output.JSON:
                row = finding_row(finding, finding.source)
                sys.stdout.write(json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n")
            else:
                sys.stdout.write(finding_line(finding) + "\n")
    except cluster.failures() as wrong:
        failed = cluster.failure(wrong)
        raise CommandError(failed.message, failed.hint) from None
    except (ClusterError, SecretError) as wrong:
        raise CommandError(wrong.message, wrong.hint) from None
    if output is Output.TEXT:
        numbers = hunter.numbers
        why = f"; not pruned: {numbers.why_not}" if numbers.why_not else f" in {numbers.candidates} buckets"
        print(safe(f"{numbers.matching} documents match, {numbers.fetched} were judged{why}"), file=sys.stderr)


def _hunt(loaded: Config, chosen: SourceConfig, rule: str, period: tuple[Micros, Micros]) -> tuple[Hunter, HuntReplay]:
    """Who asks the cluster, and the run that judges what it brings."""
    options = chosen.options
    assert isinstance(options, ElasticsearchOptions)
    book, _ = rulebook.read(loaded.rule_files(), loaded.inventory, loaded.lists, loaded.geoip)
    try:
        rules, wanted, detections = only(book.rules, rule)
    except KeyError:
        names = [each.key for each in book.rules.abouts]
        raise CommandError(f"there is no rule '{rule}'", did_you_mean(rule, names)) from None
    client = cluster.connect(options, loaded.secrets(os.environ))
    cluster.check(client)
    view = reading.view(chosen, "json" if chosen.format == reading.AUTO else chosen.format)
    asked = _asked(client, options, view, book)
    is_known = bool(asked.fields) and options.time_field == "@timestamp" and chosen.time in (None, "@timestamp")
    hunter = Hunter(client, Hunt(options, asked, wanted, detections, *period, is_known))
    engine = replace(book, rules=rules).engine([view], _KEY, Purpose(keeps_state=False))
    log = Log(chosen.name, chosen.name, (",".join(options.index),))
    return hunter, HuntReplay(engine, hunter, log, SystemClock().now())


def _asked(client: Elasticsearch, options: ElasticsearchOptions, view: SourceView, book: Rulebook) -> Asked:
    """What the cluster can be asked: nothing of the fields where a record is not the document as it is."""
    is_verbatim = view.format.name == "json" and options.record == "document"
    mappings = client.indices.get_mapping(index=list(options.index)).values() if is_verbatim else ()
    entries = tuple(each for each in book.entries if route.fits(each.logsource, view.logsource))
    return Asked(view, entries, fields_of(each["mappings"] for each in mappings))


def _source(loaded: Config, name: str | None) -> SourceConfig:
    every = {each.name: each for each in loaded.sources if isinstance(each.options, ElasticsearchOptions)}
    if not every:
        raise CommandError("the configuration has no source of type elasticsearch", "see docs/elasticsearch.md")
    if name is None and len(every) == 1:
        return next(iter(every.values()))
    if name not in every:
        raise CommandError("which source? say it with --source", f"there are: {', '.join(every)}")
    return every[name]


def _moment(text: str) -> Micros:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"'{text}' is no day and no moment", "2026-03-04 or 2026-03-04T02:00:00Z") from None
    return from_datetime(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
