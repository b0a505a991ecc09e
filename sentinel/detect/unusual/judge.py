"""What all judges have in common: cells that are saved, restored and swept, and the reason of the last verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import orjson

from sentinel.clock import Micros
from sentinel.detect.fields import Getter, getter_of, single

Cell = TypeVar("Cell")

HashText = Callable[[str], int]
Names = Mapping[str, tuple[str, ...]]
NO_NAMES: Names = {}
SEPARATOR = "\x1f"


class Judge(Generic[Cell]):
    """One condition of one rule. What it knows is a cell for each key, which is a keyed hash; nothing is in clear.

    `touched` are the cells that changed since they were last saved. `reason` says what the last verdict went by, where
    `explains` is set. `kind` is the key of the `sentinel:` map.
    """

    kind = ""

    def __init__(self, fingerprint: str, most: int) -> None:
        self.fingerprint = fingerprint
        self.cells: dict[int, Cell] = {}
        self.touched: set[int] = set()
        self.evicted = 0
        self.missing: dict[str, int] = {}
        self.explains = False
        self.reason: dict[str, Any] = {}
        self.catch_up: Callable[[int | None], None] = lambda _: None
        self.forgot: Callable[[int], None] = lambda _: None
        self._most = most
        self._unswept: list[int] = []

    def pack(self, cell: Cell) -> bytes:
        """The cell as bytes."""
        raise NotImplementedError

    def unpack(self, packed: bytes) -> Cell:
        """The cell of these bytes."""
        raise NotImplementedError

    def newest(self, cell: Cell) -> Micros:
        """When something was last learned in the cell."""
        raise NotImplementedError

    @property
    def retention(self) -> Micros:
        """For how long a cell is of use after something was last learned in it."""
        raise NotImplementedError

    def put(self, key: int, cell: Cell) -> Cell:
        """Keep a new cell. Where there are too many, the tenth that was longest silent is given up, and counted."""
        if len(self.cells) >= self._most:
            self.catch_up(None)
            ranked = sorted(self.cells, key=lambda each: self.newest(self.cells[each]))
            for each in ranked[: max(1, len(ranked) // 10)]:
                del self.cells[each]
                self.forgot(each)
                self.evicted += 1
        self.cells[key] = cell
        return cell

    def why(self) -> str:
        """In words, without anything personal, what the last verdict went by."""
        raise NotImplementedError

    def take(self, key: int, cell: Cell) -> None:
        """Keep a cell that was saved."""
        self.cells[key] = cell

    def sweep(self, floor: Micros, most: int = 1000) -> None:
        """Look at some more cells and forget those past their retention at that time. Changes no verdict."""
        if not self._unswept:
            self._unswept = list(self.cells)
        for key in self._unswept[-most:]:
            cell = self.cells.get(key)
            if cell is None or self.newest(cell) + self.retention >= floor:
                continue
            self.catch_up(key)
            if self.newest(cell) + self.retention < floor:
                del self.cells[key]
                self.forgot(key)
        del self._unswept[-most:]


class Keys:
    """The values of some fields of an event as one keyed hash. `names` is what the source calls them."""

    def __init__(self, fields: Iterable[str], hash_text: HashText, names: Names = NO_NAMES) -> None:
        known = [(name, names.get(name, (name,))) for name in fields]
        self._getters: list[tuple[str, Getter]] = [(name, getter_of(each)) for name, each in known]
        self._only = known[0][1][0] if len(known) == 1 else None
        self._hash = hash_text

    def of(self, fields: Mapping[str, Any], missing: dict[str, int]) -> int | None:
        """The hash; None where a field is missing, which is then counted."""
        if self._only is not None and type(value := fields.get(self._only)) is str:
            return self._hash(value)
        values = []
        for name, get in self._getters:
            value = single(get(fields))
            if value is None:
                missing[name] = missing.get(name, 0) + 1
                return None
            values.append(value)
        return self._hash(SEPARATOR.join(values))


def fingerprint(*parts: Any) -> str:
    """A digest of all that decides what stands in the cells of a judge. When it changes they start empty."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()[:32]
