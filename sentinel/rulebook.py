"""Reads what a watch goes by, from files: the rules and the inventory's entries, or every problem with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sentinel import files
from sentinel.detect import access, lists, load
from sentinel.detect.engine import Engine
from sentinel.detect.lane import WATCH, Purpose, SourceView
from sentinel.detect.rules import RuleSet
from sentinel.identities import NOBODY, Identities
from sentinel.inventory import Inventory
from sentinel.problems import Problem, by_severity
from sentinel.yamlfile import Document


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules and inventory entries, ready for an engine."""

    rules: RuleSet
    entries: tuple[access.Entry, ...] = ()
    identities: Identities = NOBODY

    def engine(self, sources: Iterable[SourceView], key: bytes, purpose: Purpose = WATCH) -> Engine:
        """A new engine without state. `key` makes its keyed hashes."""
        identity = self.identities.resolve
        return Engine(self.rules.in_use(), self.entries, list(sources), key=key, identity=identity, purpose=purpose)


def read(
    rule_files: Iterable[Path], inventory: Inventory | None, ours: Mapping[str, Path] = MappingProxyType({})
) -> tuple[Rulebook, list[Problem]]:
    """What could be read, and every problem: a rule with an error is left out, the others are there. `ours` are lists
    of the configuration by name, which take the place of those of the rules.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in rule_files:
        found, more = files.documents(path)
        documents += found
        problems += more
    texts = {(file, name): _text(Path(file).parent / name) for file, name in lists.files_named(documents)}
    texts |= {(lists.OURS, name): _text(path) for name, path in ours.items()}
    rules, more = load.load(documents, texts)
    problems += more
    entries: tuple[access.Entry, ...] = ()
    if inventory is not None:
        entries, more = access.entries(inventory)
        problems += more
    identities = inventory.identities if inventory is not None else NOBODY
    return Rulebook(rules, entries, identities), sorted(problems, key=by_severity)


def _text(path: Path) -> str | None:
    content, problems = files.read(path)
    try:
        return None if problems else content.decode()
    except UnicodeDecodeError:
        return None
