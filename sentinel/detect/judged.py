"""A correlation whose windows must not only reach the threshold but be unusual too: what its judges say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sentinel.clock import QUARTER, Micros
from sentinel.detect.correlate import Group, Tally
from sentinel.detect.crowded import Crowded
from sentinel.detect.entries import STRIDE, Entry
from sentinel.detect.episodes import Episode, Fired
from sentinel.detect.fields import Getter
from sentinel.detect.rules import Correlation
from sentinel.detect.windows import Window
from sentinel.model import Event

Ends = Sequence[tuple[Micros, float]]


class Shown(NamedTuple):
    """What a judge is shown of an event that was counted: its group, its entry, the windows it fell into (when each
    ends and what it comes to), the threshold of the rule, and the group's peer group.
    """

    key: int
    window: Window
    entry: Entry
    ends: Ends
    threshold: float
    peer: int


class WindowJudge(Protocol):
    """A judge as a correlation asks it."""

    def ask(self, shown: Shown) -> bool:
        """Whether a window that reaches the threshold is unusual; and learn from it."""

    def why(self, shown: Shown) -> str:
        """In words, without anything personal, what the last verdict went by."""


class Learner(Protocol):
    """Who learns how high windows stand. It `catch_up`s (with one group, or with all) before it looks at what it knows
    besides, and says which groups it has `forgot`ten.
    """

    catch_up: Callable[[int | None], None]
    forgot: Callable[[int], None]

    def learn(self, key: int, tops: Ends, peer: int = 0) -> Any:
        """The group's windows came to so much, at these times."""

    def is_stranger(self, key: int, peer: int) -> bool:
        """Whether the group is not known to have these peers."""

    def limit_at(self, key: int, time: Micros) -> tuple[float, Micros] | None:
        """What the group may come to in the hour of that time, as far as it was asked, and when that hour is over."""


PeerOf = Callable[[Mapping[str, Any], Sequence[tuple[str, Getter]]], int]
"""Finds the peer group in the fields of an event, given those of its group; 0 where it is not said."""


class LearntWindow(Window):
    """A window of which it is learned how high it stood, of all its events, when they are counted."""

    __slots__ = ("key", "learn")

    def __init__(self, span: Micros, learn: Callable[[int, Ends], None], key: int, *, distinct: bool) -> None:
        super().__init__(span, distinct=distinct)
        self.key = key
        self.learn = learn

    def settle(self) -> None:
        if self.counted < len(self.entries):
            self.learn(self.key, self._tops())

    def _tops(self) -> list[tuple[Micros, float]]:
        """How high it stood with the entries that were appended: the most in each quarter of an hour."""
        entries = self.entries
        time, until = entries[self.counted], entries[self.counted] // QUARTER * QUARTER + QUARTER
        if entries[-STRIDE] < until and not self.loses_some:
            return [(time, self.count_all())]
        tops: list[tuple[Micros, float]] = []
        top = until = 0
        for _, time, size in self.count_each():
            if time >= until:
                until = time // QUARTER * QUARTER + QUARTER
                tops.append((time, size))
                top = size
            elif size > top:
                tops[-1] = (tops[-1][0], size)
                top = size
        return tops


