"""What can be said of a configuration and its rules together before they are used: the problems only the whole shows.

Used by `check`, and by the daemon when it starts and reloads, so that both say the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sentinel import config, files, formats, rulebook
from sentinel.clock import DAY, Micros
from sentinel.config import Config
from sentinel.detect import route, ruletests
from sentinel.detect.rules import PERSONAL_DATA, About
from sentinel.formats.base import FormatOptions
from sentinel.problems import Problem, Span, Unusable, by_severity
from sentinel.rulebook import Rulebook

_log = logging.getLogger(__name__)


def inspect(path: Path) -> tuple[Config | None, Rulebook | None, list[Problem]]:
    """The configuration and its rules as far as they could be read, and every problem, errors first."""
    with files.noted() as seen:
        loaded, problems = config.load(path)
        if loaded is None:
            return None, None, problems
        book, more = rulebook.read(loaded.rule_files(), loaded.inventory, loaded.lists, loaded.geoip)
    problems = [*problems, *more, *_unrouted(loaded, book)]
    return loaded, replace(book, read_from=seen), sorted(problems, key=by_severity)


def prepare(path: Path) -> tuple[Config, Rulebook]:
    """The configuration and its rules. Raises Unusable with every problem where one is an error."""
    loaded, book, problems = inspect(path)
    if loaded is None or book is None or any(problem.is_error for problem in problems):
        raise Unusable(problems)
    log_problems(problems)
    return loaded, book


def log_problems(problems: Iterable[Problem]) -> None:
    """Every problem, in the daemon's own log."""
    for problem in problems:
        level = logging.ERROR if problem.is_error else logging.WARNING
        _log.log(level, "%s %s", problem.code, problem.message, extra={"at": str(problem.span)})


def prove(book: Rulebook, proven: frozenset[str] = frozenset()) -> tuple[list[Problem], frozenset[str]]:
    """What fails of the tests that stand in the rules, and the digests of all rules that pass theirs, those in `proven`
    without being run again. Shipped rules are not tested: they were before they were shipped.
    """
    log = formats.make("json", FormatOptions())
    problems: list[Problem] = []
    passed = set()
    for about in book.rules.abouts:
        if not about.additions.tests or _is_shipped(about):
            continue
        digest = ruletests.digest(about, book.rules, book.lists)
        failed = [] if digest in proven else [each for each in ruletests.run(about, book.rules, log) if each.why]
        hint = f"sentinel test {about.key}"
        problems += [
            Problem(Span(about.file), "R067", f"the test '{each.name}' of '{about.key}' fails: {each.why}", hint)
            for each in failed
        ]
        passed |= set() if failed else {digest}
    return problems, frozenset(passed)


SOON: Micros = 7 * DAY
"""How long before it ends an exception is told of."""


def endings(book: Rulebook, now: Micros) -> list[Problem]:
    """The exceptions that end within a week, and those that are over and do nothing any more."""
    found = []
    for each in book.rules.filters:
        if each.ends is None or each.ends - now > SOON:
            continue
        day, days = each.about.additions.expires, (each.ends - now) // DAY
        if each.ends <= now:
            code, said, hint = "R069", f"is over since the end of {day}", "take its file away, or decide anew"
        else:
            left = "today" if days == 0 else f"in {days} day{'s' if days > 1 else ''}"
            code, said, hint = "R068", f"ends {left}, with {day}", "every match stands again then; decide anew before"
        found.append(Problem(each.place, code, f"the exception '{each.about.key}' {said}", hint, "warning"))
    return found


def _is_shipped(about: About) -> bool:
    return about.file.startswith(str(files.shipped("rules")))


def _unrouted(loaded: Config, book: Rulebook) -> Iterator[Problem]:
    """Rules that no source is for: they would never fire and nobody would know."""
    sources = [source.logsource for source in loaded.sources]
    for rule in book.rules.detections:
        if any(route.fits(rule.logsource, source) for source in sources):
            continue
        if _is_shipped(rule.about):
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
