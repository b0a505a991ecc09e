"""`sentinel tune`: how often a rule would have fired at other thresholds and windows, and for whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from sentinel import durations, excepting
from sentinel.clock import DAY, HOUR, Micros, SystemClock, to_datetime
from sentinel.commands import editing, inputs, tune_chart, tune_view
from sentinel.commands.inputs import Wishes
from sentinel.commands.masking import Mask, RevealOption
from sentinel.commands.output import CommandError, ConfigOption, Output, OutputOption, print_json, print_trouble
from sentinel.commands.progress import reading
from sentinel.detect.rules import Correlation, Detection, RuleSet
from sentinel.problems import did_you_mean
from sentinel.tuning import MOST_SETTINGS, Setting, Target, Tuned, fixed, settings, suggestion, too_often, tune

EXAMPLES = (
    "sentinel tune bulk_access /var/log/nginx/portal.log*",
    "sentinel tune bulk_access --at-most 2/d --thresholds 60,80,100 --windows 10m,1h portal.log",
    "sentinel tune bulk_access --must-find access.actor=kim --write portal.log",
    "sentinel tune bulk_access --must-find access.actor=kim --exceptions rules/exceptions.yml portal.log*",
)

ThresholdsOption = Annotated[
    str | None, typer.Option("--thresholds", metavar="N,…", help="Else some around the rule's.", show_default=False)
]
WindowsOption = Annotated[
    str | None, typer.Option("--windows", metavar="TIME,…", help="Else half, whole and double.", show_default=False)
]
TargetOption = Annotated[str, typer.Option("--at-most", metavar="N/TIME", help="What is wished: 3/d, 1/w, 1/4w.")]
MustFindOption = Annotated[
    list[str] | None,
    typer.Option("--must-find", metavar="FIELD=VALUE", help="A true case that stays found.", show_default=False),
]
ExceptionsOption = Annotated[
    Path | None,
    typer.Option("--exceptions", metavar="FILE", help="Propose filters for who fires too often.", show_default=False),
]
ChartOption = Annotated[
    Path | None, typer.Option("--chart", metavar="FILE", help="A picture: .svg or .html.", show_default=False)
]
WriteOption = Annotated[bool, typer.Option("--write", help="Put the suggested threshold into the rule's file.")]


def command(  # noqa: PLR0913  (one argument an option)
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Name or id.")],
    paths: inputs.Files,
    thresholds: ThresholdsOption = None,
    windows: WindowsOption = None,
    at_most: TargetOption = "1/w",
    must_find: MustFindOption = None,
    write: WriteOption = False,
    exceptions: ExceptionsOption = None,
    chart: ChartOption = None,
    rules: inputs.RulesOption = None,
    inventory: inputs.InventoryOption = None,
    log_format: inputs.FormatOption = None,
    logsource: inputs.LogSourceOption = None,
    timezone: inputs.TimezoneOption = None,
    year: inputs.YearOption = None,
    config: ConfigOption = None,
    reveal: RevealOption = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """What a rule would have found on logs of the past, at a grid of thresholds and windows: how often, when, for whom.

    All settings are tried in one reading. It suggests the lowest threshold that keeps to --at-most. People are shown as
    numbers. Exit code 1 where an input or a rule could not be read, or --write could not be done.
    """
    target, kept = _target(at_most), [_pair(each) for each in must_find or ()]
    wished = _thresholds(thresholds), _windows(windows)
    gathered = inputs.gather(Wishes(paths, config, rules, inventory, log_format, logsource, timezone, year))
    chosen = _rule(gathered.book.rules, rule)
    if wished[0] and fixed(chosen):
        raise CommandError(f"'{rule}' has no threshold to change: {fixed(chosen)}", "--windows alone")
    grid = settings(chosen, *wished)
    if len(grid) > MOST_SETTINGS:
        raise CommandError(f"these are {len(grid)} settings, and at most {MOST_SETTINGS} are tried at once")
    with reading(gathered.logs) as progress:
        tuned = tune(gathered.book, chosen, gathered.logs, grid, inputs.KEY, progress)
    best = None if fixed(chosen) else suggestion(tuned, target, kept)
    mask = Mask(reveal=reveal)
    if output is Output.JSON:
        print_json(tune_view.rows(chosen, tuned, target, best, mask))
    else:
        tune_view.show(chosen, tuned, target, best, mask, kept)
    if chart is not None:
        tune_chart.write(chart, chosen, tuned, best)
    if exceptions is not None:
        _except(gathered, chosen, tuned, Wanted(target, kept), exceptions, mask)
    for trouble in tuned.troubles:
        print_trouble(f"'{trouble.path}' could not be read to its end: {trouble.reason}")
    if write:
        _write(chosen, tuned, best)
    if tuned.troubles or gathered.has_errors:
        raise typer.Exit(1)


def _rule(rules: RuleSet, name: str) -> Correlation | Detection:
    every: list[Correlation | Detection] = [*rules.correlations, *rules.detections]
    found = [each for each in every if name in (each.about.key, each.about.id)]
    if not found:
        known = {each.about.key for each in every}
        raise CommandError(f"there is no rule '{name}'", did_you_mean(name, known))
    if found[0].about.additions.absence is not None:
        raise CommandError(f"'{name}' waits for nothing to happen", "sentinel replay says when it would have fired")
    return found[0]


def _write(rule: Correlation | Detection, tuned: Tuned, best: Setting | None) -> None:
    if tuned.troubles:
        raise CommandError("nothing is written: not all that was given could be read")
    if best is None or isinstance(rule, Detection):
        raise CommandError("nothing is written: there is no setting to suggest")
    if best == tuned.now:
        return
    condition = rule.about.source["correlation"]["condition"]
    operator = "gt" if "gt" in condition else "gte"
    threshold = best.threshold - 1 if operator == "gt" and isinstance(best.threshold, int) else best.threshold
    editing.change(rule.about, ("correlation", "condition", operator), threshold)
    tune_view.print_written(rule.about.file, operator, condition[operator], threshold, rule.about.key)


class Wanted(NamedTuple):
    """What is wished: how often at most, and whom the rule must go on finding."""

    target: Target
    kept: Sequence[tuple[str, str]]


def _except(
    gathered: inputs.Inputs,
    rule: Correlation | Detection,
    tuned: Tuned,
    wanted: Wanted,
    file: Path,
    mask: Mask,
) -> None:
    """Proposes exceptions for those who alone fire more often than is wished, and writes them into a new file."""
    if tuned.troubles:
        raise CommandError("no exception is proposed: not all that was given could be read")
    groups = too_often(tuned, wanted.target, wanted.kept)
    expires = to_datetime(SystemClock().now() + LASTS).date().isoformat()
    with reading(gathered.logs, times=1 + len(groups[: excepting.MOST])) as progress:
        run = partial(excepting.findings, logs=gathered.logs, key=inputs.KEY, progress=progress)
        found = excepting.propose(gathered.book, rule, groups, excepting.Terms(wanted.kept, expires), run)
    if found.exempt:
        editing.create(file, HEAD + excepting.document(found.exempt))
    tune_view.print_exceptions(found, str(file), expires, mask)


HEAD = """\
# Proposed from what the logs show; it names people, so keep it where your other rules are. Before you use it: say who
# approved it (approved_by) and where that is written down (ticket), and whether it needs to be for so long.
"""

LASTS: Micros = 90 * DAY
"""How long a proposed exception lasts, from today."""


# --- options -----------------------------------------------------------------------------------------------


def _target(text: str) -> Target:
    shape = re.fullmatch(r"([0-9]{1,6})/([0-9]{0,4})(h|d|w)", text)
    if shape is None or int(shape[2] or 1) == 0:
        raise CommandError(f"'{text}' is no target", "how many in which time: 3/d, 1/w, 1/4w")
    unit = {"h": HOUR, "d": DAY, "w": 7 * DAY}[shape[3]]
    return Target(int(shape[1]), int(shape[2] or 1) * unit)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError("--must-find takes a field of the rule's group and its value", "access.actor=kim")
    return name, value


def _thresholds(text: str | None) -> Sequence[float]:
    found: list[float] = []
    for each in (text or "").split(",") if text else ():
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", each.strip()) or not float(each):
            raise CommandError(f"'{each}' is no threshold", "numbers above 0: --thresholds 50,80,100")
        found.append(float(each) if "." in each else int(each))
    return found


def _windows(text: str | None) -> Sequence[Micros]:
    try:
        found = [durations.parse(each.strip()) for each in text.split(",")] if text else []
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not all(found):
        raise CommandError("a window must be longer than nothing")
    return found
