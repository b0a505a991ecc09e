"""Which rules are for which source. Routing is part of what a rule means: without it most matches are false."""

from __future__ import annotations

from sentinel.detect.rules import PERSONAL_DATA
from sentinel.model import LogSource


def fits(rule: LogSource, source: LogSource) -> bool:
    """A dimension on which both say something different excludes; one on which either is silent does not.

    The category of personal data accesses is no kind of log and is not compared.
    """
    pairs = [(rule.product, source.product), (rule.service, source.service)]
    if rule.category != PERSONAL_DATA:
        pairs.append((rule.category, source.category))
    return all(ours is None or its is None or ours.lower() == its.lower() for ours, its in pairs)


def is_sure(rule: LogSource, source: LogSource) -> bool:
    """Every dimension the rule names is named by the source too."""
    pairs = [(rule.product, source.product), (rule.service, source.service)]
    if rule.category != PERSONAL_DATA:
        pairs.append((rule.category, source.category))
    return all(ours is None or its is not None for ours, its in pairs)
