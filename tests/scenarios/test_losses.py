"""What the daemon makes of losses and of records with odd times."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from sentinel.clock import HOUR, MINUTE, SECOND
from sentinel.reading import first_times
from sentinel.sources import Sources
from tests.scenarios.test_daemon import Watch, folder

__all__ = ["folder"]


def test_a_part_of_a_log_that_was_lost_is_written_down_and_opens_one_case(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(3))
    watch.turn()
    watch.daemon.close()
    for number in range(2):
        (folder / "portal.log").unlink()
        (folder / f"other{number}").touch()
        watch.read(f"lee{number}", range(3))
        watch = Watch(folder, watch.clock.now() + HOUR)
        watch.turn()
        watch.clock.move_to(watch.clock.now() + SECOND)
        watch.turn()
        (case,) = watch.cases()
        assert (case["rules"], case["findings"]) == (["sentinel_log_lost"], number + 1)
        assert [gap.reason for gap in watch.daemon.store.gaps()] == ["generation_lost"] * (number + 1)
        watch.daemon.close()


def test_history_is_read_in_the_order_of_its_events(folder: Path) -> None:
    """Names and times of change say nothing: the files were copied here from elsewhere."""
    watch = Watch(folder)
    watch.daemon.close()
    log, now = folder / "portal.log", watch.clock.now()
    for number, name in enumerate(["portal.log.1.gz", "portal.log.3.gz", "portal.log.2"]):
        watch.read(f"user{number}", range(number, number + 1), at=now - (3 - number) * MINUTE)
        data = log.read_bytes()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        os.utime(folder / name, (1_700_000_000 - number, 1_700_000_000 - number))
        log.unlink()
    watch.read("user3", range(4, 5))
    sources = Sources(
        [each.options.model_copy(update={"paths": [f"{log}*"]}) for each in watch.daemon.config.sources],
        folder,
        None,
        first_times(watch.daemon.config.sources),
    )
    sources.open([], now)
    blocks = list(iter(lambda: sources.read(now + SECOND), None))
    sources.close()
    assert [block.data.split()[2] for block in blocks if block.data] == [b"user0", b"user1", b"user2", b"user3"]


def test_a_record_stamped_years_ahead_blinds_nothing(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(1), at=watch.clock.now() + 5 * 365 * 24 * HOUR)
    watch.turn(2)
    watch.read("lee", range(5))
    watch.turn()
    (case,) = watch.cases()
    assert case["rules"] == ["many"]
    assert watch.daemon.engine.lanes["portal"].counts.future == 1
    watch.daemon.close()
    again = Watch(folder, watch.clock.now() + SECOND)
    again.read("zoe", range(5))
    again.turn()
    assert len(again.cases()) == 2
    again.daemon.close()
