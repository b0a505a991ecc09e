"""How often a rule would have fired at other thresholds and windows: one reading of the logs for all of them.

The engine gets the rule once for each setting, as so many rules; what a setting finds is therefore what the rule would
find in a replay with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sentinel.clock import SECOND, Micros, to_datetime
from sentinel.detect.lane import Purpose
from sentinel.detect.measures import NUMERIC, TEMPORAL
from sentinel.detect.rules import Correlation, Detection, RuleSet
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Log, Replay, Trouble

FACTORS = (0.5, 0.6, 0.8, 1.2, 1.5, 2, 3, 5, 10)
"""Of the threshold, where none are named."""

SPANS = (0.5, 1, 2)
"""Of the window, where none are named."""

MOST_SETTINGS = 100
"""Every setting counts every event once more."""

Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """A threshold and a window. A detection has one setting, with no window."""

    timespan: Micros
    threshold: float


@dataclass(frozen=True, slots=True)
class Fire:
    """One finding: when it would have fired, for which group, and the most that was counted while it went on."""

    at: Micros
    group: Group
    most: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What one setting finds. `evicted` groups were given up for want of memory: it may have found more."""

    setting: Setting
    fires: tuple[Fire, ...]
    evicted: int = 0

    @property
    def groups(self) -> Counter[Group]:
        """How often it fires for each group."""
        return Counter(fire.group for fire in self.fires)

    def days(self, zone: ZoneInfo) -> Counter[str]:
        """How often it fires on each day, as `2026-03-28` there."""
        return Counter(to_datetime(fire.at).astimezone(zone).date().isoformat() for fire in self.fires)

    def rate(self, length: Micros, per: Micros) -> float:
        """Findings in each such time, over a log of that length."""
        return len(self.fires) * per / max(length, SECOND)


@dataclass(frozen=True, slots=True)
class Tuned:
    """Every setting tried on some logs, which go from `begin` to `end`. `now` is the rule as it stands."""

    now: Setting
    trials: Mapping[Setting, Trial]
    begin: Micros | None
    end: Micros | None
    records: int
    troubles: tuple[Trouble, ...]

    @property
    def length(self) -> Micros:
        """How much time the logs cover."""
        return 0 if self.begin is None or self.end is None else max(0, self.end - self.begin)

    @property
    def current(self) -> Trial:
        """What the rule finds as it stands."""
        return self.trials[self.now]


@dataclass(frozen=True, slots=True)
class Target:
    """At most so many findings in each such time."""

    count: int
    per: Micros


# --- settings ----------------------------------------------------------------------------------------------


def fixed(rule: Correlation | Detection) -> str:
    """Why no other thresholds can be tried with the rule; empty where they can."""
    if isinstance(rule, Detection):
        return "it is about single events"
    if rule.kind in TEMPORAL:
        return "it waits for several rules, not for a number"
    if rule.bounds is not None:
        return f"its condition ({rule.bounds}) is a range, not a threshold"
    return ""


def setting_of(rule: Correlation | Detection) -> Setting:
    """The rule as it stands."""
    return Setting(0, 1) if isinstance(rule, Detection) else Setting(rule.timespan, rule.threshold)


def settings(rule: Correlation | Detection, thresholds: Sequence[float], spans: Sequence[Micros]) -> list[Setting]:
    """The settings to try, the one that stands among them. Where none are named, thresholds and windows around it."""
    now = setting_of(rule)
    if isinstance(rule, Detection):
        return [now]
    if fixed(rule):
        thresholds = (now.threshold,)
    elif not thresholds:
        is_whole = rule.kind not in NUMERIC
        thresholds = [_near(now.threshold * factor, is_whole=is_whole) for factor in FACTORS]
    spans = spans or [max(SECOND, round(now.timespan * factor)) for factor in SPANS]
    chosen = {Setting(span, threshold) for span in spans for threshold in thresholds}
    return sorted(chosen | {Setting(span, now.threshold) for span in spans} | {now})


def _near(number: float, *, is_whole: bool) -> float:
    """The number with two digits that people would write; of a count a whole one, and not 0."""
    near = float(f"{number:.2g}")
    return max(1, round(near)) if is_whole else near


# --- trying ------------------------------------------------------------------------------------------------


