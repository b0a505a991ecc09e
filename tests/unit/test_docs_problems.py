"""Every code of a problem is explained in docs/problems.md, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")


def codes_in_use() -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "sentinel").rglob("*.py"))
    return {code for source in sources for code in re.findall(r'"([A-Z]\d{3})"', source)}


def test_every_code_is_explained_once() -> None:
    explained = re.findall(r"^### ([A-Z]\d{3}) \S", PAGE, re.MULTILINE)
    assert sorted(explained) == sorted(set(explained))
    assert set(explained) == codes_in_use()


def test_a_warning_is_called_one() -> None:
    called = re.findall(r"^### ([A-Z]\d{3}) [^\n]*\n\n\*Warning\.\*", PAGE, re.MULTILINE)
    in_use = set()
    for path in (ROOT / "sentinel").glob("*.py"):
        calls = re.findall(r'"([A-Z]\d{3})",[^()]*(?:\([^()]*\)[^()]*)*"warning"', path.read_text(encoding="utf-8"))
        in_use |= set(calls)
    assert {code for code in called if code[0] != "R"} == {code for code in in_use if code[0] != "R"}


def test_the_links_of_the_page_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
