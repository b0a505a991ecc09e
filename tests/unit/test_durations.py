"""Durations are read exactly or refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sentinel import durations
from sentinel.clock import DAY, HOUR, MINUTE, SECOND


class Options(BaseModel):
    window: durations.Duration = 5


@pytest.mark.parametrize(
    ("text", "micros"),
    [("500ms", SECOND // 2), ("90s", 90 * SECOND), ("10m", 10 * MINUTE), ("24h", 24 * HOUR), ("4d", 4 * DAY),
     ("2w", 14 * DAY), ("0s", 0)],
)  # fmt: skip
def test_a_duration_is_a_number_and_a_unit(text: str, micros: int) -> None:
    assert durations.parse(text) == micros


@pytest.mark.parametrize("text", ["", "10", "h", "-1h", "1.5h", "1h30m", "1 h", "1M", "1y", "٣h", "999999999w", "1H"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer than"):
        durations.parse(text)


@given(st.integers(0, 999_999_999).map(lambda number: number * 1000))
def test_a_shown_duration_reads_back(duration: int) -> None:
    assert durations.parse(durations.show(duration % (durations.LONGEST // 1000))) == (
        duration % (durations.LONGEST // 1000) // 1000 * 1000
    )


def test_a_model_takes_text_and_refuses_a_bare_number() -> None:
    assert Options.model_validate_json('{"window": "10m"}', strict=True).window == 10 * MINUTE
    assert Options().window == 5
    with pytest.raises(ValidationError, match="'24' has no unit"):
        Options.model_validate_json('{"window": 24}', strict=True)
    with pytest.raises(ValidationError, match="'long' is not a duration"):
        Options.model_validate_json('{"window": "long"}', strict=True)
