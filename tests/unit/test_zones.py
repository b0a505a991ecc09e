"""A name that is no time zone is refused wherever one can be written, folders of the zone database among them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sentinel import yamlfile, zones
from sentinel.cases.options import CaseOptions
from sentinel.detect.load import load

RULE = """\
title: t
logsource: {category: c}
detection: {selection: {a: b}, condition: selection}
sentinel: {timezone: America}
"""


@pytest.mark.parametrize("name", ["America", "", "../x", "/etc/passwd", "x" * 300, "Mars/Olympus", "a\0b", "zone.tab"])
def test_a_name_that_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        zones.read(name)


def test_a_time_zone_is_found_by_its_name() -> None:
    assert zones.read("Europe/Berlin").key == "Europe/Berlin"


def test_the_zone_of_the_controller_is_checked() -> None:
    with pytest.raises(ValidationError, match="time zone 'America'"):
        CaseOptions(timezone="America")


def test_the_zone_of_a_rule_is_checked() -> None:
    documents, _ = yamlfile.parse(RULE, "r.yml")
    assert [str(problem).split("\n")[0] for problem in load(documents)[1]] == [
        "r.yml:4:12: R042 there is no time zone 'America'"
    ]
