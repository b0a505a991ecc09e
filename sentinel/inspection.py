"""What can be said of a configuration and its rules together before they are used: the problems only the whole shows.

Used by `check`, and by the daemon when it starts and reloads, so that both say the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from sentinel import config, files, rulebook
from sentinel.config import Config
from sentinel.detect import route
from sentinel.detect.rules import PERSONAL_DATA, About
from sentinel.problems import Problem, Span, Unusable, by_severity
from sentinel.rulebook import Rulebook

_log = logging.getLogger(__name__)


def inspect(path: Path) -> tuple[Config | None, Rulebook | None, list[Problem]]:
    """The configuration and its rules as far as they could be read, and every problem, errors first."""
    loaded, problems = config.load(path)
    if loaded is None:
        return None, None, problems
    book, more = rulebook.read(loaded.rule_files(), loaded.inventory, loaded.lists, loaded.geoip)
    problems = [*problems, *more, *_unrouted(loaded, book)]
    return loaded, book, sorted(problems, key=by_severity)


def prepare(path: Path) -> tuple[Config, Rulebook]:
    """The configuration and its rules. Raises Unusable with every problem where one is an error."""
    loaded, book, problems = inspect(path)
    if loaded is None or book is None or any(problem.is_error for problem in problems):
        raise Unusable(problems)
    for problem in problems:
        _log.warning("%s %s", problem.code, problem.message, extra={"at": str(problem.span)})
    return loaded, book


def _unrouted(loaded: Config, book: Rulebook) -> Iterator[Problem]:
    """Rules that no source is for: they would never fire and nobody would know."""
    sources = [source.logsource for source in loaded.sources]
    shipped = str(files.shipped("rules"))
    for rule in book.rules.detections:
        if any(route.fits(rule.logsource, source) for source in sources):
            continue
        if rule.about.file.startswith(shipped):
            continue  # nobody has every kind of log that the shipped rules are for
        yield _never(rule.about, "no source has the log source that this rule is for")
    has_access = any(route.fits(entry.logsource, source) for entry in book.entries for source in sources)
    if has_access:
        return
    for rule in book.rules.detections:
        if rule.logsource.category == PERSONAL_DATA:
            yield _never(rule.about, "no inventory entry says what an access to personal data is")
            return


def _never(about: About, message: str) -> Problem:
    hint = "give a source that 'logsource:', or leave the rule out; 'sentinel explain' shows how records are routed"
    return Problem(Span(about.file), "R045", f"'{about.key}' can never fire: {message}", hint, "warning")
