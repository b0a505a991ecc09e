"""sentinel.yaml -> Config, or every problem with it and with the inventory it names.

Rules of this file: only `sources` is required; every relative path starts at the folder of the file; what a part of
Sentinel can be told is a model of that part, joined here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, create_model

from sentinel import channels, consistency, files, identities, inventory, schema, surroundings
from sentinel.cases.options import CaseOptions
from sentinel.channels.base import ChannelOptions
from sentinel.clock import Micros
from sentinel.detect import pipelines
from sentinel.heartbeat import HeartbeatOptions
from sentinel.inventory import Inventory
from sentinel.inviting import ActingOptions
from sentinel.model import LogSource
from sentinel.problems import Problem, Span, Unusable, by_severity, did_you_mean
from sentinel.routing import Route
from sentinel.secrets import SecretRef
from sentinel.settings import (
    ConfigPart,
    HeadsPart,
    HttpConfig,
    HttpPart,
    LedgerPart,
    ReadingPart,
    ShippedPart,
    SourceConfig,
    listen_address,
)
from sentinel.sources import TYPES, SourceOptions
from sentinel.store.backups import BackupOptions
from sentinel.yamlfile import Document
from sentinel.yamlfile import Path as Place

Model = TypeVar("Model", bound=BaseModel)

CODES = schema.Codes("C001", "C002", "C003")
PLACES = (Path("sentinel.yaml"), Path("/etc/sentinel/sentinel.yaml"))
"""Where the configuration is looked for when nobody says where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that sentinel.yaml says, with paths made absolute and defaults filled in.

    `rules` are the user's files and folders as written; `without` are families of shipped rules that are left out;
    `lists` are files of texts that take the place of the lists of rules; `geoip` is a database of places;
    `rule_budget` is the share of a log's records that one rule should make candidates at most;
    `control` is the socket; `http` is None where no pages are served; `ledger` is how long accesses are kept, 0: not
    at all.
    """

    path: Path
    document: Document = field(repr=False)
    state: Path
    rules: tuple[Path, ...]
    shipped_rules: bool
    without: tuple[str, ...]
    inventory: Inventory | None
    lists: Mapping[str, Path]
    geoip: Path | None
    rule_budget: float
    sources: tuple[SourceConfig, ...]
    cases: CaseOptions
    channels: Mapping[str, ChannelOptions]
    routes: tuple[Route, ...]
    http: HttpConfig | None
    heartbeat: HeartbeatOptions | None
    acting: ActingOptions | None
    control: Path
    master_key: SecretRef | None
    oldest_master: Micros | None
    heads: HeadsPart | None
    backup: BackupOptions
    ledger: Micros

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.path.parent

    @property
    def templates(self) -> Path | None:
        """The folder of the organisation's own templates."""
        return None if self.cases.templates is None else self.folder / self.cases.templates

    def rule_files(self) -> list[Path]:
        """Every rule file, the shipped ones first."""
        shipped: list[Path] = []
        if self.shipped_rules:
            shipped = [folder for name, folder in files.families().items() if name not in self.without]
            shipped.insert(0, files.shipped("rules") / files.BASE)
        return list(files.rule_files([*shipped, *self.rules]))

    def secrets(self, environ: Mapping[str, str] = os.environ) -> Callable[[SecretRef], str]:
        """What resolves the secrets of this file, in the given environment. It raises SecretError."""
        credentials = environ.get("CREDENTIALS_DIRECTORY")
        folder = Path(credentials) if credentials else None
        return lambda reference: reference.resolve(environ, folder, self.folder)


def find(explicit: Path | None) -> Path:
    """The file that is given, else the first of PLACES that exists. Raises Unusable where there is none."""
    if explicit is not None:
        return explicit
    for place in PLACES:
        if place.exists():
            return place
    places = " or ".join(f"'{place}'" for place in PLACES)
    hint = "name it with --config FILE, or write one with 'sentinel init'"
    raise Unusable(
        [Problem(Span(str(PLACES[0])), "C005", f"there is no configuration file: looked for {places}", hint)]
    )


