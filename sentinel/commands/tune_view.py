"""How the trials of a rule are shown: a grid, a histogram, and who it would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sentinel import durations
from sentinel.clock import DAY, HOUR, SECOND, Micros, rfc3339
from sentinel.commands.masking import Mask
from sentinel.commands.output import console, print_table, safe
from sentinel.detect.rules import Correlation, Detection
from sentinel.excepting import Proposed
from sentinel.tuning import Group, Setting, Target, Trial, Tuned, fixed, no_longer

Rule = Correlation | Detection

MOST_DAYS = 35
MOST_GROUPS = 20
WIDTH = 40
"""Signs of the longest bar."""


def show(
    rule: Rule, tuned: Tuned, target: Target, best: Setting | None, mask: Mask, kept: Sequence[tuple[str, str]]
) -> None:
    """The trials, for people."""
    terminal = console()
    terminal.print(safe(f"{rule.about.key}: {_as_it_stands(rule, tuned.now)}"), style="bold")
    if tuned.begin is None or tuned.end is None:
        terminal.print("  nothing was read", style="yellow")
        return
    terminal.print(
        f"  {tuned.records:,} records from {rfc3339(tuned.begin)} to {rfc3339(tuned.end)} ({_length(tuned.length)})"
    )
    terminal.print()
    if isinstance(rule, Correlation):
        _show_grid(tuned)
        terminal.print()
    for name, value in kept:
        if not any((name, value) in group for group in tuned.current.groups):
            terminal.print(safe(f"As it stands it does not find {name}={value}."), style="yellow")
    for line, style in _verdict(rule, tuned, target, best, mask):
        terminal.print(safe(line), style=style)
    then = tuned.trials[best] if best is not None and best != tuned.now else None
    if any(trial.fires for trial in (tuned.current, *([then] if then else []))):
        terminal.print()
        _show_days(tuned.current, then, ZoneInfo(rule.about.additions.timezone))
        terminal.print()
        _show_groups(tuned.current, then, mask, kept)


def _as_it_stands(rule: Rule, now: Setting) -> str:
    if isinstance(rule, Detection):
        return "every event that matches"
    by = f", by {', '.join(rule.group_by)}" if rule.group_by else ""
    number = "" if fixed(rule) else f"{_number(now.threshold)} "
    return f"{number}in {durations.show(now.timespan)}{by}"


def _show_grid(tuned: Tuned) -> None:
    spans = sorted({setting.timespan for setting in tuned.trials})
    thresholds = sorted({setting.threshold for setting in tuned.trials})
    headings = [f"in {durations.show(span)}{', now' if span == tuned.now.timespan else ''} #" for span in spans]
    print_table(
        ("threshold #", *headings),
        [
            (
                f"now  {_number(threshold)}" if threshold == tuned.now.threshold else _number(threshold),
                *(_cell(tuned.trials.get(Setting(span, threshold))) for span in spans),
            )
            for threshold in thresholds
        ],
    )
    if any(trial.evicted for trial in tuned.trials.values()):
        console().print("+: groups were given up for want of memory; there may be more findings", style="yellow")


def _cell(trial: Trial | None) -> str:
    return "" if trial is None else f"{len(trial.fires):,}{'+' if trial.evicted else ''}"


def _verdict(rule: Rule, tuned: Tuned, target: Target, best: Setting | None, mask: Mask) -> Iterator[tuple[str, str]]:
    wished = f"at most {target.count}/{_per(target)}"
    current = tuned.current
    yield f"Now: {_findings(current)} for {_groups(current)}, {_rate(current, tuned, target)}.", ""
    if fixed(rule):
        yield f"No threshold to suggest: {fixed(rule)}.", ""
        return
    if tuned.length < target.per:
        short = (
            f"These logs cover {_length(tuned.length)}: what comes of it in {durations.show(target.per)} is a guess."
        )
        yield short, "yellow"
    if best is None:
        hint = "higher ones with --thresholds, or an exception for who it is"
        yield f"No threshold tried holds {wished}. Try {hint}.", "yellow"
        return
    if best == tuned.now:
        yield f"For {wished}: leave it as it is.", "green"
        return
    trial = tuned.trials[best]
    how = f"{_number(best.threshold)} in {durations.show(best.timespan)}"
    found = f"{_findings(trial)}, {_rate(trial, tuned, target)}" if trial.fires else "which finds nothing here"
    yield f"For {wished}: {how}, {found}.", "green"
    lost = [mask.who(group) for group in no_longer(tuned, best)]
    if lost:
        more = f" and {len(lost) - 8} more" if len(lost) > 8 else ""
        yield f"It would no longer find {', '.join(lost[:8])}{more}.", "yellow"


def _findings(trial: Trial) -> str:
    return f"{len(trial.fires):,} finding{'' if len(trial.fires) == 1 else 's'}"


def _groups(trial: Trial) -> str:
    count = len(trial.groups)
    return f"{count:,} group{'' if count == 1 else 's'}"


def _rate(trial: Trial, tuned: Tuned, target: Target) -> str:
    return f"{trial.rate(tuned.length, target.per):.2g}/{_per(target)}"


def _per(target: Target) -> str:
    return durations.show(target.per).removeprefix("1")


def _number(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _length(time: Micros) -> str:
    return f"{time / DAY:.1f} days" if time >= 2 * DAY else f"{time / HOUR:.1f} hours"


# --- when, and for whom ------------------------------------------------------------------------------------


def _show_days(now: Trial, then: Trial | None, zone: ZoneInfo) -> None:
    first, second = now.days(zone), then.days(zone) if then else Counter[str]()
    days = sorted({*first, *second})
    begin, end = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    step = 1 if (end - begin).days < MOST_DAYS else 7 * (1 + (end - begin).days // (7 * MOST_DAYS))
    if step > 1:
        begin -= timedelta(begin.weekday())
    spans = [begin + timedelta(number) for number in range(0, (end - begin).days + 1, step)]
    counts = [[_within(each, day, step) for each in (first, second)] for day in spans]
    most = max(max(both) for both in counts)
    headings = ("day" if step == 1 else f"{step} days from", "now #", *(("then #",) if then else ()), "")
    print_table(
        headings,
        [
            (day.isoformat(), f"{before:,}", *((f"{after:,}",) if then else ()), _bar(before, most))
            for day, (before, after) in zip(spans, counts, strict=True)
        ],
    )


def _within(days: Mapping[str, int], begin: date, step: int) -> int:
    return sum(days.get((begin + timedelta(number)).isoformat(), 0) for number in range(step))


def _bar(count: int, most: int) -> str:
    return "\u2588" * -(-count * WIDTH // max(1, most))


def _show_groups(now: Trial, then: Trial | None, mask: Mask, kept: Sequence[tuple[str, str]]) -> None:
    most = _most(now, then)
    first, second = now.groups, then.groups if then else Counter[Group]()
    groups = sorted({*first, *second}, key=lambda group: (-first[group], -second[group], -most[group], group))
    names = " ".join(dict.fromkeys(name for group in groups for name, _ in group)) or "who"
    print_table(
        (names, "now #", *(("then #",) if then else ()), "most #", ""),
        [
            (
                mask.who(group),
                f"{first[group]:,}",
                *((f"{second[group]:,}",) if then else ()),
                _number(most[group]),
                "must be found" if any(pair in group for pair in kept) else "",
            )
            for group in groups[:MOST_GROUPS]
        ],
    )
    if len(groups) > MOST_GROUPS:
        console().print(f"and {len(groups) - MOST_GROUPS:,} more: --output json has them all", style="dim")


def _most(*trials: Trial | None) -> dict[Group, float]:
    found: dict[Group, float] = {}
    for fire in (fire for trial in trials if trial for fire in trial.fires):
        found[fire.group] = max(found.get(fire.group, 0), fire.most)
    return found


def print_written(file: str, operator: str, before: float, after: float, rule: str) -> None:
    """What was written, on standard error, and what to do next."""
    terminal = console(error=True)
    terminal.print(safe(f"{file}: {operator}: {before} -> {after}"), style="green")
    terminal.print(safe(f"    its own tests may want other numbers now: sentinel test {rule}"))


def print_exceptions(found: Proposed, file: str, expires: str, mask: Mask) -> None:
    """What exceptions would silence, on standard error: the file alone names anybody."""
    terminal = console(error=True)
    terminal.print()
    for group in found.refused:
        terminal.print(safe(f"No exception for {mask.words(group)}: it would silence a true case."), style="yellow")
    if not found.exempt:
        terminal.print("No exception to propose: nobody alone fires more often than is wished.")
        return
    for each in found.exempt:
        silenced = ", ".join(f"{count:,} of {name}" for name, count in each.silenced.most_common())
        terminal.print(safe(f"An exception for {mask.words(each.group)} takes away {silenced}."))
    terminal.print(safe(f"Written to {file}, with names in clear, to the end of {expires}."), style="green")
    terminal.print("    say in it who approved it, and put it beside your rules: sentinel check")


# --- programs ----------------------------------------------------------------------------------------------


def rows(rule: Rule, tuned: Tuned, target: Target, best: Setting | None, mask: Mask) -> dict[str, Any]:
    """The trials, for programs: every setting with its findings by day and group."""
    zone = ZoneInfo(rule.about.additions.timezone)
    return {
        "rule": rule.about.key,
        "from": None if tuned.begin is None else rfc3339(tuned.begin),
        "to": None if tuned.end is None else rfc3339(tuned.end),
        "records": tuned.records,
        "now": _setting(rule, tuned.now),
        "target": {"count": target.count, "seconds": target.per // SECOND},
        "suggestion": None if best is None else _setting(rule, best),
        "no_longer_found": [] if best is None else [mask.values(group) for group in no_longer(tuned, best)],
        "settings": [
            {
                **_setting(rule, setting),
                "findings": len(trial.fires),
                "rate": round(trial.rate(tuned.length, target.per), 3),
                "evicted": trial.evicted,
                "days": dict(sorted(trial.days(zone).items())),
                "groups": _group_rows(trial, mask),
            }
            for setting, trial in sorted(tuned.trials.items())
        ],
    }


def _setting(rule: Rule, setting: Setting) -> dict[str, Any]:
    if isinstance(rule, Detection):
        return {"threshold": None, "timespan": None}
    return {"threshold": None if fixed(rule) else setting.threshold, "timespan": durations.show(setting.timespan)}


def _group_rows(trial: Trial, mask: Mask) -> list[dict[str, Any]]:
    most = _most(trial)
    return [
        {"group": mask.values(group), "findings": count, "most": most[group]}
        for group, count in trial.groups.most_common()
    ]
