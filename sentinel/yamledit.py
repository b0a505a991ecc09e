"""One value of a YAML file put in the place of another; every other byte, comments and all, stays as it is.

Rule of this file: what cannot be changed for certain is not changed. The new text is read again, and must differ from
the old in that value alone.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import yaml

from sentinel import yamlfile
from sentinel.yamlfile import Path


class CannotEdit(Exception):
    """The value is not written where it could be changed; the message says why, without a full stop."""


def put(text: str, number: int, path: Path, value: str | float) -> str:
    """The file's text with another value at the path of its document `number`, counted from 0. Raises CannotEdit.

    The value must be there, and be one number or word.
    """
    before, problems = yamlfile.parse(text, "")
    if any(problem.is_error for problem in problems) or number >= len(before):
        raise CannotEdit("the file cannot be read")
    try:
        roots = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        raise CannotEdit("the file cannot be read for certain") from None
    node = _node(roots[number], path)
    start, end = node.start_mark.index, node.end_mark.index
    written = value if isinstance(value, str) else repr(value)
    changed = text[:start] + written + text[end:]
    after, problems = yamlfile.parse(changed, "")
    wanted = [deepcopy(each.value) for each in before]
    _set(wanted[number], path, value)
    if problems or [each.value for each in after] != wanted:
        raise CannotEdit("the value is written in a way that only a person should change")
    return changed


def _node(root: Any, path: Path) -> yaml.ScalarNode:
    node = root
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
        if found is None:
            raise CannotEdit(f"there is no '{'.'.join(map(str, path))}'")
        node = found
    if not isinstance(node, yaml.ScalarNode):
        raise CannotEdit(f"'{'.'.join(map(str, path))}' is not one value")
    return node


def _set(value: Any, path: Path, new: str | float) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new
