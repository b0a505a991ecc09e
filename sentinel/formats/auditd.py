"""The Linux audit log: `type=SYSCALL msg=audit(1364481363.243:24287): …`, plain or enriched.

What a program could choose (names, paths, commands) stands in quotes, or in hexadecimal where it is not plain.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import fold
from sentinel.formats.meanings import Address, Choice, Copy, Number, Table
from sentinel.formats.pairs import Pairs, make

_ENCODED: Final = rb"comm|exe|name|cwd|proctitle|cmd|acct|data|path|dir|key"
_AUDIT: Final = re.compile(rb"""([\w-]+)=(?:"([^"]*)"|'|(audit\([0-9.:]+\)):?|([^\s'"\x1d]*))""")
_HEX: Final = re.compile(rb"\b(%b|a[0-9]+)=((?:[0-9A-Fa-f]{2})+)(?=[\s'\x1d]|\Z)" % _ENCODED)
_ABSENT: Final = frozenset((b"?", b"(null)", b"(none)", b"", b"unset", b"4294967295"))


def _decoded(name: bytes, written: bytes, is_command: bool) -> bytes | None:
    """What an untrusted value stands for, which the kernel writes in hexadecimal where it is not plain."""
    if name[:1] == b"a" and name[1:].isdigit() and not is_command:
        # Elsewhere than in EXECVE the arguments of a system call are numbers.
        return None
    return bytes.fromhex(written.decode()).rstrip(b"\0").replace(b"\0", b" ")


def _split_audit(raw: bytes) -> dict[str, Any] | None:
    if not raw.startswith((b"type=", b"node=")) or b"msg=audit(" not in raw:
        return None
    is_command = b"type=EXECVE" in raw
    meant = {match[1]: _decoded(match[1], match[2], is_command) for match in _HEX.finditer(raw)}
    found: dict[str, Any] = {}
    for match in _AUDIT.finditer(raw):
        name, quoted, time, bare = match.groups()
        value = quoted if quoted is not None else time if time is not None else bare
        if quoted is None and meant.get(name) is not None:
            value = meant[name]
        if value is not None and value not in _ABSENT:
            found.setdefault(name.decode(), value.decode("utf-8", "replace"))
    return found


def _unhide_audit(records: bytes) -> bytes:
    return fold(b"\n".join(map(_with_meant, records.split(b"\n"))))


def _with_meant(record: bytes) -> bytes:
    """The record, and after it every value that it has in hexadecimal."""
    is_command = b"type=EXECVE" in record
    found = ((match[1], _decoded(match[1], match[2], is_command)) for match in _HEX.finditer(record))
    return record + b"".join(
        b' %b="%b"' % (name, value.replace(b"\n", b" ")) for name, value in found if value is not None
    )


AUDIT: Final = Pairs(
    split=_split_audit,
    before_value=b"=[\"']?",
    marks=(rb"(?:%b)=[0-9a-f]{2}" % _ENCODED, rb"type=EXECVE[^\n]* a[0-9]+=[0-9a-f]{2}"),
    unhide=_unhide_audit,
)
_OUTCOMES: Final = {
    "success": "success",
    "yes": "success",
    "1": "success",
    "failed": "failure",
    "no": "failure",
    "0": "failure",
}
TABLE: Final[Table] = (
    # The person who signed in, by name where the log is enriched, whatever they have become since.
    ("AUID", Copy(ecs.USER_NAME)),
    ("acct", Copy(ecs.USER_NAME)),
    ("auid", Copy(ecs.USER_ID)),
    ("UID", Copy(ecs.USER_EFFECTIVE_NAME)),
    ("addr", Address()),
    ("node", Copy(ecs.HOST_HOSTNAME)),
    ("type", Copy(ecs.EVENT_ACTION)),
    ("res", Choice(ecs.EVENT_OUTCOME, _OUTCOMES)),
    ("success", Choice(ecs.EVENT_OUTCOME, _OUTCOMES)),
    ("exe", Copy(ecs.PROCESS_EXECUTABLE)),
    ("comm", Copy(ecs.PROCESS_NAME)),
    ("proctitle", Copy(ecs.PROCESS_COMMAND_LINE)),
    ("cmd", Copy(ecs.PROCESS_COMMAND_LINE)),
    ("cwd", Copy(ecs.PROCESS_WORKING_DIRECTORY)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("name", Copy(ecs.FILE_PATH)),
    ("key", Copy(ecs.RULE_NAME)),
)
make_auditd: Final = make("auditd", AUDIT, TABLE, ("msg",))
