"""The records around a case are taken from every log before rotation deletes them, through the real daemon."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339, to_datetime
from sentinel.collector import Collector
from sentinel.control import Refused
from sentinel.store import StoreError
from tests.scenarios.test_daemon import CONFIG, NOON, Watch, folder
from tests.unit.store_samples import an_entry

__all__ = ["folder"]

SSHD = "{:%Y-%m-%dT%H:%M:%SZ} host sshd[7]: {}\n"


def with_more_logs(folder: Path, collect: str = "") -> Path:
    text = CONFIG.replace(
        "http:",
        "  - {name: auth, type: file, paths: [auth.log], format: syslog, poll: true}\n"
        "  - {name: app, type: file, paths: ['app*.log'], format: json, poll: true}\n"
        f"cases: {{collect: {{{collect}}}}}\nhttp:",
    )
    (folder / "sentinel.yaml").write_text(text, encoding="utf-8")
    return folder


def login(at: Micros, text: str) -> str:
    return SSHD.format(to_datetime(at), text)


def app(at: Micros, user: str, session: str, text: str = "x") -> str:
    return (
        f'{{"@timestamp": "{rfc3339(at)}", "user": {{"name": "{user}"}}, "session_id": "{session}", "m": "{text}"}}\n'
    )


def dated(path: Path, at: Micros) -> None:
    os.utime(path, ns=(at * 1000, at * 1000))


def collector_of(watch: Watch) -> Collector:
    """The daemon's collector, in this thread instead of its own."""
    daemon = watch.daemon
    daemon.collector.stop()
    return daemon._assembly().collector(
        daemon.store, daemon.vault, daemon.engine.redaction, daemon.clock, daemon.metrics
    )


def the_case(watch: Watch) -> str:
    (case,) = [each["id"] for each in watch.cases() if each["subjects"]]
    return str(case)


