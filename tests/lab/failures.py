"""Incidents of systems and of those who run them: leaks into logs, destruction, weak transport, a blinded watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from sentinel.clock import HOUR, MINUTE
from tests.lab.acts import NOBODY, Act, Log, Session, read
from tests.lab.plants import Stage

# --- leakage: what must not stand in a log -------------------------------------------------------------------------


def leaks_cards(stage: Stage) -> Iterator[Act]:
    """Numbers of payment cards."""
    yield from _leak(stage, lambda: f"charge of card {_card(stage)} declined")


def leaks_accounts(stage: Stage) -> Iterator[Act]:
    """Numbers of bank accounts."""
    yield from _leak(stage, lambda: f"refund to {_iban(stage)} queued")


def leaks_secrets(stage: Stage) -> Iterator[Act]:
    """Passwords and tokens."""
    secret = f"{stage.random.getrandbits(80):020x}"
    yield from _leak(stage, lambda: f"retry of login with password={secret} for the gateway")


def leaks_addresses(stage: Stage) -> Iterator[Act]:
    """Lists of e-mail addresses."""
    names = [f"{person.name}@mail.example" for person in stage.organisation.people[:40]]
    yield from _leak(stage, lambda: "newsletter refused by " + ", ".join(stage.random.sample(names, 12)))


def leaks_records(stage: Stage) -> Iterator[Act]:
    """Whole records, as an error handler dumps them."""
    text = 'failed to save {{"family_name": "{}", "birth_date": "19{:02d}-04-11", "diagnosis": "F32.1"}}'
    yield from _leak(
        stage, lambda: text.format(stage.random.choice(("berg", "lund", "koch")), stage.random.randint(40, 99))
    )


def _leak(stage: Stage, text) -> Iterator[Act]:  # type: ignore[no-untyped-def]
    begin = stage.midnight(stage.working_day()) + 9 * HOUR
    service = f"{stage.random.choice(('billing', 'mail', 'orders', 'import', 'web'))}-{stage.random.randrange(40)}"
    for at in stage.times(begin, stage.within(HOUR, 2 * HOUR, 6 * HOUR), stage.size(1, 12, 300)):
        said = json.dumps(text())
        line = f'{{"@timestamp":"{{time}}","log.level":"error","service.name":"{service}","message":{said}}}'
        yield Act(at, Log.RECORDS, "raw", NOBODY, note=line)


def _card(stage: Stage) -> str:
    digits = [4, *(stage.random.randrange(10) for _ in range(14))]
    total = sum(sum(divmod(digit * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    return "".join(map(str, digits)) + str(-total % 10)


def _iban(stage: Stage) -> str:
    account = f"{stage.random.randrange(10**18):018d}"
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


# --- destruction ---------------------------------------------------------------------------------------------------


def mass_deletion(stage: Stage) -> Iterator[Act]:
    """Records are deleted, many and fast; weak: a few over the day."""
    _, who, begin, _ = stage.at_work(stage.person("secretary", "coder"))
    for at in stage.times(begin + HOUR, stage.within(6 * HOUR, 2 * HOUR, 10 * MINUTE), stage.size(6, 45, 350)):
        yield read(at, who, stage.patient(), "delete")


def mass_change(stage: Stage) -> Iterator[Act]:
    """Records are overwritten, many and fast."""
    _, who, begin, _ = stage.at_work(stage.person("secretary", "nurse"))
    for at in stage.times(begin + HOUR, stage.within(5 * HOUR, 2 * HOUR, 12 * MINUTE), stage.size(20, 130, 400)):
        yield read(at, who, stage.patient(), "update")


def trail_cut(stage: Stage) -> Iterator[Act]:
    """The audit trail is cleared (weak: paused for a moment)."""
    _, who, begin, _ = stage.at_work(stage.person("administrator"))
    what, text = (("audit.paused", "audit trail paused"), ("audit.disabled", "audit trail disabled"),
                  ("audit.cleared", "audit trail cleared"))[stage.strength]  # fmt: skip
    yield Act(begin + 3 * HOUR, Log.RECORDS, what, who, note=text)


def rows_destroyed(stage: Stage) -> Iterator[Act]:
    """Rows, or a whole table, are removed by hand in the database."""
    _, who, begin, _ = stage.at_work(stage.person("administrator", "analyst"))
    what, text = (("DELETE", "delete from patients where id < 30"), ("DELETE", "delete from patients"),
                  ("DROP TABLE", "drop table patients"))[stage.strength]  # fmt: skip
    yield Act(begin + 2 * HOUR, Log.DATABASE, what, who, "public.patients", stage.size(25, 20_000, 1), note=text)


# --- encryption and transport ----------------------------------------------------------------------------------------


def old_protocol(stage: Stage) -> Iterator[Act]:
    """Records go over a protocol that no longer protects them."""
    _, who, begin, _ = stage.at_work(stage.person("doctor", "nurse"))
    who = replace(who, tls=("1.1", "1.0", "SSLv3")[stage.strength])
    for at in stage.times(begin + HOUR, 4 * HOUR, stage.size(2, 15, 60)):
        yield read(at, who, stage.patient())


def key_export(stage: Stage) -> Iterator[Act]:
    """A key of the encrypted fields leaves the key store."""
    _, who, begin, _ = stage.at_work(stage.person("administrator"))
    for at in stage.times(begin + HOUR, HOUR, stage.size(1, 1, 4)):
        yield Act(at, Log.RECORDS, "key.export", who, note="data key exported")


def many_decryptions(stage: Stage) -> Iterator[Act]:
    """Fields are decrypted far more often than ever, by somebody who is no application."""
    _, who, begin, _ = stage.at_work(stage.person("administrator", "analyst"))
    for at in stage.times(begin + HOUR, HOUR, stage.size(40, 400, 4000)):
        yield Act(at, Log.RECORDS, "key.decrypt", who, note="field decrypted")


# --- the watch itself ------------------------------------------------------------------------------------------------


def silence(stage: Stage) -> Iterator[Act]:
    """A log says nothing in working hours: `amount` minutes of it are cut out."""
    begin = stage.midnight(stage.working_day()) + 11 * HOUR
    yield Act(begin, Log.RECORDS, "silence", NOBODY, amount=stage.within(20, 100, 300))


def nonsense(stage: Stage) -> Iterator[Act]:
    """Lines that no format can read."""
    begin = stage.midnight(stage.working_day()) + 10 * HOUR
    for at in stage.times(begin, HOUR, stage.size(20, 400, 4000)):
        yield Act(at, Log.RECORDS, "raw", NOBODY, note=f"{{broken {stage.random.getrandbits(200):x}")


def future_stamps(stage: Stage) -> Iterator[Act]:
    """Lines that say they are from years ahead."""
    begin = stage.midnight(stage.working_day()) + 10 * HOUR
    line = '{"@timestamp":"2031-01-01T00:00:00Z","service.name":"records","message":"session refreshed"}'
    for at in stage.times(begin, HOUR, stage.size(3, 40, 300)):
        yield Act(at, Log.RECORDS, "raw", NOBODY, note=line)


def key_flood(stage: Stage) -> Iterator[Act]:
    """Made-up names by the thousand, so that the counts of the real ones are given up."""
    begin = stage.midnight(stage.working_day()) + 10 * HOUR
    desk = stage.outside("VN")
    for at in stage.times(begin, HOUR, stage.size(500, 6000, 20_000)):
        who = Session(f"u{stage.random.getrandbits(40):x}", desk.address, desk.agent, "-")
        yield Act(at, Log.IDENTITY, "login", who, "portal", status=401)


FAMILIES = {
    "leakage": (leaks_cards, leaks_accounts, leaks_secrets, leaks_addresses, leaks_records),
    "destruction": (mass_deletion, mass_change, trail_cut, rows_destroyed),
    "transport": (old_protocol, key_export, many_decryptions),
    "watch": (silence, nonsense, future_stamps, key_flood),
}
