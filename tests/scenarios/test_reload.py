"""Files that change under a running daemon are taken up by themselves, whole or not at all, and cost no record."""

from __future__ import annotations

import os
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sentinel.clock import SECOND
from sentinel.detect.ruletests import BEGIN
from sentinel.renewal import LOOK_AGAIN
from tests.scenarios.test_daemon import CONFIG, INVENTORY, NOON, RULES, Watch, write_rules

TESTED = """
title: A file is read
name: tested
logsource: {category: webserver}
detection: {selection: {url.path: /file}, condition: selection}
level: low
sentinel:
  tests:
    - {expect: EXPECTED, event: {url.path: /file}}
"""
PEOPLE = "kim: [kim@corp]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    write_rules(tmp_path, 5)
    (tmp_path / "portal.log").touch()
    return tmp_path


@pytest.fixture
def watch(folder: Path) -> Iterator[Watch]:
    started = Watch(folder)
    started.turn()
    yield started
    started.daemon.close()


def reads(watch: Watch, who: str, people: range) -> int:
    """How many cases there are after somebody has read so many people's data."""
    watch.read(who, people)
    watch.turn()
    return len(watch.cases())


def is_refused(watch: Watch) -> list[str]:
    """The problems of files that are not at work, as `sentinel rules status` has them."""
    return list(watch.ask("rules.status")["refused"])


