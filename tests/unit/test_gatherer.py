"""Which accesses of a log the engine gathers for the ledger, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinel.accesses import Accesses, Kind
from sentinel.clock import DAY
from sentinel.detect.engine import Engine
from sentinel.detect.gatherer import Gatherer
from sentinel.detect.hashes import Hashes
from sentinel.detect.lane import Purpose
from tests.detecting import NOON, a_block, a_view, entries_of, json_lines, rules_of

SYSTEMS = {
    "systems": [
        {
            "name": "portal",
            "data": ["health"],
            "access": [
                {"when": {"path|re": "^/p/(?P<subject>[0-9]+)$"}, "actor": "who"},
                {"when": {"path": "/export"}, "actor": "who", "action": "export", "records": "rows", "bytes": "size"},
            ],
        },
        {
            "name": "archive",
            "data": ["contact"],
            "access": [{"when": {"file|exists": True}, "actor": "clerk", "subject": "file", "records": "rows"}],
        },
    ]
}
PORTAL, EXPORT = Kind("portal", "read", ("health",)), Kind("portal", "export", ("health",))
ARCHIVE = Kind("archive", "read", ("contact",))

Gathered = tuple[int, str | None, str | None, Kind, int, int]
"""Second of the day, actor, subject, kind, bytes, records."""


class Texts(Hashes):
    """Hashes that can be taken back."""

    def text(self, found: int) -> str | None:
        return next((text for text, known in self.items() if known == found), None)


class Watching:
    """An engine whose accesses are gathered; no rule looks at them."""

    def __init__(self) -> None:
        self.texts = Texts(b"k")
        self.gatherer = Gatherer(self.texts.__getitem__)
        self.engine = Engine(
            rules_of(), entries_of(SYSTEMS), [a_view()], key=b"k", purpose=Purpose(gatherer=self.gatherer)
        )

    def reads(self, *records: Mapping[str, Any]) -> list[Gathered]:
        self.engine.judge(a_block(json_lines(records)), None)
        return self.taken()

    def taken(self, latest: int = NOON + DAY) -> list[Gathered]:
        taken = self.gatherer.take(latest)
        return [] if taken is None else list(self._listed(taken))

    def _listed(self, taken: Accesses) -> Any:
        sizes = dict(zip(taken.sized, zip(taken.sizes, taken.records, strict=True), strict=True))
        for place, (time, actor, subject, kind) in enumerate(
            zip(taken.times, taken.actors, taken.subjects, taken.places, strict=True)
        ):
            texts = self.texts.text(actor), self.texts.text(subject)
            yield ((time - NOON) // 1_000_000, *texts, taken.kinds[kind], *sizes.get(place, (0, 0)))


def test_every_access_is_gathered_though_no_rule_matches_it() -> None:
    found = Watching().reads(
        {"ts": "2026-03-04T12:00:07Z", "path": "/p/1", "who": "kim"},
        {"ts": "2026-03-04T12:00:08Z", "path": "/elsewhere", "who": "kim"},
        {"ts": "2026-03-04T12:00:09Z", "path": "/p/2", "who": "lee"},
    )
    assert found == [(7, "kim", "1", PORTAL, 0, 0), (9, "lee", "2", PORTAL, 0, 0)]


def test_what_the_log_does_not_name_is_nobody() -> None:
    assert Watching().reads({"ts": "2026-03-04T12:00:00Z", "path": "/p/1"}) == [(0, None, "1", PORTAL, 0, 0)]
    found = Watching().reads({"ts": "2026-03-04T12:00:00Z", "path": "/export", "who": "kim", "rows": 5000})
    assert found == [(0, "kim", None, EXPORT, 0, 5000)]


def test_how_much_was_sent_is_a_number_or_nothing() -> None:
    for written, size in ((700, 700), ("700", 700), ("much", 0), (-5, 0), (1e300, (1 << 62) - 1), ("7.9", 7)):
        [found] = Watching().reads({"ts": "2026-03-04T12:00:00Z", "path": "/export", "who": "kim", "size": written})
        assert found[4] == size


def test_an_event_that_is_an_access_to_two_systems_is_two_each_with_its_own() -> None:
    record = {"ts": "2026-03-04T12:00:00Z", "path": "/p/1", "who": "kim", "clerk": "lee", "file": "F7", "rows": 3}
    assert Watching().reads(record) == [(0, "kim", "1", PORTAL, 0, 0), (0, "lee", "F7", ARCHIVE, 0, 3)]


def test_what_was_taken_is_not_taken_again() -> None:
    watching = Watching()
    assert len(watching.reads({"ts": "2026-03-04T12:00:00Z", "path": "/p/1", "who": "kim"})) == 1
    assert watching.taken() == []
    assert len(watching.reads({"ts": "2026-03-04T12:00:01Z", "path": "/export", "who": "kim", "rows": 1})) == 1


def test_a_name_is_given_out_once() -> None:
    watching, names = Watching(), []
    for who in ("kim", "kim", "lee"):
        watching.engine.judge(a_block(json_lines([{"path": "/p/1", "who": who}])), None)
        taken = watching.gatherer.take(NOON)
        assert taken is not None
        names.append(sorted(taken.names.values()))
    assert names == [["kim"], [], ["lee"]]


def test_a_record_dated_into_the_future_is_kept_as_of_now() -> None:
    watching = Watching()
    lines = json_lines([{"ts": f"{year}-03-04T12:00:00Z", "path": "/p/1", "who": "kim"} for year in (2026, 2099)])
    watching.engine.judge(a_block(lines), None)
    assert [time for time, *_ in watching.taken(NOON + 60_000_000)] == [0, 60]


def test_without_a_gatherer_the_engine_finds_the_same() -> None:
    lines = json_lines([{"path": "/p/1", "who": "kim"}, {"path": "/export", "who": "kim", "rows": 3}])
    engine = Engine(rules_of(), entries_of(SYSTEMS), [a_view()], key=b"k")
    engine.judge(a_block(lines), None)
    watching = Watching()
    watching.engine.judge(a_block(lines), None)
    assert engine.lanes["app"].counts.accesses == watching.engine.lanes["app"].counts.accesses == {"portal": 2}
