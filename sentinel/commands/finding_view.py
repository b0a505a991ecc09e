"""A finding on one line, as `replay` and `hunt` show it."""

from __future__ import annotations

from sentinel.clock import rfc3339
from sentinel.commands.output import safe
from sentinel.model import Finding


def finding_line(finding: Finding) -> str:
    """The finding as people read it, on one line."""
    group = " ".join(f"{name}={value}" for name, value in finding.group)
    people = "" if finding.subjects is None else f"  {finding.subjects} people"
    shadow = "  (shadow)" if finding.mode.value == "shadow" else ""
    when = rfc3339(finding.fired_at, finding.digits)
    about = "about " if finding.value_is_estimate else ""
    because = f"  ({'; '.join(finding.because)})" if finding.because else ""
    return safe(
        f"{when}  {finding.level.word:<13} {finding.rule}  {group}  "
        f"value {about}{finding.value}{people}{because}{shadow}"
    )
