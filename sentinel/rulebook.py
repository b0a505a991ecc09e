"""Reads what a watch goes by, from files: the rules and the inventory's entries, or every problem with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sentinel import files, places
from sentinel.detect import access, lists, load
from sentinel.detect.engine import Engine
from sentinel.detect.lane import WATCH, Purpose, SourceView
from sentinel.detect.rules import RuleSet
from sentinel.detect.unusual.travel import PlaceOf, nowhere
from sentinel.identities import NOBODY, Identities
from sentinel.inventory import Inventory
from sentinel.problems import Problem, by_severity
from sentinel.uncollected import uncollected
from sentinel.yamlfile import Document


class Watched:
    """Files of which a change is to be taken up, such as lists of rules; as they were when this was made."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._known = {path: _state_of(path) for path in paths}

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(self._known)

    def have_changed(self) -> bool:
        """Whether one of them is another than when this was last asked: written, replaced, removed or there again."""
        now = {path: _state_of(path) for path in self._known}
        before, self._known = self._known, now
        return before != now


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules and inventory entries, ready for an engine."""

    rules: RuleSet
    entries: tuple[access.Entry, ...] = ()
    identities: Identities = NOBODY
    watched: Watched = field(default_factory=lambda: Watched(()))
    places: PlaceOf = nowhere

    def engine(self, sources: Iterable[SourceView], key: bytes, purpose: Purpose = WATCH) -> Engine:
        """A new engine without state. `key` makes its keyed hashes."""
        identity = self.identities.resolve
        return Engine(
            self.rules.in_use(),
            self.entries,
            list(sources),
            key=key,
            identity=identity,
            purpose=purpose,
            places=self.places,
        )


@uncollected()  # more than a third of the time, with thousands of rules
def read(
    rule_files: Iterable[Path],
    inventory: Inventory | None,
    ours: Mapping[str, Path] = MappingProxyType({}),
    geoip: Path | None = None,
) -> tuple[Rulebook, list[Problem]]:
    """What could be read, and every problem: a rule with an error is left out, the others are there. `ours` are lists
    of the configuration by name, which take the place of those of the rules; `geoip` is a database of places.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in rule_files:
        found, more = files.documents(path)
        documents += found
        problems += more
    watched = Watched([*(Path(file).parent / name for file, name in lists.files_watched(documents)), *ours.values()])
    texts = {(file, name): _text(Path(file).parent / name) for file, name in lists.files_named(documents)}
    texts |= {(lists.OURS, name): _text(path) for name, path in ours.items()}
    rules, more = load.load(documents, texts)
    problems += more
    entries: tuple[access.Entry, ...] = ()
    if inventory is not None:
        entries, more = access.entries(inventory)
        problems += more
    identities = inventory.identities if inventory is not None else NOBODY
    where: PlaceOf = nowhere
    if geoip is not None:
        database, more = places.read(geoip)
        problems += more
        where = database.of if database is not None else nowhere
        watched = Watched([*watched.paths, geoip])
    return Rulebook(rules, entries, identities, watched, where), sorted(problems, key=by_severity)


def _text(path: Path) -> str | None:
    content, problems = files.read(path)
    try:
        return None if problems else content.decode()
    except UnicodeDecodeError:
        return None
