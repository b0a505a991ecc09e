"""The command line: exit codes, help, what is printed, and cases moved over a real socket and store."""

import csv
import getpass
import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

import sentinel.__main__ as cli
from sentinel import answers
from sentinel.acts import CaseRow
from sentinel.cases.book import Book
from sentinel.cases.moving import CaseError
from sentinel.clock import HOUR, SystemClock, rfc3339
from sentinel.commands import case_view, case_watch
from sentinel.commands.output import CommandError, examples, print_table, safe
from sentinel.control import Control, Request
from sentinel.model import Case, Evidence, Finding, Level, State, Verdict
from sentinel.problems import Problem, Span, Unusable
from sentinel.store import Batch, Store
from sentinel.vault import Vault
from tests.unit import store_samples

NOW = SystemClock().now()
MASTER = bytes(range(32))


def a_case(case_id: str = "C-7Q2M0001", **changes: Any) -> Case:
    """A case that was opened an hour ago."""
    ago = NOW - HOUR
    clock = replace(store_samples.a_case().clocks[0], starts_at=ago, deadline_at=ago + 72 * HOUR, reminded=())
    known = {"occurred_from": ago, "occurred_to": ago, "detected_at": ago, "clocks": (clock,), "subjects": 300}
    return store_samples.a_case(
        case_id, title="One person reads many patients in patient-portal", **{**known, **changes}
    )


def a_finding() -> Finding:
    ago = NOW - HOUR
    because = ("85, where 12 is usual",)
    return store_samples.a_finding(
        first_seen=ago, last_seen=ago, fired_at=ago, evidence=(), evidence_total=1, because=because
    )


class Daemon:
    """What the daemon does with requests about cases, on a real store and socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "sentinel.yaml"
        (folder / "portal.log").touch()
        self.config.write_text(
            f"sources:\n  - {{name: portal, type: file, paths: [{folder}/portal.log], format: nginx}}\n"
        )
        self.store = Store.open(folder / "sentinel-state", Vault.open(folder / "sentinel-state", None))
        self.book = Book()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._control = Control(folder / "sentinel-state" / "control.sock", self._wake)
        self._thread = threading.Thread(target=self._turn)

    def record(self, verdict: Verdict) -> None:
        batch = Batch()
        batch.verdict(verdict)
        if verdict.finding is not None:
            place = Evidence("portal", 1, "/var/log/nginx/portal.log", 10_233, 214)
            batch.evidence(verdict.case.id, verdict.finding.id, place, b"kim.larsen read")
        self.store.commit(batch)
        self.book.apply(verdict)

    def start(self) -> None:
        self._control.start()
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stop.set()
            self._wake.set()
            self._thread.join()
            self._control.stop()
        self.store.close()

    def _turn(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(5)
            self._wake.clear()
            for request in self._control.pending():
                try:
                    request.answer(self._act(request))
                except CaseError as error:
                    request.refuse(error.message, error.hint)

    def _act(self, request: Request) -> Any:
        now = SystemClock().now()
        if request.act == "case.list":
            return answers.list_answer(self.book, now)
        if request.act == "case.register":
            return answers.register_answer(self.store, self.book, now)
        case = self.book.find(request.arguments["case"])
        if request.act == "case.show":
            return answers.show_answer(self.store, case, now)
        verdict = answers.move(case, request.arguments, request.who.name, now)
        self.record(verdict)
        return answers.move_answer(verdict.case, request.arguments["move"], now)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    daemon.record(Verdict(case=a_case(), finding=a_finding()))
    yield daemon
    daemon.stop()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def ask(daemon: Daemon, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The JSON that a case command prints."""
    code = run("case", *arguments, "-c", str(daemon.config), "--output", "json")
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


# --- the program as a whole -----------------------------------------------------------------------------------


def test_help_is_shown_without_importing_what_commands_need() -> None:
    program = (
        "import sys\nfrom sentinel.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'hyperscan', 'sigma', 'rich', 'apsw', 'requests', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "case      The life of a case" in done.stdout


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name in cli.present()])
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    out = capsys.readouterr().out
    assert f"$ sentinel {name}" in out


