"""Documents of cases as commands: drafts, the register, and a whole case as one archive.

Rules of this file:
1. A document goes to standard output, or with `--file` into a new file that only its owner can read.
2. An archive leaves the house: it asks for a reason and is in the audit trail, with the digest of its manifest.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from sentinel.acts import CaseDetail
from sentinel.cases.documents import PLANS, Document, draft
from sentinel.cases.facts import Counted, Known
from sentinel.cases.moments import read_day
from sentinel.cases.moving import CaseError
from sentinel.cases.registry import COLUMNS, flat, register_row, within
from sentinel.clock import SystemClock, rfc3339
from sentinel.commands.case_moves import CaseArgument, ReasonOption, why
from sentinel.commands.daemon import SocketOption, ask_daemon, ask_or_read
from sentinel.commands.ledger import scope_of
from sentinel.commands.output import CommandError, ConfigOption, Output, OutputOption, console, print_json, safe
from sentinel.commands.scope_view import as_csv
from sentinel.config import Config, find, load
from sentinel.paper import PaperError, pdf, render

if TYPE_CHECKING:
    from sentinel.scope import Scope


class Kind(StrEnum):
    """The documents of cases.documents."""

    NOTIFICATION = "notification"
    ICO = "ico"
    LETTER = "letter"
    CONTROLLER = "controller"


class PaperFormat(StrEnum):
    """How a document is written."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    PDF = "pdf"


class RegisterFormat(StrEnum):
    """How the register is written."""

    CSV = "csv"
    JSON = "json"
    HTML = "html"
    MD = "md"
    PDF = "pdf"


FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="A new file instead of standard output.", show_default=False),
]

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the same case gives the same archive."""


def draft_case(
    case: CaseArgument,
    document: Annotated[Kind, typer.Option(help="Which document.")] = Kind.NOTIFICATION,
    form: Annotated[PaperFormat, typer.Option("--format", help="How it is written.")] = PaperFormat.MD,
    file: FileOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """A draft from what is known, every gap marked: to the authority, for a form, to the people, to the controller."""
    detail = cast("CaseDetail", ask_or_read("case.show", {"case": case}, config, socket))
    loaded = loaded_config(config)
    known = replace(_known(detail, loaded), counted=_counted(_scope(detail, loaded, config, socket)))
    made = draft(document.value, known)
    if form is PaperFormat.PDF:
        write_pdf(_as_text(made, "html", loaded), file)
    else:
        write_paper(_as_text(made, form.value, loaded), file)


def register(
    form: Annotated[RegisterFormat, typer.Option("--format", help="How it is written.")] = RegisterFormat.CSV,
    since: Annotated[
        str | None, typer.Option("--from", help="Cases detected from this day on.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Cases detected before this day.", show_default=False)
    ] = None,
    file: FileOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """The register of Art. 33(5) GDPR: every case with its times, facts, effects, decisions and measures."""
    loaded = loaded_config(config)
    details = cast("list[CaseDetail]", ask_or_read("case.register", {}, config, socket)["cases"])
    start, end = (_day(name, text, loaded) for name, text in (("--from", since), ("--to", until)))
    rows = within((register_row(_known(detail, loaded)) for detail in details), start, end)
    match form:
        case RegisterFormat.CSV:
            text = io.StringIO()
            writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(flat(row) for row in rows)
            write_paper(text.getvalue(), file)
        case RegisterFormat.JSON:
            write_paper(json.dumps(rows, indent=2) + "\n", file)
        case _:
            period = f"from {since or 'the beginning'} until {until or 'today'}" if since or until else ""
            breaches = [row for row in rows if row["kind"] == "breach"]
            requests = [row for row in rows if row["kind"] != "breach"]
            about = {"rows": rows, "breaches": breaches, "requests": requests}
            values = {**about, "period": period, "title": "Register of personal data breaches", "wide": True}
            if form is RegisterFormat.PDF:
                write_pdf(render_paper("register.html", loaded, values), file)
            else:
                write_paper(render_paper(f"register.{form.value}", loaded, values), file)


def export(
    case: CaseArgument,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="The archive, a new .zip file.")],
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The whole case as one archive with a manifest of digests: facts, timeline, register row, drafts.

    The records themselves are not in it; the places of the first hundred are, and how many there are.
    """
    loaded, given = loaded_config(config), why(reason)
    detail = cast("CaseDetail", ask_or_read("case.show", {"case": case}, config, socket))
    members = dict(_members(detail, loaded, _scope(detail, loaded, config, socket)))
    manifest = _manifest(detail, members)
    digest = hashlib.sha256(manifest).hexdigest()
    asked = {"case": detail["case"]["id"], "move": "export", "reason": given, "digest": digest}
    ask_daemon("case.move", asked, config, socket)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"manifest.json": manifest} | members).items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content)
    _write_new(file, packed.getvalue())
    if output is Output.JSON:
        print_json(
            {"case": detail["case"]["id"], "file": str(file), "manifest_sha256": digest, "files": len(members) + 1}
        )
        return
    console().print(safe(f"case {detail['case']['id']} is in '{file}'; SHA-256 of its manifest {digest}"))