class JudgedTally(Tally):
    """All groups of one such correlation. `peer_of` finds the peer group in an event.

    Judges that know nothing but the window are asked where the threshold is reached, and so is one that learns how high
    windows stand: what it is to learn is kept in the windows until they are counted. Only where `asks_always`, or where
    a window cannot be counted later, judges see each event.
    """

    def __init__(
        self,
        rule: Correlation,
        judges: Sequence[WindowJudge],
        peer_of: PeerOf | None,
        learner: Learner | None,
        *,
        asks_always: bool,
        watched: tuple[str, ...] = (),
    ) -> None:
        super().__init__(rule)
        self.looks = peer_of is not None
        if rule.about.additions.score is not None:  # how often each rule matched is kept besides which did
            self.distinct, self.measure = True, None
        self.watched = watched
        self._goes_on_alone = False
        self._asks_always = asks_always or (learner is not None and self.measure is not None)
        self._learner = learner if not self._asks_always else None
        self._is_stranger = False
        self._teach = self._learn
        if self._learner is not None:
            self._learner.catch_up, self._learner.forgot = self._catch_up, self._forgot
        self._judges = judges
        self._peer_of = peer_of
        self._key = self._peer = 0
        self._recalled: str | None = None
        self._replays = False
        self._because: tuple[str, ...] = ()

    def look(self, key: int, names: Sequence[tuple[str, Getter]], event: Event) -> None:
        if self._peer_of is not None:
            peer = self._peer = self._peer_of(event.fields, names)
            self._is_stranger = bool(peer and self._learner is not None and self._learner.is_stranger(key, peer))

    def insert(self, key: int, entry: Entry, floor: Micros) -> Fired | Episode | None:
        self.noted = None
        group = self.groups.get(key)
        if group is not None and not self._is_stranger and group.window.take(entry):
            self.noted = group.window.noted
            if self._replays:
                group.window.settle()
                self._replays = False
            return None
        if group is not None and self._is_stranger:
            group.window.full = 0
        self._key = key
        self._least = -math.inf if self._asks_now(group, entry) else self._threshold
        held = super().insert(key, entry, floor)
        if self._learner is not None:
            self._put_off(self.groups[key].window, key, entry[0])
        self._is_stranger = self._replays = False
        return held

    def _put_off(self, window: Window, key: int, time: Micros) -> None:
        """Where the threshold is reached and what is usual is not, the judge is asked again when it may be."""
        if not isinstance(window, LearntWindow):
            return
        if self._learner is None or self._replays or self.noted is None or len(self._judges) > 1:
            return
        known = self._learner.limit_at(key, time)
        if known is not None and time == window.last:
            limit, over = known
            self._let(window, window.size, limit if limit == math.inf else math.floor(limit) + 1)
            window.until, window.noted = over, ""

    def _asks_now(self, group: Group | None, entry: Entry) -> bool:
        """Whether the judges are to see the event even below the threshold."""
        if self._asks_always or self._is_stranger:
            return True
        if group is None or self._learner is None:
            return False
        window = group.window
        is_late = entry[0] < window.last
        return is_late or len(window.entries) >= self._crowd or isinstance(window, Crowded)

    @property
    def is_patient(self) -> bool:
        return super().is_patient and not self._asks_always

    def new_group(self, key: int) -> Group:
        if self._learner is None:
            return super().new_group(key)
        return Group(LearntWindow(self._span, self._teach, key, distinct=self.distinct))

    def _learn(self, key: int, tops: Ends) -> None:
        if self._learner is not None and not self._replays:
            self._learner.learn(key, tops)

    def catch_up(self, key: int) -> None:
        if self._learner is not None:
            self._catch_up(key)

    def _catch_up(self, key: int | None) -> None:
        if key is None:
            self.backlogs.settle()
        else:
            self.backlogs.hand_over(key)
        groups = self.groups.values() if key is None else [self.groups[key]] if key in self.groups else []
        for group in groups:
            group.window.settle()

    def _forgot(self, key: int) -> None:
        self.backlogs.close(key)
        group = self.groups.get(key)
        if group is not None:
            group.window.full = 0

    def recall(self, finding: str | None) -> None:
        self._replays, self._recalled = True, finding

    def because(self) -> tuple[str, ...]:
        return self._because

    def _held(self, group: Group, entry: Entry | None, held: Ends) -> Fired | Episode | None:
        assert entry is not None, "a condition judged at the end of a window has no judges"
        threshold = self._threshold
        reached = held if held[0][1] >= threshold and len(held) == 1 else [end for end in held if end[1] >= threshold]
        if self._replays:
            is_unusual, shown = self._recalled != "", None
        else:
            shown = Shown(self._key, group.window, entry, held, threshold, self._peer)
            is_unusual = True
            for judge in self._judges:
                is_unusual &= judge.ask(shown)
        self.noted = "" if reached and not is_unusual else None
        if not reached or not is_unusual:
            return None
        found = super()._held(group, entry, reached)
        if isinstance(found, Fired) and shown is not None:
            self._because = tuple(judge.why(shown) for judge in self._judges)
        return found
