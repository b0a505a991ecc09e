"""What the daemon does when somebody asks on the control socket: one act, one answer, in the main loop's thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from sentinel import acting, answers, inquiry, reports
from sentinel.activity import RulesAnswer, exceptions
from sentinel.cases import joining
from sentinel.cases.drill import drill, is_drill
from sentinel.cases.moving import CaseError
from sentinel.clock import Micros, rfc3339
from sentinel.control import Request
from sentinel.inspection import endings
from sentinel.model import AuditEntry, Case, Verdict
from sentinel.parties import parties_answer
from sentinel.problems import did_you_mean
from sentinel.silences import Silence
from sentinel.store import StoreError
from sentinel.vault import VaultError

if TYPE_CHECKING:
    from sentinel.app import Daemon


_ELSEWHERE = {**inquiry.ACTS, **acting.ACTS}
"""What is answered by a room of its own."""


class Desk:
    """Answers requests for one daemon. What is done is committed before it is answered."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def answer(self, request: Request, now: Micros) -> None:
        """Do what is asked, or say why not; every request is answered."""
        if not request.take():
            return
        try:
            request.answer(self._act(request, now))
            outcome = "answered"
        except CaseError as refused:
            request.refuse(refused.message, refused.hint)
            outcome = "refused"
        except VaultError as error:
            request.refuse(str(error), "sentinel keys check")
            outcome = "failed"
        except StoreError as error:
            hint = "what was asked is kept and saved as soon as there is room again; see the daemon's log"
            request.refuse(f"the store cannot be written now: {error}", hint)
            outcome = "failed"
        self._daemon.metrics.control_requests.labels(request.act, outcome).inc()

    def _act(self, request: Request, now: Micros) -> Mapping[str, object]:
        daemon = self._daemon
        zone, book = daemon.config.cases.zone, daemon.pipeline.book
        match request.act:
            case "status":
                return self._status()
            case "case.list":
                return answers.list_answer(book, now, zone)
            case "case.show":
                daemon.pipeline.commit(now)
                case = book.find(str(request.arguments.get("case")))
                return answers.show_answer(daemon.store, case, now, zone)
            case "case.parties":
                daemon.pipeline.commit(now)
                case, vault = book.find(str(request.arguments.get("case"))), daemon.vault
                return parties_answer(daemon.store, case, vault.hash_key, vault.pseudonym)
            case "case.register":
                daemon.pipeline.commit(now)
                return answers.register_answer(daemon.store, book, now, zone)
            case "case.open":
                return self._open(request, now)
            case "case.move":
                return self._move(request, now)
            case "channel.list":
                return answers.channels_answer(daemon.config.channels, daemon.store.channel_standings())
            case "channel.test":
                return self._test(request, now)
            case "channel.outcome":
                return self._outcome(request, now)
            case "channel.resend":
                return self._resend(request, now)
            case "silence.add":
                return {"silence": answers.silence_row(self._silence(request, now))}
            case "silence.list":
                return self._silences(now)
            case "silence.end":
                return self._end_silence(request, now)
            case "report":
                daemon.pipeline.commit(now)
                return self._report(request, now)
            case "rules.status":
                return self._rules(now)
            case "reload":
                problems = daemon.reload()
                is_good = not any(problem.is_error for problem in problems)
                return {"reloaded": is_good, "problems": [str(problem) for problem in problems]}
        if request.act in _ELSEWHERE:
            return _ELSEWHERE[request.act](daemon, request, now)
        raise CaseError(f"unknown act '{request.act}'")

    def _rules(self, now: Micros) -> Mapping[str, object]:
        daemon, activity = self._daemon, self._daemon.activity
        daemon.pipeline.commit(now)
        daemon.lookout.tell_findings()
        activity.note_engine(daemon.engine, now)
        return RulesAnswer(
            since=rfc3339(daemon.started),
            refused=activity.refused,
            rules=activity.rows(daemon.engine, daemon.pipeline.book),
            exceptions=exceptions(daemon.engine, now),
            soon=[each.message for each in endings(daemon.rulebook, now)],
        )

    def _report(self, request: Request, now: Micros) -> Mapping[str, object]:
        daemon, asked = self._daemon, request.arguments
        start, end = reports.period(asked.get("since"), asked.get("until"), daemon.config.cases.zone, now)
        return reports.report(daemon.store, daemon.vault, daemon.pipeline.book, start, end, now)

    def _open(self, request: Request, now: Micros) -> Mapping[str, object]:
        options = self._daemon.config.cases
        verdict = answers.open_case(request.arguments, request.who.name, now, options)
        if self._daemon.pipeline.book.get(verdict.case.id) is not None:
            raise CaseError(f"case {verdict.case.id} is open already")
        self._daemon.pipeline.record(verdict, now)
        return self._done(verdict, "open", now)

    def _move(self, request: Request, now: Micros) -> Mapping[str, object]:
        pipeline, arguments = self._daemon.pipeline, request.arguments
        case, name = pipeline.book.find(str(arguments.get("case"))), str(arguments.get("move"))
        if name in {"merge", "unmerge", "split"}:
            both, moved = self._join(case, name, request, now)
            pipeline.join(both, now, moved)
            return self._done(both[0], name, now)
        verdict = answers.move(case, arguments, request.who.name, now, self._daemon.config.cases.zone)
        pipeline.record(verdict, now)
        return self._done(verdict, name, now)

    def _join(
        self, case: Case, name: str, request: Request, now: Micros
    ) -> tuple[tuple[Verdict, Verdict], tuple[str, ...]]:
        """Two cases as they are after the move, and the findings that go from the first to the second."""
        pipeline, who, reason = self._daemon.pipeline, request.who.name, str(request.arguments.get("reason") or "")
        if name == "split":
            pipeline.commit(now)
            both = answers.split(self._daemon.store, case, request.arguments, who, now)
            return both, tuple(both[1].audit[0].detail["findings"])
        if name == "merge":
            into = pipeline.book.find(str(request.arguments.get("into") or ""))
            people = pipeline.people(into, other=case.id)
            return joining.merge(case, into, who=who, reason=reason, now=now, subjects=people), ()
        into = pipeline.book.find(case.merged_into or case.id)
        people = pipeline.people(into, without=case.id)
        return joining.unmerge(case, into, who=who, reason=reason, now=now, subjects=people), ()

    def _done(self, verdict: Verdict, name: str, now: Micros) -> Mapping[str, object]:
        """What was decided is committed and told."""
        self._daemon.pipeline.commit(now)
        self._daemon.courier.wake()
        return answers.move_answer(verdict.case, name, now, self._daemon.config.cases.zone)

    def _test(self, request: Request, now: Micros) -> Mapping[str, object]:
        daemon = self._daemon
        tests = []
        for number, name in enumerate(self._named(request)):
            notification = drill(name, now + number)
            entry = AuditEntry(at=now, who=request.who.name, act="channel.tested", detail={"channel": name})
            daemon.pipeline.say(notification, [name], entry, now)
            tests.append({"channel": name, "case": notification.case.id})
        daemon.pipeline.commit(now)
        daemon.courier.wake()
        return {"tests": tests}

    def _outcome(self, request: Request, now: Micros) -> Mapping[str, object]:
        """How a test stands; what is withdrawn while it is being sent may still arrive."""
        store, case = self._daemon.store, str(request.arguments.get("case"))
        if not is_drill(case):
            raise CaseError("that is not a test", "see `sentinel case show` for the messages of a case")
        self._daemon.pipeline.commit(now)
        found = store.deliveries(case)
        if request.arguments.get("withdraw") or any(each.state == "never" for each in found):
            store.withdraw(case)
        if not found:
            return {"state": "withdrawn", "attempts": 0, "reason": ""}
        return {"state": found[0].state, "attempts": found[0].attempts, "reason": found[0].last_reason}

    def _resend(self, request: Request, now: Micros) -> Mapping[str, object]:
        resent = 0
        for name in self._named(request):
            entry = AuditEntry(at=now, who=request.who.name, act="channel.resent", detail={"channel": name})
            resent += self._daemon.store.resend(name, now, entry)
        self._daemon.courier.wake()
        return {"resent": resent}

    def _silence(self, request: Request, now: Micros) -> Silence:
        daemon = self._daemon
        silence = answers.silence(request.arguments, request.who.name, now)
        detail = silence.model_dump(mode="json", exclude_none=True)
        daemon.pipeline.commit(now)
        daemon.store.add_silence(silence, AuditEntry(at=now, who=silence.who, act="silence.added", detail=detail))
        self._silences(now)
        return silence

    def _silences(self, now: Micros) -> Mapping[str, object]:
        """What is silent now, for the pipeline too."""
        found = self._daemon.pipeline.telling.silences = self._daemon.store.silences(now)
        return {"silences": [answers.silence_row(each) for each in found]}

    def _end_silence(self, request: Request, now: Micros) -> Mapping[str, object]:
        silence = str(request.arguments.get("silence"))
        entry = AuditEntry(at=now, who=request.who.name, act="silence.ended", detail={"silence": silence[:64]})
        if not self._daemon.store.end_silence(silence, entry):
            raise CaseError(f"there is no silence '{silence[:64]}'", "see `sentinel silence list`")
        return self._silences(now)

    def _named(self, request: Request) -> list[str]:
        """The channel that is asked for, or every one."""
        name, known = request.arguments.get("channel"), self._daemon.channels
        if name is None:
            return list(known)
        if name not in known:
            raise CaseError(f"there is no channel '{str(name)[:64]}'", did_you_mean(str(name), known))
        return [str(name)]

    def _status(self) -> Mapping[str, object]:
        daemon = self._daemon
        address = daemon.web.address if daemon.web is not None else None
        return {
            "version": version("breach-sentinel"),
            "pid": os.getpid(),
            "started_at": rfc3339(daemon.started),
            "config": str(daemon.config.path),
            "rules": daemon.rule_count(),
            "sources": len(daemon.config.sources),
            "http": f"{address[0]}:{address[1]}" if address else None,
        }
