from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from sentinel.acts import CaseDetail, TimelineRow
from sentinel.answers import show_answer
from sentinel.cases.documents import PLANS, draft
from sentinel.cases.duties import FIELDS, assess, describe, role
from sentinel.cases.facts import Known, fact
from sentinel.cases.moves import confirm, dismiss, notify
from sentinel.cases.options import Organisation
from sentinel.cases.registry import COLUMNS, flat, register_row, within
from sentinel.clock import HOUR, MINUTE, rfc3339
from sentinel.inventory import System
from sentinel.model import AuditEntry, Case, Verdict
from sentinel.paper import PaperError, plain_markdown, render
from sentinel.store.audit import AuditRow
from tests.unit.cases_fixtures import HOSTILE, NOW, a_case

PORTAL = System(
    name="patient-portal", path=(), purpose="treatment records", subjects="patients", people=120_000, data=("health",)
)
EAST = Organisation(name="Hospital East", contact="dpo@hospital.example")
WHO: dict[str, Any] = {"who": "ada", "reason": "as the ward says"}


class Trail:
    """What was decided about one case, as the store would give it."""

    def __init__(self, *decisions: Verdict) -> None:
        self.case: Case = decisions[-1].case
        self.entries = [entry for each in decisions for entry in each.audit]

    def findings(self, case_id: str) -> list[Any]:
        return []

    def evidence_places(self, case_id: str) -> list[Any]:
        return []

    def collection(self, case_id: str) -> None:
        return None

    def collected_sources(self, case_id: str) -> list[Any]:
        return []

    def evidence_counts(self) -> dict[str, int]:
        return {}

    def deliveries(self, case_id: str) -> list[Any]:
        return []

    def audit(self, case_id: str | None = None) -> list[AuditRow]:
        return [_row(number, entry) for number, entry in enumerate(self.entries, 1)]


def _row(number: int, entry: AuditEntry) -> AuditRow:
    return AuditRow(number, entry.at, entry.case_id, entry.act, entry.who, dict(entry.detail))


def known(*decisions: Verdict, organisation: Organisation = EAST, at: int = NOW + 5 * HOUR) -> Known:
    trail = Trail(*decisions)
    return Known(show_answer(trail, trail.case, at), organisation, (PORTAL,))


def a_life(**changes: Any) -> list[Verdict]:
    sure = confirm(a_case(categories=("health", "contact"), **changes), **WHO, now=NOW + HOUR)
    risky = assess(sure.case, **WHO, now=NOW + 2 * HOUR, risk="high")
    said = describe(risky.case, **WHO, now=NOW + 2 * HOUR, field="consequences", text="A diagnosis may become known.")
    return [sure, risky, said, notify(said.case, **WHO, now=NOW + 3 * HOUR, reference="2026/0412")]


def answers(document: Any) -> dict[str, tuple[str | None, str | None]]:
    return {each.key: (each.answer, each.by) for section in document.sections for each in section.facts}


# --- facts and gaps ------------------------------------------------------------------------------------------


def test_the_draft_to_the_authority_has_every_field_of_article_33_3() -> None:
    found = answers(draft("notification", known(*a_life())))
    assert found["people_count"] == (
        "at least 50, as named in the log; the systems concerned hold about 120,000 people", "records",
    )  # fmt: skip
    assert found["people_categories"] == ("patients", "records")
    assert found["data_categories"] == ("health, contact (special categories, Art. 9 GDPR: health)", "records")
    assert found["contact"] == ("dpo@hospital.example", "configuration")
    assert found["consequences"] == ("A diagnosis may become known.", "person")
    assert found["aware"] == ("2026-03-04 03:00 UTC", "person")
    assert found["occurred"][0] == "from 2026-03-04 01:50 UTC to 2026-03-04 01:59 UTC, as far as the records show"
    assert found["risk"] == ("high, decided 2026-03-04 04:00 UTC: as the ward says", "person")
    bases = [section.basis for section in draft("notification", known(*a_life())).sections]
    assert {"Art. 33(3)(a)", "Art. 33(3)(b)", "Art. 33(3)(c)", "Art. 33(3)(d)"} <= set(bases)


