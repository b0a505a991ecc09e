"""`sentinel explain`: why a rule did or did not fire, record by record."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sentinel.commands import inputs
from sentinel.commands.explain_view import print_record
from sentinel.commands.inputs import Wishes
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    RawOption,
    print_trouble,
)
from sentinel.detect.explain import Explainer
from sentinel.detect.lane import Purpose
from sentinel.problems import did_you_mean
from sentinel.scenarios import Replay

EXAMPLES = (
    "sentinel explain --rule bulk_access /var/log/nginx/portal.log",
    "tail -n 1 portal.log | sentinel explain --rule personal_data_accessed --output json -",
)

RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", "-r", metavar="R", help="Name or id; else every rule.", show_default=False)
]
MatchesOption = Annotated[bool, typer.Option("--matches", help="Only records that one of the rules matches.")]


def command(  # noqa: PLR0913  (one argument an option)
    paths: inputs.Files,
    rule: RuleOption = None,
    matches: MatchesOption = False,
    rules: inputs.RulesOption = None,
    inventory: inputs.InventoryOption = None,
    log_format: inputs.FormatOption = None,
    logsource: inputs.LogSourceOption = None,
    timezone: inputs.TimezoneOption = None,
    year: inputs.YearOption = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TEXT,
    raw: RawOption = False,
) -> None:
    """For each record: how it was parsed, where it was routed, which selections held and why, where the window stood.

    The options are those of replay. It shows the values of the file it is given and opens no state.
    """
    gathered = inputs.gather(Wishes(paths, config, rules, inventory, log_format, logsource, timezone, year))
    engine = gathered.book.engine([], inputs.KEY, Purpose(keeps_state=False, shows_all=True))
    _check_names(rule or [], engine.rules)
    run = Replay(engine, gathered.logs)
    explainer = Explainer(engine, rule or [])
    for log in gathered.logs:
        for block in run.blocks(log):
            for record in explainer.records(block):
                if not matches or any(each["matched"] for each in record["rules"]):
                    print_record(record, output, raw=raw)
    for trouble in run.troubles:
        print_trouble(f"'{trouble.path}' could not be read to its end: {trouble.reason}")
    if run.troubles or gathered.has_errors:
        raise typer.Exit(1)


def _check_names(names: list[str], rules: Any) -> None:
    abouts = [rule.about for rule in (*rules.detections, *rules.correlations)]
    known = {name for about in abouts for name in (about.key, about.id) if name}
    for name in names:
        if name not in known:
            raise CommandError(f"there is no rule '{name}'", did_you_mean(name, known))
