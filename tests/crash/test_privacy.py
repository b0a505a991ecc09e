"""What a log says of people stays in the log: it is looked for in all that the daemon writes, shows and sends."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from sentinel.clock import SystemClock, to_datetime
from sentinel.control import Refused
from tests.crash.watched import Watched, receiving, until, watched

ACTOR = "Quirina.Zelenka@klinik.example"
PATIENT = "P7741902-Ottoline"
WARD = "Ebereschenhof"
ADDRESS = "198.51.100.237"
ADDRESS_6 = "2001:db8:77aa::1f3b"
NUMBER = "756.9217.0769.85"
BROWSER = "ZephyrBrowse/77.31"
HOST = "tarnkappe.klinik.example"
LOGGED = (ACTOR, PATIENT, WARD, ADDRESS, ADDRESS_6, NUMBER, BROWSER, HOST)
"""What stands in logs."""

OWNER = "Ignatius.Brandl"
REASON = "Thaddea Wiesengrund saw it happen"
SAID = (OWNER, REASON)
"""What people of the own house say of a case: sealed where it is stored, shown to those who ask."""

SOURCES = """
  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}}
  - {name: ward, type: file, paths: [ward.json], format: json, logsource: {category: application, product: ward}}
  - {name: door, type: file, paths: [door.log], format: syslog, logsource: {category: authentication}}
"""
INVENTORY = """
systems:
  - name: portal
    data: [health]
    access:
      - when: {'url.path|re': '^/records/(?P<subject>[^/]+)$'}
        logsource: {category: webserver}
        actor: {field: user.name, normalise: [lower]}
  - name: ward
    data: [health, identification]
    access:
      - when: {'patient.number|exists': true}
        logsource: {product: ward}
        actor: nurse
        subject: patient.number
"""
RULES = """
title: Personal data read
name: read
logsource: {category: personal_data_access}
detection: {selection: {'access.subject|exists': true}, condition: selection}
level: informational
---
title: Many people's data
name: many
correlation:
  type: value_count
  rules: [read]
  group-by: [access.actor]
  timespan: 10m
  condition: {field: access.subject, gte: 5}
level: high
---
title: Fewer than usual
name: few
correlation: {type: event_count, rules: [read], group-by: [access.actor, source.ip], timespan: 1m, condition: {lt: 9}}
level: low
---
title: A browser that is not ours
name: browser
logsource: {category: webserver}
detection: {selection: {'user_agent.original|contains': zephyr}, condition: selection}
level: medium
sentinel: {case: {key: [source.ip, user_agent.original]}}
---
title: A word in any field
name: word
logsource: {category: application}
detection: {keywords: [ebereschen], condition: keywords}
level: medium
---
title: Who came in
name: entry
logsource: {category: authentication}
detection: {keywords: [accepted], condition: keywords}
level: critical
"""


# --- the search ------------------------------------------------------------------------------------------------


def ways(word: str) -> set[bytes]:
    """How a word could stand in a file without being sealed; hashes that anybody can make of it are among them."""
    shapes = {word, word.lower(), word.upper(), word[::-1]}
    found = {shape.encode(encoding) for shape in shapes for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
    for shape in shapes:
        raw = shape.encode()
        digests = [hashlib.new(kind, raw).digest() for kind in ("md5", "sha1", "sha256", "sha512", "blake2b")]
        digests.append(hashlib.blake2b(raw, digest_size=8).digest())
        found |= {*digests, *(digest.hex().encode() for digest in digests)}
        found |= {raw.hex().encode(), raw.hex().upper().encode(), quote(shape, safe="").encode()}
        for lead in range(3):
            # The whole groups of three bytes inside the word, at each of the three places a group can begin.
            body = raw[lead:]
            body = body[: len(body) // 3 * 3]
            found |= {base64.b64encode(body), base64.urlsafe_b64encode(body)}
    return found


def places_of(words: Iterable[str], texts: Mapping[str, bytes]) -> list[str]:
    """Which of these words stand in which of these texts, in any way."""
    looked_for = {word: ways(word) for word in words}
    return [
        f"{word} in {name}"
        for name, text in texts.items()
        for word, written in looked_for.items()
        if any(way in text for way in written)
    ]


def files_of(daemon: Watched) -> dict[str, bytes]:
    """Everything in the daemon's folder but the logs it watches: state, its own log, and whatever it might leave."""
    given = {daemon.folder / name for name in ("portal.log", "ward.json", "door.log")}
    found = {str(path.relative_to(daemon.folder)): path.read_bytes() for path in _files(daemon.folder) - given}
    assert {"state/sentinel.db", "state/keys.db", "daemon.log"} <= found.keys()
    return found


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("word", [*LOGGED, *SAID])
def test_the_search_finds_every_word_however_it_is_written(word: str) -> None:
    written = [
        f"<{word}>".encode(),
        word.upper().encode("utf-16-le"),
        base64.b64encode(f"a{word}z".encode()),
        base64.urlsafe_b64encode(f"ab{word}".encode()),
        hashlib.sha256(word.lower().encode()).hexdigest().encode(),
        hashlib.blake2b(word.encode(), digest_size=8).digest(),
    ]
    texts = {str(number): text for number, text in enumerate(written)}
    assert places_of([word], texts) == [f"{word} in {number}" for number in texts]
    assert places_of([word], {"other": "".join({*LOGGED, *SAID} - {word}).encode()}) == []


