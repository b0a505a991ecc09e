"""Whether what a configuration names is there on this machine: rules, logs, the folder of the socket."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from sentinel import files, paper, rewording
from sentinel.acts import CaseRow
from sentinel.problems import Problem, Span, did_you_mean
from sentinel.routing import Kind
from sentinel.settings import ConfigPart, ShippedPart, SourceConfig
from sentinel.yamlfile import Document, shorten
from sentinel.yamlfile import Path as Place

LONGEST_SOCKET = 107
"""Bytes of the longest path of a socket (sun_path in unix(7), without the zero at its end)."""

_READ_HINT = "run sentinel in a group that may read it, such as 'adm', or give the right with setfacl"


def may_read(path: Path) -> bool:
    """This process may read the file, or list the folder."""
    return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))


def check(
    document: Document,
    part: ConfigPart,
    sources: Sequence[SourceConfig],
    folder: Path,
    may_read: Callable[[Path], bool] = may_read,
) -> list[Problem]:
    """What is missing or may not be read, as this process sees it."""
    return [
        *_rules(document, part, folder, may_read),
        *_families(document, part),
        *_lists(document, part, folder),
        *_logs(document, sources, may_read),
        *_socket(document, part, folder),
        *_templates(document, part, folder),
    ]


def _templates(document: Document, part: ConfigPart, folder: Path) -> Iterator[Problem]:
    written = part.cases.templates
    if written is not None and not os.path.isdir(folder / written):  # noqa: PTH112  (Path.is_dir raises for a name that is too long)
        span, hint = document.span(("cases", "templates")), f"relative paths start at '{folder}'"
        yield Problem(span, "C005", f"there is no folder '{shorten(written)}' of templates", hint)
    elif written is not None:
        for file in sorted((folder / written).glob("message*.j2")):
            yield from _template(file, document.span(("cases", "templates")))


def _template(file: Path, span: Span) -> Iterator[Problem]:
    """What a template of messages says wrongly."""
    kind = file.name.removeprefix("message").removesuffix(".txt.j2").removeprefix("-")
    if file.name != "message.txt.j2" and kind not in get_args(Kind):
        hint = did_you_mean(kind, get_args(Kind)) or "message-KIND.txt.j2, or message.txt.j2 for all kinds"
        yield Problem(Span(str(file)), "C029", f"no message is of the kind '{shorten(kind)}'", hint, "warning")
    content, problems = files.read(file, span)
    yield from problems
    if not problems:
        text = content.decode(errors="replace")
        for line, said in paper.mistakes(text, rewording.NAMES, {"case": CaseRow.__annotations__}):
            # No error: the built-in words are there, and a watch that does not start is worse than other words.
            hint = "until it is mended, messages of this kind have the built-in words"
            yield Problem(Span(str(file), line), "C029", said, hint, "warning")


def _rules(document: Document, part: ConfigPart, folder: Path, may_read: Callable[[Path], bool]) -> Iterator[Problem]:
    for number, written in enumerate(part.rules):
        path, span = folder / written, document.span(("rules", number))
        if not os.path.exists(path):  # noqa: PTH110  (Path.exists raises for a name that is too long)
            hint = f"relative paths start at '{folder}', where the configuration is"
            yield Problem(span, "C014", f"there are no rules at '{path}'", hint)
        elif not may_read(path):
            yield files.unreadable(path, span, PermissionError(0, "permission denied"))
        elif not any(True for _ in files.rule_files([path])):
            yield Problem(span, "C015", f"folder '{path}' has no file that ends in .yml or .yaml", "", "warning")


def _families(document: Document, part: ConfigPart) -> Iterator[Problem]:
    known = files.families()
    named = part.shipped_rules.without if isinstance(part.shipped_rules, ShippedPart) else ()
    for number, name in enumerate(named):
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
            span = document.span(("shipped_rules", "without", number))
            yield Problem(span, "C024", f"there is no family of rules '{shorten(name)}'", hint)


def _lists(document: Document, part: ConfigPart, folder: Path) -> Iterator[Problem]:
    for name, written in part.lists.items():
        _, problems = files.read(folder / written, document.span(("lists", name)))
        yield from problems


def _logs(document: Document, sources: Sequence[SourceConfig], may_read: Callable[[Path], bool]) -> Iterator[Problem]:
    reader: dict[str, str] = {}
    for source in sources:
        for position, pattern in enumerate(getattr(source.options, "paths", ())):
            place: Place = ("sources", source.number, "paths", position)
            if "\0" in pattern:
                yield Problem(document.span(place), "C003", "no path has a zero byte in it")
                continue
            found = sorted(path for path in _matches(pattern) if os.path.isfile(path))  # noqa: PTH113  (Path.is_file raises for a name that is too long)
            if not found:
                yield _absent(document, place, pattern, may_read)
            for path in found:
                other = reader.setdefault(os.path.realpath(path), source.name)
                if other != source.name:
                    said = f"'{path}' is read by source '{other}' too, so its events count twice"
                    hint = "make the paths of one of the two narrower"
                    yield Problem(document.span(place), "C018", said, hint, "warning")
                if not may_read(Path(path)):
                    yield Problem(document.span(place), "C017", f"log '{path}' may not be read", _READ_HINT, "warning")


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207  (Path.glob cannot start from an absolute pattern)


def _absent(document: Document, place: Place, pattern: str, may_read: Callable[[Path], bool]) -> Problem:
    folder = Path(pattern).parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    is_there = os.path.isdir(folder)  # noqa: PTH112  (Path.is_dir raises for a name that is too long)
    if is_there and not may_read(folder):
        return Problem(document.span(place), "C017", f"folder '{folder}' may not be read", _READ_HINT, "warning")
    hint = f"there is no folder '{folder}'" if not is_there else "it is read from its beginning once it is there"
    return Problem(document.span(place), "C016", f"no file is at '{pattern}' yet", hint, "warning")


def _socket(document: Document, part: ConfigPart, folder: Path) -> Iterator[Problem]:
    written = part.control.socket
    if written is not None and len(os.fsencode(folder / written)) > LONGEST_SOCKET:
        said = f"the path of the control socket is longer than {LONGEST_SOCKET} bytes"
        yield Problem(document.span(("control", "socket")), "C019", said, "put it below /run")
