"""`sentinel replay`: history through the real pipeline."""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import typer

from sentinel import files, hunting
from sentinel.commands import inputs
from sentinel.commands.finding_view import finding_line
from sentinel.commands.inputs import Wishes
from sentinel.commands.output import ConfigOption, Output, OutputOption, print_trouble, safe
from sentinel.commands.progress import reading
from sentinel.detect.unusual.judge import fingerprint
from sentinel.scenarios import Replay, finding_row

EXAMPLES = (
    "sentinel replay /var/log/nginx/portal.log*",
    "sentinel replay --rules rules/ --inventory inventory.yaml --logsource category=webserver access.log.gz",
    "sentinel replay --work /var/tmp/hunt /srv/archive/portal-*.gz",
    "zcat old.gz | sentinel replay --output json --stats -",
)

StatsOption = Annotated[bool, typer.Option("--stats", help="The numbers of the run as JSON, last on standard error.")]


JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, metavar="N", help="Processes that search; else one a core.", show_default=False),
]
WorkOption = Annotated[
    Path | None,
    typer.Option("--work", metavar="FOLDER", help="Where an interrupted run goes on from.", show_default=False),
]


def command(  # noqa: PLR0913  (one argument an option)
    paths: inputs.Files,
    rules: inputs.RulesOption = None,
    inventory: inputs.InventoryOption = None,
    log_format: inputs.FormatOption = None,
    logsource: inputs.LogSourceOption = None,
    timezone: inputs.TimezoneOption = None,
    year: inputs.YearOption = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TEXT,
    stats: StatsOption = False,
    jobs: JobsOption = None,
    work: WorkOption = None,
) -> None:
    """Logs of the past through the real pipeline: every finding, no case, no message, no state.

    With any of --rules, --inventory, --format, --logsource, --timezone and --year, and no --config, no configuration is
    read and the shipped rules are not used. Several large files are searched on every core, and find the same; with
    --work, the same command goes on where it was interrupted. Exit code 1 where an input or a rule could not be read.
    """
    wishes = Wishes(paths, config, rules, inventory, log_format, logsource, timezone, year)
    with files.noted() as seen:
        gathered = inputs.gather(wishes)
    begun = time.monotonic()
    # What was loaded stays, and nearly all that is made for a record is let go of without the collector's help.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    stamp = fingerprint(
        repr(wishes), sorted((str(path), state) for path, state in seen.items()), version("breach-sentinel")
    )
    shown = {log.name: log.shown for log in gathered.logs}
    write = sys.stdout.write
    with _run(gathered, Wanted(jobs, work, stamp), output) as run:
        for finding in run:
            if output is Output.JSON:
                row = finding_row(finding, shown[finding.source])
                write(json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n")
            else:
                write(finding_line(finding) + "\n")
    for trouble in run.troubles:
        print_trouble(f"'{trouble.path}' could not be read to its end: {trouble.reason}")
    if stats:
        sys.stdout.flush()
        print(json.dumps(_stats(run, time.monotonic() - begun)), file=sys.stderr)
    if run.troubles or gathered.has_errors:
        raise typer.Exit(1)


class Wanted(NamedTuple):
    """How the logs are to be searched, and what the results of a search hang on besides its files."""

    jobs: int | None
    work: Path | None
    stamp: str


@contextmanager
def _run(gathered: inputs.Inputs, wanted: Wanted, output: Output) -> Iterator[Replay]:
    """The run over the logs, here or on several cores, with a progress bar where nothing else is on the terminal."""

    def said(text: str) -> None:
        print_note(text, output)

    jobs = hunting.jobs_for(gathered.logs, gathered.book, wanted.jobs)
    if jobs == 1 and wanted.work is None:
        engine = gathered.book.engine([], inputs.KEY, hunting.PURPOSE)
        yield Replay(engine, gathered.logs, said)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory(prefix="sentinel-replay-") as temporary, reading(gathered.logs) as progress:
        work = hunting.Work(jobs, wanted.work or Path(temporary), wanted.stamp)
        yield hunting.Hunt(gathered.book, gathered.logs, work, inputs.KEY, said, progress)


def print_note(said: str, output: Output) -> None:
    """A remark for people, on standard error."""
    if output is Output.TEXT:
        print(safe(said), file=sys.stderr)


def _stats(run: Replay, seconds: float) -> dict[str, Any]:
    counts = run.counts
    return {
        "lines": counts.lines,
        "bytes": counts.bytes,
        "seconds": round(seconds, 3),
        "candidates": counts.candidates,
        "events": counts.events,
        "unparsed": counts.unparsed,
        "late": counts.late,
        "future": counts.future,
        "findings": run.findings,
    }
