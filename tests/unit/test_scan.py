from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import formats
from sentinel.detect import witness
from sentinel.detect.needs import Run
from sentinel.detect.scan import BLOCKS, LEAST, MANY, Scanner
from sentinel.formats.base import FormatOptions, escape

JSON = formats.make("json", FormatOptions())
COMBINED = formats.make("combined", FormatOptions())
FORMATS = (
    "nginx",
    "vhost_combined",
    "json",
    "syslog",
    {"syslog": "json"},
    {"syslog": "combined"},
    {"regex": "(?P<a>.)"},
)


def scanner(*texts: str) -> Scanner:
    return Scanner(JSON, [escape(text.encode()) for text in texts])


def found(scan: Scanner, data: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    return [(data[start:end], scan.targets(key)) for start, end, key in scan.candidates(data)]


# --- candidates --------------------------------------------------------------------------------------------


def test_records_are_given_in_order_with_every_target_that_hit_them() -> None:
    data = b'{"a":"kim"}\n{}\n{"a":"lee kim"}\n{"a":"lee"}\n'
    assert found(scanner("kim", "lee"), data) == [
        (b'{"a":"kim"}', (0,)),
        (b'{"a":"lee kim"}', (0, 1)),
        (b'{"a":"lee"}', (1,)),
    ]


def test_a_target_that_cannot_be_searched_for_makes_every_record_a_candidate_but_empty_ones() -> None:
    scan = Scanner(JSON, [None, escape(b"kim")])
    assert found(scan, b"{}\n\nkim\n") == [(b"{}", (0,)), (b"kim", (0, 1))]


def test_where_nothing_is_searched_for_nothing_is_found() -> None:
    assert found(Scanner(JSON, []), b'{"a":"\\u006bim"}\n') == []


def test_records_of_several_lines_are_found_whole() -> None:
    data = b"one\n  kim\ntwo\nthree\n"
    places = scanner("kim").candidates(data, (0, 10, 14))
    assert [data[start:end] for start, end, _ in places] == [b"one\n  kim"]


def test_an_escape_that_hides_what_is_searched_for_is_undone() -> None:
    scan = scanner("a/b")
    data = b'{"a":"a\\/b"}\n{"a":"a\\u002fb"}\n{"a":"\\u0061/b"}\n{"a":"a\\u002eb"}\n'
    assert [record for record, _ in found(scan, data)] == data.splitlines()[:3]


def test_an_escape_that_can_hide_nothing_searched_for_costs_no_second_look() -> None:
    plain, hidden = JSON.signs_for([escape(b"kim")])
    assert plain == ()
    assert not any(re.search(sign, b"\\u0026 \\/", re.IGNORECASE) for sign in hidden)
    assert any(re.search(sign, b"\\u004B", re.IGNORECASE) for sign in hidden)


def test_blocks_full_of_escapes_are_decoded_as_a_whole_and_nothing_is_lost() -> None:
    scan = scanner("a/b", "kim")
    data = b'{"a":"a\\/b"}\n{"b":"x\\/y"}\n{"a":"kim"}\n' * 50
    expected = [(b'{"a":"a\\/b"}', (0,)), (b'{"a":"kim"}', (1,))] * 50
    assert found(scan, data) == expected
    assert found(scan, data) == expected


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORMATS), st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=6)), st.data())
def test_signs_that_are_hidden_are_not_found_in_ascii_without_a_backslash(
    spec: formats.Spec, runs: list[str], data: st.DataObject
) -> None:
    log = formats.make(spec, FormatOptions())
    patterns = [escape(run.encode()) for run in runs]
    _, hidden = log.signs_for(patterns)
    text = data.draw(st.text(st.characters(codec="ascii", exclude_characters="\\"), max_size=60)).encode()
    assert not any(re.search(sign, text, re.IGNORECASE) for sign in hidden)


# --- witnesses ---------------------------------------------------------------------------------------------


def test_of_an_and_the_rarest_is_watched_for() -> None:
    scan = Scanner(JSON, [witness.AllOf((escape(b"success"), escape(b"view")))])
    [share] = scan.tune(b"success\n" * 99 + b"success view\n")
    assert (share.hits, share.records) == (1, 100)
    assert [record for record, _ in found(scan, b"success\nview\n")] == [b"view"]


