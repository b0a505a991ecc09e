"""A daemon that begins without its master key watches and tells; with the key everything is as if it had been there."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel import keyless
from sentinel.clock import HOUR, MINUTE, SECOND, Micros
from sentinel.control import Refused
from sentinel.model import State
from sentinel.problems import Unusable
from sentinel.vault import PUBLIC_FILE
from tests.crash.watched import TurnedClock
from tests.killing import kill
from tests.scenarios.test_daemon import CONFIG, INVENTORY, NOON, Watch, write_rules
from tests.unit.loopback import Answer, Service, service

KEY = "the master key of these tests, long enough"
SETTINGS = """
keys: {{master: {{file: key}}}}
channels:
  soc: {{type: webhook, url: "{url}", secret: {{file: key.hook}}, allow_private: true}}
"""
PERSONAL = (b"kimberley.q", b"/patients/")


@pytest.fixture
def there() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, there: Service) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(CONFIG + SETTINGS.format(url=there.url), encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "key.hook").write_text("whsec_c2VjcmV0IG9mIHRoZSBob29rIG9mIHRoZXNlIHRlc3Rz", encoding="utf-8")
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    write_rules(tmp_path, 5)
    (tmp_path / "portal.log").touch()
    return tmp_path


def begun(folder: Path, now: Micros = NOON) -> Watch:
    watch = Watch(folder, clock=TurnedClock(now))
    watch.turn()
    return watch


def hide_key(folder: Path) -> None:
    (folder / "key").rename(folder / "key.away")


def put_key_back(folder: Path) -> None:
    (folder / "key.away").rename(folder / "key")


def later(watch: Watch, by: Micros = 2 * SECOND) -> None:
    watch.clock.move_to(watch.clock.now() + by)
    watch.turn()


def without_key(folder: Path, people: range = range(0)) -> Watch:
    """A watch that once had its key and begins again without it; kim then reads these people's data."""
    begun(folder).daemon.close()
    hide_key(folder)
    watch = begun(folder, NOON + HOUR)
    if people:
        watch.read("kim", people)
        later(watch)
    return watch


def told(watch: Watch, there: Service, count: int) -> Counter[str]:
    """How often each message came, once there are so many."""
    for _ in range(2000):
        if len(there.received) >= count:
            break
        watch.clock.move_to(watch.clock.now() + MINUTE)
        watch.daemon.turn()
        there.arrived.wait(0.01)
    return Counter(each.headers["webhook-id"] for each in there.received)


def breaches(watch: Watch) -> list[str]:
    """The cases that are about people, in the order they were opened."""
    return [case.id for case in watch.daemon.store.cases() if "many" in case.rules and case.state is not State.MERGED]


def records(watch: Watch, case: str) -> list[bytes]:
    return [row.raw for row in watch.daemon.store.read_evidence(case) if row.raw is not None]


def test_without_the_key_a_case_is_opened_and_told_and_with_it_evidence_is_taken(folder: Path, there: Service) -> None:
    watch = without_key(folder, range(5))
    (case,) = breaches(watch)
    detected = watch.daemon.store.cases()[-1].detected_at
    assert set(told(watch, there, 2).values()) == {1}
    put_key_back(folder)
    later(watch)
    assert not watch.daemon.custody.is_keyless
    later(watch)
    assert breaches(watch) == [case]
    home = watch.daemon.store.case(case)
    assert home is not None
    assert (home.detected_at, home.findings, home.subjects) == (detected, 1, 5)
    assert len(records(watch, case)) == 5
    assert watch.daemon.store.verify_audit() == []
    assert len(told(watch, there, 2)) == 2
    assert len(there.received) == 2
    assert not (folder / "state" / keyless.FOLDER).exists()
    watch.daemon.close()


def test_the_register_is_that_of_a_watch_that_had_the_key(folder: Path, tmp_path: Path) -> None:
    watch = without_key(folder, range(5))
    put_key_back(folder)
    later(watch)
    watch.read("kim", range(5, 30))
    later(watch)
    (case,) = breaches(watch)
    found = watch.daemon.store.case(case)
    finding = watch.daemon.store.findings(case)[0]
    assert found is not None
    assert (found.subjects, found.findings, len(watch.daemon.store.subjects(case))) == (30, 1, 30)
    assert dict(found.key) == {"access.actor": watch.daemon.vault.pseudonym("actor", "kim")}
    values = watch.daemon.store.finding_values(finding.id)
    assert values is not None
    assert values.group == (("access.actor", "kim"),)
    watch.daemon.close()


