"""`sentinel COMMAND`: finds the command, runs it, and turns how it ended into an exit code.

0 well, 1 problems found, 2 wrong usage, 3 a bug of ours, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from sentinel.commands.output import CommandError, examples, print_problems, print_trouble
from sentinel.problems import Unusable
from sentinel.uncollected import uncollected

COMMANDS = {
    "demo": "The real daemon on live, generated traffic with one insider.",
    "init": "A configuration, an inventory and a rules folder for the logs that are found or given.",
    "discover": "What unknown logs show of people, proposed as inventory entries.",
    "run": "The daemon, in the foreground; systemd runs this.",
    "check": "Every problem in config, inventory and rules.",
    "test": "The tests inside the rules, and scenarios.",
    "schema": "What a file may say, as JSON Schema for editors.",
    "replay": "History through the real pipeline; no case, no message, no state.",
    "explain": "Why a rule did or did not fire, record by record.",
    "tune": "How often a rule would have fired at other thresholds and windows, and for whom.",
    "diff": "The findings that a change of rules wins, loses and moves.",
    "hunt": "One rule over an Elasticsearch cluster: the cluster prunes, our own windows decide.",
    "rules": "What each rule of the running daemon does, and from shadow to enforce.",
    "case": "The life of a case: list, show, confirm, notify, close and more.",
    "channel": "The ways to reach people: how each stands, a test message, and what was given up sent again.",
    "elastic": "An Elasticsearch cluster made ready for findings and cases.",
    "silence": "For a time, hear nothing of certain cases; they open and their clocks run as ever.",
    "report": "What was watched, found, decided and told in a period.",
    "audit": "The audit trail held against its chain.",
    "subject": "What is held about one person, erasing it, and what the works council is shown.",
    "keys": "The keys of evidence: which there are, another master key, and whether they work.",
    "doctor": "What is wrong with this installation, and how to mend it.",
    "version": "Which build this is.",
}
"""Each command and its one sentence in `sentinel --help`; its file is sentinel/commands/<name>.py."""

REPORT_TO = "the project's issue tracker"


class LazyGroup(TyperGroup):
    """The commands, each imported when it is called and not before."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (typer's own signature)
        return present()

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:  # noqa: ARG002  (typer's own)
        return load(cmd_name) if cmd_name in present() else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        # What is near to a mistyped name is looked for among the commands typer has registered.
        self.commands = dict.fromkeys(self.list_commands(ctx), TyperCommand(name=""))
        return super().resolve_command(ctx, args)


def present() -> list[str]:
    """The commands that this build has."""
    return [name for name in COMMANDS if find_spec(f"sentinel.commands.{name}")]


def load(name: str) -> TyperCommand | TyperGroup:
    """The command, ready to run."""
    with uncollected():
        module = import_module(f"sentinel.commands.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        lines = getattr(module, "EXAMPLES", ())
        app.command(name, epilog=examples(*lines) if lines else None)(module.command)
    command = get_command(app)
    assert isinstance(command, TyperCommand | TyperGroup)
    command.name = name
    return command


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"sentinel {version('breach-sentinel')}")
        raise typer.Exit


def _sentinel(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Notices within seconds that somebody reads personal data they should not, and runs the 72-hour clock."""


def program() -> TyperGroup:
    """The command line as a whole."""
    app = typer.Typer(
        cls=LazyGroup,
        callback=_sentinel,
        add_completion=True,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=examples("sentinel demo", "sentinel check -c sentinel.yaml", "sentinel case list"),
    )
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run what the arguments say and leave with its exit code."""
    if (sys.argv[1:] if arguments is None else arguments)[:1] == ["run"]:
        # Until the daemon listens to it itself, there is nothing to be saved.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        program().main(args=arguments, prog_name="sentinel")
    except Unusable as unusable:
        print_problems(unusable.problems)
    except CommandError as error:
        print_trouble(error.message, error.hint)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as bug:  # noqa: BLE001  (whatever is left here is a bug of ours; its text may hold personal data)
        from sentinel.logs import describe  # noqa: PLC0415  (only a bug needs it)

        print_trouble(
            f"this is a bug of ours: {describe(bug)}", f"please report that line and what you ran to {REPORT_TO}"
        )
        sys.exit(3)
    sys.exit(1)


if __name__ == "__main__":
    main()
