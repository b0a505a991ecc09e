"""How a change of rules is shown: a table for 80 columns, Markdown for a pull request, rows for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.commands.masking import Mask
from sentinel.commands.output import console, print_table
from sentinel.comparison import Comparison, Pair, Seen

MOST_ROWS = 40
"""Findings of each kind that people are shown; programs get every one."""

KINDS = ("won", "lost", "moved", "changed")


def show(found: Comparison, mask: Mask) -> None:
    """The difference, for people."""
    terminal = console()
    terminal.print(_sum(found), style="green" if found.is_empty else "bold")
    if found.is_empty:
        return
    terminal.print()
    print_table(("rule", "from #", "to #", "won #", "lost #", "moved #", "changed #"), list(_by_rule(found)))
    for kind, style in zip(KINDS, ("green", "red", "yellow", "cyan"), strict=True):
        rows = list(_rows(found, kind, mask))
        if rows:
            terminal.print()
            terminal.print(_heading(kind), style=style)
            print_table(("fired at", "rule", "group", _COLUMN[kind]), rows[:MOST_ROWS])
            if len(rows) > MOST_ROWS:
                terminal.print(f"and {len(rows) - MOST_ROWS:,} more: --output json has them all", style="dim")


def _sum(found: Comparison) -> str:
    same = f"{len(found.same):,} the same"
    if found.is_empty:
        return f"No difference on these logs: {same}."
    return ", ".join(f"{len(getattr(found, kind)):,} {kind}" for kind in KINDS) + f"; {same}"


_COLUMN = {"won": "level, value", "lost": "level, value", "moved": "how", "changed": "what"}


def _heading(kind: str) -> str:
    return {
        "won": "won: only the new rules find it",
        "lost": "lost: only the old rules find it",
        "moved": "moved: the same episode, found at another time",
        "changed": "changed: found as before, told otherwise",
    }[kind]


def _by_rule(found: Comparison, *, with_same: bool = False) -> Iterator[tuple[str, ...]]:
    """Each rule with a difference: its name after the change, findings before and after, and what became of them."""
    old, new = Counter[str](), Counter[str]()
    kinds: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for kind in ("moved", "changed", "same"):
        for pair in getattr(found, kind):
            old[pair.after.rule] += 1
            new[pair.after.rule] += 1
            if kind != "same":
                kinds[kind][pair.after.rule] += 1
    for each in found.won:
        new[each.rule] += 1
        kinds["won"][each.rule] += 1
    for each in found.lost:
        old[each.rule] += 1
        kinds["lost"][each.rule] += 1
    for rule in sorted({*old, *new}):
        counts = [kinds[kind][rule] for kind in KINDS]
        if any(counts) or with_same:
            yield rule, *(str(each) for each in (old[rule], new[rule], *counts))


def _rows(found: Comparison, kind: str, mask: Mask) -> Iterator[tuple[str, str, str, str]]:
    for each in getattr(found, kind):
        shown = each.after if isinstance(each, Pair) else each
        yield rfc3339(shown.fired_at), shown.rule, mask.words(shown.group), _how(each)


def _how(each: Seen | Pair) -> str:
    if isinstance(each, Seen):
        return f"{each.level}, {each.value:g}" + (", shadow" if each.mode == "shadow" else "")
    told = [f"{name} {before} -> {after}" for name, (before, after) in each.changes.items()]
    if each.shift:
        told.insert(0, f"{_length(abs(each.shift))} {'later' if each.shift > 0 else 'earlier'}")
    return ", ".join(told)


def _length(time: Micros) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if time >= 2 * unit:
            return f"{round(time / unit)}{name}"
    return f"{time / SECOND:g}s"


# --- pull requests -----------------------------------------------------------------------------------------


def markdown(found: Comparison, mask: Mask) -> str:
    """The difference as GitHub's and GitLab's Markdown: the table in sight, the findings folded."""
    lines = ["### Findings that this change of rules wins and loses", "", f"**{_sum(found)}**"]
    if not found.is_empty:
        lines += ["", *_table(("rule", "from", "to", *KINDS), _by_rule(found), numbers_from=1)]
    for kind in KINDS:
        rows = list(_rows(found, kind, mask))
        if rows:
            left = len(rows) - MOST_ROWS
            more = ["", f"and {left:,} more"] if left > 0 else []
            table = _table(("fired at", "rule", "group", _COLUMN[kind]), rows[:MOST_ROWS])
            summary = f"<summary>{len(rows):,} {_heading(kind)}</summary>"
            lines += ["", "<details>", summary, "", *table, *more, "", "</details>"]
    return "\n".join(lines)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int | None = None) -> Iterator[str]:
    first = len(headings) if numbers_from is None else numbers_from
    yield f"| {' | '.join(headings)} |"
    yield "|" + "|".join("---:" if number >= first else "---" for number in range(len(headings))) + "|"
    for row in rows:
        yield f"| {' | '.join(map(_literal, row))} |"


def _literal(text: str) -> str:
    """The text as code: nothing in it is markup, a link, a mention or the end of a cell. (It may be from a log.)

    What would end the code or the cell is shown as a sign that looks like it.
    """
    if text.isdecimal():
        return text
    return f"`{''.join(each if each.isprintable() else ' ' for each in text).translate(_ENDINGS)}`"


_ENDINGS = str.maketrans({"|": "\u00a6", "`": "'"})


# --- programs ----------------------------------------------------------------------------------------------


def rows(found: Comparison, mask: Mask) -> dict[str, Any]:
    """The difference, for programs: every finding that is not the same."""
    names = ("from", "to", *KINDS)
    return {
        "rules": [
            {"rule": rule, **dict(zip(names, map(int, counts), strict=True))}
            for rule, *counts in _by_rule(found, with_same=True)
        ],
        "won": [_row(each, mask) for each in found.won],
        "lost": [_row(each, mask) for each in found.lost],
        "moved": [
            {"seconds": pair.shift / SECOND, "before": _row(pair.before, mask), "after": _row(pair.after, mask)}
            for pair in found.moved
        ],
        "changed": [
            {"what": {name: list(both) for name, both in pair.changes.items()}, "before": _row(pair.before, mask),
             "after": _row(pair.after, mask)}
            for pair in found.changed
        ],
        "same": len(found.same),
    }  # fmt: skip


def _row(each: Seen, mask: Mask) -> dict[str, Any]:
    return {
        "finding": each.id,
        "rule": each.rule,
        "rule_id": each.rule_id,
        "group": mask.values(each.group),
        "level": each.level,
        "mode": each.mode,
        "opens_case": each.opens_case,
        "fired_at": rfc3339(each.fired_at, each.digits),
        "until": rfc3339(each.until, each.digits),
        "value": each.value,
    }
