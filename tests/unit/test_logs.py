"""The log: one safe line a message, and no exception text or value in it, whoever logs."""

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from sentinel.cases.identity import key_text
from sentinel.logs import Style, configure, describe, place, style_for

SECRET = "https://hooks.example.org/T000/B000/XXXX"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    root.handlers[:], logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def fail() -> None:
    raise ValueError(SECRET)


def an_error() -> ValueError:
    try:
        fail()
    except ValueError as error:
        return error
    raise AssertionError


def test_an_exception_leaves_as_type_and_place(stream: io.StringIO) -> None:
    configure("text", stream)
    try:
        fail()
    except ValueError:
        logging.getLogger("sentinel.courier").exception("the channel failed", extra={"channel": "soc"})
    line = stream.getvalue()
    assert "the channel failed channel=soc error=" in line
    assert "ValueError at unit/test_logs.py:" in line
    assert SECRET not in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("style", ["text", "json", "journal"])
def test_an_exception_never_brings_its_text_however_it_is_passed(stream: io.StringIO, style: Style) -> None:
    configure(style, stream)
    log, error = logging.getLogger("sentinel.x"), an_error()
    log.error("failed: %s", error)
    log.error("failed: %(why)s", {"why": error})
    log.error(error)
    log.error("failed", extra={"why": error})
    log.error("failed", exc_info=error)
    log.error("failed", stack_info=True)
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("ValueError at ") == 5
    assert stream.getvalue().count("\n") == 6


def test_causes_are_named_by_type() -> None:
    def wrap() -> None:
        try:
            fail()
        except ValueError as error:
            raise KeyError(SECRET) from error

    with pytest.raises(KeyError) as raised:
        wrap()
    assert describe(raised.value).startswith("KeyError at unit/test_logs.py:")
    assert describe(raised.value).endswith(" from ValueError")


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert describe(first) == "ValueError at unknown place from KeyError"


def test_the_place_is_our_own_deepest_frame() -> None:
    with pytest.raises(TypeError) as raised:
        key_text((("field", object()),))  # type: ignore[arg-type]
    # It is raised in json's encoder; where we called it is what helps.
    assert place(raised.value).startswith("sentinel/cases/identity.py:")


def test_words_of_other_packages_are_not_written(stream: io.StringIO) -> None:
    configure("text", stream)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after connection broken: %s", SECRET)
    assert SECRET not in stream.getvalue()
    assert "by=urllib3.connectionpool" in stream.getvalue()


def test_warnings_are_lines_without_words(stream: io.StringIO) -> None:
    configure("text", stream)
    logging.getLogger("py.warnings").warning(SECRET)
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_message_cannot_forge_a_line(stream: io.StringIO) -> None:
    configure("text", stream)
    logging.getLogger("sentinel").warning("a\nb\x1b[2J", extra={"source": "x\n<3>y\u202e"})
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_the_journal_reads_the_priority(stream: io.StringIO) -> None:
    configure("journal", stream)
    logging.getLogger("sentinel.app").error("stopped", extra={"source": "portal log"})
    assert stream.getvalue() == '<3>stopped source="portal log" logger=sentinel.app\n'


def test_json_is_one_object_a_line(stream: io.StringIO) -> None:
    configure("json", stream)
    logging.getLogger("sentinel.app").info("ready", extra={"sources": 2})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"], line["sources"]) == ("info", "ready", 2)
    assert line["time"].endswith("Z")


def test_an_unformattable_message_is_swallowed_without_its_arguments(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("text", stream)
    logging.getLogger("sentinel").error("%d", SECRET)
    assert SECRET not in capsys.readouterr().err + stream.getvalue()


def test_the_style_follows_the_journal_unless_chosen() -> None:
    assert style_for({}, None) == "text"
    assert style_for({"JOURNAL_STREAM": "8:1"}, None) == "journal"
    assert style_for({"JOURNAL_STREAM": "8:1"}, "json") == "json"


UNCAUGHT = """
import threading
from sentinel.logs import configure
configure("text")
def fail():
    raise ValueError("{secret}")
thread = threading.Thread(target=fail, name="courier")
thread.start()
thread.join()
class Broken:
    def __del__(self):
        fail()
Broken()
fail()
"""


def test_uncaught_errors_of_process_thread_and_destructor_are_safe_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT.format(secret=SECRET)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert SECRET not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "thread_name=courier" in lines[0]
    assert "letting go" in lines[1]
    assert "a bug stopped the process" in lines[2]


def test_place_of_an_error_never_raised() -> None:
    assert place(ValueError()) == "unknown place"