# --- the watch -------------------------------------------------------------------------------------------------


def write_logs(folder: Path) -> int:
    """Accesses, entries, and records that no format can read; the number of bytes."""
    now = to_datetime(SystemClock().now())
    portal = [
        f'{address} - {ACTOR} [{now:%d/%b/%Y:%H:%M:%S} +0000] "GET /records/{PATIENT}{number}?ahv={NUMBER} HTTP/1.1" '
        f'200 512 "https://{HOST}/{WARD}" "{BROWSER}"\n'
        for number, address in enumerate([ADDRESS, ADDRESS_6] * 6)
    ]
    ward = [
        {"time": f"{now:%Y-%m-%dT%H:%M:%SZ}", "nurse": ACTOR, "patient": {"number": f"{NUMBER}-{number}"}, "at": WARD}
        for number in range(8)
    ]
    door = f"{now:%Y-%m-%dT%H:%M:%SZ} {HOST} sshd[77]: Accepted password for {ACTOR} from {ADDRESS} port 22 ssh2\n"
    garbage = f'{{"nurse": "{ACTOR}", "at": {WARD}, {NUMBER}\n{ADDRESS} {PATIENT} \xff\x00 "{BROWSER}\n'
    texts = {
        "portal.log": "".join(portal) + garbage,
        "ward.json": "".join(json.dumps(each) + "\n" for each in ward) + garbage,
        "door.log": door + garbage,
    }
    for name, text in texts.items():
        with (folder / name).open("ab") as log:
            log.write(text.encode("utf-8", "surrogateescape"))
    return sum((folder / name).stat().st_size for name in texts)


def pages(daemon: Watched) -> dict[str, bytes]:
    until(lambda: daemon.ask("status")["http"], "the pages are there")
    address = daemon.ask("status")["http"]
    found = {}
    for page in ("metrics", "healthz", "readyz"):
        with urllib.request.urlopen(f"http://{address}/{page}") as answer:
            found[page] = answer.read()
    return found


def answers(daemon: Watched) -> dict[str, bytes]:
    """What those are told who ask for the cases."""
    cases = daemon.ask("case.list")["cases"]
    shown = [daemon.ask("case.show", case=case["id"]) for case in cases]
    return {"list": json.dumps(cases).encode(), "show": json.dumps(shown).encode()}


def say(daemon: Watched) -> None:
    """People do something with every case, and ask for one by a name, which is not how cases are called."""
    for case in daemon.ask("case.list")["cases"]:
        daemon.ask("case.move", case=case["id"], move="acknowledge", reason=REASON, owner=OWNER)
        daemon.ask("case.move", case=case["id"], move="confirm", reason=f"{REASON}: {ACTOR}")
    for act, arguments in (("case.show", {"case": ACTOR}), ("case.move", {"case": PATIENT, "move": OWNER})):
        with suppress(Refused):
            daemon.ask(act, **arguments)
            pytest.fail("there is no such case")


@pytest.mark.slow
def test_nothing_of_anybody_leaves_the_log_but_sealed(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        watched(tmp_path / "watch", receiver.port, SOURCES, RULES, INVENTORY) as daemon,
    ):
        daemon.start()
        written = write_logs(daemon.folder)
        until(lambda: daemon.committed() == written, "everything is judged")
        until(daemon.has_paid, "everything owed is sent")
        rules = {rule for case in daemon.ask("case.list")["cases"] for rule in case["rules"]}
        assert {"many", "browser", "word", "entry"} <= rules
        assert places_of(LOGGED, pages(daemon) | answers(daemon)) == []
        daemon.kill()
        assert places_of(LOGGED, files_of(daemon)) == []

        # Once more after the crash, with a log that a machine reads, and with what people say.
        daemon.start("--log-format", "json")
        written = write_logs(daemon.folder)
        until(lambda: daemon.committed() == written, "everything is judged")
        say(daemon)
        until(daemon.has_paid, "everything owed is sent")
        assert places_of(LOGGED, pages(daemon)) == []
        daemon.kill()
        assert places_of(LOGGED + SAID, files_of(daemon)) == []
        daemon.start()
        until(daemon.has_paid, "everything owed is sent")
        daemon.stop()
        assert places_of(LOGGED + SAID, files_of(daemon)) == []

        sent = {message.id: str(message.headers).encode() + message.body for message in receiver.messages}
        assert sent
        assert places_of(LOGGED, sent) == []
        assert knows(daemon) == set()


def knows(daemon: Watched) -> set[str]:
    """Which of the words those with the keys cannot read: it is all there, and sealed."""
    read = []
    with daemon.store() as store:
        for case in store.cases():
            read += [str(case.owner), *(str(row.detail) for row in store.audit(case.id))]
            read += [(row.raw or b"").decode("utf-8", "replace") for row in store.read_evidence(case.id)]
    text = "\n".join(read)
    return {word for word in LOGGED + SAID if word not in text}
