"""What replay and explain are given: rules, inventory and logs, from options or from the configuration."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from sentinel import config, files, formats, inventory, rulebook
from sentinel.clock import Micros, from_datetime
from sentinel.commands.output import CommandError, print_problems
from sentinel.config import Config
from sentinel.detect import access
from sentinel.detect.access import Entry
from sentinel.formats.base import FormatError, FormatOptions
from sentinel.inventory import Inventory
from sentinel.model import LogSource
from sentinel.problems import Problem, Unusable, did_you_mean
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Log, stem
from sentinel.settings import SourceConfig
from sentinel.sources.grouping import Grouping

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Logs: plain, .gz, .zst, .bz2, .xz; - for stdin.")]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="PATH", help="A rule file or folder instead of the config's.", show_default=False),
]
InventoryOption = Annotated[
    Path | None, typer.Option("--inventory", metavar="FILE", help="Instead of the config's.", show_default=False)
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="nginx, json, syslog, …; else auto.", show_default=False)
]
LogSourceOption = Annotated[
    str | None,
    typer.Option("--logsource", metavar="K=V,…", help="category=webserver,product=nginx", show_default=False),
]
TimezoneOption = Annotated[
    str | None, typer.Option("--timezone", help="For times written without an offset.", show_default=False)
]
YearOption = Annotated[
    int | None, typer.Option("--year", help="For times written without a year.", min=1970, max=9998, show_default=False)
]


KEY = bytes(32)
"""What hashes are keyed with where nothing of them is kept or shown: every run over the same logs gives the same."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options say, as they were given."""

    files: Sequence[str]
    config: Path | None = None
    rules: Sequence[Path] | None = None
    inventory: Path | None = None
    format: str | None = None
    logsource: str | None = None
    timezone: str | None = None
    year: int | None = None

    @property
    def replace_config(self) -> bool:
        """Some option stands in for the configuration, and none was named."""
        given = (self.rules, self.inventory, self.format, self.logsource, self.timezone, self.year)
        return self.config is None and any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Rules to try on logs; `has_errors` where a rule or the inventory had to be left out."""

    book: Rulebook
    logs: tuple[Log, ...]
    has_errors: bool
    problems: tuple[Problem, ...] = field(default=())


def gather(wishes: Wishes) -> Inputs:
    """Everything that could be read. Raises Unusable for a broken configuration, CommandError for wrong options."""
    loaded = None if wishes.replace_config else _config(wishes)
    problems: list[Problem] = []
    rule_files = list(files.rule_files(wishes.rules)) if wishes.rules else loaded.rule_files() if loaded else []
    found = loaded.inventory if loaded else None
    if wishes.inventory is not None:
        found, problems = _inventory(wishes.inventory)
    book, more = _book(rule_files, found, loaded)
    problems = [*problems, *more]
    print_problems(problems)
    logs = _logs(wishes, loaded)
    return Inputs(book, logs, any(problem.is_error for problem in problems), tuple(problems))


def gather_each(wishes: Wishes, rule_sets: Sequence[Sequence[Path]]) -> list[Inputs]:
    """Each of several sets of rules, over the same logs with the same inventory; `rules` of the wishes is not asked.

    Where there is a configuration each set stands in for its `rules:`, beside the shipped rules that it uses; without,
    none is needed and there are no others. Raises as `gather` does.
    """
    loaded = _config_if_any(wishes)
    found, problems = loaded.inventory if loaded else None, list[Problem]()
    if wishes.inventory is not None:
        found, problems = _inventory(wishes.inventory)
    books = [
        _book(
            files.rule_files(paths) if loaded is None else replace(loaded, rules=tuple(paths)).rule_files(),
            found,
            loaded,
        )
        for paths in rule_sets
    ]
    # What is wrong in both, the inventory say, is said once.
    print_problems(list(dict.fromkeys([*problems, *(problem for _, more in books for problem in more)])))
    logs = _logs(wishes, loaded)
    return [Inputs(book, logs, any(problem.is_error for problem in [*problems, *more])) for book, more in books]


def _book(rule_files: Iterable[Path], found: Inventory | None, loaded: Config | None) -> tuple[Rulebook, list[Problem]]:
    lists, geoip = (loaded.lists, loaded.geoip) if loaded is not None else ({}, None)
    return rulebook.read(rule_files, found, lists, geoip)


def logs_and_entries(wishes: Wishes) -> tuple[tuple[Log, ...], tuple[Entry, ...]]:
    """The logs, and the inventory's entries where one is named or the configuration has one; no rules.

    Without a configuration none is needed. Raises Unusable for a broken one, and for an inventory with an error.
    """
    loaded = _config_if_any(wishes)
    found = loaded.inventory if loaded else None
    problems: list[Problem] = []
    if wishes.inventory is not None:
        found, problems = _inventory(wishes.inventory)
    entries: tuple[Entry, ...] = ()
    if found is not None:
        entries, more = access.entries(found)
        problems = [*problems, *more]
    if any(problem.is_error for problem in problems):
        raise Unusable(problems)
    return _logs(wishes, loaded), entries


def logs_of(paths: Sequence[str], loaded: Config) -> tuple[Log, ...]:
    """The files as the logs they are generations of, each read as the configured source it belongs to."""
    return _logs(Wishes(paths), loaded)


def _config_if_any(wishes: Wishes) -> Config | None:
    has_config = wishes.config is not None or any(place.exists() for place in config.PLACES)
    return _config(wishes) if has_config and not wishes.replace_config else None


def _config(wishes: Wishes) -> Config:
    loaded, problems = config.load(config.find(wishes.config))
    if loaded is None:
        raise Unusable(problems)
    return loaded


def _inventory(path: Path) -> tuple[Inventory | None, list[Problem]]:
    content, problems = files.read(path)
    return (None, problems) if problems else inventory.parse(content, str(path))


def _logs(wishes: Wishes, loaded: Config | None) -> tuple[Log, ...]:
    """The files by the log they are generations of."""
    options = FormatOptions(timezone=_zone(wishes.timezone))
    spec = wishes.format or formats.AUTO
    try:
        if spec != formats.AUTO:
            formats.make(spec, options)
    except FormatError as error:
        raise CommandError(error.message, error.hint) from None
    groups: dict[tuple[str, str], list[str]] = {}
    sources = {source.name: source for source in loaded.sources} if loaded else {}
    for path in wishes.files:
        source = next((name for name, each in sources.items() if _is_of(path, each)), "")
        groups.setdefault((source, stem(path)), []).append(path)
    logs = []
    for number, ((name, _), paths) in enumerate(groups.items()):
        log = _configured(sources[name], paths) if name else Log("replay", "replay", tuple(paths), options=options)
        logs.append(_wished(log, wishes, number, options))
    return tuple(logs)


def _configured(source: SourceConfig, paths: list[str]) -> Log:
    options = FormatOptions(timezone=source.timezone, time_field=source.time)
    multiline = getattr(source.options, "multiline", None)
    return Log(
        source.name,
        source.name,
        tuple(paths),
        source.format,
        source.logsource,
        options,
        pipeline=source.pipeline,
        grouping=None if multiline is None else Grouping(multiline),
    )


def _wished(log: Log, wishes: Wishes, number: int, options: FormatOptions) -> Log:
    return Log(
        name=f"{log.name}#{number}" if number else log.name,
        shown=log.shown,
        paths=log.paths,
        format=wishes.format or log.format,
        logsource=log.logsource if wishes.logsource is None else _logsource(wishes.logsource),
        options=log.options if wishes.timezone is None else replace(log.options, timezone=options.timezone),
        reference=None if wishes.year is None else _end_of(wishes.year),
        pipeline=log.pipeline,
        grouping=log.grouping,
    )


def _is_of(path: str, source: SourceConfig) -> bool:
    """The file, or the log it is a generation of, is one that the source reads."""
    patterns = getattr(source.options, "paths", ())
    names = (str(Path(path).absolute()), str(Path(stem(path)).absolute()))
    return any(fnmatch.fnmatch(name, str(pattern)) for name in names for pattern in patterns)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # "America" is a folder
        raise CommandError(f"there is no time zone '{name}'", "a name such as Europe/Berlin") from None


def _logsource(text: str) -> LogSource:
    found: dict[str, str] = {}
    for each in text.split(","):
        key, equals, value = each.strip().partition("=")
        if key not in ("category", "product", "service") or not equals or not value:
            hint = did_you_mean(key, ("category", "product", "service"))
            raise CommandError(f"'{each}' is no part of a log source", f"category=webserver,product=nginx; {hint}")
        found[key] = value
    return LogSource(**found)


def _end_of(year: int) -> Micros:
    return from_datetime(datetime(year + 1, 1, 1, tzinfo=UTC)) - 1
