"""How explanations of records are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinel.commands.output import Output, console, print_json_line, print_pairs, safe
from sentinel.detect.ruletests import Outcome

Say = Callable[..., None]
"""Prints a line, and takes its style."""


def print_record(record: dict[str, Any], output: Output, *, raw: bool) -> None:
    """One explanation, for people or as one line of JSON."""
    if output is Output.JSON:
        print_json_line(record)
        return
    terminal = console()

    def say(text: str, style: str = "") -> None:
        terminal.print(safe(text, raw=raw), style=style)

    say(f"at {record['offset']}  {record['time']}  format {record['format'] or UNREAD}", "bold")
    pairs = [
        ("log source", _pairs(record["logsource"], " ") or "unknown"),
        ("fields", _pairs(record["fields"])),
        ("access", _pairs(record["access"] or {}) or "none: no inventory entry holds"),
    ]
    if terminal.is_terminal and not raw:
        print_pairs(pairs)
    else:
        for name, text in pairs:
            say(f"  {name:<10}  {text}")
    for rule in record["rules"]:
        print_rule(rule, say)
    if terminal.is_terminal:
        terminal.print()


UNREAD = "none: no format could read it"


def _pairs(values: Mapping[str, Any], between: str = "  ") -> str:
    return between.join(f"{name}={value}" for name, value in values.items())


def print_rule(rule: Mapping[str, Any], say: Say) -> None:
    """What is said of one rule: the verdict, selections with what they wanted and found, filters, window."""
    verdict = "fired" if rule["fired"] else "matched" if rule["matched"] else "no match"
    why = (
        f" ({rule['suppressed_by']})"
        if rule["suppressed_by"]
        else ""
        if rule["routed"]
        else " (not for this log source)"
    )
    say(f"  {rule['rule']}: {verdict}{why}", "green" if rule["matched"] else "dim")
    for name, selection in rule["selections"].items():
        say(f"    {'+' if selection['matched'] else '-'} {name}")
        for item in selection["because"]:
            wanted = ", ".join(map(str, item["wanted"]))
            found = item["field"] if "field" in item else item.get("value", "")
            say(f"      {'+' if item['matched'] else '-'} {item['item']}: wanted {wanted}; found {found}")
    for each in rule["filters"]:
        say(f"    filter {each['filter']}: {'excepts it' if each['excepts'] else 'does not except it'}")
    window = rule["window"]
    if window is not None:
        group = " ".join(f"{name}={value}" for name, value in window["group"].items())
        about = "about " if window.get("value_is_estimate") else ""
        threshold = window["threshold"]
        wanted = f", wanted {threshold}" if isinstance(threshold, str) else f" of {threshold}"
        say(f"    window {window['spans']}: {about}{window['value']}{wanted}  {group}")
    for kind, reason in (rule["unusual"] or {}).items():
        say(f"    {'+' if reason['holds'] else '-'} {kind}: " + "  ".join(f"{k}={v}" for k, v in reason.items()))


def told(outcome: Outcome) -> list[str]:
    """What was expected of a test that failed, what came, and the record that decided, as `explain` shows it."""
    lines = [f"expected: {outcome.expected}", f"seen:     {outcome.seen}"]
    if outcome.trace is not None:
        fields = {**outcome.trace["fields"], **(outcome.trace["access"] or {})}
        lines.append(f"at {outcome.trace['time']}  " + "  ".join(f"{name}={value}" for name, value in fields.items()))
        for rule in outcome.trace["rules"]:
            print_rule(rule, lambda text, _style="": lines.append(text))
    return lines
