"""The moves of a case as commands: one table, from which each gets its arguments, options and help.

Rule of this file: every move asks for a reason; on a terminal it is asked for, elsewhere leaving it out is wrong usage.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sentinel.acts import CaseRow
from sentinel.clock import SystemClock
from sentinel.commands import case_view
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import ConfigOption, Output, OutputOption, console, print_json, safe

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The id, or a beginning of it that one case has.")]

ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", "-r", help="Why; kept in the audit trail. Asked for on a terminal.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Given:
    """One thing a move is told: an option, or without `flag` an argument; `key` is its name in acts.MoveArguments."""

    key: str
    help: str
    flag: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One move as a command."""

    name: str
    says: str
    given: tuple[Given, ...]
    examples: tuple[str, ...]


_AT = "RFC 3339 with an offset; else now."
_OWNER = Given("owner", "Who looks after it; else you.", "--owner")
_CLOCK = Given("clock", "Which clock, as regime/step: gdpr/authority.", "--clock")

MOVES = (
    Move(
        "acknowledge",
        "Somebody has seen the case and looks after it; no clock stops.",
        (_OWNER,),
        ("sentinel case acknowledge C-7Q2M --reason 'looking at it' --owner ada",),
    ),
    Move("own", "Somebody looks after the case.", (_OWNER,), ("sentinel case own C-7Q2M --owner ada -r 'her shift'",)),
    Move(
        "confirm",
        "It is a breach: the deadline counts from when you became aware, and is final.",
        (Given("aware_at", f"Since when you were aware, {_AT}", "--aware-at"),),
        ("sentinel case confirm C-7Q2M --reason '…' --aware-at 2026-03-04T08:15:00+01:00",),
    ),
    Move(
        "dismiss",
        "It is no breach; the case stays in the register with the reason.",
        (Given("code", "Which kind of no breach, for statistics.", "--code"),),
        ("sentinel case dismiss C-7Q2M --reason 'covering for a colleague' --code legitimate",),
    ),
    Move(
        "assess",
        "How high the risk to people is, as you decide it: unlikely, likely or high. High begins the clock of Art. 34.",
        (Given("risk", "unlikely, likely or high."),),
        ("sentinel case assess C-7Q2M high -r 'diagnoses, and he knew some of them'",),
    ),
    Move(
        "notify",
        "Whoever a clock is about has been told, and the clock is met; further phases are recorded.",
        (
            Given("notified_at", f"When they were told, {_AT}", "--at"),
            Given("delay_reason", "Why later than the deadline (Art. 33(1) GDPR).", "--delay-reason"),
            _CLOCK,
            Given("phase", "initial, supplement, final or withdrawal.", "--phase"),
            Given("reference", "The number the recipient gave it.", "--reference"),
        ),
        (
            "sentinel case notify C-7Q2M --reason 'reported by the form' --reference 2026/0412",
            "sentinel case notify C-7Q2M --clock gdpr/people -r 'letters posted'",
        ),
    ),
    Move(
        "close",
        "The case is done. From confirmed, the reason says why no notice was owed (Art. 33(5) GDPR).",
        (),
        ("sentinel case close C-7Q2M --reason '…'",),
    ),
    Move(
        "reopen",
        "The decision is taken back; no clock is reset.",
        (),
        ("sentinel case reopen C-7Q2M --reason '…'",),
    ),
    Move(
        "note",
        "The reason is written to the audit trail; the case stays as it is.",
        (),
        ("sentinel case note C-7Q2M --reason '…'",),
    ),
    Move(
        "task",
        "Something is to be done, as the reason says.",
        (Given("due_at", "By when, RFC 3339 with an offset.", "--due"),),
        ("sentinel case task C-7Q2M -r 'ask the ward for the rota' --due 2026-03-05T12:00:00+01:00",),
    ),
    Move(
        "done",
        "A task is done.",
        (Given("number", "The number of the task."),),
        ("sentinel case done C-7Q2M 1 -r 'she was not on duty'",),
    ),
    Move(
        "describe",
        "What the documents are to say in one field, in your words.",
        (Given("field", "Which field."), Given("text", "What it is to say.")),
        ("sentinel case describe C-7Q2M consequences 'Colleagues may learn of a diagnosis.' -r 'with the DPO'",),
    ),
    Move(
        "role",
        "Controller, processor or joint in this case; a processor's clock is for telling the controller.",
        (
            Given("role", "controller, processor or joint."),
            Given("lead", "Which controller is to be told, or leads.", "--lead"),
        ),
        ("sentinel case role C-7Q2M processor --lead 'Clinic East' -r 'their patients, our hosting'",),
    ),
    Move(
        "rate",
        "What you say of the factors of severity: context, identification, confidentiality, integrity and others.",
        (Given("factors", "As intent=malicious integrity=kept.", many=True),),
        ("sentinel case rate C-7Q2M intent=malicious -r 'she sold them'",),
    ),
    Move(
        "classify",
        "The case is one that a regime means (major, notifiable); its clock counts from there.",
        (Given("regime", "Which regime: dora."), Given("classified_at", f"Since when, {_AT}", "--at")),
        ("sentinel case classify C-7Q2M dora -r 'above the threshold of clients'",),
    ),
    Move(
        "waive",
        "A duty does not exist in this case, as the reason says; its clock stops.",
        (Given("clock", "Which clock, as regime/step."),),
        ("sentinel case waive C-7Q2M nis2/early_warning -r 'no significant incident'",),
    ),
    Move(
        "unwaive",
        "The duty exists after all; its clock goes on.",
        (Given("clock", "Which clock, as regime/step."),),
        ("sentinel case unwaive C-7Q2M nis2/early_warning -r '…'",),
    ),
    Move(
        "extend",
        "The period of a request is extended, counted from receipt (Art. 12(3) GDPR).",
        (_CLOCK,),
        ("sentinel case extend C-7Q2M -r 'three archives; the person was told today'",),
    ),
    Move(
        "merge",
        "The case goes on in another one, with the earlier clock of both.",
        (Given("into", "The case in which it goes on."),),
        ("sentinel case merge C-7Q2M C-1B3D -r 'the same break-in'",),
    ),
    Move(
        "unmerge", "The case goes on by itself again.", (), ("sentinel case unmerge C-7Q2M -r 'two people after all'",)
    ),
    Move(
        "split",
        "Findings become a case of their own, with the same clock.",
        (Given("findings", "The ids of the findings, or beginnings of them.", many=True),),
        ("sentinel case split C-7Q2M f_6b1c f_90aa -r 'another system, another breach'",),
    ),
    Move(
        "hold",
        "Nothing of the case may be destroyed, by nobody and by no retention, until it is released.",
        (),
        ("sentinel case hold C-7Q2M -r 'claim of 12 March, counsel asks for it'",),
    ),
    Move("release", "The case is not held any more.", (), ("sentinel case release C-7Q2M -r 'the claim is settled'",)),
)
"""The moves, in the order in which they usually come."""