def rules_for(book: Rulebook, rule: Correlation | Detection, chosen: Sequence[Setting]) -> tuple[Rulebook, list[str]]:
    """A book with the rule once for each setting and what it needs, nothing else of which tells; and their keys."""
    rules = book.rules
    if isinstance(rule, Detection):
        kept = _detections(rules, {rule.about.key})
        silent = frozenset(each.about.key for each in kept if each is not rule)
        alone = tuple(_told(each) if each is rule else each for each in kept)
        return replace(book, rules=RuleSet(detections=alone, silent=silent)), [rule.about.key]
    inner = [each for each in rules.correlations if each.about.key in _below(rules, rule)]
    copies = [_copy(rule, each, f"{rule.about.key} {number}") for number, each in enumerate(chosen)]
    kept = _detections(rules, {each.about.key for correlation in (rule, *inner) for each in correlation.rules})
    silent = frozenset({each.about.key for each in kept} | {each.about.key for each in inner})
    found = RuleSet(detections=kept, correlations=(*inner, *copies), silent=silent)
    return replace(book, rules=found), [each.about.key for each in copies]


def _told(rule: Detection) -> Detection:
    """The rule, told of even where it is a building block."""
    additions = rule.about.additions.model_copy(update={"block": False})
    return replace(rule, about=replace(rule.about, additions=additions))


def _detections(rules: RuleSet, wanted: set[str]) -> tuple[Detection, ...]:
    """Those that are wanted, and those from which it is learned whose session an event is of."""
    return tuple(
        each for each in rules.detections if each.about.key in wanted or each.about.additions.session is not None
    )


def _below(rules: RuleSet, rule: Correlation) -> set[str]:
    """The keys of every correlation that the rule counts, directly or through another."""
    by_key = {each.about.key: each for each in rules.correlations}
    found: set[str] = set()
    waiting = list(rule.chained)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += by_key[key].chained
    return found


def _copy(rule: Correlation, setting: Setting, key: str) -> Correlation:
    about = replace(rule.about, key=key, id=None)
    return replace(rule, about=about, timespan=setting.timespan, threshold=setting.threshold)


def tune(
    book: Rulebook,
    rule: Correlation | Detection,
    logs: Sequence[Log],
    chosen: Sequence[Setting],
    key: bytes,
    progress: Callable[[int], None] = lambda _: None,
) -> Tuned:
    """Read the logs once and say what each setting finds."""
    tried, keys = rules_for(book, rule, chosen)
    engine = tried.engine([], key, Purpose(keeps_state=False))
    run = Replay(engine, logs, progress=progress)
    of_key = dict(zip(keys, chosen, strict=True))
    fires: dict[Setting, list[tuple[str, Fire]]] = {each: [] for each in chosen}
    for finding in run:
        if finding.rule in of_key:
            group = finding.group or tuple(("access.actor", name) for name in finding.actors[:1])
            fires[of_key[finding.rule]].append((finding.id, Fire(finding.fired_at, group, finding.value)))
    most = {identity: episode.value for identity, episode in run.episodes().items()}
    evicted = {tally.rule.about.key: tally.evicted for tally in engine.tallies}
    trials = {
        setting: Trial(
            setting,
            tuple(replace(fire, most=max(fire.most, most.get(identity, 0))) for identity, fire in fires[setting]),
            evicted.get(name, 0),
        )
        for name, setting in of_key.items()
    }
    ends = [lane.last_event for lane in engine.lanes.values() if lane.last_event is not None]
    end = max(ends, default=None)
    return Tuned(setting_of(rule), trials, run.first_event, end, run.counts.lines, tuple(run.troubles))


# --- what follows ------------------------------------------------------------------------------------------


def suggestion(tuned: Tuned, target: Target, kept: Sequence[tuple[str, str]] = ()) -> Setting | None:
    """The lowest threshold at the window that stands from which on the target is held, and that still finds every group
    of which it is said that it must be found, as far as the rule does now. None where there is none.
    """
    must = [group for group in tuned.current.groups if any(pair in group for pair in kept)]
    best = None
    for setting in sorted(tuned.trials, reverse=True):
        if setting.timespan != tuned.now.timespan:
            continue
        trial = tuned.trials[setting]
        if trial.rate(tuned.length, target.per) > target.count:
            break
        groups = trial.groups
        if all(group in groups for group in must):
            best = setting
    return best


def no_longer(tuned: Tuned, setting: Setting) -> Iterator[Group]:
    """The groups that the rule finds as it stands and would not find then."""
    groups = tuned.trials[setting].groups
    return (group for group in tuned.current.groups if group not in groups)


def too_often(tuned: Tuned, target: Target, kept: Sequence[tuple[str, str]] = ()) -> list[Group]:
    """The groups for which the rule alone fires again and again, and more often than is wished, the most often first;
    without those that must be found.
    """
    most = max(1, target.count * tuned.length / target.per)
    groups = tuned.current.groups.most_common()
    return [group for group, count in groups if count > most and group and not any(pair in group for pair in kept)]
