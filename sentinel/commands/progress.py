"""How far the reading of logs has come, for who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sentinel.commands.output import console
from sentinel.scenarios import Log


@contextmanager
def reading(logs: Sequence[Log], times: int = 1) -> Iterator[Callable[[int], None]]:
    """A progress bar over the bytes of the logs, read so many times, on standard error, if that is a terminal."""
    terminal = console(error=True)
    if not terminal.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415  (rich takes longer to import than most commands run)

    paths = [path for log in logs for path in log.paths]
    is_known = all(Path(path).is_file() for path in paths)
    total = times * sum(Path(path).stat().st_size for path in paths) if is_known else None
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda size: bar.advance(task, size)
