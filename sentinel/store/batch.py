"""What one commit is to hold, gathered by the main loop: everything of it is saved, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sentinel.accesses import Accesses
from sentinel.clock import Micros
from sentinel.model import AuditEntry, Document, Evidence, Gap, Notification, Position, Verdict
from sentinel.store.collected import Collection
from sentinel.store.coverage import Read
from sentinel.store.links import Invitation


class Batch:
    """A list of changes in the making. It is not changed by committing it, so that a commit may be tried again."""

    def __init__(self) -> None:
        self.positions: dict[tuple[str, int], Position] = {}
        self.forgotten: set[tuple[str, int]] = set()
        self.gaps: list[Gap] = []
        self.delta: bytes | None = None
        self.bases: dict[int, bytes] = {}
        self.verdicts: list[Verdict] = []
        self.pieces: list[tuple[str, str, Evidence, bytes | None]] = []
        self.owed: list[tuple[Notification, str, bytes, Micros, tuple[Invitation, ...]]] = []
        self.filed: list[tuple[Document, str]] = []
        self.settled: list[tuple[str, str, str]] = []
        self.entries: list[AuditEntry] = []
        self.touched: dict[str, set[int]] = {}
        self.covered: dict[tuple[int, str], Read] = {}
        self.split: list[tuple[str, str]] = []
        self.accesses: Accesses | None = None
        self.collections: dict[str, Collection] = {}
        self.spent: list[tuple[bytes, Micros]] = []

    def read(self, position: Position) -> None:
        """The stream has been read and judged up to there."""
        stream = (position.source, position.stream)
        self.positions[stream] = position
        self.forgotten.discard(stream)

    def forget(self, source: str, stream: int) -> None:
        """The stream needs no position any more."""
        self.positions.pop((source, stream), None)
        self.forgotten.add((source, stream))

    def gap(self, gap: Gap) -> None:
        """These bytes were lost."""
        self.gaps.append(gap)

    def window_delta(self, blob: bytes) -> None:
        """What changed in the engine's windows since the last commit; once a batch. Raises ValueError if twice."""
        if self.delta is not None:
            raise ValueError("a batch holds one delta of the windows")
        self.delta = blob

    def window_base(self, shard: int, blob: bytes) -> None:
        """The whole of one shard of the windows, with this batch's delta in it."""
        self.bases[shard] = blob

    def verdict(self, verdict: Verdict) -> None:
        """The case, its finding with the data subjects the finding names, and the audit entries; not what is owed.

        What is owed is given to `owe`, rendered for each channel.
        """
        self.verdicts.append(verdict)

    def evidence(self, case_id: str, finding_id: str, place: Evidence, raw: bytes | None) -> None:
        """A record the case rests on; `raw` is None where its bytes are gone."""
        self.pieces.append((case_id, finding_id, place, raw))

    def collect(self, wanted: Collection) -> None:
        """The records around the case are to be collected, of this time too."""
        known = self.collections.get(wanted.case_id, wanted)
        dues = [each.due_at for each in (known, wanted) if each.due_at is not None]
        since, until = min(known.since, wanted.since), max(known.until, wanted.until)
        self.collections[wanted.case_id] = Collection(wanted.case_id, since, until, min(dues, default=None))

    def owe(
        self,
        notification: Notification,
        channel: str,
        body: bytes,
        not_before: Micros = 0,
        invitations: Iterable[Invitation] = (),
    ) -> None:
        """The message is to be sent through the channel, as these bytes, at once or not before that moment.

        `invitations` are for the links in it.
        """
        self.owed.append((notification, channel, body, max(notification.owed_at, not_before), tuple(invitations)))

    def spend(self, digest: bytes, now: Micros) -> None:
        """What has this digest was acted upon at `now`, and is good for nothing more."""
        self.spent.append((digest, now))

    def file(self, document: Document, channel: str) -> None:
        """The document is owed to the register that the channel is."""
        self.filed.append((document, channel))

    def settle(self, message_id: str, channel: str, by: str) -> None:
        """The message is owed no more, if nobody has taken it yet: the message `by` tells the same."""
        self.settled.append((message_id, channel, by))

    def audit(self, entry: AuditEntry) -> None:
        """Something was done that belongs to no verdict."""
        self.entries.append(entry)

    def subjects(self, case_id: str, hashes: Iterable[int]) -> None:
        """These data subjects, as keyed hashes, are among those the case touches."""
        self.touched.setdefault(case_id, set()).update(hashes)

    def move_finding(self, finding_id: str, case_id: str) -> None:
        """The finding belongs to that case from now on."""
        self.split.append((finding_id, case_id))

    def cover(self, covered: Mapping[tuple[int, str], Read]) -> None:
        """So much was read since the last commit, by (day, source)."""
        self.covered.update(covered)

    def access(self, accesses: Accesses | None) -> None:
        """These accesses are in the ledger; once a batch."""
        self.accesses = accesses

    def is_empty(self) -> bool:
        """Whether committing it would change nothing."""
        return (
            self.delta is None
            and self.accesses is None
            and not any(
                (
                    *(self.positions, self.forgotten, self.gaps, self.bases, self.verdicts, self.pieces),
                    *(self.owed, self.filed, self.settled, self.entries, any(self.touched.values()), self.split),
                    *(self.covered, self.collections, self.spent),
                )
            )
        )
