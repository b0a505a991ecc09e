"""The lists that `expand` takes its values from, as they stand in the rule or in a file that it names.

A file has one text a line, with the wildcards and escapes of any value; empty lines and lines that begin with `#` say
nothing. Reading files is for the caller: it is told which, and gives their texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentinel.detect.additions import ListFile
from sentinel.detect.draft import Draft
from sentinel.yamlfile import Document

Key = tuple[str, str]
"""The file of a rule, and a file that it names."""

Texts = Mapping[Key, str | None]
"""What stands in each file; None for one that cannot be read. Lists of the configuration stand under OURS and their
name, and take the place of any rule's list of that name.
"""

OURS = ""


def files_named(documents: Iterable[Document]) -> list[Key]:
    """Every file with a list that a rule names, once."""
    return list(dict.fromkeys((each.file, path) for each in documents for path in _paths(each.value)))


def files_watched(documents: Iterable[Document]) -> list[Key]:
    """Of these files those of which a change is to be taken up."""
    return list(dict.fromkeys((each.file, path) for each in documents for path in _paths(each.value, watched=True)))


def _paths(rule: Any, *, watched: bool = False) -> Iterable[str]:
    additions = rule.get("sentinel") if isinstance(rule, Mapping) else None
    lists = additions.get("lists") if isinstance(additions, Mapping) else None
    for each in lists.values() if isinstance(lists, Mapping) else ():
        is_file = isinstance(each, Mapping) and isinstance(each.get("file"), str)
        if is_file and not (watched and each.get("reload") is False):
            yield each["file"]


def resolved(draft: Draft, lists: Mapping[str, list[str] | ListFile], texts: Texts) -> dict[str, Sequence[str]]:
    """Every list with its values; what is wrong with one that stands in a file is added to the draft."""
    return {name: _values(draft, name, each, texts) for name, each in lists.items()}


def _values(draft: Draft, name: str, listed: list[str] | ListFile, texts: Texts) -> Sequence[str]:
    ours = _lines(texts.get((OURS, name)) or "")
    if ours:
        return ours
    return listed if isinstance(listed, list) else _from_file(draft, name, listed, texts)


def _lines(content: str) -> list[str]:
    lines = (line.strip() for line in content.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _from_file(draft: Draft, name: str, listed: ListFile, texts: Texts) -> Sequence[str]:
    path = ("sentinel", "lists", name, "file")
    content = texts.get((draft.document.file, listed.file))
    if content is None:
        hint = "a text file in UTF-8; its path starts at the folder of the rule"
        draft.error(path, "R054", f"the list '{listed.file}' cannot be read", hint)
        return ()
    found = _lines(content)
    if len(found) > listed.most:
        hint = f"sentinel.lists.{name}.max allows up to 100000"
        draft.error(path, "R055", f"the list '{listed.file}' has {len(found)} texts, more than {listed.most}", hint)
        return ()
    if not found:
        draft.error(path, "R054", f"the list '{listed.file}' is empty", "one text a line")
    return found
