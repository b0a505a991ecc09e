"""Names that patterns find: as `glob` finds them, whichever way is taken."""

# ruff: noqa: PTH207 # what is compared with is glob itself

from __future__ import annotations

import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.sources.folder import expand, folders_of

FILES = ("a.log", "b.log", ".hidden.log", "b.log.1", "[x].log", "sub/a.log", "sub/deep/c.log", ".git/d.log", "ä\n.log")
PIECES = ("*", "?", "a", "b", ".", "log", "[ab]", "[!a]", "[[]", "**", ".*", "sub", "ä", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join), min_size=1, max_size=3))
def test_a_pattern_finds_the_files_that_glob_finds(folder: Path, names: list[str]) -> None:
    pattern = f"{folder}/{'/'.join(names)}"
    found, _ = expand([pattern], follow=False)
    assert set(found) == {path for path in glob.iglob(pattern, recursive=True) if Path(path).is_file()}


def test_a_pattern_without_a_folder_is_of_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert set(expand(["*.log"], follow=False)[0]) == {"a.log", "b.log", "[x].log", "ä\n.log"}
    assert set(expand([".*.log"], follow=False)[0]) == {".hidden.log"}


def test_a_pattern_of_a_folder_that_is_not_there_finds_nothing(folder: Path) -> None:
    assert expand([f"{folder}/none/*.log", f"{folder}/a.log/*.log"], follow=False) == ({}, {})


def test_the_folders_are_those_of_the_files_and_those_that_patterns_name_plainly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = f"{folder}/sub"
    assert folders_of([f"{folder}/*/*.log"], [f"{sub}/a.log", f"{sub}/deep/c.log"]) == {
        str(folder),
        sub,
        f"{sub}/deep",
    }
    assert folders_of(["/*.log"], ["/a.log"]) == {"/"}
    monkeypatch.chdir(folder)
    assert folders_of(["*.log"], ["a.log"]) == {"."}
