"""What the daemon says of itself on standard error: a line a message, never a value from a log or an exception's text.

Rules of this file:
1. An exception is written as its type and the place in the code, never as its text: a text may quote a log line, a name
   or the secret part of a webhook's address.
2. Only our own messages are written as they are. Of other packages' messages (which quote addresses and bodies) the
   level, the logger and the place are written.
3. What a message is about goes in `extra`, from closed sets: names of sources, rules and channels; numbers.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Literal, TextIO

from sentinel.clock import rfc3339

Style = Literal["text", "json", "journal"]

OURS = "sentinel"

_PACKAGE = f"{Path(__file__).parent}/"

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""syslog(3) priorities, as sd-daemon(3) reads them at the start of a line."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "fault"}

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/+,%@<>")


def place(error: BaseException) -> str:
    """Where in the code the error was raised, as `sentinel/control.py:88`; our own deepest frame where there is one."""
    deepest = ours = ""
    for path, line in _frames(error.__traceback__):
        deepest = f"{'/'.join(PurePath(path).parts[-2:])}:{line}"
        # Installed in /opt/sentinel, not everything below a folder of our name is ours.
        if path.startswith(_PACKAGE):
            ours = f"{OURS}/{path.removeprefix(_PACKAGE)}:{line}"
    return ours or deepest or "unknown place"


def describe(error: BaseException) -> str:
    """The error's type, its place and the types of what caused it; nothing that the error says."""
    text = f"{type(error).__name__} at {place(error)}"
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        text += f" from {type(cause).__name__}"
        cause = cause.__cause__ or cause.__context__
    return text


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


class NoValues(logging.Filter):
    """Takes everything out of a record that could carry a value: exception texts, stacks, other packages' words."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], BaseException):
            record.fault = describe(record.exc_info[1])
        record.exc_info = record.exc_text = record.stack_info = None
        if record.name != OURS and not record.name.startswith(OURS + "."):
            record.msg, record.args = f"{record.module}:{record.lineno} has something to say", None
            return True
        record.msg = _without_error(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {key: _without_error(value) for key, value in record.args.items()}
        elif record.args:
            record.args = tuple(_without_error(value) for value in record.args)
        for key, value in vars(record).items():
            if key not in _STANDARD and isinstance(value, BaseException):
                setattr(record, key, describe(value))
        return True


def _without_error(value: Any) -> Any:
    return describe(value) if isinstance(value, BaseException) else value


class Lines(logging.Formatter):
    """One line a record in one of three styles; control characters in it are escaped."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self._written = style

    def format(self, record: logging.LogRecord) -> str:
        facts = _facts(record)
        if self._written == "json":
            moment = rfc3339(round(record.created * 1_000_000), 3)
            head = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
            return json.dumps({**head, "message": record.getMessage(), **facts}, default=str)
        text = _escaped(record.getMessage())
        pairs = "".join(f" {key}={_quoted(value)}" for key, value in facts.items())
        if self._written == "journal":
            return f"<{_PRIORITY.get(record.levelname, 5)}>{text}{pairs} logger={record.name}"
        moment = rfc3339(round(record.created * 1_000_000), 3)
        return f"{moment} {record.levelname.lower():<7} {text}{pairs}"


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    fault = getattr(record, "fault", "")
    if record.name != OURS and not record.name.startswith(OURS + "."):
        facts["by"] = record.name
    return {**facts, "error": fault} if fault else facts


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _quoted(value: Any) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(_escaped(text), ensure_ascii=False)


def style_for(environ: Mapping[str, str], chosen: Style | None) -> Style:
    """The chosen style; without a choice `journal` where systemd reads our standard error, else `text`."""
    return chosen or ("journal" if "JOURNAL_STREAM" in environ else "text")


def configure(style: Style, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """From here on every message, warning and uncaught exception of the process leaves as one safe line."""
    root = logging.getLogger()
    for each in list(root.handlers):
        root.removeHandler(each)
    output = logging.StreamHandler(stream or sys.stderr)
    output.addFilter(NoValues())
    output.setFormatter(Lines(style))
    root.addHandler(output)
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(level)
    # A message that cannot be formatted would otherwise be printed with its arguments.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def _uncaught(
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    logging.getLogger(OURS).critical("a bug stopped the process", exc_info=(kind, error, trace))


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    if what.exc_value is not None:
        logging.getLogger(OURS).error("an error while letting go of something", extra={"error": what.exc_value})


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None and what.exc_type is not SystemExit:
        name = what.thread.name if what.thread else "unknown"
        logging.getLogger(OURS).critical("a bug ended a thread", extra={"thread_name": name, "error": what.exc_value})