def load(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Config | None, list[Problem]]:
    """The configuration with its inventory, or None where there is an error; and every problem, errors first."""
    documents, problems = files.documents(path)
    if any(problem.is_error for problem in problems):
        return None, problems
    if len(documents) != 1:
        span = documents[1].span() if documents else Span(str(path))
        said = "the file has more than one document" if documents else "the configuration is empty"
        return None, [*problems, Problem(span, "C004", said, "a configuration is one document that has 'sources:'")]
    document = documents[0]
    part, more = schema.validate(document, ConfigPart, CODES)
    folder = path.absolute().parent
    sources, channel_options, items = _items(document, folder)
    found, inventory_problems = _inventory(document, folder)
    problems += [*more, *items, *inventory_problems]
    if part is not None:
        problems += consistency.check(document, part, sources, channel_options, found)
        problems += surroundings.check(document, part, sources, folder)
    problems.sort(key=by_severity)
    if part is None or any(problem.is_error for problem in problems):
        return None, problems
    return _config(path.absolute(), document, part, sources, channel_options, found, environ), problems


def _config(
    path: Path,
    document: Document,
    part: ConfigPart,
    sources: list[SourceConfig],
    channel_options: dict[str, ChannelOptions],
    found: Inventory | None,
    environ: Mapping[str, str],
) -> Config:
    folder = path.parent
    state = folder / (part.state or _first(environ, "STATE_DIRECTORY") or "sentinel-state")
    runtime = _first(environ, "RUNTIME_DIRECTORY")
    return Config(
        path=path,
        document=document,
        state=state,
        rules=tuple(folder / each for each in part.rules),
        shipped_rules=part.shipped_rules is not False,
        without=part.shipped_rules.without if isinstance(part.shipped_rules, ShippedPart) else (),
        inventory=found,
        lists={name: folder / written for name, written in part.lists.items()},
        geoip=None if part.geoip is None else folder / part.geoip,
        rule_budget=part.rule_budget,
        sources=tuple(sources),
        cases=part.cases,
        channels=channel_options,
        routes=part.routes,
        http=_http(part.http, folder),
        heartbeat=part.heartbeat,
        acting=None if part.acting is None else _with_absolute_paths(part.acting, folder),
        control=folder / (part.control.socket or Path(runtime or state) / "control.sock"),
        master_key=part.keys.master,
        oldest_master=part.keys.oldest,
        heads=part.audit.heads,
        backup=BackupOptions(
            folder=folder / (part.backup.folder or state / "backups"), every=part.backup.every, keep=part.backup.keep
        ),
        ledger=_kept(part.ledger),
    )


def _http(part: HttpPart, folder: Path) -> HttpConfig | None:
    if part.listen is None:
        return None
    return HttpConfig(
        address=listen_address(part.listen),
        certificate=None if part.certificate is None else folder / part.certificate,
        private_key=None if part.private_key is None else folder / part.private_key,
        login=part.login,
    )


def _kept(part: bool | LedgerPart) -> Micros:
    if isinstance(part, LedgerPart):
        return part.keep
    return LedgerPart().keep if part else 0


def _first(environ: Mapping[str, str], name: str) -> str | None:
    """The first of the folders that systemd names in a variable, which may be several with ':' between them."""
    return environ.get(name, "").partition(":")[0] or None


# --- sources and channels, each as its type ------------------------------------------------------------------


def _items(document: Document, folder: Path) -> tuple[list[SourceConfig], dict[str, ChannelOptions], list[Problem]]:
    sources: list[SourceConfig] = []
    channel_options: dict[str, ChannelOptions] = {}
    problems: list[Problem] = []
    value = document.value if isinstance(document.value, dict) else {}
    for number, each in enumerate(value["sources"] if isinstance(value.get("sources"), list) else ()):
        source, more = _source(document, number, each, folder)
        sources += [source] if source is not None else []
        problems += more
    for name, each in (value["channels"] if isinstance(value.get("channels"), dict) else {}).items():
        options, more = _typed(document, ("channels", name), each, _channel_models(), folder)
        problems += more
        if isinstance(options, ChannelOptions):
            channel_options[name] = options
    return sources, channel_options, problems


def _channel_models() -> dict[str, type[BaseModel]]:
    return {name: model for name, (model, _) in channels.TYPES.items()}