def command_of(move: Move) -> Callable[..., None]:
    """The move as a function that typer can read: its signature is made from the table."""

    def command(**options: Any) -> None:
        config, socket, output = (options.pop(name) for name in ("config", "socket", "output"))
        reason = why(options.pop("reason"))
        arguments = {key: " ".join(value) if isinstance(value, list) else value for key, value in options.items()}
        asked = {**arguments, "move": move.name, "reason": reason}
        print_done(ask_daemon("case.move", asked, config, socket), output)

    kinds: dict[str, Any] = {"case": CaseArgument}
    kinds |= {given.key: _kind(given) for given in move.given}
    kinds |= {"reason": ReasonOption, "config": ConfigOption, "socket": SocketOption, "output": OutputOption}
    needed = {"case", *(given.key for given in move.given if not given.flag)}
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=kind,
            default=inspect.Parameter.empty if name in needed else Output.TEXT if name == "output" else None,
        )
        for name, kind in kinds.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = kinds
    command.__doc__ = move.says
    return command


def _kind(given: Given) -> Any:
    if given.many:
        return Annotated[list[str], typer.Argument(help=given.help)]
    if not given.flag:
        return Annotated[str, typer.Argument(help=given.help)]
    return Annotated[str | None, typer.Option(given.flag, help=given.help, show_default=False)]


def print_done(answer: Mapping[str, Any], output: Output) -> None:
    """The case as it is now: one sentence and what is left, or JSON."""
    if output is Output.JSON:
        print_json(answer)
        return
    case: CaseRow = answer["case"]
    clock = case_view.first_clock(case)
    rest = f"; {case_view.countdown(clock, SystemClock().now())} until {clock['deadline_at']}" if clock else ""
    console().print(safe(answer["did"] + rest))


def why(given: str | None, ask: Callable[[str], str] = typer.prompt) -> str:
    """The reason, asked for where a person sits at a terminal; wrong usage where nobody does."""
    if given is not None:
        return given
    if sys.stdin.isatty() and sys.stderr.isatty():
        return ask("reason")
    raise typer.BadParameter("every change needs a reason", param_hint="'--reason'")
