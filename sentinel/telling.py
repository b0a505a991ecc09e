"""Who hears of what: through which channels, in whose words, in a storm, under a silence.

Rules of this file: it puts messages into the batch that holds their case, and does nothing else; what is held back is
written down there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sentinel import silences
from sentinel.cases.identity import tags_of
from sentinel.cases.storm import HELD, Storm, gathered
from sentinel.channels.base import Channel, Register
from sentinel.clock import Micros
from sentinel.model import Case, Finding, Notification
from sentinel.routing import NEWS, kind_of
from sentinel.silences import Silence
from sentinel.store.batch import Batch
from sentinel.store.links import Invitation

Route = Callable[[Notification], Sequence[str]]
"""The names of the channels that are to hear of a message."""

Reword = Callable[[Notification], Notification]
"""The message in the words it is to have."""


Invite = Callable[[Notification, str], tuple[Notification, tuple[Invitation, ...]]]
"""The message as the channel of that name is to carry it, with the links by which its readers may act."""


def uninvited(notification: Notification, channel: str) -> tuple[Notification, tuple[Invitation, ...]]:
    """The message without links."""
    del channel
    return notification, ()


def as_it_is(notification: Notification) -> Notification:
    """The message in the built-in words."""
    return notification


class Telling:
    """Tells of cases. `silences` hold news back, and `silenced` counts what they held; `ungathered` are channels that
    get news one by one in a storm too.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        route: Route,
        storm: int,
        reword: Reword = as_it_is,
        ungathered: frozenset[str] = frozenset(),
        invite: Invite = uninvited,
    ) -> None:
        self.silences: list[Silence] = []
        self.silenced = 0
        self._channels = channels
        self._registers = {name: each for name, each in channels.items() if isinstance(each, Register)}
        self._route = route
        self._reword = reword
        self._ungathered = ungathered
        self._invite = invite
        self._storm = Storm(storm)
        self._gathered: dict[str, list[Notification]] = {}

    def tell(self, batch: Batch, owed: Iterable[Notification], now: Micros) -> None:
        """What a case owes is owed to the channels it is for."""
        for notification in owed:
            silence = silences.over(self.silences, notification)
            if silence is None:
                is_gathered = kind_of(notification.key) in NEWS and self._storm.gathers(now)
                names = notification.to or self._route(notification)
                self.owe(batch, notification, names, is_gathered=is_gathered)
            else:
                batch.audit(silences.held_back(silence, notification))
                self.silenced += 1

    def file_case(self, batch: Batch, case: Case, now: Micros) -> None:
        """The case as it is now is owed to every register."""
        for name, register in self._registers.items():
            batch.file(register.case(case, now), name)

    def file_finding(
        self, batch: Batch, finding: Finding, case_id: str, pseudonym: Callable[[str, str], str], now: Micros
    ) -> None:
        """The finding is owed to every register; `case_id` is empty where no case took it up."""
        if self._registers:
            group = [f"{field}={tag}" for field, tag in tags_of(finding.group, pseudonym)]
            for name, register in self._registers.items():
                batch.file(register.finding(finding, case_id, group, now), name)

    def owe(self, batch: Batch, notification: Notification, names: Iterable[str], *, is_gathered: bool = False) -> None:
        """The message is owed to these channels, or gathered for them."""
        worded = self._reword(notification)
        for name in names:
            channel = self._channels.get(name)
            if channel is None:
                continue
            carried, invitations = self._invite(worded, name)
            is_held = is_gathered and name not in self._ungathered
            if is_held:
                self._gathered.setdefault(name, []).append(notification)
            not_before = notification.owed_at + HELD if is_held else 0
            batch.owe(notification, name, channel.render(carried), not_before, invitations)

    def tell_of_storm(self, batch: Batch, now: Micros) -> bool:
        """One message for what was gathered, for each channel that it was for; says whether it is time for that."""
        if not self._storm.is_over(now):
            return False
        for name, news in self._gathered.items():
            message = gathered(news, now)
            self.owe(batch, message, [name])
            for each in news:
                batch.settle(each.id, name, message.id)
        self._gathered.clear()
        return True
