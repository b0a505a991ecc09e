from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

import pytest

from sentinel.paper import PaperError, pdf, render


def needs_pango() -> None:
    """WeasyPrint is there for tests; the library of the system that it draws with may not be."""
    try:
        import weasyprint  # noqa: F401  (asked whether it can be)
    except OSError:
        pytest.skip("libpango is not there: apt install libpangoft2-1.0-0")


def test_a_document_is_written_as_pdf() -> None:
    needs_pango()
    values = {"rows": [], "breaches": [], "requests": [], "period": "", "title": "Register", "wide": True}
    written = pdf(render("register.html", None, 0, values))
    assert written.startswith(b"%PDF-")
    assert written.rstrip().endswith(b"%%EOF")


def test_a_document_fetches_no_file_and_no_address(tmp_path: Path) -> None:
    needs_pango()
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret", encoding="utf-8")
    page = f"<link rel=attachment href='{secret.as_uri()}'><img src='{secret.as_uri()}'><p>x</p>"
    written = pdf(page)
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", written, re.DOTALL)
    assert b"top secret" not in written
    for each in streams:
        try:
            assert b"top secret" not in zlib.decompress(each)
        except zlib.error:
            continue


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(PaperError, match=r"breach-sentinel\[pdf\]"):
        pdf("<p>x</p>")
