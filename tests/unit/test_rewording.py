from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sentinel.cases.wording import notice
from sentinel.rewording import Rewording
from tests.unit.cases_fixtures import NOW, a_case

UTC = ZoneInfo("UTC")


def template(folder: Path, name: str, text: str) -> Rewording:
    (folder / f"{name}.txt.j2").write_text(text, encoding="utf-8")
    return Rewording(folder, UTC)


def test_without_a_template_a_message_is_as_it_is(tmp_path: Path) -> None:
    notification = notice(a_case(), "opened", NOW)
    assert Rewording(None, UTC)(notification) is notification
    assert Rewording(tmp_path, UTC)(notification) is notification


def test_a_template_gives_the_headline_the_facts_and_what_to_do(tmp_path: Path) -> None:
    facts = "Stufe {{ case.level }}\n\n{% for line in lines %}{{ line }}\n{% endfor %}"
    text = f"Fall {{{{ case.id }}}}: {{{{ people }}}}\n{facts}--\nRuf an.\n"
    notification = notice(a_case(), "opened", NOW)
    said = template(tmp_path, "message", text)(notification)
    assert said.headline == f"Fall {a_case().id}: 50 people"
    assert said.lines == ("Stufe high", *notification.lines)
    assert said.next_action == "Ruf an."
    assert (said.id, said.key, said.case) == (notification.id, notification.key, notification.case)


def test_the_template_of_a_kind_goes_before_the_one_for_all(tmp_path: Path) -> None:
    template(tmp_path, "message", "for all: {{ occasion }}")
    reword = template(tmp_path, "message-reminder", "a reminder: {{ occasion }}")
    assert reword(notice(a_case(), "24h-left", NOW)).headline == "a reminder: 24 hours left"
    opened = reword(notice(a_case(), "opened", NOW))
    assert opened.headline == "for all: a breach case is open"
    assert opened.next_action == notice(a_case(), "opened", NOW).next_action


@pytest.mark.parametrize(
    "text",
    [
        "{{ case.id",
        "{{ nobody.knows }}",
        "",
        "{{ case.__class__.__mro__ }}",
        "{% include '/etc/passwd' %}",
        "{{ 1 / 0 }}",
        "{{ case.key.pop() }}",
    ],
)
def test_a_template_that_cannot_be_used_costs_its_words_and_not_the_message(tmp_path: Path, text: str) -> None:
    notification = notice(a_case(), "opened", NOW)
    said = template(tmp_path, "message", text)(notification)
    assert said.headline == notification.headline
    assert said.lines[:-1] == notification.lines
    assert said.lines[-1].startswith("These are the built-in words: the template ")