def gauge(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(f"sentinel_{name}")


# --- what is taken up ----------------------------------------------------------------------------------------


def test_a_changed_rule_is_at_work_without_anybody_asking_and_the_window_of_another_is_kept(watch: Watch) -> None:
    assert reads(watch, "kim", range(4)) == 0
    (watch.folder / "rules" / "tested.yml").write_text(TESTED.replace("EXPECTED", "match"), encoding="utf-8")
    watch.settle()
    assert watch.daemon.rule_count() == 3
    assert reads(watch, "kim", range(4, 5)) == 1
    write_rules(watch.folder, 2)
    watch.settle()
    assert reads(watch, "ada", range(2)) == 2


def test_a_rule_that_is_removed_is_at_work_no_more(watch: Watch) -> None:
    (watch.folder / "rules" / "many.yml").unlink()
    watch.settle()
    assert watch.daemon.rule_count() == 0


def test_a_changed_inventory_is_at_work(watch: Watch) -> None:
    changed = INVENTORY.replace("/patients/", "/people/")
    (watch.folder / "inventory.yaml").write_text(changed, encoding="utf-8")
    watch.settle()
    assert reads(watch, "kim", range(5)) == 0


def test_a_changed_file_of_identities_is_at_work(watch: Watch) -> None:
    people = watch.folder / "people.yaml"
    people.write_text(PEOPLE, encoding="utf-8")
    (watch.folder / "inventory.yaml").write_text(f"identities: people.yaml\n{INVENTORY}", encoding="utf-8")
    watch.settle()
    watch.read("kim@corp", range(2))
    assert reads(watch, "kim", range(2, 4)) == 0
    people.write_text("kim: [kim@corp, k.larsen]\n", encoding="utf-8")
    watch.settle()
    assert reads(watch, "k.larsen", range(4, 5)) == 1


def test_a_changed_configuration_is_at_work(watch: Watch) -> None:
    added = "  - {name: other, type: file, paths: [other.log], format: nginx, poll: true}\nhttp:"
    (watch.folder / "sentinel.yaml").write_text(CONFIG.replace("http:", added), encoding="utf-8")
    watch.settle()
    assert set(watch.daemon.sources.status()) == {"portal", "other"}


def test_what_is_still_being_written_is_left_alone(watch: Watch) -> None:
    for threshold in range(10, 20):
        write_rules(watch.folder, threshold)
        watch.clock.move_to(watch.clock.now() + LOOK_AGAIN)
        watch.turn(1)
        assert watch.daemon.rulebook.rules.correlations[0].threshold == 5
    watch.settle()
    assert watch.daemon.rulebook.rules.correlations[0].threshold == 19


def test_nothing_is_read_again_while_nothing_changes(watch: Watch) -> None:
    book = watch.daemon.rulebook
    for _ in range(5):
        watch.settle()
    assert watch.daemon.rulebook is book


# --- what is refused -----------------------------------------------------------------------------------------


def test_a_bad_rule_changes_nothing_and_is_shown_until_it_is_mended(watch: Watch) -> None:
    write_rules(watch.folder, "many")
    watch.settle()
    assert "many.yml:" in is_refused(watch)[0]
    assert gauge(watch.daemon.metrics.registry, "config_reload_ok") == 0
    assert watch.daemon.web is not None
    assert watch.daemon.web.address is not None
    host, port = watch.daemon.web.address
    with urllib.request.urlopen(f"http://{host}:{port}/readyz") as page:
        assert b"1 errors in the newest files" in page.read()
    assert reads(watch, "kim", range(5)) == 1
    write_rules(watch.folder, 7)
    watch.settle()
    assert is_refused(watch) == []
    assert watch.daemon.readiness.report()["rules"] == {"ready": True, "why": ""}
    assert watch.daemon.rulebook.rules.correlations[0].threshold == 7


def test_a_rule_that_fails_its_own_test_is_refused_with_all_the_rest(watch: Watch) -> None:
    (watch.folder / "rules" / "tested.yml").write_text(TESTED.replace("EXPECTED", "no-match"), encoding="utf-8")
    write_rules(watch.folder, 2)
    watch.settle()
    (said,) = (each for each in is_refused(watch) if "R067" in each)
    assert "tested.yml:" in said
    assert "it fired 1 times and must not" in said
    assert watch.daemon.rulebook.rules.correlations[0].threshold == 5


def test_a_file_that_only_the_refused_configuration_names_is_watched_until_it_is_right(watch: Watch) -> None:
    other = watch.folder / "other.yaml"
    other.write_text("systems: 3\n", encoding="utf-8")
    text = CONFIG.replace("inventory.yaml", "other.yaml")
    (watch.folder / "sentinel.yaml").write_text(text, encoding="utf-8")
    watch.settle()
    assert "other.yaml:1:" in is_refused(watch)[0]
    other.write_text(INVENTORY, encoding="utf-8")
    watch.settle()
    assert is_refused(watch) == []


def test_a_rule_that_passed_is_not_tested_again_while_it_stands(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    path = watch.folder / "rules" / "tested.yml"
    path.write_text(TESTED.replace("EXPECTED", "match"), encoding="utf-8")
    watch.settle()
    monkeypatch.setattr("sentinel.detect.ruletests.BEGIN", None)  # a test that is run now fails
    write_rules(watch.folder, 3)
    watch.settle()
    assert (is_refused(watch), watch.daemon.rulebook.rules.correlations[0].threshold) == ([], 3)
    monkeypatch.setattr("sentinel.detect.ruletests.BEGIN", BEGIN)


# --- under load ----------------------------------------------------------------------------------------------

RELOADS = int(os.environ.get("RELOADS", "40"))
SEED = int(os.environ.get("RELOADS_SEED", "1"))
EACH = """
title: Each access
name: each
logsource: {category: personal_data_access}
detection: {selection: {access.system: portal}, condition: selection}
level: medium
sentinel: {case: {key: [access.system]}}
---
title: A person of whom nobody had read
name: new_to_all
logsource: {category: personal_data_access}
detection: {selection: {access.system: portal}, condition: selection}
level: medium
sentinel:
  first_seen: {field: access.subject, per: [access.system], remember: 30d, learn: 1s}
  case: {key: [access.system]}
"""
STANDING = RULES.replace("THRESHOLD", "25") + "---" + EACH
EXTRA = """
title: Something else, {number}
name: extra
correlation:
  type: event_count
  rules: [read]
  group-by: [access.actor]
  timespan: {number}m
  condition: {{gte: {number}}}
level: low
"""


class Traffic:
    """Accesses a tenth of a second apart, the same whatever the batches in which they are written."""

    def __init__(self, watch: Watch, total: int) -> None:
        self._watch = watch
        self._batches, self._people = Random(SEED), Random(SEED)
        self._total = total
        self.written = 0

    def write(self) -> bool:
        """Some more records, the clock being where the last of them is or beyond; False where there are none."""
        watch, people = self._watch, self._people
        for _ in range(min(self._batches.randint(0, 25), self._total - self.written)):
            patient = people.randint(0, 999)
            watch.read(f"user{people.randint(0, 9)}", range(patient, patient + 1), NOON + self.written * SECOND // 10)
            self.written += 1
        watch.clock.move_to(max(watch.clock.now(), NOON + self.written * SECOND // 10))
        return self.written < self._total


def change(folder: Path, chance: Random) -> None:
    """Another set of files, good or bad, in which the rules that are compared are the same."""
    kind = chance.choice(["extra", "comment", "moved", "inventory", "broken", "untrue", "gone", "half"])
    rules, extra = folder / "rules", folder / "rules" / "extra.yml"
    (folder / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    (rules / "many.yml").write_text(STANDING, encoding="utf-8")
    extra.write_text(EXTRA.format(number=chance.randint(2, 50)), encoding="utf-8")
    match kind:
        case "comment":
            (rules / "many.yml").write_text(f"# {chance.random()}\n{STANDING}", encoding="utf-8")
        case "moved":
            (rules / "many.yml").write_text(EACH + "---" + RULES.replace("THRESHOLD", "25"), encoding="utf-8")
        case "inventory":
            more = INVENTORY + "  - {name: other, access: [{when: {url.path: /other}}]}\n"
            (folder / "inventory.yaml").write_text(more, encoding="utf-8")
        case "broken":
            extra.write_text("title: [\n", encoding="utf-8")
        case "untrue":
            extra.write_text(TESTED.replace("EXPECTED", "no-match"), encoding="utf-8")
        case "gone":
            (folder / "inventory.yaml").unlink()
        case "half":
            (rules / "many.yml").write_text(STANDING[: len(STANDING) // 2], encoding="utf-8")


Found = set[tuple[Any, ...]]


def run(folder: Path, *, is_disturbed: bool) -> tuple[Found, list[bool]]:
    """What the rules that stayed found, and of each change whether it was refused."""
    watch = Watch(folder)
    traffic, chance = Traffic(watch, 60 * RELOADS), Random(SEED)
    refused: list[bool] = []
    while traffic.write() or (is_disturbed and len(refused) < RELOADS):
        if is_disturbed and len(refused) < RELOADS:
            change(folder, chance)
            watch.daemon.ask_reload()
            watch.turn(1)
            while watch.daemon.renewal.is_under_way:
                watch.clock.move_to(watch.clock.now() + SECOND)
                traffic.write()
                watch.turn(1)
            refused.append(bool(watch.daemon.activity.refused))
        watch.turn(1)
    watch.turn(20)
    watch.daemon.pipeline.commit(watch.clock.now())
    store = watch.daemon.store
    found = {
        (each.rule, each.id, each.first_seen, each.last_seen, each.value, each.subjects, each.evidence_total)
        for case in watch.cases()
        for each in store.findings(case["id"])
    }
    watch.daemon.close()
    return found, refused


def test_reloads_under_load_judge_each_record_once_and_find_what_a_quiet_run_finds(tmp_path: Path) -> None:
    found = []
    for name in ("disturbed", "quiet"):
        folder = tmp_path / name
        (folder / "rules").mkdir(parents=True)
        (folder / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
        (folder / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
        (folder / "portal.log").touch()
        (folder / "rules" / "many.yml").write_text(STANDING, encoding="utf-8")
        found.append(run(folder, is_disturbed=name == "disturbed"))
    (disturbed, refused), (quiet, _) = found
    by_rule = Counter(rule for rule, *_ in quiet)
    print(f"{len(refused)} reloads, {sum(refused)} refused, {60 * RELOADS} records, findings: {dict(by_rule)}")
    assert set(refused) == {True, False}
    assert by_rule["each"] == 60 * RELOADS
    assert by_rule["many"] >= 10
    assert disturbed == quiet
