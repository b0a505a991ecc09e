"""The collector of cycles is at rest for a while, and never for longer."""

from __future__ import annotations

import gc

import pytest

from sentinel.uncollected import uncollected


def fail_uncollected() -> None:
    assert not gc.isenabled()
    raise KeyError


def test_the_collector_rests_and_is_at_work_again_even_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected():
        fail_uncollected()
    assert gc.isenabled()


def test_where_it_was_at_rest_it_stays_so() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