# --- one case ------------------------------------------------------------------------------------------------


def _scope(detail: CaseDetail, loaded: Config, config: Path | None, socket: Path | None) -> Scope | None:
    """What the ledger says of the case, where it can be asked: a paper is made without it too."""
    if not loaded.ledger or not detail["case"]["findings"]:
        return None
    try:
        return scope_of(detail["case"]["id"], loaded, config, socket, None, None)
    except CommandError:
        return None


def _counted(scope: Scope | None) -> Counted | None:
    return None if scope is None else Counted(scope["people_count"], scope["accesses"], scope["records"])


def _members(detail: CaseDetail, loaded: Config, scope: Scope | None) -> Iterator[tuple[str, bytes]]:
    known = replace(_known(detail, loaded), counted=_counted(scope))
    if scope is not None:
        yield "scope.json", (json.dumps(scope, indent=2) + "\n").encode()
        yield "scope.csv", as_csv(scope, "people").encode()
    for name, value in (
        ("case.json", detail["case"]),
        ("findings.json", detail["findings"]),
        ("evidence.json", detail["evidence"]),
        ("timeline.json", detail["timeline"]),
        ("messages.json", detail["messages"]),
        ("severity.json", detail["severity"]),
        ("register.json", register_row(known)),
    ):
        yield name, (json.dumps(value, indent=2) + "\n").encode()
    for kind in PLANS:
        made = draft(kind, known)
        for form in ("html", "md"):
            yield f"drafts/{kind}.{form}", _as_text(made, form, loaded).encode()


def _manifest(detail: CaseDetail, members: dict[str, bytes]) -> bytes:
    files = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
    ]
    about = {
        "case": detail["case"]["id"],
        "revision": detail["case"]["revision"],
        "made_at": rfc3339(SystemClock().now()),
        "evidence_total": detail["evidence_total"],
        "files": files,
    }
    return (json.dumps(about, indent=2) + "\n").encode()


def _known(detail: CaseDetail, loaded: Config) -> Known:
    systems = loaded.inventory.systems if loaded.inventory is not None else ()
    named = tuple(system for system in systems if system.name in detail["case"]["systems"])
    return Known(detail, loaded.cases.organisation, named)


def _as_text(made: Document, form: str, loaded: Config) -> str:
    if form == "json":
        return json.dumps(_plain(made), indent=2) + "\n"
    template = "letter" if made.kind == "letter" else "document"
    return render_paper(f"{template}.{form}", loaded, {"document": made, "title": made.title})


def _plain(made: Document) -> dict[str, Any]:
    return {
        "document": made.kind,
        "title": made.title,
        "case": made.case,
        "remarks": list(made.remarks),
        "gaps": [gap.key for gap in made.gaps],
        "sections": [
            {
                "heading": section.heading,
                "basis": section.basis,
                "facts": [
                    {"key": each.key, "question": each.question, "answer": each.answer, "by": each.by}
                    for each in section.facts
                ],
            }
            for section in made.sections
        ],
    }


# --- reading and writing -------------------------------------------------------------------------------------


def loaded_config(config: Path | None) -> Config:
    """The configuration, for who the organisation is and where its templates are. Raises Unusable."""
    from sentinel.problems import Unusable  # noqa: PLC0415  (only where the file is wrong)

    loaded, problems = load(find(config))
    if loaded is None:
        raise Unusable(problems)
    return loaded


def render_paper(template: str, loaded: Config, values: dict[str, Any]) -> str:
    """The template with the values. Raises CommandError where it cannot be used."""
    folder = loaded.templates
    try:
        return render(template, folder, SystemClock().now(), values)
    except PaperError as error:
        raise CommandError(str(error), "mend it, or take it out of cases.templates") from error


def _day(option: str, text: str | None, loaded: Config) -> str | None:
    if text is None:
        return None
    try:
        return rfc3339(read_day(option, text, loaded.cases.zone))
    except CaseError as error:
        raise CommandError(error.message, error.hint) from error


def write_paper(text: str, file: Path | None) -> None:
    """The text into a new file, else on standard output, where a terminal is not steered by it."""
    if file is not None:
        _write_new(file, text.encode())
    elif sys.stdout.isatty():
        console().print("\n".join(safe(line) for line in text.splitlines()), soft_wrap=True)
    else:
        sys.stdout.buffer.write(text.encode())


def write_pdf(html: str, file: Path | None) -> None:
    """The page as PDF into a new file, else on standard output, where that is no terminal. Raises CommandError."""
    if file is None and sys.stdout.isatty():
        raise CommandError("a PDF is nothing for a terminal", "name a file with --file")
    try:
        written = pdf(html)
    except PaperError as error:
        raise CommandError(str(error)) from error
    if file is None:
        sys.stdout.buffer.write(written)
    else:
        _write_new(file, written)


def _write_new(file: Path, content: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"cannot write '{file}': {(error.strerror or 'no').lower()}", "name a new file") from error
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
