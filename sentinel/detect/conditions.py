"""Conditions: `selection and not 1 of filter_*` as a node over named selections.

The text is parsed by pySigma without its post-processing, which would lose the names of the selections. What pySigma
accepts without a word and would never match (a pattern that fits no selection) or misreads (a name that begins with
`not`) is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyparsing import ParseException, ParseResults
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    condition,
)
from sigma.exceptions import SigmaError

from sentinel.detect.match import AllOf, AnyOf, Node, Not, Selection
from sentinel.detect.values import ValueRefused
from sentinel.problems import did_you_mean

RESERVED = frozenset({"1", "all", "any", "of", "and", "or", "not", "them"})
_WORD = re.compile(r"[A-Za-z0-9_*-]+")


def read(text: Any, selections: Mapping[str, Selection]) -> tuple[Node, set[str]]:
    """The condition as a node, and the names of the selections it uses. Raises ValueRefused."""
    if isinstance(text, list) and text and all(isinstance(each, str) for each in text):
        read_all = [read(each, selections) for each in text]
        return AnyOf(tuple(node for node, _ in read_all)), set().union(*(used for _, used in read_all))
    if not isinstance(text, str):
        raise ValueRefused("R010", "a condition is a text, or a list of texts", "condition: selection")
    used: set[str] = set()
    return _node(_parsed(text), selections, used), used


def _parsed(text: str) -> Any:
    if "|" in text:
        hint = "count with a correlation: docs/rules.md"
        raise ValueRefused("R010", "the old '| count()' in a condition is not Sigma any more", hint)
    wrong = next((word for word in _WORD.findall(text) if word not in RESERVED and word.lower() in RESERVED), None)
    if wrong is not None:
        raise ValueRefused("R010", f"'{wrong}' in the condition", f"write '{wrong.lower()}'")
    misread = next((w for w in _WORD.findall(text) if w.startswith("not") and w != "not"), None)
    if misread is not None:
        hint = "Sigma tools read it as 'not' and the rest; give the selection another name"
        raise ValueRefused("R015", f"the name '{misread}' begins with 'not'", hint)
    try:
        return _tree(text)
    except (ParseException, SigmaError, RecursionError):
        raise ValueRefused("R010", "the condition cannot be read", "such as: selection and not 1 of filter_*") from None


@lru_cache(maxsize=1024)
def _tree(text: str) -> Any:
    return condition.parse_string(text, parse_all=True)[0]


def _node(tree: Any, selections: Mapping[str, Selection], used: set[str]) -> Node:
    while isinstance(tree, ParseResults):
        tree = tree[0]
    if isinstance(tree, ConditionIdentifier):
        name = str(tree.args[0])
        if name not in selections:
            raise ValueRefused("R011", f"there is no selection '{name}'", did_you_mean(name, selections))
        used.add(name)
        return selections[name]
    if isinstance(tree, ConditionSelector):
        return _several(tree, selections, used)
    if not isinstance(tree, ConditionItem):
        raise ValueRefused("R010", "the condition cannot be read", "such as: selection and not 1 of filter_*")
    nodes = tuple(_node(each, selections, used) for each in tree.args)
    if isinstance(tree, ConditionNOT):
        return Not(nodes[0])
    assert isinstance(tree, ConditionAND | ConditionOR), "all that pySigma's grammar knows"
    return AllOf(nodes) if isinstance(tree, ConditionAND) else AnyOf(nodes)


def _several(tree: ConditionSelector, selections: Mapping[str, Selection], used: set[str]) -> Node:
    """`1 of` and `all of`: names that begin with `_` are left out unless the pattern begins with it."""
    pattern = str(tree.args[1])
    fits = re.compile(".*" if pattern == "them" else re.escape(pattern).replace(r"\*", ".*")).fullmatch
    names = [name for name in selections if fits(name) and (pattern[0] == "_" or name[0] != "_")]
    if not names:
        raise ValueRefused("R013", f"no selection fits '{pattern}'", did_you_mean(pattern.strip("*_"), selections))
    used.update(names)
    nodes = tuple(selections[name] for name in names)
    if len(nodes) == 1:
        return nodes[0]
    return AllOf(nodes) if tree.cond_class is ConditionAND else AnyOf(nodes)
