"""When more happens than people can read, they get one message with the counts instead of one for each case.

Rules of this file:
1. Only news is gathered: cases that open, rise or grow. What a clock owes and what people decided is told as ever.
2. Nothing is held back on the strength of memory alone: what is gathered is owed by itself all the same, later,
   and the digest settles it. So a crash in between costs nothing but the digest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from sentinel.cases.identity import notification_id
from sentinel.cases.wording import deadline_text
from sentinel.clock import MINUTE, SECOND, Micros
from sentinel.model import Notification

GATHER: Micros = MINUTE
"""How long news is gathered before it is told as one message."""

HELD: Micros = GATHER + 30 * SECOND
"""When news that was gathered is due by itself, if no digest has told it by then."""

_SHOWN = 5
_IDS_SHOWN = 20


class Storm:
    """Whether it is one: more news within a minute than `limit`; and when what was gathered is to be told."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._told: deque[Micros] = deque()
        self._since: Micros | None = None

    def gathers(self, now: Micros) -> bool:
        """The news of this moment is one too many, and is to be gathered."""
        while self._told and not 0 <= now - self._told[0] < MINUTE:
            self._told.popleft()
        if self._since is None and len(self._told) < self.limit:
            self._told.append(now)
            return False
        if self._since is None:
            self._since = now
        return True

    def is_over(self, now: Micros) -> bool:
        """What was gathered is to be told now; after that, gathering begins anew."""
        if self._since is None or 0 <= now - self._since < GATHER:
            return False
        self._since = None
        return True


def gathered(news: Sequence[Notification], now: Micros) -> Notification:
    """One message for all of these: how many, of what, and the first deadline. It belongs to the most urgent case."""
    cases = {each.case.id: each.case for each in news}
    first = max(cases.values(), key=lambda case: (case.level, -case.detected_at, case.id))
    rules = Counter(rule for case in cases.values() for rule in case.rules)
    levels = Counter(case.level for case in cases.values())
    listed = sorted(cases)
    more = f" and {len(listed) - _IDS_SHOWN} more" if len(listed) > _IDS_SHOWN else ""
    lines = (
        f"Levels: {', '.join(f'{count} {level.word}' for level, count in sorted(levels.items(), reverse=True))}",
        f"Rules: {', '.join(f'{rule} ({count})' for rule, count in rules.most_common(_SHOWN))}",
        f"First deadline: {deadline_text(first, now)}",
        f"Cases: {', '.join(listed[:_IDS_SHOWN])}{more}",
    )
    key = f"storm-{news[0].owed_at}"
    return Notification(
        id=notification_id(first.id, key),
        case=first,
        key=key,
        owed_at=now,
        headline=f"[{first.level.word}] {len(cases)} cases opened, rose or grew within a minute",
        lines=lines,
        next_action="Look: `sentinel case list`. One cause may be behind them all: `sentinel case merge`.",
    )
