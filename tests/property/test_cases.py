from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.cases.book import Book
from sentinel.cases.clocks import RUNNING_STATES
from sentinel.cases.counting import deadline, outer_limit
from sentinel.cases.moves import MOVES
from sentinel.cases.moving import NEXT, CaseError
from sentinel.cases.reminders import MILESTONES, due_at, remind
from sentinel.clock import DAY, HOUR, MINUTE, Micros, from_datetime, to_datetime
from sentinel.model import Case, State, Verdict
from tests.unit.cases_fixtures import NOW, a_case, a_finding, judged, keys

moments = st.integers(NOW - 2 * HOUR, NOW + 10 * DAY)
steps = st.lists(
    st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 30 * HOUR), st.one_of(st.none(), moments), st.booleans()),
    max_size=12,
)


def attempt(case: Case, name: str, now: Micros, at: Micros | None, excused: bool) -> Verdict | None:
    """The verdict of the move, or None where it is refused."""
    options: dict[str, object] = {}
    if name == "confirm":
        options["aware_at"] = at
    if name == "notify" and excused:
        options["delay_reason"] = "the form was down"
    try:
        return MOVES[name](case, who="ada", reason="because", now=now, **options)
    except CaseError:
        return None


@given(steps)
def test_no_path_leaves_the_table_and_a_refused_move_changes_nothing(
    path: list[tuple[str, int, int | None, bool]],
) -> None:
    case, now, book, owed = a_case(), NOW, Book([a_case()]), ["opened"]
    for name, pause, at, excused in path:
        now += pause
        before = repr(case)
        verdict = attempt(case, name, now, at, excused)
        assert repr(case) == before
        if verdict is None:
            continue
        after = verdict.case
        assert after.state is case.state or after.state in NEXT[case.state]
        assert after.revision == case.revision + 1
        assert len(verdict.audit) == (2 if name == "notify" and case.state is State.OPEN else 1)
        assert (after.detected_at, after.id, after.key_hash) == (case.detected_at, case.id, case.key_hash)
        owed += keys(verdict)
        book.apply(verdict)
        assert (book.open_for(case.key_hash) is None) == (after.state not in RUNNING_STATES)
        case = after
    assert len(set(owed)) == len(owed)


@given(steps)
def test_a_final_start_of_the_clock_never_moves_later(path: list[tuple[str, int, int | None, bool]]) -> None:
    case, now = a_case(), NOW
    for name, pause, at, excused in path:
        now += pause
        verdict = attempt(case, name, now, at, excused)
        if verdict is None:
            continue
        for old, new in zip(case.clocks, verdict.case.clocks, strict=True):
            assert old.provisional or (not new.provisional and new.starts_at <= old.starts_at)
            assert new.deadline_at == new.starts_at + 72 * HOUR
        case = verdict.case


asked_at = st.lists(st.integers(0, 100 * 60), max_size=30).map(sorted)


def told_slowly(asked: list[Micros], ends_at: Micros) -> list[str]:
    """The reminders of one clock by the rule itself: whenever asked, the most urgent of those that came due since."""
    told: list[str] = []
    last = 0
    for now in asked:
        due = [name for name, before in MILESTONES if last < ends_at - before <= now]
        told += due[-1:]
        last = now
    return told


@given(asked_at)
def test_whenever_the_loop_asks_the_reminders_are_those_of_the_slow_rule(minutes: list[int]) -> None:
    asked = [NOW + minute * MINUTE for minute in minutes]
    case, owed = a_case(), []
    for now in asked:
        due = due_at(case)
        verdict = remind(case, now)
        assert (verdict is not None) == (due is not None and due <= now)
        if verdict is not None:
            owed += keys(verdict)
            case = verdict.case
    assert owed == told_slowly(asked, NOW + 72 * HOUR)


@given(
    st.integers(0, 4_000_000_000_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
@settings(max_examples=300)
def test_the_outer_limit_is_at_most_an_hour_after_the_deadline_and_on_a_full_local_hour(at: int, zone: str) -> None:
    limit = outer_limit(at, ZoneInfo(zone))
    assert 0 < limit - deadline(at, 72) <= HOUR
    began = to_datetime(limit - 72 * HOUR)
    offset = to_datetime(at).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    assert from_datetime(began + offset) % HOUR == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 100_000)), max_size=40))
def test_a_case_counts_each_finding_once_and_tells_few_messages(found: list[tuple[int, bool, int]]) -> None:
    verdict = judged(a_finding())
    owed, new = keys(verdict), 1
    for number, update, subjects in found:
        verdict = judged(a_finding(id=f"f_{number}", update=update), verdict.case, subjects=subjects)
        owed += keys(verdict)
        new += not update
    assert verdict.case.findings == new
    assert verdict.case.subjects == max([50, *(subjects for _, _, subjects in found)])
    assert len(set(owed)) == len(owed) <= 5
