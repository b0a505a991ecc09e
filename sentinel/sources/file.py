"""Source `file`: log files of this machine, by name or pattern, followed through rotation."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sentinel.clock import Micros
from sentinel.sources.base import FirstTime
from sentinel.sources.coding import Coding
from sentinel.sources.grouping import Grouping, Multiline
from sentinel.sources.options import SourceOptions
from sentinel.sources.past import Past, past_files
from sentinel.sources.stream import Style
from sentinel.sources.tail import Tail
from sentinel.sources.wakeup import WakeUp


class FileOptions(SourceOptions):
    """`paths` are names or patterns (`*`, `?`, `[…]`, `**`). `poll` does without wake-ups, for network file systems.

    Without `follow_symlinks` a symbolic link in place of a log is not opened; links among the folders above it are.
    `encoding` is how the files are written, where it is not to be told by their first bytes.
    """

    type: Literal["file"] = "file"
    paths: Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)]
    poll: bool = False
    follow_symlinks: bool = False
    encoding: Literal["auto", "utf-8", "utf-16-le", "utf-16-be"] = "auto"
    multiline: Multiline | None = None


def file_source(options: FileOptions, wakeup: WakeUp, first_time: FirstTime) -> Tail:
    """The source as configured; it opens nothing yet."""
    wakeups, style = None if options.poll else wakeup, _style(options)
    follow = options.follow_symlinks
    return Tail(options, _patterns(options), follow=follow, wakeup=wakeups, style=style, first_time=first_time)


def file_past(options: FileOptions, since: Micros) -> Past:
    """What lies on disk of the files, as far as they were changed since then."""
    style, follow = _style(options), options.follow_symlinks
    patterns = _patterns(options)
    return past_files(options.name, patterns, since, follow=follow, grouping=style.grouping, coding=style.coding)


def _patterns(options: FileOptions) -> list[str]:
    return [os.path.normpath(pattern) for pattern in options.paths]


def _style(options: FileOptions) -> Style:
    return Style(
        grouping=Grouping(options.multiline) if options.multiline is not None else None,
        coding=Coding(options.encoding) if options.encoding != "auto" else None,
    )
