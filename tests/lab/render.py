"""How each log tells of an act: nginx's combined form, JSON of two applications, and the audit lines of PostgreSQL."""

from __future__ import annotations

import json
from functools import lru_cache

from sentinel.clock import MINUTE, SECOND, Micros, to_datetime
from tests.lab.acts import Act, Log, hash_of

_MESSAGES = {
    "view": "patient record opened",
    "update": "patient record changed",
    "print": "patient record printed",
    "delete": "patient record deleted",
    "export": "patient records exported",
    "search": "patients searched",
}


def line(act: Act, skew: Micros = 0) -> str:
    """The act as its log has it, with a newline. `skew` is how far the machine's clock is off."""
    if act.what == "raw":
        return act.note.replace("{time}", _iso(act.time)) + "\n"
    return _LOGS[act.log](act, act.time + skew)


@lru_cache(maxsize=4)
def _minute(minute: Micros) -> tuple[str, str, str]:
    """The minute as RFC 3339, nginx and PostgreSQL write it, up to the seconds."""
    moment = to_datetime(minute * MINUTE)
    return moment.strftime("%Y-%m-%dT%H:%M:"), moment.strftime("%d/%b/%Y:%H:%M:"), moment.strftime("%Y-%m-%d %H:%M:")


def _iso(moment: Micros) -> str:
    return f"{_minute(moment // MINUTE)[0]}{moment % MINUTE / SECOND:06.3f}Z"


def _portal(act: Act, moment: Micros) -> str:
    who = act.session
    name = who.actor or "-"
    if who.actor and hash_of(who.actor) % 3 == 0 and who.role not in ("partner", "service"):
        name = f"{who.actor}@clinic.example"
    size = 0 if act.status == 304 else act.amount
    referrer = "https://portal.clinic.example/" if who.role not in ("partner", "service", "") else "-"
    when = f"{_minute(moment // MINUTE)[1]}{moment % MINUTE // SECOND:02d}"
    return (
        f'{who.address} - {name} [{when} +0000] "{act.what} {act.subject} HTTP/1.1" {act.status} {size} '
        f'"{referrer}" "{who.agent}"\n'
    )


def _records(act: Act, moment: Micros) -> str:
    who = act.session
    outcome = "success" if act.status < 400 or act.what == "message.send" else "failure"
    head = (
        f'{{"@timestamp":"{_iso(moment)}","log.level":"info","service.name":"records","event.action":"{act.what}",'
        f'"event.outcome":"{outcome}","user.name":"{who.actor}","user.roles":"{who.role}","source.ip":"{who.address}",'
        f'"session.id":"{who.id}","user_agent.original":"{who.agent}","tls.version":"{who.tls}"'
    )
    if act.what == "message.send":
        counts = f'"message.recipients":{act.amount},"message.new_recipients":{act.status}'
        return head + f',{counts},"message":"{act.note} sent"}}\n'
    if not act.subject:
        rest = f',"records":{act.amount}' if act.amount else ""
        return head + f'{rest},"message":{json.dumps(act.note)}}}\n'
    records = f',"records":{act.amount}' if act.what in ("print", "export") and act.amount < 1000 else ""
    text = _MESSAGES.get(act.what, act.what)
    patient = f',"patient.id":"{act.subject}","http.response.body.bytes":{act.amount}'
    return head + f'{patient}{records},"message":"{text}"}}\n'


def _identity(act: Act, moment: Micros) -> str:
    who = act.session
    outcome = "success" if act.status < 400 else "failure"
    return (
        f'{{"@timestamp":"{_iso(moment)}","event.category":"authentication","event.action":"{act.what}",'
        f'"event.outcome":"{outcome}","user.name":"{who.actor}","source.ip":"{who.address}",'
        f'"source.geo.country_iso_code":"{who.country}","session.id":"{who.id}","client.id":"{act.subject}",'
        f'"user_agent.original":"{who.agent}"}}\n'
    )


def _database(act: Act, moment: Micros) -> str:
    who = act.session
    when = f"{_minute(moment // MINUTE)[2]}{moment % MINUTE / SECOND:06.3f}"
    kind = "READ" if act.what in ("SELECT", "COPY") else "WRITE"
    table = "" if not act.subject else "TABLE"
    return (
        f"{when} UTC [{4000 + hash_of(who.id) % 20_000}] {database_name(who.actor)}@clinic {who.address} LOG:  AUDIT: "
        f'SESSION,1,1,{kind},{act.what},{table},{act.subject},"{act.note}",<not logged>,{act.amount}\n'
    )


def database_name(actor: str) -> str:
    """The role by which the database knows a person; `identities` of the inventory joins the two."""
    return actor if actor.startswith("svc-") else "db_" + actor.replace(".", "_")


_LOGS = {Log.PORTAL: _portal, Log.RECORDS: _records, Log.IDENTITY: _identity, Log.DATABASE: _database}
