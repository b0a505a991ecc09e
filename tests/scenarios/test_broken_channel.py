"""A channel that refuses for good is heard of through the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios.test_acting import StillClock
from tests.scenarios.test_daemon import CONFIG, NOON, Watch, folder
from tests.unit.loopback import Answer, Service, service

__all__ = ["folder"]

HOOK = '  {name}: {{type: webhook, url: "{url}", secret: {{file: hook}}, allow_private: true}}\n'


def types(there: Service) -> list[str]:
    return [str(json.loads(each.body)["type"]) for each in there.received]


@pytest.mark.parametrize(
    "routes", ["", "routes: [{to: [soc]}]\n", "routes: [{when: {kind: broken}, to: [soc, dpo]}, {to: [soc]}]\n"]
)
def test_a_channel_that_refuses_for_good_is_a_finding_and_the_others_are_told_once(folder: Path, routes: str) -> None:
    with service(Answer(410)) as soc, service() as dpo:
        hooks = HOOK.format(name="soc", url=soc.url) + HOOK.format(name="dpo", url=dpo.url)
        (folder / "sentinel.yaml").write_text(f"{CONFIG}channels:\n{hooks}{routes}", encoding="utf-8")
        (folder / "hook").write_text("whsec_" + "A" * 40, encoding="utf-8")
        watch = Watch(folder, clock=StillClock(NOON))
        watch.read("kim", range(5))
        watch.turn()
        while "case.broken" not in types(dpo):
            watch.turn(1)
        assert watch.ask("channel.resend", channel="soc")["resent"] == 1
        while len(soc.received) < 2 or watch.standing_of("soc")["waiting"]:
            watch.turn(1)
        told = json.loads(next(each.body for each in dpo.received if b"case.broken" in each.body))["data"]
        assert "'soc' does not take messages" in told["headline"]
        assert "status 410" in " ".join(told["lines"])
        assert "sentinel channel resend soc" in told["next_action"]
        assert types(dpo).count("case.broken") == 1
        assert "case.broken" not in types(soc)
        counted = watch.daemon.metrics.findings.labels("sentinel.channel_broken", "high", "enforce")
        assert counted._value.get() == 1
        assert [case["rules"] for case in watch.cases()] == [["many"]]
        watch.daemon.close()
