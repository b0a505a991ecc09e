from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sentinel import config
from sentinel.acts import CaseRow
from sentinel.cases.wording import notice
from sentinel.paper import mistakes
from sentinel.rewording import NAMES, Rewording
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


def test_what_a_template_names_that_is_not_there_is_found_before_it_is_used() -> None:
    loop = "{% for line in lines %}{{ line }}{% endfor %}"
    text = "Fall {{ case.id }}\n{% set a = 1 %}{{ a }} {{ kase.id }}\n{{ case.ide }} " + loop
    members = {"case": CaseRow.__annotations__}
    assert mistakes(text, NAMES, members) == [(2, "there is no 'kase'"), (3, "'case' has no 'ide'")]
    ((line, said),) = mistakes("fine\n{% if %}", NAMES, members)
    assert (line, said.startswith("it cannot be read")) == (2, True)
    assert mistakes("{{ case.id }} {{ headline | upper }}", NAMES, members) == []


def test_the_check_names_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "message-opend.txt.j2").write_text("{{ headline }}", encoding="utf-8")
    (tmp_path / "texts" / "message.txt.j2").write_text("one\n{{ nobody }}", encoding="utf-8")
    (tmp_path / "log").touch()
    written = (
        f"sources: [{{name: a, type: file, paths: [{tmp_path}/log], format: nginx}}]\ncases: {{templates: texts}}\n"
    )
    (tmp_path / "sentinel.yaml").write_text(written, encoding="utf-8")
    loaded, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert loaded is not None
    found = [(Path(each.span.file).name, each.span.line, each.message) for each in problems if each.code == "C029"]
    kind, name = sorted(found)
    assert kind == ("message-opend.txt.j2", 0, "no message is of the kind 'opend'")
    assert name == ("message.txt.j2", 2, "there is no 'nobody'")
