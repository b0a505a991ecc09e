"""Which rules are for which source: routing is part of what a rule means."""

from __future__ import annotations

import pytest

from sentinel.detect.route import fits, is_sure
from sentinel.model import LogSource

NGINX = LogSource("webserver", "nginx", None)


@pytest.mark.parametrize(
    ("rule", "is_for", "surely"),
    [
        (LogSource("webserver"), True, True),
        (LogSource("WebServer", "NGINX"), True, True),
        (LogSource("webserver", "apache"), False, True),
        (LogSource("firewall"), False, True),
        (LogSource("webserver", None, "access"), True, False),
        (LogSource(None, None, "access"), True, False),
        (LogSource("personal_data_access"), True, True),
        (LogSource("personal_data_access", "apache"), False, True),
    ],
)
def test_a_dimension_on_which_both_say_something_different_excludes(
    rule: LogSource, is_for: bool, surely: bool
) -> None:
    assert fits(rule, NGINX) is is_for
    assert is_sure(rule, NGINX) is surely


def test_a_source_that_says_nothing_is_for_every_rule_and_surely_for_none() -> None:
    assert fits(LogSource("webserver", "nginx"), LogSource())
    assert not is_sure(LogSource("webserver", "nginx"), LogSource())
