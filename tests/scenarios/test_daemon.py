"""The daemon as a whole, in this process, on a set clock: real files, real store, real socket, real web pages."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from sentinel import lookout
from sentinel.app import Daemon
from sentinel.clock import HOUR, SECOND, Micros, SetClock, to_datetime
from sentinel.control import Refused, ask
from sentinel.inspection import prepare
from sentinel.pipeline import COMMIT_AFTER
from sentinel.problems import Unusable
from sentinel.renewal import LOOK_AGAIN
from sentinel.store import StoreLocked
from tests.killing import kill
from tests.unit.loopback import Answer, Service, service

NOON: Micros = 1_772_625_600 * SECOND
CONFIG = """
state: state
rules: [rules]
shipped_rules: false
inventory: inventory.yaml
sources:
  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}, poll: true}
http: {listen: "127.0.0.1:0"}
"""
INVENTORY = """
systems:
  - name: portal
    data: [health]
    access:
      - when: {'url.path|re': '^/patients/(?P<subject>[0-9]+)$'}
        logsource: {category: webserver}
        actor: user.name
"""
RULES = """
title: Personal data read
name: read
logsource: {category: personal_data_access}
detection: {selection: {access.system: portal}, condition: selection}
level: informational
---
title: Many people's data
name: many
correlation:
  type: value_count
  rules: [read]
  group-by: [access.actor]
  timespan: 10m
  condition: {field: access.subject, gte: THRESHOLD}
level: high
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    write_rules(tmp_path, 5)
    (tmp_path / "portal.log").touch()
    return tmp_path


def write_rules(folder: Path, threshold: object) -> None:
    text = RULES.replace("THRESHOLD", str(threshold))
    (folder / "rules" / "many.yml").write_text(text, encoding="utf-8")