def _typed(
    document: Document, at: Place, value: Any, models: Mapping[str, type[BaseModel]], folder: Path
) -> tuple[BaseModel | None, list[Problem]]:
    """The mapping as the model of its `type`, with its paths made absolute."""
    if not isinstance(value, dict):
        return None, []  # the schema of the whole file has said so
    kind = value.get("type")
    if not isinstance(kind, str):
        code, said = ("C003", "'type' must be text") if "type" in value else ("C002", "'type' is missing")
        return None, [Problem(document.key_span((*at, "type")), code, said, did_you_mean("", models))]
    if kind not in models:
        said = f"unknown type '{kind}'"
        return None, [Problem(document.span((*at, "type")), "C003", said, did_you_mean(kind, models))]
    part, problems = schema.validate(document, models[kind], CODES, at)
    return (None if part is None else _with_absolute_paths(part, folder)), problems


def _with_absolute_paths(part: Model, folder: Path) -> Model:
    changes: dict[str, Any] = {}
    for name in ("paths", "ca_file", "client_cert", "client_key", "certificate", "private_key"):
        written = getattr(part, name, None)
        if isinstance(written, str):
            changes[name] = str(folder / written)
        elif written is not None:
            changes[name] = type(written)(str(folder / each) for each in written)
    return part.model_copy(update=changes)


@cache
def _source_models() -> dict[str, type[BaseModel]]:
    """Each type of source with the keys that all sources have."""
    return {
        name: create_model(f"{name.title()}Source", __base__=(kind.options, ReadingPart))
        for name, kind in TYPES.items()
    }


def _source(document: Document, number: int, value: Any, folder: Path) -> tuple[SourceConfig | None, list[Problem]]:
    part, problems = _typed(document, ("sources", number), value, _source_models(), folder)
    if part is None:
        return None, problems
    assert isinstance(part, SourceOptions)
    assert isinstance(part, ReadingPart)
    source = part.logsource
    pipeline, more = _pipeline(document, ("sources", number, "pipeline"), part.pipeline, folder)
    return SourceConfig(
        number=number,
        options=part,
        format=part.format,
        logsource=LogSource(source.category, source.product, source.service),
        timezone=ZoneInfo(part.timezone),
        time=part.time,
        pipeline=pipeline,
    ), [*problems, *more]


def _pipeline(
    document: Document, at: Place, written: str | None, folder: Path
) -> tuple[pipelines.Pipeline | None, list[Problem]]:
    """One of the shipped pipelines, or that of a file; None for what is usual for the kind of log."""
    if written is None or written in pipelines.SHIPPED:
        return (None if written is None else pipelines.shipped(written)), []
    if Path(written).suffix not in files.RULE_SUFFIXES:
        hint = did_you_mean(written, pipelines.SHIPPED) or "or the path of a file that ends in .yml or .yaml"
        return None, [Problem(document.span(at), "C003", f"there is no pipeline '{written}'", hint)]
    found, problems = files.documents(folder / written, document.span(at))
    if problems or len(found) != 1:
        said = f"'{written}' must be one document"
        return None, problems or [Problem(document.span(at), "C004", said, "a pySigma processing pipeline")]
    return pipelines.read(found[0])


# --- the inventory and the identities it names -----------------------------------------------------------------


def _inventory(document: Document, folder: Path) -> tuple[Inventory | None, list[Problem]]:
    written = document.value.get("inventory") if isinstance(document.value, dict) else None
    if not isinstance(written, str) or not written:
        return None, []
    file = folder / written
    content, problems = files.read(file, document.span(("inventory",)))
    if problems:
        return None, problems
    found, problems = inventory.parse(content, str(file))
    if found is None or found.identities_file is None:
        return found, problems
    people = file.parent / found.identities_file
    content, more = files.read(people, found.document.span(("identities",)))
    if more:
        return None, [*problems, *more]
    names, more = identities.parse(content, str(people))
    return (None if names is None else replace(found, identities=names)), [*problems, *more]


def json_schema() -> dict[str, Any]:
    """sentinel.yaml as JSON Schema, for editors: each source and channel as its type."""
    whole = schema.json_schema(ConfigPart)
    kinds = {"sources": _source_models(), "channels": _channel_models()}
    for key, models in kinds.items():
        place = whole["properties"][key]
        below = place["items"] = {} if key == "sources" else place.setdefault("additionalProperties", {})
        below.clear()
        below["oneOf"] = [model.model_json_schema() for model in models.values()]
    return whole