def test_it_is_said_loudly_once_and_readiness_says_why(folder: Path, there: Service) -> None:
    begun(folder).daemon.close()
    hide_key(folder)
    for _ in range(3):
        watch = begun(folder, NOON + HOUR)
        why = watch.daemon.readiness.report()["key"]["why"]
        assert "without the master key since 2026-03-04T13:00:00Z" in why
        assert watch.daemon.metrics.registry.get_sample_value("sentinel_master_key_missing") == 1
        assert set(told(watch, there, 1).values()) == {1}
        kill(watch.daemon)
    put_key_back(folder)
    watch = begun(folder, NOON + 2 * HOUR)
    assert watch.daemon.readiness.report()["key"]["ready"]
    assert watch.daemon.metrics.registry.get_sample_value("sentinel_master_key_missing") == 0
    assert len([case for case in watch.daemon.store.cases() if keyless.RULE in case.rules]) == 1
    assert len(there.received) == 1
    watch.daemon.close()


def test_nothing_is_written_in_clear_and_pseudonyms_say_that_they_are_provisional(folder: Path) -> None:
    watch = without_key(folder)
    watch.read("kimberley.q", range(5))
    later(watch)
    written = [path for path in (folder / "state").rglob("*") if path.is_file()]
    assert any(path.match("standin/*/sentinel.db*") for path in written)
    assert not [path for path in written if any(name in path.read_bytes() for name in PERSONAL)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in written)
    (case,) = [each for each in watch.daemon.store.cases() if "many" in each.rules]
    assert dict(case.key)["access.actor"].startswith("actor-provisional-")
    watch.daemon.close()


@pytest.mark.parametrize("times", [1, 3])
def test_killed_without_the_key_and_started_with_it_everything_comes_home(
    folder: Path, there: Service, times: int
) -> None:
    begun(folder).daemon.close()
    hide_key(folder)
    for number in range(times):
        watch = begun(folder, NOON + HOUR + number * MINUTE)
        if not number:
            watch.read("kim", range(5))
        later(watch)
        assert set(told(watch, there, 2).values()) == {1}
        kill(watch.daemon)
    put_key_back(folder)
    watch = begun(folder, NOON + 2 * HOUR)
    later(watch)
    (case,) = breaches(watch)
    assert len(records(watch, case)) == 5
    assert watch.daemon.store.verify_audit() == []
    assert len(there.received) == 2
    assert not (folder / "state" / keyless.FOLDER).exists()
    watch.daemon.close()


def test_evidence_of_a_log_that_is_gone_by_then_comes_from_the_stand_in(folder: Path) -> None:
    watch = without_key(folder, range(5))
    kill(watch.daemon)
    (folder / "portal.log").unlink()
    put_key_back(folder)
    watch = begun(folder, NOON + 2 * HOUR)
    later(watch)
    (case,) = breaches(watch)
    assert len(records(watch, case)) == 5
    watch.daemon.close()


def test_a_case_of_somebody_with_an_open_case_is_merged_into_that(folder: Path, there: Service) -> None:
    watch = begun(folder)
    watch.read("kim", range(5))
    later(watch)
    (known,) = breaches(watch)
    told(watch, there, 1)
    watch.daemon.close()
    hide_key(folder)
    watch = begun(folder, NOON + HOUR)
    watch.read("kim", range(100, 105))
    later(watch)
    new = [case for case in breaches(watch) if case != known]
    told(watch, there, 3)
    put_key_back(folder)
    later(watch)
    later(watch)
    assert breaches(watch) == [known]
    merged = watch.daemon.store.case(new[0])
    assert merged is not None
    assert (merged.state, merged.merged_into) == (State.MERGED, known)
    whole = watch.daemon.store.case(known)
    assert whole is not None
    assert (whole.subjects, whole.findings) == (10, 2)
    assert len(there.received) == 3
    watch.daemon.close()


def test_what_people_decide_meanwhile_is_kept(folder: Path) -> None:
    watch = begun(folder)
    watch.read("kim", range(5))
    later(watch)
    (case,) = breaches(watch)
    watch.ask("case.move", case=case, move="own", owner="officer", reason="on duty")
    watch.daemon.close()
    hide_key(folder)
    watch = begun(folder, NOON + HOUR)
    watch.ask("case.move", case=case, move="confirm", reason="seen on the screen")
    put_key_back(folder)
    later(watch)
    found = watch.daemon.store.case(case)
    assert found is not None
    assert (found.state, found.owner) == (State.CONFIRMED, "officer")
    acts = [(row.act, (row.detail or {}).get("reason")) for row in watch.daemon.store.audit(case)]
    assert ("case.confirm", "seen on the screen") in acts
    watch.daemon.close()


