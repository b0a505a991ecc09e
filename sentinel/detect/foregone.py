"""What of a condition is decided beforehand, where it is known through which inventory entry an event is an access.

System, action and data of the access stand in the entry, what the entry does not set is missing, and so is a field that
the format never yields. What is left of the condition is all that has to be tried on each access.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.detect import access
from sentinel.detect.match import AllOf, AnyOf, Item, Node, Not, Selection
from sentinel.detect.predicates import FLAGS_FIELD, TIME_FIELD
from sentinel.model import Block, Event, Position

_CONSTANT = {access.SYSTEM, access.ACTION, access.DATA}
_SETTABLE = {access.SUBJECT: "subject", access.RECORDS: "records", access.BYTES: "bytes"}
_POSITION = Position(source="", stream=0, state="")
_NOWHERE = Block(source="", stream=0, path="", offset=0, data=b"", position=_POSITION, reference=0)
_UNREAD = "message"
"""All that a record has which no format can read."""


class Foregone:
    """What is known of every access through one entry. `fields` are those that the format can yield; None: any."""

    def __init__(self, entry: access.Entry, fields: frozenset[str] | None) -> None:
        known = {access.SYSTEM: entry.system.name, access.ACTION: entry.entry.action, access.DATA: [*entry.entry.data]}
        self._event = Event(known, 0, 0, _NOWHERE, 0, 0)
        self._missing = {field for field, name in _SETTABLE.items() if name not in entry.sets}
        self._possible = None if fields is None else {*fields, *entry.derived, _UNREAD, TIME_FIELD, FLAGS_FIELD}

    def rest(self, node: Node) -> Node | bool:
        """What is left to be tried of a condition; True or False where that is nothing."""
        match node:
            case Item():
                is_known = node.field is not None and bool(node.fields) and all(map(self._knows, node.fields))
                return node.holds(self._event) if is_known else node
            case Selection():
                return self.rest(node.node)
            case Not():
                inner = self.rest(node.node)
                return not inner if isinstance(inner, bool) else Not(inner)
            case AllOf():
                return _joined([self.rest(each) for each in node.nodes], decides=False)
            case AnyOf():
                return _joined([self.rest(each) for each in node.nodes], decides=True)

    def _knows(self, field: str) -> bool:
        if field in _CONSTANT or field in self._missing:
            return True
        return self._possible is not None and not field.startswith("access.") and field not in self._possible


def _joined(rests: Sequence[Node | bool], *, decides: bool) -> Node | bool:
    """An OR of what is left, where True decides it, or an AND, where False does."""
    if any(each is decides for each in rests):
        return decides
    left = tuple(each for each in rests if not isinstance(each, bool))
    if not left:
        return not decides
    if len(left) == 1:
        return left[0]
    return AnyOf(left) if decides else AllOf(left)
