"""Extended conditions of temporal correlations: `a and b and not c` over which rules have matched in a window."""

from __future__ import annotations

from typing import Any

from pyparsing import ParseException, ParseResults
from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError

from sentinel.detect.rules import Presence
from sentinel.detect.values import ValueRefused

HINT = "such as: logged_in and exported and not approved"


def read(text: str) -> tuple[Presence, tuple[str, ...], bool]:
    """The expression over the names of rules, the names in order, and whether it says `not`. Raises ValueRefused."""
    try:
        tree = SigmaExtendedCorrelationCondition.parse(text)
    except (ParseException, SigmaError, RecursionError):
        raise ValueRefused("R010", "the condition cannot be read", HINT) from None
    names: dict[str, None] = {}
    holds = _node(tree, names)
    return holds, tuple(names), _says_not(tree)


def _node(tree: Any, names: dict[str, None]) -> Presence:
    while isinstance(tree, ParseResults):
        tree = tree[0]
    if isinstance(tree, SigmaRuleReference):
        name = str(tree.reference)
        names[name] = None
        return lambda present: name in present
    parts = [_node(each, names) for each in tree.args]
    if isinstance(tree, CorrelationConditionNOT):
        return lambda present: not parts[0](present)
    if isinstance(tree, CorrelationConditionAND):
        return lambda present: all(part(present) for part in parts)
    assert isinstance(tree, CorrelationConditionOR), "all that pySigma's grammar knows"
    return lambda present: any(part(present) for part in parts)


def _says_not(tree: Any) -> bool:
    if isinstance(tree, CorrelationConditionNOT):
        return True
    return any(_says_not(each) for each in getattr(tree, "args", ()))