def test_every_command_about_cases_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    command = cli.load("case")
    for name in command.list_commands(None):  # type: ignore[arg-type,union-attr]
        assert run("case", name, "--help") == 0
        assert f"$ sentinel case {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nothing"], ["version", "--nothing"], ["case", "nothing"], ["case", "show"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Usage: sentinel" in capsys.readouterr().err


def test_a_mistyped_command_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("versoin") == 2
    assert "Did you mean 'version'?" in capsys.readouterr().err


def raising(error: BaseException) -> Any:
    def program() -> Any:
        def fail() -> None:
            raise error

        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command()(fail)
        return typer.main.get_command(app)

    return program


def ended_by(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(cli, "program", raising(error))
    return run()


def test_problems_are_printed_in_order_and_end_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = [
        Problem(Span("b.yml", 2, 1), "R002", "second", severity="warning"),
        Problem(Span("a.yml", 14, 9), "R012", "unknown modifier 'containz'", "did you mean 'contains'?"),
    ]
    assert ended_by(Unusable(problems), monkeypatch) == 1
    assert capsys.readouterr().err == (
        "a.yml:14:9: R012 unknown modifier 'containz'\n"
        "    hint: did you mean 'contains'?\n"
        "b.yml:2:1: R002 warning: second\n"
    )


def test_what_cannot_be_done_is_said_with_a_hint_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(CommandError("no daemon", "start it"), monkeypatch) == 1
    assert capsys.readouterr().err == "sentinel: no daemon\n    hint: start it\n"


def test_a_bug_ends_with_3_and_shows_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(RuntimeError("kim.larsen 10.1.2.3"), monkeypatch) == 3
    error = capsys.readouterr().err
    assert "a bug of ours: RuntimeError at sentinel/__main__.py:" in error
    assert "kim" not in error
    assert "10.1" not in error


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended_by(KeyboardInterrupt(), monkeypatch) == 130


def test_version_is_printed_for_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("version", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out).keys() >= {"sentinel", "python", "pysigma"}


# --- what is printed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Ærø 李", "Ærø 李"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\r\t\x7f", "a\\x0ab\\x0d\\x09\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2066a\u2069\u200b\u2028", "\\u2066a\\u2069\\u200b\\u2028"),
        ("\U000e0001", "\\U000e0001"),
        ("\udc80", "\\udc80"),
    ],
)
def test_nothing_from_a_log_steers_the_terminal(text: str, shown: str) -> None:
    assert safe(text) == shown
    assert safe(text, raw=True) == text


def test_tables_escape_and_do_not_read_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "number #"), [("[red]x\x1b[0m", "1"), ("y", "22")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["name", "number"], ["[red]x\\x1b[0m", "1"], ["y", "22"]]


def test_examples_are_kept_as_lines() -> None:
    assert examples("sentinel a", "sentinel b") == "\b\nExamples:\n  $ sentinel a\n  $ sentinel b"


# --- cases ----------------------------------------------------------------------------------------------------


