"""What must not be kept or shown."""

from __future__ import annotations

import json
from typing import Any

from sentinel import formats
from sentinel.detect.explain import Explainer
from sentinel.detect.redact import WHOLE
from sentinel.formats.base import FormatOptions
from tests.detecting import NOON, a_block, an_engine, detection, json_lines, read, rules_of

CARD = "4111111111111111"
PARSE = formats.make("json", FormatOptions()).parser(None)


def an_engine_with(pattern: str = "(^|[^0-9])[0-9]{13,19}([^0-9]|$)", **sentinel: Any) -> Any:
    rule = detection("card", {"card": {"message|re": pattern}}, "card", sentinel={"redact": ["card"], **sentinel})
    return an_engine(rules_of(rule))


def test_a_record_is_kept_without_what_was_found() -> None:
    engine = an_engine_with()
    raw = json.dumps({"message": f"card {CARD} declined", "user": "kim"}).encode()
    kept = engine.redaction.record(raw, PARSE, NOON)
    assert CARD.encode() not in kept
    assert json.loads(kept)["message"].startswith("card [redacted ")
    assert json.loads(kept)["user"] == "kim"


def test_equal_texts_can_be_told_from_others() -> None:
    text = an_engine_with().redaction.text
    assert text(f"a {CARD}") == text(f"a {CARD}")
    assert text(f"a {CARD}") != text("a 5500005555555559")


def test_a_text_behind_an_escape_keeps_the_whole_record_out() -> None:
    escaped = "".join(f"\\u{ord(digit):04x}" for digit in CARD)
    raw = f'{{"message": "card {escaped} declined"}}'.encode()
    assert an_engine_with().redaction.record(raw, PARSE, NOON) == WHOLE


def test_only_what_passes_its_check_is_masked() -> None:
    text = an_engine_with(validate={"card": "luhn"}).redaction.text
    assert text("order 4111111111111112") == "order 4111111111111112"
    assert CARD not in text(f"order 4111111111111112 card {CARD}")


def test_several_texts_and_a_group_are_masked() -> None:
    text = an_engine_with("password=(?P<value>[^ ]+)").redaction.text
    masked = text("password=one password=two x")
    assert "one" not in masked
    assert "two" not in masked
    assert masked.startswith("password=[redacted ")
    assert masked.endswith("] x")


def test_findings_and_explanations_show_no_masked_text() -> None:
    engine = an_engine_with(case={"key": ["message"]})
    block = a_block(json_lines([{"message": f"card {CARD}"}]))
    assert CARD not in str(list(Explainer(engine, []).records(block)))
    found = engine.judge(block, None)
    assert len(found) == 1
    assert CARD not in str(found)


def test_what_is_to_be_masked_must_be_found_by_a_regular_expression() -> None:
    wrong = [{"redact": ["other"]}, {"redact": ["selection"]}]
    rules = [detection("rule", {"selection": {"message": "x"}}, sentinel=each) for each in wrong]
    assert [[each.code for each in read(json.dumps(rule))[1]] for rule in rules] == [["R062"], ["R062"]]
