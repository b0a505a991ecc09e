"""`sentinel diff`: the findings that a change of rules wins, loses and moves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sentinel import files
from sentinel.commands import diff_view, inputs
from sentinel.commands.inputs import Inputs, Wishes
from sentinel.commands.masking import Mask, RevealOption
from sentinel.commands.output import CommandError, ConfigOption, print_json, print_trouble
from sentinel.commands.progress import reading
from sentinel.comparison import Seen, compare, seen
from sentinel.detect.lane import Purpose
from sentinel.scenarios import Replay, Trouble

EXAMPLES = (
    "sentinel diff --from /srv/rules.before --to rules/ /var/log/nginx/portal.log*",
    "git worktree add /tmp/before origin/main && sentinel diff --from /tmp/before/rules --to rules/ portal.log",
    "sentinel diff --from old.yml --to new.yml --inventory inventory.yaml --output markdown access.log.gz",
)


class DiffOutput(StrEnum):
    """How the difference is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


FromOption = Annotated[list[Path], typer.Option("--from", metavar="PATH", help="Rules before: a file or folder.")]
ToOption = Annotated[list[Path], typer.Option("--to", metavar="PATH", help="Rules after the change.")]
DiffOutputOption = Annotated[DiffOutput, typer.Option("--output", "-o", help="markdown: for a pull request.")]


def command(  # noqa: PLR0913  (one argument an option)
    paths: inputs.Files,
    before: FromOption,
    after: ToOption,
    inventory: inputs.InventoryOption = None,
    log_format: inputs.FormatOption = None,
    logsource: inputs.LogSourceOption = None,
    timezone: inputs.TimezoneOption = None,
    year: inputs.YearOption = None,
    config: ConfigOption = None,
    reveal: RevealOption = False,
    output: DiffOutputOption = DiffOutput.TEXT,
) -> None:
    """Both sets of rules over the same logs: the findings won, lost, moved to another time, and told otherwise.

    Where there is a configuration, each set stands in for its 'rules:', and all else is as it says. People are shown as
    numbers. Exit code 0 with or without a difference, 1 where an input or a rule could not be read.
    """
    if "-" in paths:
        raise CommandError("the logs are read twice, and standard input can be read once", "save it in a file")
    for paths_of_rules in (before, after):
        if not all(path.exists() for path in paths_of_rules) or not any(files.rule_files(paths_of_rules)):
            raise CommandError(f"there are no rules in '{', '.join(map(str, paths_of_rules))}'")
    wishes = Wishes(paths, config, None, inventory, log_format, logsource, timezone, year)
    old, new = inputs.gather_each(wishes, (before, after))
    with reading(old.logs, times=2) as progress:
        runs = [Replay(each.book.engine([], inputs.KEY, Purpose(keeps_state=False)), each.logs, progress=progress)
                for each in (old, new)]  # fmt: skip
        first, second = (_seen(run) for run in runs)
    found = compare(first, second, _quiet((old, new)))
    mask = Mask(reveal=reveal)
    if output is DiffOutput.JSON:
        print_json(diff_view.rows(found, mask))
    elif output is DiffOutput.MARKDOWN:
        print(diff_view.markdown(found, mask))
    else:
        diff_view.show(found, mask)
    _end(runs[1].troubles, (old, new))


def _seen(run: Replay) -> list[Seen]:
    findings = [seen(finding) for finding in run]
    episodes = run.episodes()
    return [
        each._replace(until=max(each.until, episode.held_at), value=max(each.value, episode.value))
        if (episode := episodes.get(each.id)) is not None
        else each
        for each in findings
    ]


def _quiet(both: Sequence[Inputs]) -> dict[str, int]:
    """How long each correlation stays quiet, in the set of rules in which it does so longer."""
    found: dict[str, int] = {}
    for rule in (rule for each in both for rule in each.book.rules.correlations):
        identity = rule.about.id or rule.about.key
        found[identity] = max(found.get(identity, 0), rule.quiet)
    return found


def _end(troubles: Sequence[Trouble], both: Sequence[Inputs]) -> None:
    for trouble in troubles:
        print_trouble(f"'{trouble.path}' could not be read to its end: {trouble.reason}")
    if troubles or any(each.has_errors for each in both):
        raise typer.Exit(1)
