"""What security devices send: CEF (`CEF:0|vendor|product|version|id|name|severity|src=10.0.0.1 …`) and LEEF.

A value goes on to the next name in CEF, to the next tab in LEEF. Syslog takes `CEF:` for its own tag, so that may be
gone.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.meanings import Address, Copy, Number, Table, Url
from sentinel.formats.pairs import Pairs, make
from sentinel.formats.patterns import TextPlace

_CEF: Final = re.compile(r"(?:CEF:)?[01]\|" + r"((?:[^|\\]|\\.)*)\|" * 6 + r"(.*)", re.DOTALL)
_CEF_NAMES: Final = ("deviceVendor", "deviceProduct", "deviceVersion", "signatureId", "name", "severity")
_CEF_PAIR: Final = re.compile(r"(?:\A|\s)\s*([\w.\[\]-]+)=")
_CEF_ESCAPE: Final = re.compile(r"\\([|=\\nr])")


def _split_cef(raw: bytes) -> dict[str, Any] | None:
    match = _CEF.fullmatch(raw.rstrip(b"\r").decode("utf-8", "replace"))
    if match is None:
        return None
    *header, extension = match.groups("")
    found = {name: _unescaped(value) for name, value in zip(_CEF_NAMES, header, strict=True) if value}
    places = list(_CEF_PAIR.finditer(extension))
    ends = [place.start() for place in places[1:]] + [len(extension)]
    for place, end in zip(places, ends, strict=True):
        value = extension[place.end() : end].rstrip()
        if value:
            found.setdefault(place[1], _unescaped(value))
    return found


def _unescaped(value: str) -> str:
    return _CEF_ESCAPE.sub(lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value)


CEF: Final = Pairs(
    split=_split_cef, hidden=b'"\\|=', before_value=b"=", header=dict.fromkeys(_CEF_NAMES, TextPlace(before=b"[|=]"))
)
_SECURITY: Final[Table] = (
    ("deviceVendor", Copy(ecs.OBSERVER_VENDOR)),
    ("deviceProduct", Copy(ecs.OBSERVER_PRODUCT)),
)
CEF_TABLE: Final[Table] = (
    *_SECURITY,
    ("signatureId", Copy(ecs.EVENT_CODE)),
    ("name", Copy(ecs.RULE_NAME)),
    ("src", Address()),
    ("shost", Copy(ecs.SOURCE_ADDRESS)),
    ("spt", Number(ecs.SOURCE_PORT)),
    ("dst", Copy(ecs.DESTINATION_IP)),
    ("dhost", Copy(ecs.DESTINATION_ADDRESS)),
    ("dpt", Number(ecs.DESTINATION_PORT)),
    ("suser", Copy(ecs.USER_NAME)),
    ("suid", Copy(ecs.USER_ID)),
    ("duser", Copy(ecs.USER_EFFECTIVE_NAME)),
    ("act", Copy(ecs.EVENT_ACTION)),
    ("outcome", Copy(ecs.EVENT_OUTCOME)),
    ("request", Url()),
    ("requestMethod", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("requestClientApplication", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("out", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("in", Number(ecs.HTTP_REQUEST_BYTES)),
    ("filePath", Copy(ecs.FILE_PATH)),
    ("dvchost", Copy(ecs.HOST_HOSTNAME)),
    ("msg", Copy(ecs.MESSAGE)),
)
make_cef: Final = make("cef", CEF, CEF_TABLE, ("rt", "end", "start", "deviceReceiptTime"))

# --- LEEF: LEEF:1.0|vendor|product|version|id|src=10.0.0.1<tab>usrName=kim -----------------------------------

_LEEF: Final = re.compile(
    r"(?:LEEF:)?(?:1\.0\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\||2\.0\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|=]{0,5})\|)(.*)",
    re.DOTALL,
)
_LEEF_NAMES: Final = ("deviceVendor", "deviceProduct", "deviceVersion", "signatureId")
_LEEF_TAB: Final = re.compile(r"\t|#011")


def _split_leef(raw: bytes) -> dict[str, Any] | None:
    match = _LEEF.fullmatch(raw.rstrip(b"\r").decode("utf-8", "replace"))
    if match is None:
        return None
    groups = match.groups("")
    header = [first or second for first, second in zip(groups[:4], groups[4:8], strict=True)]
    found: dict[str, Any] = {name: value for name, value in zip(_LEEF_NAMES, header, strict=True) if value}
    sign = _leef_separator(groups[8])
    parts = groups[9].split(sign) if sign else _LEEF_TAB.split(groups[9])
    for part in parts:
        name, equals, value = part.partition("=")
        if equals and value and name.strip():
            found.setdefault(name.strip(), value)
    return found


def _leef_separator(written: str) -> str:
    """The sign between pairs: itself, or its code as `x5E` or `0x5E`; none given is a tab."""
    code = re.fullmatch(r"0?x([0-9A-Fa-f]{1,4})", written)
    sign = chr(int(code[1], 16)) if code else written
    return "" if sign == "\t" else sign


LEEF: Final = Pairs(
    split=_split_leef, hidden=b'"\\|=', before_value=b"=", header=dict.fromkeys(_LEEF_NAMES, TextPlace(before=b"[|=]"))
)
LEEF_TABLE: Final[Table] = (
    *_SECURITY,
    ("signatureId", Copy(ecs.EVENT_CODE)),
    ("src", Address()),
    ("srcPort", Number(ecs.SOURCE_PORT)),
    ("dst", Copy(ecs.DESTINATION_IP)),
    ("dstPort", Number(ecs.DESTINATION_PORT)),
    ("usrName", Copy(ecs.USER_NAME)),
    ("accountName", Copy(ecs.USER_NAME)),
    ("identHostName", Copy(ecs.HOST_HOSTNAME)),
    ("url", Url()),
    ("cat", Copy(ecs.EVENT_ACTION)),
    ("sev", Number(ecs.EVENT_SEVERITY)),
    ("resource", Copy(ecs.FILE_PATH)),
)
make_leef: Final = make("leef", LEEF, LEEF_TABLE, ("devTime",))