class Watch:
    """A daemon that turns when it is told to, on a clock that stands still meanwhile."""

    def __init__(self, folder: Path, now: Micros = NOON, clock: SetClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or SetClock(now)
        loaded, book = prepare(folder / "sentinel.yaml")
        self.daemon = Daemon(loaded, book, self.clock, {})
        self.daemon.open()

    def read(self, who: str, patients: range, at: Micros | None = None) -> None:
        moment = to_datetime(self.clock.now() if at is None else at)
        line = '10.0.0.1 - {} [{:%d/%b/%Y:%H:%M:%S} +0000] "GET /patients/{} HTTP/1.1" 200 1 "-" "-"\n'
        with (self.folder / "portal.log").open("a", encoding="utf-8") as log:
            log.writelines(line.format(who, moment, patient) for patient in patients)

    def turn(self, times: int = 8) -> None:
        for _ in range(times):
            self.daemon.turn()

    def ask(self, act: str, **arguments: Any) -> dict[str, Any]:
        """What the daemon answers, asked from another thread while it turns."""
        with ThreadPoolExecutor(1) as asking:
            answer: Future[dict[str, Any]] = asking.submit(ask, self.daemon.config.control, act, arguments)
            while not answer.done():
                self.daemon.turn()
                wait([answer], 0.01)
        return answer.result()

    def settle(self) -> None:
        """Turn until changed files have stood still for long enough and what they say is taken up."""
        self.clock.move_to(self.clock.now() + LOOK_AGAIN)
        self.turn(1)
        while self.daemon.renewal.is_under_way:
            self.clock.move_to(self.clock.now() + SECOND)
            self.turn(1)
            self.daemon.wake.wait(0.01)

    def test(self, channel: str) -> str:
        """What the test message of the channel is known by."""
        (row,) = self.ask("channel.test", channel=channel)["tests"]
        return str(row["case"])

    def outcome(self, case: str) -> tuple[str, str]:
        """How the test ended, and what the service answered."""
        while (answer := self.ask("channel.outcome", case=case, withdraw=False))["state"] in {"pending", "inflight"}:
            self.daemon.turn()
        return answer["state"], answer["reason"]

    def standing(self) -> dict[str, Any]:
        """How the one channel stands."""
        (row,) = self.ask("channel.list")["channels"]
        return dict(row)

    def standing_of(self, name: str) -> dict[str, Any]:
        """How that channel stands."""
        return next(dict(row) for row in self.ask("channel.list")["channels"] if row["name"] == name)

    def cases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("case.list")["cases"]
        return found


@pytest.fixture
def watch(folder: Path) -> Iterator[Watch]:
    started = Watch(folder)
    yield started
    started.daemon.close()


def test_a_bulk_reader_opens_one_case_that_keeps_growing(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    watch.read("kim", range(5, 30))
    watch.turn()
    (case,) = watch.cases()
    assert (case["state"], case["subjects"], case["findings"], case["rules"]) == ("open", 30, 1, ["many"])


def test_the_deadline_is_72_hours_after_detection_and_after_awareness_once_confirmed(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    (case,) = watch.cases()
    assert case["clocks"][0]["deadline_at"].startswith("2026-03-07T12:00:0")
    watch.clock.move_to(watch.clock.now() + 2 * HOUR)
    watch.ask("case.move", case=case["id"], move="confirm", reason="seen with the ward")
    (case,) = watch.cases()
    assert case["state"] == "confirmed"
    assert case["clocks"][0]["deadline_at"].startswith("2026-03-07T14:00:")
    assert not case["clocks"][0]["provisional"]


def test_a_new_threshold_is_at_work_after_a_reload_and_windows_of_unchanged_rules_are_kept(watch: Watch) -> None:
    watch.read("kim", range(4))
    watch.turn()
    assert watch.ask("reload")["reloaded"]
    watch.read("kim", range(4, 5))
    watch.turn()
    assert len(watch.cases()) == 1
    write_rules(watch.folder, 2)
    assert watch.ask("reload")["reloaded"]
    watch.read("ada", range(2))
    watch.turn()
    assert len(watch.cases()) == 2


def test_rules_read_anew_and_renamed_in_the_middle_of_a_burst_skip_no_line_and_open_no_case_twice(
    watch: Watch,
) -> None:
    watch.read("kim", range(5))
    watch.turn()
    (before,) = watch.cases()
    text = (watch.folder / "rules" / "many.yml").read_text()
    for number in range(12):
        watch.read("kim", range(100 * number + 5, 100 * number + 105))
        name = f"many{number}" if number % 3 == 2 else "many"
        (watch.folder / "rules" / "many.yml").write_text(text.replace("name: many", f"name: {name}"))
        assert watch.daemon.reload() == []
        watch.daemon.turn()
    watch.turn()
    (case,) = watch.cases()
    counted = [finding.value for finding in watch.daemon.store.findings(before["id"])]
    assert sum(counted) == 1205, "each line by the old rules or by the new ones"
    assert (case["id"], case["subjects"], case["clocks"][0]["deadline_at"]) == (
        before["id"],
        1205,
        before["clocks"][0]["deadline_at"],
    )


def test_a_broken_rule_leaves_the_old_ones_at_work_and_is_named_with_its_place(watch: Watch) -> None:
    write_rules(watch.folder, "many")
    answer = watch.ask("reload")
    assert not answer["reloaded"]
    assert "rules/many.yml:" in answer["problems"][0]
    watch.read("kim", range(5))
    watch.turn()
    assert len(watch.cases()) == 1


def test_a_channel_whose_secret_is_gone_leaves_the_old_configuration_at_work(watch: Watch) -> None:
    hook = 'channels: {soc: {type: webhook, url: "https://hooks.example.org/", secret: {env: NOT_SET}}}\n'
    (watch.folder / "sentinel.yaml").write_text(CONFIG + hook, encoding="utf-8")
    answer = watch.ask("reload")
    assert not answer["reloaded"]
    assert "C022 env 'NOT_SET' is empty or not set" in answer["problems"][0]
    watch.read("kim", range(5))
    watch.turn()
    assert len(watch.cases()) == 1


def test_a_restart_goes_on_in_the_middle_of_a_window(folder: Path) -> None:
    first = Watch(folder)
    first.read("kim", range(3))
    first.turn()
    first.daemon.close()
    second = Watch(folder, first.clock.now() + SECOND)
    second.read("kim", range(3, 5))
    second.turn()
    assert [case["subjects"] for case in second.cases()] == [5]
    second.daemon.close()


def test_a_second_daemon_on_the_same_state_is_refused(watch: Watch) -> None:
    with pytest.raises(StoreLocked, match="another sentinel"):
        Watch(watch.folder)


def test_a_full_disk_pauses_reading_and_nothing_is_lost_or_doubled(watch: Watch) -> None:
    watch.turn()
    database = watch.daemon.store._db
    database.pragma("max_page_count", database.pragma("page_count"))
    watch.read("kim", range(9000))
    watch.turn()
    assert not watch.daemon.readiness.report()["store"]["ready"]
    watch.read("kim", range(9000, 9009))
    watch.turn()
    assert watch.daemon.engine.lanes["portal"].counts.lines == 9000
    database.pragma("max_page_count", 1_000_000)
    watch.turn()
    assert watch.daemon.readiness.report()["store"]["ready"]
    (case,) = watch.cases()
    assert (case["subjects"], case["findings"]) == (9009, 1)


def test_what_is_older_than_the_history_joins_one_case_without_a_message(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(5), at=NOON - 48 * HOUR)
    watch.read("ada", range(5), at=NOON - 47 * HOUR)
    watch.turn()
    (case,) = watch.cases()
    assert case["historical"]
    assert case["findings"] == 2
    watch.daemon.close()


def test_the_pages_say_that_it_is_ready_and_what_it_counted(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn(20)
    address = watch.ask("status")["http"]
    with urllib.request.urlopen(f"http://{address}/readyz") as page:
        assert page.status == 200
    with urllib.request.urlopen(f"http://{address}/metrics") as page:
        text = page.read().decode()
    for line in (
        'sentinel_lines_total{source="portal"} 5.0',
        'sentinel_accesses_total{source="portal",system="portal"} 5.0',
        'sentinel_findings_total{level="high",mode="enforce",rule="many"} 1.0',
        'sentinel_cases_opened_total{level="high"} 1.0',
    ):
        assert line in text
    assert "kim" not in text


def test_a_configuration_with_errors_does_not_start(folder: Path) -> None:
    (folder / "sentinel.yaml").write_text(CONFIG.replace("type: file", "type: fiel"), encoding="utf-8")
    with pytest.raises(Unusable, match="did you mean 'file'"):
        Watch(folder)


# --- what may befall the state and the clock -------------------------------------------------------------------


def test_a_state_damaged_while_it_runs_is_brought_back_and_read_on_from_there(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    before = [case["id"] for case in watch.cases()]
    watch.daemon.keeper.wait(60)  # the one it makes by itself
    watch.daemon.store.backup(watch.daemon.config.backup.folder, watch.clock.now())
    watch.read("ada", range(5))
    watch.turn()
    database = watch.folder / "state" / "sentinel.db"
    watch.daemon.store.checkpoint()
    with database.open("r+b") as file:
        for offset in range(4096, database.stat().st_size, 4096):
            file.seek(offset)
            file.write(b"\xa5" * 512)
    watch.daemon.store._db.pragma("shrink_memory")
    watch.read("tom", range(5))
    watch.turn(20)
    found = {case["title"].split(":")[0]: case for case in watch.cases()}
    assert len(watch.cases()) == 4
    assert before[0] in [case["id"] for case in watch.cases()]
    assert "Sentinel's own state was damaged and an older copy of it is at work" in found
    assert watch.daemon.store.verify_audit() == []


def test_a_clock_that_leaps_years_ahead_for_a_while_tells_of_no_deadline(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    (case,) = watch.cases()
    deadline = case["clocks"][0]["deadline_at"]
    watch.clock.set_to(watch.clock.now() + 5 * 365 * 24 * HOUR)
    watch.turn()
    watch.clock.set_to(watch.clock.now() - 5 * 365 * 24 * HOUR)
    watch.turn()
    (case,) = watch.cases()
    assert case["clocks"][0]["deadline_at"] == deadline
    assert watch.daemon.pipeline.book.find(case["id"]).clocks[0].reminded == ()
    jumps = [row.detail for row in watch.daemon.store.audit() if row.act == "clock.jumped"]
    assert [round(row["seconds"]) for row in jumps if row] == [157_680_000, -157_680_000]


def test_a_deadline_that_a_clock_set_right_has_passed_is_told_after_ten_minutes(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    watch.clock.set_to(watch.clock.now() + 80 * HOUR)
    watch.turn()
    (case,) = watch.cases()
    assert watch.daemon.pipeline.book.find(case["id"]).clocks[0].reminded == ()
    watch.clock.move_to(watch.clock.now() + HOUR)
    watch.turn()
    assert watch.daemon.pipeline.book.find(case["id"]).clocks[0].reminded != ()


def test_a_deadline_that_is_held_back_does_not_keep_the_watch_from_waiting(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    watch.clock.set_to(watch.clock.now() + 80 * HOUR)
    watch.turn()
    before = watch.clock.now()
    watch.daemon.turn()
    assert watch.clock.now() > before
    watch.read("eve", range(5))
    watch.turn()
    assert len(watch.cases()) == 2, "and what is read meanwhile is committed"


def test_a_clock_that_is_set_back_delays_no_commit(watch: Watch) -> None:
    watch.read("kim", range(3))
    watch.daemon.turn()
    watch.clock.set_to(watch.clock.now() - 3 * HOUR)
    watch.daemon.turn()
    assert [position for position in watch.daemon.store.positions() if '"at": 0' not in position.state]


def test_a_channel_is_tried_and_what_it_would_never_take_is_sent_again(folder: Path) -> None:
    with service(Answer(404), Answer(404), Answer(200)) as there:
        hook = f"channels: {{chat: {{type: mattermost, url: {{file: {folder}/hook}}, allow_private: true}}}}\n"
        (folder / "hook").write_text(there.url)
        (folder / "sentinel.yaml").write_text(CONFIG + hook, encoding="utf-8")
        watch = Watch(folder)
        assert watch.outcome(watch.test("chat")) == ("never", "status 404")
        watch.read("kim", range(5))
        watch.turn()
        while watch.standing()["waiting"]:
            watch.turn()
        assert watch.standing()["never"] == 1  # the test is withdrawn, the message of the case is not
        assert watch.outcome(watch.test("chat")) == ("sent", "status 200")
        assert watch.ask("channel.resend", channel="chat") == {"resent": 1}
        while watch.standing()["waiting"]:
            watch.turn()
        assert watch.standing()["never"] == 0
        watch.daemon.close()
    titles = [json.loads(each.body)["text"].splitlines()[0] for each in there.received]
    assert ["TEST" in title for title in titles] == [True, False, True, False]
    assert titles[3].startswith("Possible repeat")


def test_a_test_that_nobody_takes_is_withdrawn(folder: Path) -> None:
    with service(Answer(503)) as there:
        hook = f"channels: {{chat: {{type: mattermost, url: {{file: {folder}/hook}}, allow_private: true}}}}\n"
        (folder / "hook").write_text(there.url)
        (folder / "sentinel.yaml").write_text(CONFIG + hook, encoding="utf-8")
        watch = Watch(folder)
        (test,) = watch.ask("channel.test", channel=None)["tests"]
        while watch.ask("channel.outcome", case=test["case"], withdraw=False)["reason"] != "status 503":
            watch.turn()
        watch.ask("channel.outcome", case=test["case"], withdraw=True)
        assert (watch.standing()["waiting"], watch.standing()["never"]) == (0, 0)
        assert watch.cases() == []
        watch.daemon.close()


def test_only_a_test_can_be_withdrawn(watch: Watch) -> None:
    watch.read("kim", range(5))
    watch.turn()
    (case,) = watch.cases()
    with pytest.raises(Refused, match="not a test"):
        watch.ask("channel.outcome", case=case["id"], withdraw=True)


def test_a_silence_holds_back_news_and_nothing_else(folder: Path) -> None:
    with service() as there:
        hook = f"channels: {{chat: {{type: mattermost, url: {{file: {folder}/hook}}, allow_private: true}}}}\n"
        (folder / "hook").write_text(there.url)
        (folder / "sentinel.yaml").write_text(CONFIG + hook, encoding="utf-8")
        watch = Watch(folder)
        watch.ask("silence.add", **{"for": "4h", "reason": "migration", "when": {"rule": ["many"]}})
        watch.read("kim", range(5))
        watch.turn()
        (case,) = watch.cases()
        assert case["state"] == "open"
        acts = [row["act"] for row in watch.ask("case.show", case=case["id"])["timeline"]]
        assert [act for act in acts if act != "case.collected"][-1] == "message.silenced"
        assert watch.ask("channel.list")["channels"][0]["waiting"] == 0
        watch.clock.move_to(watch.clock.now() + 25 * HOUR)
        while not there.received:
            watch.turn()
        watch.daemon.close()
    assert ["48 hours left" in json.loads(each.body)["text"] for each in there.received] == [True]


def in_a_storm(folder: Path, there: Service) -> Watch:
    """A watch that tells three cases in a minute and gathers the rest, of which seven have just opened.

    Its courier does not work: waiting, it would move the clock.
    """
    hook = f"channels: {{chat: {{type: mattermost, url: {{file: {folder}/hook}}, allow_private: true}}}}\n"
    (folder / "hook").write_text(there.url)
    (folder / "sentinel.yaml").write_text(CONFIG + hook + "cases: {storm: 3}\n", encoding="utf-8")
    watch = Watch(folder)
    watch.daemon.courier.stop()
    for number in range(7):
        watch.read(f"user{number}", range(5))
    watch.turn(2)
    assert len(list(watch.daemon.pipeline.book)) == 7
    return watch


def told_by_the_next(folder: Path, there: Service, now: Micros) -> list[list[str]]:
    """The lines of what the next process tells of what this one left."""
    again = Watch(folder, now)
    while again.standing()["waiting"]:
        again.turn()
    again.daemon.close()
    return [json.loads(each.body)["text"].splitlines() for each in there.received]


def test_in_a_storm_the_rest_is_told_as_one_message(folder: Path) -> None:
    with service() as there:
        watch = in_a_storm(folder, there)
        watch.clock.move_to(watch.clock.now() + 61 * SECOND)
        watch.turn(1)
        watch.daemon.close()
        told = told_by_the_next(folder, there, watch.clock.now() + 60 * SECOND)
    assert len(told) == 4
    assert "4 cases opened, rose or grew within a minute" in told[3][0]


def test_a_crash_in_a_storm_costs_the_digest_and_no_message(folder: Path) -> None:
    with service() as there:
        watch = in_a_storm(folder, there)
        kill(watch.daemon)
        told = told_by_the_next(folder, there, watch.clock.now() + 91 * SECOND)
    assert len({lines[-1] for lines in told}) == len(told) == 7
    assert all("opened" in lines[-1] for lines in told)


def test_a_list_that_changes_is_taken_up_and_one_that_is_gone_leaves_the_old_one_at_work(folder: Path) -> None:
    vips = "title: A VIP's record is read\nname: vip\nlogsource: {category: personal_data_access}\n"
    vips += "detection: {selection: {'access.subject|expand': '%vips%'}, condition: selection}\nlevel: high\n"
    vips += "sentinel: {lists: {vips: {file: vips.txt}}, case: {key: [access.subject]}}\n"
    (folder / "rules" / "vip.yml").write_text(vips, encoding="utf-8")
    listed = folder / "rules" / "vips.txt"
    listed.write_text("7\n", encoding="utf-8")
    watch = Watch(folder)

    def opened(patient: int) -> int:
        watch.settle()
        watch.read("kim", range(patient, patient + 1))
        watch.turn()
        return len(watch.cases())

    assert opened(8) == 0
    listed.write_text("7\n8\n9\n", encoding="utf-8")
    assert opened(8) == 1
    listed.unlink()
    assert opened(9) == 2
    watch.daemon.close()


def test_while_a_reader_holds_the_log_commits_are_rare_but_a_case_is_told_at_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.turn()
    monkeypatch.setattr(lookout, "HELD_LOG", 0)
    watch.clock.move_to(watch.clock.now() + SECOND)
    watch.daemon.turn()
    before = watch.daemon.store.positions()
    watch.read("kim", range(3))
    watch.turn(12)
    assert watch.daemon.store.positions() == before
    watch.read("kim", range(3, 5))
    watch.turn(4)
    assert watch.daemon.store.positions() != before
    monkeypatch.undo()
    watch.clock.move_to(watch.clock.now() + SECOND)
    watch.daemon.turn()
    assert watch.daemon.pipeline.commit_after == COMMIT_AFTER
