"""`sentinel report`: the monitoring report of a period."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from sentinel.commands.case_papers import FileOption, loaded_config, render_paper, write_paper, write_pdf
from sentinel.commands.daemon import SocketOption, ask_or_read
from sentinel.commands.output import ConfigOption

EXAMPLES = (
    "sentinel report --from 2026-03-01 --to 2026-04-01 --format html --file march.html",
    "sentinel report --format json",
)


class ReportFormat(StrEnum):
    """How the report is written."""

    MD = "md"
    HTML = "html"
    JSON = "json"
    PDF = "pdf"


def command(
    form: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.MD,
    since: Annotated[
        str | None, typer.Option("--from", help="First day; else 30 days back.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="The day after the last; else now.", show_default=False)
    ] = None,
    file: FileOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """What was watched, found, decided and told in a period, and how fast; with what shows that nothing happened."""
    report = ask_or_read("report", {"since": since, "until": until}, config, socket)
    if form is ReportFormat.JSON:
        write_paper(json.dumps(report, indent=2) + "\n", file)
        return
    loaded = loaded_config(config)
    values = {"report": report, "title": "Monitoring report", "name": loaded.cases.organisation.name}
    if form is ReportFormat.PDF:
        write_pdf(render_paper("report.html", loaded, values), file)
    else:
        write_paper(render_paper(f"report.{form.value}", loaded, values), file)