def test_a_message_that_nobody_took_before_is_sent_without_the_key_and_once(folder: Path, there: Service) -> None:
    there.answers[:] = [Answer(503), Answer(200)]
    watch = begun(folder)
    watch.read("kim", range(5))
    later(watch)
    while not there.received:
        watch.turn()
        there.arrived.wait(0.01)
    watch.daemon.close()
    hide_key(folder)
    watch = begun(folder, NOON + HOUR)
    told(watch, there, 3)
    put_key_back(folder)
    later(watch)
    later(watch)
    ids = [each.headers["webhook-id"] for each in there.received]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert {state for _, state in watch.daemon.store.outbox_counts()} == {"sent"}
    watch.daemon.close()


def test_windows_that_were_half_full_before_are_counted_to_their_end(folder: Path) -> None:
    watch = begun(folder)
    watch.read("kim", range(3))
    later(watch)
    watch.daemon.close()
    hide_key(folder)
    watch = begun(folder, NOON + MINUTE)
    watch.read("kim", range(3, 6))
    later(watch)
    assert breaches(watch) == []
    put_key_back(folder)
    later(watch)
    later(watch)
    (case,) = breaches(watch)
    assert len(watch.daemon.store.subjects(case)) == 6
    watch.daemon.close()


def test_without_a_public_key_the_same_process_still_brings_everything_home(folder: Path, there: Service) -> None:
    begun(folder).daemon.close()
    hide_key(folder)
    (folder / "state" / PUBLIC_FILE).unlink()
    watch = begun(folder, NOON + HOUR)
    watch.read("kim", range(5))
    later(watch)
    told(watch, there, 2)
    put_key_back(folder)
    later(watch)
    later(watch)
    (case,) = breaches(watch)
    assert len(records(watch, case)) == 5
    assert len(there.received) == 2
    watch.daemon.close()


def test_without_a_public_key_a_killed_stand_in_leaves_cases_and_the_log_gives_the_rest(
    folder: Path, there: Service
) -> None:
    begun(folder).daemon.close()
    hide_key(folder)
    (folder / "state" / PUBLIC_FILE).unlink()
    watch = begun(folder, NOON + HOUR)
    watch.read("kim", range(5))
    later(watch)
    told(watch, there, 2)
    kill(watch.daemon)
    put_key_back(folder)
    watch = begun(folder, NOON + 2 * HOUR)
    later(watch)
    (case,) = breaches(watch)
    assert len(records(watch, case)) == 5
    assert len(there.received) == 2
    watch.daemon.close()


def test_coming_home_twice_changes_nothing(folder: Path) -> None:
    watch = without_key(folder, range(5))
    kill(watch.daemon)
    put_key_back(folder)
    # The first start with the key is killed before it has read anything again.
    watch = Watch(folder, NOON + 2 * HOUR)
    acts = len(watch.daemon.store.audit())
    kill(watch.daemon)
    watch = begun(folder, NOON + 3 * HOUR)
    later(watch)
    (case,) = breaches(watch)
    assert len(records(watch, case)) == 5
    opened = [row for row in watch.daemon.store.audit(case) if row.act == "case.opened"]
    assert (len(opened), acts >= 2) == (1, True)
    watch.daemon.close()


def test_the_state_itself_is_not_written_meanwhile(folder: Path) -> None:
    begun(folder).daemon.close()
    hide_key(folder)
    before = (folder / "state" / "sentinel.db").read_bytes()
    watch = begun(folder, NOON + HOUR)
    watch.read("kim", range(5))
    later(watch)
    assert (folder / "state" / "sentinel.db").read_bytes() == before
    watch.daemon.close()
    with sqlite3.connect(folder / "state" / "sentinel.db") as db:
        assert db.execute("SELECT count(*) FROM cases").fetchone() == (0,)


def test_a_first_start_with_a_key_that_is_not_there_is_a_mistake_to_mend(folder: Path) -> None:
    hide_key(folder)
    with pytest.raises(Unusable, match="is not there"):
        Watch(folder)


def test_another_key_than_the_state_was_made_with_is_no_key(folder: Path) -> None:
    begun(folder).daemon.close()
    (folder / "key").write_text("another master key of these tests, as long", encoding="utf-8")
    watch = begun(folder, NOON + HOUR)
    assert "not the one" in watch.daemon.readiness.report()["key"]["why"]
    (folder / "key").write_text(KEY, encoding="utf-8")
    later(watch)
    assert not watch.daemon.custody.is_keyless
    watch.daemon.close()


def test_a_second_daemon_is_kept_out_without_the_key_too(folder: Path) -> None:
    watch = without_key(folder)
    with pytest.raises(Exception, match="another sentinel"):
        Watch(folder, NOON + HOUR)
    assert watch.cases() is not None
    with pytest.raises(Refused):
        watch.ask("case.show", case="C-NOSUCH")
    watch.daemon.close()
