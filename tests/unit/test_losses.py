"""What is lost is told once an episode; a source that stops is told once until it goes on."""

from __future__ import annotations

from sentinel.clock import HOUR, MINUTE, SECOND
from sentinel.losses import QUIET, STOPPED, Losses, Stops
from sentinel.model import Gap, Level
from tests.tailing import START


def a_gap(source: str = "portal", reason: str = "truncated", start: int = 0) -> Gap:
    return Gap(source=source, stream=1, path="/l", reason=reason, start=start, end=None)


def test_an_episode_of_losses_is_one_finding() -> None:
    losses = Losses(lambda _: True)
    assert len(losses.findings(a_gap(), START)) == 1
    assert losses.findings(a_gap(start=9), START + QUIET - 1) == []
    assert losses.findings(a_gap(start=99), START + 2 * QUIET - 2) == []
    assert len(losses.findings(a_gap(start=99), START + 4 * QUIET)) == 1


def test_another_source_and_another_reason_are_other_episodes() -> None:
    losses = Losses(lambda _: True)
    found = [losses.findings(a_gap(source, reason), START) for source in "ab" for reason in ("truncated", "damaged")]
    assert len({finding.id for each in found for finding in each}) == 4


def test_a_loss_opens_a_case_where_the_source_holds_personal_data() -> None:
    losses = Losses(lambda source: source == "portal")
    [here], [there] = losses.findings(a_gap("portal"), START), losses.findings(a_gap("other"), START)
    assert (here.level, here.opens_case) == (Level.MEDIUM, True)
    assert (there.level, there.opens_case) == (Level.LOW, False)
    assert ("source", "portal") in here.case_key
    assert "/l" not in repr(here)


def test_a_source_that_cannot_be_read_for_minutes_has_stopped_once() -> None:
    stops = Stops({}, START)
    times = [0, STOPPED - 1, STOPPED, STOPPED + MINUTE]
    found = [stops.look({"portal": "gone"}, {"portal": None}, START + time) for time in times]
    assert [[gap.reason for gap in each] for each in found] == [[], [], ["unreadable"], []]
    assert stops.look({}, {"portal": None}, START + HOUR) == []
    assert stops.look({"portal": "gone"}, {"portal": None}, START + HOUR) == []
    assert len(stops.look({"portal": "gone"}, {"portal": None}, START + HOUR + STOPPED)) == 1


def test_a_source_of_which_nothing_is_heard_for_too_long_is_silent_once() -> None:
    stops = Stops({"portal": HOUR}, START)
    assert stops.look({}, {"portal": None, "other": None}, START + HOUR - SECOND) == []
    assert [gap.source for gap in stops.look({}, {"portal": None, "other": None}, START + HOUR)] == ["portal"]
    assert stops.look({}, {"portal": START}, START + 2 * HOUR) == []
    assert stops.look({}, {"portal": START + 2 * HOUR}, START + 2 * HOUR) == []
    assert [gap.reason for gap in stops.look({}, {"portal": START + 2 * HOUR}, START + 3 * HOUR)] == ["silent"]
