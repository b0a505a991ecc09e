"""The one form of a path that rules compare."""

from __future__ import annotations

import pytest

from sentinel.formats.paths import Target, normalise, split_target


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/", "/"),
        (b"/a/b/", "/a/b/"),
        (b"/a/../../b", "/b"),
        (b"/a/b/..", "/a/"),
        (b"/a/.", "/a/"),
        (b"/..", "/"),
        (b"/a..b/.c/...", "/a..b/.c/..."),
        (b"/%2541", "/%41"),
        (b"/a%2Fb%2f..", "/a/"),
        (b"/a%3Bb", "/a;b"),
        (b"/a;x=%2F/b", "/a/b"),
        (b"/;/a", "/a"),
        (b"/%C3%BC", "/ü"),
        ("/ü".encode(), "/ü"),
        (b"/a+b", "/a+b"),
        (b"/%00", "/\x00"),
    ],
)
def test_a_path_is_decoded_once_and_made_plain(path: bytes, text: str) -> None:
    assert normalise(path) == (text, True)
    again, _ = normalise(text.encode())
    assert "%" in text or ";" in text or again == text


@pytest.mark.parametrize(
    ("path", "text"), [(b"/%4", "/%4"), (b"/%", "/%"), (b"/%zz%41", "/%zzA"), (b"/%ff", "/\ufffd")]
)
def test_what_cannot_be_decoded_stays_and_is_unsound(path: bytes, text: str) -> None:
    assert normalise(path) == (text, False)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/a?b?c", Target(None, b"/a", b"b?c")),
        (b"/a?", Target(None, b"/a", b"")),
        (b"/a#b?c", Target(None, b"/a", None)),
        (b"/a?b#c", Target(None, b"/a", b"b")),
        (b"//host/a", Target(None, b"//host/a", None)),
        (b"http://u:p@Host:80/a?b", Target(b"Host", b"/a", b"b")),
        (b"http://host", Target(b"host", b"/", None)),
        (b"http://host?b", Target(b"host", b"/", b"b")),
        (b"http://[::1]:8080/", Target(b"[::1]", b"/", None)),
        (b"host:443", Target(b"host", None, None)),
        (b"*", Target(None, None, None)),
        (b"a/b:80", Target(None, None, None)),
    ],
)
def test_a_target_has_these_parts(target: bytes, parts: Target) -> None:
    assert split_target(target) == parts
