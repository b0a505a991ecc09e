"""What the daemon does when somebody asks on the control socket: one act, one answer, in the main loop's thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from sentinel import answers
from sentinel.cases.drill import drill, is_drill
from sentinel.cases.moves import CaseError
from sentinel.clock import Micros, rfc3339
from sentinel.control import Request
from sentinel.model import AuditEntry
from sentinel.problems import did_you_mean
from sentinel.store import StoreError

if TYPE_CHECKING:
    from sentinel.app import Daemon


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
            case "reload":
                problems = daemon.reload()
                is_good = not any(problem.is_error for problem in problems)
                return {"reloaded": is_good, "problems": [str(problem) for problem in problems]}
        raise CaseError(f"unknown act '{request.act}'")

    def _move(self, request: Request, now: Micros) -> Mapping[str, object]:
        pipeline = self._daemon.pipeline
        case = pipeline.book.find(str(request.arguments.get("case")))
        verdict = answers.move(case, request.arguments, request.who.name, now)
        pipeline.record(verdict, now)
        pipeline.commit(now)
        self._daemon.courier.wake()
        zone = self._daemon.config.cases.zone
        return answers.move_answer(verdict.case, str(request.arguments["move"]), now, zone)

    def _test(self, request: Request, now: Micros) -> Mapping[str, object]:
        daemon = self._daemon
        tests = []
        for number, name in enumerate(self._named(request)):
            notification = drill(name, now + number)
            entry = AuditEntry(at=now, who=request.who.name, act="channel.tested", detail={"channel": name})
            daemon.pipeline.drill(notification, name, entry, now)
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