def test_what_nobody_knows_is_a_gap_with_the_way_to_fill_it_and_nothing_is_made_up() -> None:
    document = draft("notification", known(confirm(a_case(subjects=None, categories=()), **WHO, now=NOW + HOUR)))
    gaps = {gap.key: gap.hint for gap in document.gaps}
    assert {"people_count", "records_count", "data_categories", "consequences", "measures_taken", "risk"} <= set(gaps)
    assert gaps["measures_taken"] == f"sentinel case describe {a_case().id} measures_taken '…'"
    assert gaps["risk"].startswith(f"sentinel case assess {a_case().id}")
    assert gaps["sector"] == "set cases.organisation.sector"
    assert all(each.answer is None and each.by is None for each in document.gaps)


def test_every_gap_that_a_person_fills_has_a_field_they_can_describe() -> None:
    empty = known(confirm(a_case(subjects=None, categories=(), systems=()), **WHO, now=NOW + HOUR))
    for kind in PLANS:
        for gap in draft(kind, empty).gaps:
            words = gap.hint.split()
            assert words[:3] != ["sentinel", "case", "describe"] or words[4] in {*FIELDS, "systems"}, gap


def test_a_late_notice_asks_for_the_reasons_until_somebody_gives_them() -> None:
    sure = confirm(a_case(), **WHO, now=NOW + HOUR)
    late = NOW + 80 * HOUR
    assert fact(known(sure, at=late), "delay_reasons", "").is_gap
    told = notify(sure.case, **WHO, now=late, delay_reason="the form was down")
    assert fact(known(sure, told, at=late), "delay_reasons", "").answer == "the form was down"
    assert fact(known(sure), "delay_reasons", "").answer == "not late"


def test_a_second_notice_is_a_follow_up_that_names_the_first() -> None:
    found = answers(draft("notification", known(*a_life())))
    assert found["phase"][0] == "follow-up; sent so far: initial of 2026-03-04 05:00 UTC (reference 2026/0412)"
    assert answers(draft("notification", known(a_life()[0])))["phase"][0] == "initial"


def test_the_letter_speaks_plainly_and_leaves_the_story_to_a_person() -> None:
    found = answers(draft("letter", known(*a_life())))
    assert found["data_categories"][0] == "information about your health, your contact details"
    assert found["occurred"][0] == "on 2026-03-04"
    assert found["nature"] == (None, None)
    assert "bulk_access" not in repr(found)


def test_a_processor_writes_to_the_controller_it_named() -> None:
    sure = confirm(a_case(), **WHO, now=NOW + HOUR)
    other = role(sure.case, **WHO, now=NOW + HOUR, role="processor", lead="Clinic East")
    assert answers(draft("controller", known(sure, other)))["lead"] == ("Clinic East", "person")
    assert answers(draft("controller", known(sure)))["lead"] == (None, None)


def test_no_document_holds_a_pseudonym_of_a_person_of_the_log() -> None:
    found = known(*a_life())
    for kind in PLANS:
        assert "actor-7f3a9c2e" not in repr(draft(kind, found))
    assert "actor-7f3a9c2e" not in repr(register_row(found))


def test_a_destroyed_key_is_said_and_its_texts_are_gaps() -> None:
    found = known(*a_life())
    entries: list[TimelineRow] = [{**entry, "reason": "", "detail": None} for entry in found.detail["timeline"]]
    gone: CaseDetail = {**found.detail, "timeline": entries}
    document = draft("notification", Known(gone, EAST, (PORTAL,)))
    assert any("key of the case was destroyed" in remark for remark in document.remarks)
    assert "consequences" in {gap.key for gap in document.gaps}


# --- the register --------------------------------------------------------------------------------------------