def test_the_list_has_the_public_form(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    [case] = ask(daemon, capsys, "list")
    assert {
        *(
            "id",
            "title",
            "state",
            "level",
            "key",
            "rules",
            "subjects",
            "detected_at",
            "aware_at",
            "historical",
            "clocks",
        ),
        *("owner", "findings"),
    } <= case.keys()
    assert set(CaseRow.__annotations__) == case.keys()
    [clock] = case["clocks"]
    assert clock["state"] == "running"
    assert clock["provisional"]
    assert 70 * 3600 < clock["remaining_seconds"] <= 71 * 3600


def test_the_list_counts_down_for_people(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "list", "-c", str(daemon.config)) == 0
    out = capsys.readouterr().out
    assert "C-7Q2M0001" in out
    assert "~70:" in out  # an hour later than this file was read, at most
    assert "kim" not in out


def test_the_list_can_be_narrowed_to_a_state(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert ask(daemon, capsys, "list", "--state", "closed") == []
    assert len(ask(daemon, capsys, "list", "--state", "closed", "--state", "open")) == 1


def test_a_case_is_shown_whole_and_nobody_is_named(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "show", "7q2m", "-c", str(daemon.config)) == 0
    out = capsys.readouterr().out
    for text in (
        "C-7Q2M0001",
        "actor-7f3a9c2e41",
        "bulk_access",
        "/var/log/nginx/portal.log",
        "10233",
        "85, where 12 is usual",
        "sentinel case confirm",
    ):
        assert text in out
    assert "kim" not in out


def test_the_life_of_a_case_is_moved_and_audited(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    case = ask(daemon, capsys, "confirm", "C-7Q2M0001", "--reason", "not her patients")["case"]
    assert (case["state"], case["clocks"][0]["provisional"], case["owner"]) == ("confirmed", False, getpass.getuser())
    assert ask(daemon, capsys, "note", "C-7", "--reason", "called the ward")["did"] == "case C-7Q2M0001 is noted"
    assert ask(daemon, capsys, "notify", "C-7", "--reason", "reference 12")["case"]["state"] == "notified"
    assert ask(daemon, capsys, "close", "C-7", "--reason", "done")["case"]["state"] == "closed"
    assert ask(daemon, capsys, "reopen", "C-7", "--reason", "more found")["case"]["state"] == "notified"
    timeline = ask(daemon, capsys, "show", "C-7")["timeline"]
    assert [(entry["act"], entry["reason"]) for entry in timeline] == [
        ("case.confirm", "not her patients"),
        ("case.note", "called the ward"),
        ("case.notify", "reference 12"),
        ("case.close", "done"),
        ("case.reopen", "more found"),
    ]
    assert {entry["who"] for entry in timeline} == {getpass.getuser()}


def test_dismissing_and_acknowledging_carry_their_options(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert ask(daemon, capsys, "acknowledge", "C-7", "-r", "mine", "--owner", "ada")["case"]["owner"] == "ada"
    dismissed = ask(daemon, capsys, "dismiss", "C-7", "-r", "covering", "--code", "legitimate")
    assert dismissed["case"]["state"] == "dismissed"


def test_the_person_is_told_the_deadline_after_a_move(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "confirm", "C-7", "-r", "x", "-c", str(daemon.config)) == 0
    assert capsys.readouterr().out.startswith("case C-7Q2M0001 is confirmed; 71:59:5")


def test_a_move_that_is_not_possible_says_what_is(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "close", "C-7", "-r", "x", "-c", str(daemon.config)) == 1
    error = capsys.readouterr().err
    assert "cannot close case C-7Q2M0001: it is open" in error
    assert "possible now: confirm" in error


@pytest.mark.parametrize("moment", ["2026-03-04T08:15:00", "yesterday", "08:15"])
def test_awareness_needs_a_moment_with_an_offset(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    daemon.start()
    assert run("case", "confirm", "C-7", "-r", "x", "--aware-at", moment, "-c", str(daemon.config)) == 1
    assert "--aware-at" in capsys.readouterr().err
    assert daemon.book.find("C-7").state is State.OPEN


def test_awareness_is_set_to_the_moment_given(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    given = case_view.at(ask(daemon, capsys, "list")[0]["detected_at"])
    text = f"{rfc3339(given + HOUR // 2)[:-1]}+00:00"
    case = ask(daemon, capsys, "confirm", "C-7", "-r", "x", "--aware-at", text)["case"]
    assert case_view.at(case["aware_at"]) == given + HOUR // 2


def test_a_change_without_a_reason_is_wrong_usage(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "confirm", "C-7", "-c", str(daemon.config)) == 2
    assert "every change needs a reason" in capsys.readouterr().err


def test_an_unknown_case_is_said(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    assert run("case", "show", "C-9", "-c", str(daemon.config)) == 1
    assert "no case 'C-9'" in capsys.readouterr().err


def test_without_a_daemon_the_store_is_read_and_that_is_said(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.stop()
    assert run("case", "list", "-c", str(daemon.config), "--output", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["id"] == "C-7Q2M0001"
    assert "no sentinel daemon answers on" in captured.err
    assert run("case", "show", "C-7", "-c", str(daemon.config)) == 0
    assert "10233" in capsys.readouterr().out
    assert run("case", "show", "C-9", "-c", str(daemon.config)) == 1


def test_without_a_daemon_nothing_is_moved(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.stop()
    assert run("case", "confirm", "C-7", "-r", "x", "-c", str(daemon.config)) == 1
    error = capsys.readouterr().err
    assert "no sentinel daemon answers on" in error
    assert f"sentinel run -c {daemon.config}" in error


def test_without_a_daemon_and_without_state_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon = Daemon(tmp_path)
    daemon.stop()
    for each in (tmp_path / "sentinel-state").iterdir():
        each.unlink()
    assert run("case", "list", "-c", str(daemon.config)) == 1
    assert "its state cannot be read" in capsys.readouterr().err


def test_a_broken_configuration_is_said(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.config.write_text("sources: 3\n")
    assert run("case", "list", "-c", str(daemon.config)) == 1
    assert f"{daemon.config}:1:" in capsys.readouterr().err


def test_the_socket_can_be_named(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    socket = daemon.folder / "sentinel-state" / "control.sock"
    assert run("case", "list", "--socket", str(socket), "--output", "json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


# --- how cases look -------------------------------------------------------------------------------------------


def rows(*cases: Case, now: int = NOW) -> list[CaseRow]:
    return answers.list_answer(Book(cases), now)["cases"]


@pytest.mark.parametrize(
    ("hours", "shown", "style"),
    [
        (71, "~71:00:00", "green"),
        (23, "~23:00:00", "yellow"),
        (5, "~05:00:00", "bold red"),
        (-2, "~-02:00:00 OVERDUE", "bold red"),
    ],
)
def test_the_countdown_turns_red(hours: int, shown: str, style: str) -> None:
    [case] = rows(a_case(), now=NOW + (71 - hours) * HOUR)
    clock = case_view.first_clock(case)
    assert clock is not None
    # The deadline is shown to the second; what is below is cut.
    assert case_view.countdown(clock, case_view.at(clock["deadline_at"]) - hours * HOUR) == shown
    assert case_view.urgency_style(clock, case_view.at(clock["deadline_at"]) - hours * HOUR) == style


def test_a_case_without_a_running_clock_says_how_it_ended() -> None:
    [case] = rows(a_case(state=State.DISMISSED, state_before=State.OPEN))
    assert case_view.list_row(case, NOW)[3] == "stopped"


def test_the_watch_shows_a_case_as_it_stands() -> None:
    terminal = Console(width=160, record=True, file=io.StringIO())
    terminal.print(case_watch.table(rows(a_case()), NOW))
    assert "C-7Q2M0001" in terminal.export_text()


def test_changes_are_told_once() -> None:
    first, second = rows(a_case()), rows(a_case(state=State.CONFIRMED, subjects=400))
    before = {case["id"]: case for case in first}
    assert list(case_view.changes({}, first)) == [
        "C-7Q2M0001 [high] is open: One person reads many patients in patient-portal"
    ]
    assert list(case_view.changes(before, first)) == []
    assert list(case_view.changes(before, second)) == ["C-7Q2M0001 is confirmed, it was open"]
    assert list(case_view.changes(before, rows(a_case(subjects=400)))) == ["C-7Q2M0001 concerns 400 people, it was 300"]
    assert list(case_view.changes(before, rows(a_case(level=Level.CRITICAL)))) == [
        "C-7Q2M0001 is of level critical, it was high"
    ]


# --- documents ------------------------------------------------------------------------------------------------


def test_a_draft_is_written_with_or_without_a_daemon_and_never_over_a_file(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("case", "draft", "C-7", "--format", "json", "-c", str(daemon.config)) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["document"], document["case"]) == ("notification", "C-7Q2M0001")
    assert "consequences" in document["gaps"]
    file = tmp_path / "letter.html"
    daemon.start()
    arguments = ("case", "draft", "C-7", "--document", "letter", "--format", "html", "--file", str(file))
    assert run(*arguments, "-c", str(daemon.config)) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "[GAP: what happened]" in file.read_text()
    assert run(*arguments, "-c", str(daemon.config)) == 1
    assert "cannot write" in capsys.readouterr().err


def test_the_register_is_the_same_rows_in_every_form(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.start()
    found = {}
    for form in ("csv", "json", "html", "md"):
        assert run("case", "register", "--format", form, "-c", str(daemon.config)) == 0
        found[form] = capsys.readouterr().out
    (row,) = csv.DictReader(found["csv"].splitlines())
    (same,) = json.loads(found["json"])
    assert (row["id"], row["people_at_least"]) == (same["id"], str(same["people_at_least"])) == ("C-7Q2M0001", "300")
    assert "C-7Q2M0001" in found["html"]
    assert "C-7Q2M0001" in found["md"]
    assert run("case", "register", "--format", "json", "--to", "2020-01-01", "-c", str(daemon.config)) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_an_archive_has_the_digest_of_each_file_and_its_own_in_the_audit_trail(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    daemon.start()
    file = tmp_path / "case.zip"
    answer = ask(daemon, capsys, "export", "C-7", "--file", str(file), "-r", "for counsel")
    with zipfile.ZipFile(file) as archive:
        manifest = archive.read("manifest.json")
        for each in json.loads(manifest)["files"]:
            assert hashlib.sha256(archive.read(each["name"])).hexdigest() == each["sha256"]
        assert b"kim.larsen" not in b"".join(archive.read(name) for name in archive.namelist())
    digest = hashlib.sha256(manifest).hexdigest()
    timeline = ask(daemon, capsys, "show", "C-7")["timeline"]
    assert answer["manifest_sha256"] == timeline[-1]["detail"]["digest"] == digest
    assert (timeline[-1]["act"], timeline[-1]["reason"]) == ("case.export", "for counsel")


def test_the_list_fits_eighty_columns() -> None:
    row = case_view.narrow_row(rows(a_case(historical=True))[0], NOW)
    assert len(row) == len(case_view.NARROW_HEADINGS)
    assert sum(map(len, row[:-1])) + 2 * len(row) < 66


def test_a_watch_on_eighty_columns_leaves_nothing_beyond_them() -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, width=80)
    terminal.print(case_watch.table(rows(a_case(), a_case("C-1", historical=True)), NOW, narrow=True))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "~70:59" in shown.getvalue()
    assert "open*" in shown.getvalue()
