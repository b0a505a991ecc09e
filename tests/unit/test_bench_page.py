"""Two benchmarks write one page, and neither loses what the other wrote."""

from __future__ import annotations

from pathlib import Path

from tests.bench import page

PART = f"{page.PEERS}\n\n| sec | 1 |\n"


def test_the_part_about_peers_is_written_anew_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text("# Benchmarks\n\n## sparse\n", encoding="utf-8")
    page.keep(path, PART)
    page.keep(path, PART.replace("1", "2"))
    assert path.read_text(encoding="utf-8") == "# Benchmarks\n\n## sparse\n\n" + PART.replace("1", "2")


def test_the_other_benchmarks_keep_the_part_about_peers(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    page.write(path, "# Benchmarks\n")
    assert path.read_text(encoding="utf-8") == "# Benchmarks\n"
    page.keep(path, PART)
    page.write(path, "# Benchmarks, again\n")
    assert path.read_text(encoding="utf-8") == "# Benchmarks, again\n\n" + PART
