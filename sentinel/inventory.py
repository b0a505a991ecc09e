"""The record of processing (Art. 30 GDPR) as a map from log lines to accesses to personal data.

Rules of this file: pure, text in and values out; `when` stays as it was written, for `detect` compiles it and says
what is wrong with it, at the places that `document` and `path` give; all problems are found at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sentinel import schema, yamlfile
from sentinel.identities import NOBODY, Identities
from sentinel.model import LogSource
from sentinel.problems import Problem, Span, did_you_mean
from sentinel.yamlfile import Document, Path

SPECIAL = frozenset(
    {
        "biometric", "ethnic_origin", "genetic", "health", "political_opinion", "religion", "sex_life",
        "sexual_orientation", "trade_union",
    }
)  # fmt: skip
"""The special categories of Art. 9(1) GDPR."""

ORDINARY = frozenset(
    {
        "behaviour", "children", "communication", "contact", "credentials", "criminal", "employment", "financial",
        "identification", "location",
    }
)  # fmt: skip
"""The other categories we know by name. Criminal convictions have rules of their own (Art. 10), and are not special."""

LAWFUL_BASES = ("consent", "contract", "legal obligation", "vital interests", "public task", "legitimate interests")
"""Art. 6(1) GDPR, letters a to f."""

ACTIONS = ("read", "search", "export", "print", "update", "delete")
"""What rules know; any other plain word is allowed too."""

Trust = Literal["verified", "claimed"]
Normalisation = Literal["lower", "strip_domain"]


ANY_LOG = LogSource()
"""The log source of an entry that is tried on every log."""


@dataclass(frozen=True, slots=True)
class ActorField:
    """Which field says who it was. A `claimed` actor is what the client said of itself; no notice ever names it. With
    `session` the field holds a session, whose user rules about logins say.
    """

    field: str
    trust: Trust = "verified"
    normalise: tuple[Normalisation, ...] = ()
    session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """One shape of event that is an access to the personal data of a system.

    `when` is a Sigma selection as written; `path` is where the entry stands in the inventory's document. `subject`,
    `records` and `bytes` name fields; a named group of a regex in `when` goes before them. `data` is what this access
    shows, which may be less than what the system holds.
    """

    system: int
    path: Path
    when: Mapping[str, Any]
    logsource: LogSource = ANY_LOG
    actor: ActorField | None = None
    action: str = "read"
    subject: str | None = None
    records: str | None = None
    bytes: str | None = None
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One processing of personal data. `people` is about how many persons it holds; `data` are categories."""

    name: str
    path: Path
    owner: str | None = None
    purpose: str | None = None
    lawful_basis: str | None = None
    subjects: str | None = None
    people: int | None = None
    data: tuple[str, ...] = ()
    retention: str | None = None
    access: tuple[AccessEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every system, in the order of the file. `identities_file` is as written, relative to the inventory's folder."""

    systems: tuple[System, ...]
    document: Document = field(repr=False)
    identities_file: str | None = None
    identities: Identities = NOBODY

    def entries(self) -> Iterator[AccessEntry]:
        """Every access entry, in the order in which they are tried."""
        for system in self.systems:
            yield from system.access


def is_special(category: str) -> bool:
    """The category is one of Art. 9(1) GDPR."""
    return category in SPECIAL


def normalised(name: str, steps: tuple[Normalisation, ...]) -> str:
    r"""The actor's name after the steps, in their order. `strip_domain` makes `kim` of `kim@corp` and of `CORP\kim`."""
    for step in steps:
        name = name.lower() if step == "lower" else name.rpartition("\\")[2].partition("@")[0] or name
    return name


# --- the file ----------------------------------------------------------------------------------------------

CODES = schema.Codes("I001", "I002", "I003")

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[^\s|]{1,200}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _LogSourcePart(_Part):
    category: Text | None = None
    product: Text | None = None
    service: Text | None = None


class _ActorPart(_Part):
    field: FieldName
    trust: Trust = "verified"
    normalise: tuple[Normalisation, ...] = ()
    session: bool = False


class _AccessPart(_Part):
    when: dict[str, Any] = Field(min_length=1)
    logsource: _LogSourcePart = _LogSourcePart()
    actor: FieldName | _ActorPart | None = None
    action: Word = "read"
    subject: FieldName | None = None
    records: FieldName | None = None
    bytes: FieldName | None = None
    data: tuple[Word, ...] | None = None


class _SystemPart(_Part):
    name: Text
    owner: Text | None = None
    purpose: Text | None = None
    lawful_basis: Text | None = None
    subjects: Text | None = None
    people: int | None = Field(None, ge=0)
    data: tuple[Word, ...] = ()
    retention: Text | None = None
    access: tuple[_AccessPart, ...] = ()


class InventoryPart(_Part):
    """The file inventory.yaml, as JSON Schema shows it to editors."""

    systems: tuple[_SystemPart, ...]
    identities: Text | None = None


def parse(text: Document | str | bytes, file: str = "inventory.yaml") -> tuple[Inventory | None, list[Problem]]:
    """The inventory, or None where the file has an error; and every problem, warnings too."""
    if isinstance(text, Document):
        return _read(text)
    documents, problems = yamlfile.parse(text, file)
    if any(problem.is_error for problem in problems):
        return None, problems
    if len(documents) != 1:
        span = documents[1].span() if documents else Span(file)
        said = "the file has more than one document" if documents else "the inventory is empty"
        return None, [
            *problems,
            Problem(span, "I004", said, "an inventory is one document that begins with 'systems:'"),
        ]
    inventory, more = _read(documents[0])
    return inventory, [*problems, *more]


def _read(document: Document) -> tuple[Inventory | None, list[Problem]]:
    part, problems = schema.validate(document, InventoryPart, CODES)
    if part is None:
        return None, problems
    systems = tuple(_system(number, each) for number, each in enumerate(part.systems))
    inventory = Inventory(systems=systems, document=document, identities_file=part.identities)
    problems = sorted(_doubts(inventory, part), key=lambda problem: problem.span)
    return (None if any(problem.is_error for problem in problems) else inventory), problems


def _system(number: int, part: _SystemPart) -> System:
    path: Path = ("systems", number)
    return System(
        path=path,
        access=tuple(
            _entry(number, (*path, "access", position), each, part.data) for position, each in enumerate(part.access)
        ),
        **{name: getattr(part, name) for name in _SystemPart.model_fields if name != "access"},
    )


def _entry(system: int, path: Path, part: _AccessPart, data: tuple[str, ...]) -> AccessEntry:
    source = part.logsource
    return AccessEntry(
        system=system,
        path=path,
        when=part.when,
        logsource=LogSource(source.category, source.product, source.service),
        actor=_actor(part.actor),
        action=part.action,
        subject=part.subject,
        records=part.records,
        bytes=part.bytes,
        data=data if part.data is None else part.data,
    )


def _actor(part: _ActorPart | str | None) -> ActorField | None:
    if isinstance(part, _ActorPart):
        return ActorField(part.field, part.trust, part.normalise, part.session)
    return None if part is None else ActorField(part)


def _doubts(inventory: Inventory, part: InventoryPart) -> Iterator[Problem]:
    """What the schema cannot say."""
    document = inventory.document
    first: dict[str, System] = {}
    for system, written in zip(inventory.systems, part.systems, strict=True):
        earlier = first.setdefault(system.name, system)
        if earlier is not system:
            line = document.span((*earlier.path, "name")).line
            message = f"system '{system.name}' is given twice, first in line {line}"
            yield Problem(
                document.span((*system.path, "name")), "I005", message, "put the access entries into one system"
            )
        if not system.access:
            message = f"no access to system '{system.name}' can be seen: it has no access entries"
            hint = "add 'access:' with a 'when:' for the log lines that show its data"
            yield Problem(document.span(system.path), "I006", message, hint, "warning")
        if not system.data and not any(entry.data for entry in system.access):
            message = f"system '{system.name}' names no categories of data"
            yield Problem(document.span(system.path), "I008", message, "add 'data: [contact]' or the like", "warning")
        basis = system.lawful_basis
        if basis is not None and basis not in LAWFUL_BASES:
            span = document.span((*system.path, "lawful_basis"))
            message = f"'{yamlfile.shorten(basis)}' is no lawful basis of Art. 6(1) GDPR"
            yield Problem(span, "I009", message, did_you_mean(basis, LAWFUL_BASES), "warning")
        yield from _unknown_categories(document, (*system.path, "data"), written.data)
        for entry, access in zip(system.access, written.access, strict=True):
            yield from _unknown_categories(document, (*entry.path, "data"), access.data or ())
            yield from _without_actor(document, entry)


def _unknown_categories(document: Document, path: Path, categories: tuple[str, ...]) -> Iterator[Problem]:
    for number, category in enumerate(categories):
        if category not in SPECIAL | ORDINARY:
            hint = did_you_mean(category, SPECIAL | ORDINARY)
            message = f"unknown category of data '{category}'"
            yield Problem(document.span((*path, number)), "I007", message, hint, "warning")


def _without_actor(document: Document, entry: AccessEntry) -> Iterator[Problem]:
    if entry.actor is None and "(?P<actor>" not in str(entry.when):
        message = "this access names no actor, so no rule can count by person"
        hint = "name the field: 'actor: user.name', or a group '(?P<actor>…)' in a regex of 'when'"
        yield Problem(document.span(entry.path), "I010", message, hint, "warning")