def test_a_plain_text_is_watched_for_where_the_key_before_it_tells_no_more() -> None:
    keyed = JSON.witness("action", escape(b"view"), at_start=True, at_end=True)
    loose = JSON.witness("action", escape(b"view"), at_start=False, at_end=True)
    assert keyed is not None
    assert loose is not None
    scan = Scanner(JSON, [witness.AllOf((keyed, loose))])
    scan.tune(b'{"action":"view"}\n' + b'{"action":"list"}\n' * 99)
    assert len(found(scan, b'{"other":"view"}\n')) == 1
    scan.tune(b'{"action":"view"}\n' + b'{"other":"view"}\n' * 99)
    assert found(scan, b'{"other":"view"}\n') == []


def test_a_field_that_the_format_never_has_makes_no_record_a_candidate() -> None:
    found_for = {name: witness.choice(Run(name, "kim"), COMBINED, {}) for name in ("cs-uri-query", "user.name")}
    assert found_for["cs-uri-query"] == witness.AnyOf(())
    assert found_for["user.name"] == escape(b"kim")
    assert witness.choice(Run("cs-uri-query", "kim"), JSON, {}) is not None


@pytest.mark.parametrize(
    ("candidates", "is_surprising"), [(10, False), (40, False), (60, True)], ids=["as promised", "somewhat", "far more"]
)
def test_far_more_candidates_than_the_sample_promised_are_noticed_after_some_blocks(
    candidates: int, is_surprising: bool
) -> None:
    scan = scanner("kim")
    scan.tune(b"kim\n" * 1 + b"lee\n" * 99)
    told = [scan.note(1000, candidates) for _ in range(BLOCKS)]
    assert told == [False] * (BLOCKS - 1) + [is_surprising]


def test_few_records_say_nothing_of_traffic() -> None:
    scan = scanner("kim")
    scan.tune(b"lee\n" * 100)
    per_block = LEAST // BLOCKS // 2
    assert not any(scan.note(per_block, per_block) for _ in range(BLOCKS + 1))


def test_where_every_record_is_a_candidate_none_is_a_surprise() -> None:
    scan = Scanner(JSON, [None])
    scan.tune(b"lee\n" * 100)
    assert not any(scan.note(1000, 1000) for _ in range(2 * BLOCKS))


# --- many texts ------------------------------------------------------------------------------------------------


def cut(text: str, *sample: str) -> str:
    """The text that is searched for instead, where these are records of the log."""
    log = "\n".join(sample).encode()
    pattern = witness.shortened(escape(text.encode()), log, witness.ends(log))
    return bytes.fromhex(pattern.decode().replace("\\x", "")).decode()


def test_a_text_is_cut_off_before_a_common_word() -> None:
    assert cut("/wards/zq.browser", "a browser", "the browser", "/wards/1 in a browser") == "/wards/zq.bro"


def test_a_text_is_left_whole_where_less_of_it_would_hit_more() -> None:
    assert cut("firefox firefox", "firefox", "firefox", "firefox firewall", "x firefox") == "firefox firefox"


def test_a_short_text_or_one_that_is_more_than_a_text_is_left_whole() -> None:
    assert cut("zqword", "word", "word") == "zqword"
    assert witness.shortened(rb"\x7aq[^\n]*word", b"word", witness.ends(b"word")) == rb"\x7aq[^\n]*word"


WORDS = ("api", "patients", "Chrome", "static", "wards", "Safari", "&", "/")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_of_many_texts_each_is_found_in_every_record_that_has_it(seed: int) -> None:
    chance = random.Random(seed)

    def some_text() -> str:
        return "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 4)))

    texts = sorted({some_text() for _ in range(3 * MANY)})
    assert len(texts) >= MANY
    records = [some_text() + chance.choice(texts).swapcase() + some_text() for _ in range(40)]
    lines = [json.dumps({"a": each}).replace("&", chance.choice(("&", "\\u0026"))).encode() for each in records]
    scan = scanner(*texts)
    scan.tune(b"\n".join(lines[:20]) + b"\n")
    hit = dict(found(scan, b"\n".join(lines) + b"\n"))
    for line, record in zip(lines, records, strict=True):
        wanted = {number for number, text in enumerate(texts) if text.lower() in record.lower()}
        assert wanted <= set(hit.get(line, ()))
