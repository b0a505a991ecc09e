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
from sentinel.detect.unusual.judge import fingerprint
from sentinel.detect.unusual.travel import PlaceOf, nowhere
from sentinel.files import State
from sentinel.identities import NOBODY, Identities
from sentinel.inventory import Inventory
from sentinel.problems import Problem, by_severity
from sentinel.uncollected import uncollected
from sentinel.yamlfile import Document


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules and inventory entries, ready for an engine. `lists` is a digest of the lists that stand in files;
    `read_from` are the files that a whole watch was read from, each as it was then.
    """

    rules: RuleSet
    entries: tuple[access.Entry, ...] = ()
    identities: Identities = NOBODY
    places: PlaceOf = nowhere
    lists: str = ""
    read_from: Mapping[Path, State | None] = field(default_factory=dict)

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
    watched = set(lists.files_watched(documents))
    texts = {key: _text(Path(key[0]).parent / key[1], is_noted=key in watched) for key in lists.files_named(documents)}
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
    book = Rulebook(rules, entries, identities, where, fingerprint(sorted(texts.items())))
    return book, sorted(problems, key=by_severity)


def _text(path: Path, *, is_noted: bool = True) -> str | None:
    content, problems = files.read(path, is_noted=is_noted)
    try:
        return None if problems else content.decode()
    except UnicodeDecodeError:
        return None
