"""The texts of messages as an organisation wants them, from templates in its own folder.

Rules of this file:
1. A template sees what the case holds, no more; what it writes is made harmless by each channel as every text is.
2. A message is never lost to a template: where one cannot be used the built-in text goes, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.cases.register import case_row
from sentinel.cases.wording import occasion, people
from sentinel.model import Notification
from sentinel.paper import PaperError, render
from sentinel.routing import kind_of

_log = logging.getLogger(__name__)

ACTION = "--"
"""The line behind which stands what to do now."""


NAMES = frozenset({"case", "kind", "occasion", "people", "headline", "lines", "next_action", "made_at"})
"""What a template of messages sees."""


class Rewording:
    """Puts the words of a folder's templates (`message-opened.txt.j2`, else `message.txt.j2`) into messages."""

    def __init__(self, folder: Path | None, zone: ZoneInfo) -> None:
        self._folder = folder
        self._zone = zone

    def __call__(self, notification: Notification) -> Notification:
        """The message in the organisation's words; as it is where there is no template for its kind."""
        template = self._template(kind_of(notification.key))
        if template is None:
            return notification
        try:
            lines = self._lines(template, notification)
        except PaperError as error:
            # Of the text only its beginning is ours: what a template quotes may be a value.
            _log.error("the template of a message cannot be used", extra={"template": template})
            said = f"These are the built-in words: {str(error).partition(' cannot be used')[0]} cannot be used."
            return replace(notification, lines=(*notification.lines, said))
        facts, action = lines[1:], notification.next_action
        if ACTION in facts:
            place = facts.index(ACTION)
            facts, action = facts[:place], " ".join(facts[place + 1 :]) or action
        return replace(notification, headline=lines[0], lines=tuple(facts), next_action=action)

    def _lines(self, template: str, notification: Notification) -> list[str]:
        text = render(template, self._folder, notification.owed_at, self._values(notification))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            raise PaperError(f"the template {template} cannot be used: it writes nothing")
        return lines

    def _template(self, kind: str) -> str | None:
        names = (f"message-{kind}.txt", "message.txt")
        return next((name for name in names if self._folder and (self._folder / f"{name}.j2").is_file()), None)

    def _values(self, notification: Notification) -> Mapping[str, Any]:
        case = notification.case
        return {
            "case": case_row(case, notification.owed_at, self._zone),
            "kind": kind_of(notification.key),
            "occasion": occasion(case, notification.key),
            "people": people(case.subjects),
            "headline": notification.headline,
            "lines": notification.lines,
            "next_action": notification.next_action,
        }