def test_a_row_of_the_register_has_facts_effects_and_remedies_under_fixed_columns() -> None:
    row = register_row(known(*a_life()))
    assert tuple(row) == COLUMNS
    assert (row["risk"], row["risk_reason"], row["aware_by"]) == ("high", "as the ward says", "ada")
    assert (row["authority_told_at"], row["authority_reference"]) == ("2026-03-04T05:00:00Z", "2026/0412")
    assert (row["people_told_at"], row["not_notified_reason"], row["authority_late_reason"]) == (None, None, None)
    assert row["special_categories"] == ["health"]


def test_a_dismissed_case_stays_in_the_register_with_code_and_reason() -> None:
    row = register_row(known(dismiss(a_case(), **WHO, now=NOW + HOUR, code="legitimate")))
    assert (row["state"], row["dismissal"], row["decision_reason"]) == ("dismissed", "legitimate", "as the ward says")
    assert row["closed_at"] == rfc3339(NOW + HOUR)


def test_a_cell_is_text_that_no_spreadsheet_runs() -> None:
    row = flat(register_row(known(dismiss(a_case(), who="ada", reason='=HYPERLINK("x")', now=NOW + HOUR))))
    assert row["decision_reason"] == '\'=HYPERLINK("x")'
    assert row["data_categories"] == "contact"
    out = io.StringIO()
    csv.DictWriter(out, COLUMNS).writerow(row)
    assert len(next(csv.reader(io.StringIO(out.getvalue())))) == len(COLUMNS)


def test_the_register_of_a_period_has_what_was_detected_in_it_the_oldest_first() -> None:
    rows = [
        {"id": name, "detected_at": at} for name, at in (("b", "2026-03-05"), ("a", "2026-03-04"), ("c", "2026-03-06"))
    ]
    assert [row["id"] for row in within(rows, "2026-03-04", "2026-03-06")] == ["a", "b"]
    assert len(within(rows, None, None)) == 3


# --- on paper ------------------------------------------------------------------------------------------------


def test_hostile_text_is_harmless_in_html_and_in_markdown() -> None:
    said = describe(a_case(), **WHO, now=NOW + MINUTE, field="nature", text=HOSTILE)
    document = draft("notification", known(said))
    html = render("document.html", None, NOW, {"document": document, "title": document.title})
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    plain = render("document.md", None, NOW, {"document": document, "title": document.title})
    assert "<script>" not in plain.replace("\\<", "")
    assert "\\<https://evil.example/x\\|Reset password\\>" in plain


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("- a list?", "\\- a list?"),
        ("1. a number?", "1\\. a number?"),
        ("# a\nheading", "\\# a heading"),
        ("[a](b) `c` *d*", "\\[a\\](b) \\`c\\` \\*d\\*"),
        ("C-7Q2M of 2026-03-04", "C-7Q2M of 2026-03-04"),
    ],
)
def test_markdown_reads_a_value_as_nothing_but_itself(text: str, written: str) -> None:
    assert plain_markdown(text) == written


def test_every_document_is_rendered_in_both_forms_and_shows_each_gap() -> None:
    found = known(confirm(a_case(), **WHO, now=NOW + HOUR))
    for kind in PLANS:
        document = draft(kind, found)
        template = "letter" if kind == "letter" else "document"
        for form in ("html", "md"):
            text = render(f"{template}.{form}", None, NOW, {"document": document, "title": document.title})
            assert "as known on 2026-03-04 02:00 UTC" in text
            assert text.count("GAP") >= len(document.gaps)


def test_a_template_of_the_organisation_goes_before_ours_and_stays_in_its_sandbox(tmp_path: Path) -> None:
    values = {"document": draft("letter", known(a_life()[0])), "title": "x"}
    (tmp_path / "letter.html.j2").write_text("{{ document.case }} of {{ document.fact('organisation').answer }}")
    assert render("letter.html", tmp_path, NOW, values) == f"{a_case().id} of Hospital East"
    assert "GAP" in render("letter.md", tmp_path, NOW, values)
    for wrong in ("{{ ''.__class__.__mro__ }}", "{{ nobody.knows }}", "{% if %}"):
        (tmp_path / "letter.html.j2").write_text(wrong)
        with pytest.raises(PaperError, match="cannot be used"):
            render("letter.html", tmp_path, NOW, values)
