"""Acts on cases that are asked for from a message: who asks, how sure that is, and whether it may be done.

Rules of this file:
1. A link, and a request of Slack's, is good once: that it was used is saved in the transaction that holds the act.
2. Each act is in the audit trail with who did it and `known_by`, how sure that is.
3. What many people read can acknowledge, no more; a decision needs a person who is known, and a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sentinel import inviting
from sentinel.acts.messages import LinkAnswer, SlackAnswer, UseAnswer
from sentinel.cases import moves
from sentinel.cases.moving import CaseError
from sentinel.cases.wording import deadline_text, notice, people
from sentinel.channels.slack import Bot
from sentinel.clock import Micros
from sentinel.control import Request
from sentinel.model import Case, Verdict
from sentinel.slackrequest import Pressed, is_slacks, pressed
from sentinel.store.links import LONGEST_LIFE, Invitation

if TYPE_CHECKING:
    from sentinel.app import Daemon

_SAID = {
    "acknowledge": "case {} is acknowledged: nobody further is called",
    "confirm": "case {} is confirmed as a breach",
    "dismiss": "case {} is dismissed; it stays in the register",
}
_SLACK = "hooks.slack.com"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and how that is known."""

    who: str
    known_by: str


class Acting:
    """Answers what is asked by links and buttons, for one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    # --- links ---------------------------------------------------------------------------------------------

    def show(self, asked: Mapping[str, Any], now: Micros) -> LinkAnswer:
        """What the link is good for."""
        invitation, standing = self._found(_text(asked, "token"), now)
        case = None if invitation is None else self._daemon.pipeline.book.current(invitation.case_id)
        if invitation is None or case is None:
            return LinkAnswer(standing="unknown", acts=[], case="", headline="", facts=[])
        acts = inviting.acts_on(case, invitation.scope) if standing == "good" else ()
        return LinkAnswer(
            standing=standing,
            acts=list(acts),
            case=case.id,
            headline=f"[{case.level.word}] {case.id}: {case.title}",
            facts=_facts(case, now),
        )

    def use(self, asked: Mapping[str, Any], now: Micros) -> UseAnswer:
        """Do what the link is for. Raises CaseError where that is not possible now."""
        # What a batch still holds must be seen: a link that was used in it is used.
        self._daemon.pipeline.commit(now)
        token, act = _text(asked, "token"), _text(asked, "act")
        invitation, standing = self._found(token, now)
        if invitation is None or standing != "good":
            return UseAnswer(standing=standing, did="")
        case = self._daemon.pipeline.book.current(invitation.case_id)
        if case is None or act not in inviting.acts_on(case, invitation.scope):
            raise CaseError("that is nothing this link can do")
        person = self._reader(invitation.channel)
        asker = (
            Asker(person, "personal link") if person else Asker(f"somebody in '{invitation.channel}'", "shared link")
        )
        values = {"reason": _text(asked, "reason"), "code": asked.get("code") or None}
        self._do(case, act, asker, values, invitation.digest, now)
        return UseAnswer(standing="done", did=_SAID[act].format(case.id))

    def _found(self, token: str, now: Micros) -> tuple[Invitation | None, str]:
        """The link and how it stands; None for one that was not made here, for just this, for who reads the channel."""
        daemon = self._daemon
        acting = daemon.config.acting
        invitation = None if acting is None else daemon.store.invitation(inviting.digest_of(token))
        if acting is None or invitation is None:
            return None, "unknown"
        person = self._reader(invitation.channel)
        key = daemon.vault.link_key
        if not inviting.is_genuine(key, token, invitation.case_id, invitation.scope, person):
            return None, "unknown"
        if invitation.used_at is not None:
            return invitation, "used"
        sent_at = now if invitation.sent_at is None else invitation.sent_at
        if now - sent_at >= acting.links_last or now - invitation.made_at >= LONGEST_LIFE:
            return invitation, "expired"
        case = daemon.pipeline.book.current(invitation.case_id)
        return invitation, "good" if case is not None and inviting.acts_on(case, invitation.scope) else "settled"

    def _reader(self, channel: str) -> str:
        """The one person who reads the channel, as it is configured now; empty where it is not one."""
        acting, options = self._daemon.config.acting, self._daemon.config.channels.get(channel)
        return "" if acting is None or options is None else acting.reader(options)

    # --- Slack ---------------------------------------------------------------------------------------------

    def press(self, asked: Mapping[str, Any], now: Micros) -> SlackAnswer:
        """Do what the button is for, and say what came of it. Raises CaseError for one not to be believed."""
        self._daemon.pipeline.commit(now)
        body, timestamp, signature = (_text(asked, name) for name in ("body", "timestamp", "signature"))
        bot = self._bot(body, timestamp, signature, now)
        button = pressed(body)
        if button is None:
            return SlackAnswer(said="", answer_to="", allow_private=False)
        try:
            said = self._press(button, bot.name, inviting.digest_of(signature), now)
        except CaseError as refused:
            said = f"Not done: {refused.message}."
        allow_private = bool(getattr(self._daemon.config.channels[bot.name], "allow_private", False))
        return SlackAnswer(
            said=said,
            answer_to=button.answer_to if _is_slack_address(button.answer_to, allow_private) else "",
            allow_private=allow_private,
        )

    def _bot(self, body: str, timestamp: str, signature: str, now: Micros) -> Bot:
        """The bot whose app signed the request. Raises CaseError where none did, or where it was acted upon before."""
        for channel in self._daemon.channels.values():
            secret = channel.signing_secret if isinstance(channel, Bot) else None
            if secret is not None and is_slacks(secret, body, timestamp, signature, now):
                if self._daemon.store.is_spent(inviting.digest_of(signature)):
                    raise CaseError("the request was acted upon before")
                assert isinstance(channel, Bot)
                return channel
        raise CaseError("the request is not signed by Slack, or too old")

    def _press(self, button: Pressed, channel: str, digest: bytes, now: Micros) -> str:
        """What was done, in one sentence. Raises CaseError where it is not."""
        acting = self._daemon.config.acting
        person = "" if acting is None else acting.slack_person(button.user)
        case = self._daemon.pipeline.book.current(button.case_id)
        if case is None:
            raise CaseError("there is no such case")
        if button.act != "acknowledge" and not person:
            raise CaseError("a decision needs somebody whom Sentinel knows, and your Slack user is not one of them")
        possible = {*inviting.acts_on(case, "acknowledge"), *inviting.acts_on(case, "decide")}
        if button.act not in possible:
            raise CaseError(f"case {case.id} is {'acknowledged' if button.act == 'acknowledge' else case.state.value}")
        if button.act != "acknowledge" and not button.reason:
            raise CaseError("write the reason into the field above the buttons first")
        asker = (
            Asker(person, "slack user mapped") if person else Asker(f"somebody in '{channel}'", "slack user not mapped")
        )
        self._do(case, button.act, asker, {"reason": button.reason}, digest, now)
        return f"Done: {_SAID[button.act].format(case.id)}."

    # --- both ----------------------------------------------------------------------------------------------

    def _do(
        self, case: Case, act: str, asker: Asker, given: Mapping[str, str | None], digest: bytes, now: Micros
    ) -> None:
        """The act, and that what asked for it is good for nothing more, on disk together. Raises CaseError."""
        reason = (given.get("reason") or "").strip()
        if act == "acknowledge":
            reason = reason or "from the message"
        values = {"code": given["code"]} if act == "dismiss" and given.get("code") else {}
        verdict = moves.MOVES[act](case, who=asker.who, reason=reason, now=now, **values)
        pipeline = self._daemon.pipeline
        if act == "acknowledge":
            # Who else has the message sees that its link is used, and by this that nobody else has to get up.
            verdict = replace(verdict, owed=(notice(verdict.case, "acknowledged", now),))
        pipeline.record(_marked(verdict, asker), now)
        pipeline.spend(digest, now)
        pipeline.commit(now)
        self._daemon.courier.wake()


def _marked(verdict: Verdict, asker: Asker) -> Verdict:
    entries = (replace(entry, detail={**entry.detail, "known_by": asker.known_by}) for entry in verdict.audit)
    return replace(verdict, audit=tuple(entries))


def _facts(case: Case, now: Micros) -> list[tuple[str, str]]:
    """What the page shows of a case. Not its owner: whoever has the link sees it."""
    return [
        ("What", f"{case.findings} {'finding' if case.findings == 1 else 'findings'} of {', '.join(case.rules[:5])}"),
        ("Whose data", people(case.subjects)),
        ("Deadline", deadline_text(case, now)),
        ("State", f"{case.state.value}{'' if case.acknowledged_at is None else ', acknowledged'}"),
    ]


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise CaseError(f"'{name}' is text")
    return value


def _is_slack_address(address: str, allow_private: bool) -> bool:
    """Slack takes answers there; with `allow_private`, a service of the own network that speaks the same does."""
    parts = urlsplit(address)
    return (parts.scheme == "https" and parts.hostname == _SLACK) or (allow_private and bool(parts.hostname))


ACTS: Mapping[str, Callable[[Daemon, Request, Micros], Mapping[str, object]]] = {
    "link.show": lambda daemon, request, now: Acting(daemon).show(request.arguments, now),
    "link.use": lambda daemon, request, now: Acting(daemon).use(request.arguments, now),
    "slack.pressed": lambda daemon, request, now: Acting(daemon).press(request.arguments, now),
}
"""How each act is done."""
