from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel import answers
from sentinel.cases.moving import CaseError
from sentinel.cases.wording import notice
from sentinel.clock import DAY, HOUR
from sentinel.model import AuditEntry
from sentinel.silences import over
from tests.unit.cases_fixtures import NOW, a_case
from tests.unit.store_samples import a_store

WHEN = {"rule": ["bulk_access"]}


def asked(**changes: Any) -> dict[str, Any]:
    return {"for": "4h", "reason": "migration, ticket 4711", "when": WHEN, **changes}


@pytest.mark.parametrize("key", ["opened", "escalated-critical", "grew-500", "digest"])
def test_news_of_the_cases_it_is_about_is_held_back(key: str) -> None:
    silence = answers.silence(asked(), "ada", NOW)
    assert over([silence], notice(a_case(), key, NOW)) == silence
    assert over([silence], notice(a_case(rules=("other",)), key, NOW)) is None


@pytest.mark.parametrize("key", ["24h-left", "overdue", "confirmed", "aware-1", "notified", "dismissed", "reopened"])
def test_what_a_clock_owes_and_what_people_decided_is_never_silenced(key: str) -> None:
    assert over([answers.silence(asked(), "ada", NOW)], notice(a_case(), key, NOW)) is None


def test_a_silence_begins_when_it_is_made_and_ends_by_itself() -> None:
    silence = answers.silence(asked(), "ada", NOW)
    covered = [
        over([silence], notice(a_case(), "opened", NOW + at)) is not None for at in (-1, 0, 4 * HOUR - 1, 4 * HOUR)
    ]
    assert covered == [False, True, True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"for": "8d"}, "at most 7 days"),
        ({"for": "0s"}, "at most 7 days"),
        ({"for": "4"}, "not a duration"),
        ({"reason": "  "}, "needs a reason"),
        ({"when": {}}, "says of which cases"),
        ({"when": {"kind": "opened"}}, "says of which cases"),
        ({"when": {"person": "kim"}}, "cannot be read: 'person' cannot be that"),
        ({"when": None}, "cannot be read"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CaseError, match=message):
        answers.silence(asked(**changes), "ada", NOW)


def test_a_silence_outlives_a_restart_and_holds_nobody_in_clear(tmp_path: Path) -> None:
    silence = answers.silence(asked(reason="kim.larsen asked for it"), "ada.bloom", NOW)
    with a_store(tmp_path) as store:
        store.add_silence(silence, AuditEntry(at=NOW, who="ada.bloom", act="silence.added"))
    with a_store(tmp_path) as store:
        assert store.silences(NOW) == [silence]
        assert store.silences(NOW + DAY) == []
        assert store.end_silence(silence.id, AuditEntry(at=NOW + 1, who="ada.bloom", act="silence.ended"))
        assert store.silences(NOW + 1) == []
        assert not store.end_silence(silence.id, AuditEntry(at=NOW + 2, who="ada.bloom", act="silence.ended"))
        assert [row.act for row in store.audit()] == ["silence.added", "silence.ended"]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"kim.larsen" not in written
    assert b"ada.bloom" not in written
