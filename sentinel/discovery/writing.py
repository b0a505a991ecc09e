"""The proposals as YAML that people read and `sentinel check` accepts.

Rule of this file: what comes from a log is written only as templates of plain segments, names of fields and masked
shapes; every text is quoted by the YAML writer, and comments hold printable ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from sentinel.discovery.proposal import Findings, Proposal

HEAD: Final = """\
# Proposed from what the logs show. Before you use it: strike what shows nobody's data, fill in what only you know
# (owner, purpose, lawful_basis, people, retention: Art. 30 GDPR), and say of each actor whether the name was checked
# (trust: verified) or is what the client said (trust: claimed). `sentinel check` then says what is wrong with it.
"""
NOTHING: Final = "systems: []\n"


@dataclass(frozen=True, slots=True)
class Told:
    """One log and what is known of it: the name of its source, how it is routed, and whether its actor was checked."""

    name: str
    logsource: Mapping[str, str]
    findings: Findings
    trust: str = "claimed"
    recipe: str = ""


def inventory_yaml(logs: Sequence[Told]) -> str:
    """The whole inventory: a system for each log that shows people's data, with what is already known left out."""
    parts = [HEAD]
    systems = [text for log in logs if (text := "\n".join(_system(log)))]
    return "".join(parts) + ("systems:\n" + "\n\n".join(systems) + "\n" if systems else NOTHING)


def _system(log: Told) -> Iterator[str]:
    new = [each for each in log.findings.proposals if not each.is_known]
    entries = [each for each in new if each.sure != "low"]
    if not entries:
        return
    data = tuple(dict.fromkeys(category for each in entries for category in each.data))
    yield f"  - name: {inline(log.name)}"
    yield f"    data: {inline(list(data))}"
    yield "    access:"
    for each in entries:
        yield from _comments(each, log)
        yield from (f"      {line}" for line in _entry(each, log))
    doubtful = [each for each in new if each.sure == "low"]
    if doubtful:
        yield "      # Perhaps, too; nothing but the number of different ids or the kind of file says so:"
        for each in doubtful[:20]:
            yield from (f"      # {line}" for line in _entry(each, log))


def _comments(each: Proposal, log: Told) -> Iterator[str]:
    people = f" to {each.people} different ids" if each.people else ""
    example = f", as {each.example}" if each.example and each.example != each.title else ""
    yield f"      # {_plain(f'{each.count} accesses{people}{example}')}"
    yield f"      # {_plain(f'{each.sure} confidence: ' + '; '.join(each.because))}"
    if each.actorless and log.recipe:
        yield f"      # {_plain(f'{each.actorless / max(1, each.count):.0%} of them name no actor: {log.recipe}')}"


def _entry(each: Proposal, log: Told) -> Iterator[str]:
    """The entry as lines of block YAML, from the dash on."""
    entry: dict[str, Any] = {"when": each.when}
    if log.logsource:
        entry["logsource"] = dict(log.logsource)
    if log.findings.actor is not None:
        entry["actor"] = {"field": log.findings.actor, "trust": log.trust, "normalise": ["lower", "strip_domain"]}
    entry["action"] = each.action
    fields = {"subject": each.subject, "records": each.records, "bytes": each.bytes}
    entry |= {name: value for name, value in fields.items() if value is not None}
    if each.data:
        entry["data"] = list(each.data)
    lines = []
    for key, value in entry.items():
        if key == "when":
            lines.append("when:")
            lines += [f"  {inline(name)}: {inline(wanted)}" for name, wanted in value.items()]
        else:
            lines.append(f"{key}: {inline(value)}")
    yield f"- {lines[0]}"
    yield from (f"  {line}" for line in lines[1:])


def inline(value: Any) -> str:
    """The value on one line, quoted where it must be."""
    written = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=False, sort_keys=False)
    return written.removesuffix("\n").removesuffix("\n...")


def _plain(text: str) -> str:
    return "".join(each if " " <= each <= "~" else "?" for each in text)