def collected(watch: Watch, case: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, record in watch.daemon.store.read_collected(case):
        found.setdefault(source, []).append(record.raw.decode())
    return found


def opened(folder: Path) -> tuple[Watch, Collector, str]:
    """A watch in which kim just read six patients from 10.0.0.1; nothing has been collected yet."""
    watch = Watch(folder)
    collector = collector_of(watch)
    watch.read("kim", range(1, 7))
    watch.turn()
    return watch, collector, the_case(watch)


def test_what_the_same_actor_and_address_did_is_taken_from_every_log_and_generation(folder: Path) -> None:
    with_more_logs(folder)
    yesterday = [login(NOON - 20 * HOUR, "Accepted password for kim from 10.9.9.9"), login(NOON - 19 * HOUR, "for lee")]
    (folder / "auth.log.1.gz").write_bytes(gzip.compress("".join(yesterday).encode()))
    dated(folder / "auth.log.1.gz", NOON - 12 * HOUR)
    (folder / "auth.log").write_text(
        login(NOON - 2 * HOUR, "Failed password for root from 10.0.0.1 port 22")
        + login(NOON - HOUR, "session closed for user kimberley")
        + login(NOON - 25 * HOUR, "Accepted password for kim from 10.9.9.9")
    )
    (folder / "app.log").write_text(
        app(NOON - HOUR, "KIM", "s-41") + app(NOON - HOUR, "lee", "s-42") + app(NOON, "kim.smith", "s-43")
    )
    watch, collector, case = opened(folder)
    collector.work()
    found = collected(watch, case)
    assert [text.rstrip() for text in yesterday[:1]] + [
        login(NOON - 2 * HOUR, "Failed password for root from 10.0.0.1 port 22").rstrip()
    ] == found["auth"]
    assert found["app"] == [app(NOON - HOUR, "KIM", "s-41").rstrip()]
    assert len(found["portal"]) == 6
    kinds = {tuple(record.kinds) for source, record in watch.daemon.store.read_collected(case) if source == "portal"}
    assert kinds == {("actor", "address")}
    assert watch.daemon.store.verify_audit() == []
    watch.daemon.close()


def test_what_came_later_is_taken_later_and_nothing_twice(folder: Path) -> None:
    watch, collector, case = opened(folder)
    collector.work()
    assert len(collected(watch, case)["portal"]) == 6
    due = watch.daemon.store.collection(case)
    assert due is not None
    assert due.due_at == watch.clock.now() + 6 * HOUR
    watch.read("kim", range(1, 3), at=NOON)
    watch.read("kim", range(7, 9), at=NOON + 23 * HOUR)
    watch.read("kim", range(9, 10), at=NOON + 25 * HOUR)
    for hours in (6, 12, 18, 24, 25):
        watch.clock.move_to(NOON + hours * HOUR + 3 * MINUTE)
        collector.work()
    assert len(collected(watch, case)["portal"]) == 6 + 2 + 2
    done = watch.daemon.store.collection(case)
    assert done is not None
    assert done.due_at is None
    watch.daemon.close()


def test_a_kill_before_the_commit_loses_nothing_and_one_after_it_doubles_nothing(folder: Path) -> None:
    with_more_logs(folder)
    (folder / "auth.log").write_text(login(NOON - HOUR, "Failed password for root from 10.0.0.1 port 22"))
    watch, _, case = opened(folder)
    watch.daemon.close()  # the case is there, and that it is to be collected for; nothing else is
    killed = Watch(folder, NOON + SECOND)
    collector = collector_of(killed)
    place = killed.daemon.store.collect
    looks = []

    def dying(*given: Any) -> None:
        looks.append(given)
        if len(looks) == 2:
            raise StoreError("killed")
        place(*given)

    killed.daemon.store.collect = dying  # type: ignore[method-assign, assignment]  # where a kill would fall
    with pytest.raises(StoreError):
        collector.work()
    killed.daemon.close()
    again = Watch(folder, NOON + 2 * SECOND)
    collector_of(again).work()
    found = collected(again, case)
    assert {name: len(records) for name, records in found.items()} == {"portal": 6, "auth": 1}
    again.daemon.close()


@pytest.mark.parametrize(("limit", "cut", "kept"), [("records: 4", "records", 4), ("megabytes: 1", "", 6)])
def test_what_a_limit_cuts_off_stands_in_the_case(folder: Path, limit: str, cut: str, kept: int) -> None:
    with_more_logs(folder, limit)
    watch, collector, case = opened(folder)
    collector.work()
    detail = watch.ask("case.show", case=case)
    rows = {row["source"]: row for row in detail["collection"]["sources"]}
    assert (rows["portal"]["records"], rows["portal"]["cut"]) == (kept, cut)
    said = [row["detail"] for row in detail["timeline"] if row["act"] == "case.collected"]
    assert {"source": "portal", "records": kept, "records_total": kept, **({"cut": cut} if cut else {})} in said
    watch.daemon.close()


def test_a_log_that_cannot_be_read_stands_in_the_case_and_stops_no_other(folder: Path) -> None:
    with_more_logs(folder)
    (folder / "auth.log.1.gz").write_bytes(gzip.compress(b"x" * 9000)[:-9])
    dated(folder / "auth.log.1.gz", NOON - HOUR)
    watch, collector, case = opened(folder)
    collector.work()
    detail = watch.ask("case.show", case=case)
    rows = {row["source"]: row for row in detail["collection"]["sources"]}
    assert rows["auth"]["unread"] == [
        f"{folder}/auth.log.1.gz: damaged or broken off; what stands before that was read"
    ]
    assert rows["portal"]["records"] == 6
    watch.daemon.close()


def test_asking_for_it_looks_through_everything_again_and_is_audited(folder: Path) -> None:
    watch, collector, case = opened(folder)
    collector.work()
    watch.read("kim", range(30, 32), at=NOON - 2 * HOUR)
    answer: dict[str, Any] = watch.ask("case.collect", case=case, reason="rotation is tonight")
    assert answer["collection"]["due_at"] == rfc3339(NOON)
    collector.work()
    assert len(collected(watch, case)["portal"]) == 8
    acts = [row["act"] for row in watch.ask("case.show", case=case)["timeline"]]
    assert acts == ["case.opened", "case.collected", "case.collect", "case.collected"]
    with pytest.raises(Refused, match="a reason is needed"):
        watch.ask("case.collect", case=case, reason=" ")
    watch.daemon.store.shred(case, an_entry("case.shredded", case))
    with pytest.raises(Refused, match="was destroyed"):
        watch.ask("case.collect", case=case, reason="why")
    assert collected(watch, case) == {}
    assert watch.daemon.store.verify_audit() == []
    watch.daemon.close()


def test_the_daemon_collects_by_itself_as_soon_as_a_case_opens(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(1, 7))
    watch.turn()
    case = the_case(watch)
    while not collected(watch, case):
        watch.daemon.collector.wake()
        watch.turn(1)
    assert len(collected(watch, case)["portal"]) == 6
    watch.daemon.close()


def test_historical_cases_are_not_collected_for_by_themselves(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(1, 7), at=NOON - 3 * DAY)
    watch.turn()
    assert [case["historical"] for case in watch.cases()] == [True]
    assert watch.daemon.store.next_collection() is None
    watch.daemon.close()
