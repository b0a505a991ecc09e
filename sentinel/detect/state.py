"""The tallies as bytes and back: an append-only delta a commit, and a base rewritten shard by shard.

A delta is what was counted since the last one, as the engine saw it; replaying it through the same code gives the same
windows and episodes, so a restart at any record changes no finding. The base is the groups of one shard as they are.
Both hold numbers, keyed hashes and names of rules and sources; nothing in clear. A tally whose rule has changed (its
fingerprint differs) begins empty.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Iterable
from dataclasses import fields
from struct import Struct
from typing import Any

import orjson

from sentinel.detect.correlate import Group, Tally
from sentinel.detect.crowded import Crowded
from sentinel.detect.engine import Engine
from sentinel.detect.entries import STRIDE
from sentinel.detect.episodes import Episode, Summary
from sentinel.detect.journal import Journal
from sentinel.detect.unusual import cells

SHARDS = 16
"""Groups are spread over so many base blobs by their key; one is rewritten at a time."""

WIDTH = STRIDE + 5
"""Numbers a counted event has in a delta: tally, key, source, digits, floor, and its entry."""

_rows = Struct(f"={WIDTH}q").iter_unpack

SAVED = tuple(each.name for each in fields(Episode) if each.name not in ("has_news", "subjects"))
"""What of an episode is kept: all but what is still to be told, which is told before anything is saved."""


def delta(engine: Engine) -> bytes | None:
    """What was counted since this was last asked; None where nothing was."""
    engine.settle()
    journal = engine.counting.journal
    for index, key in dict.fromkeys(each[:2] for each in journal.inserted):
        engine.tallies[index].catch_up(key)
    known = cells.changed(engine.judges.all)
    if not journal.inserted and not journal.ordinals and not known:
        return None
    numbers: array[int] = array("q")
    found: dict[int, str] = {}
    sources: dict[str, int] = {}
    for place, (index, key, entry, floor, source, finding, digits) in enumerate(journal.inserted):
        numbers.extend((index, key, sources.setdefault(source, len(sources)), digits, floor, *entry))
        if finding is not None:
            found[place] = finding
    head = {
        "tallies": [tally.rule.fingerprint for tally in engine.tallies],
        "sources": list(sources),
        "streams": [[number, *known] for number, known in engine.streams.new.items()],
        "findings": [[place, finding] for place, finding in found.items()],
        "waited": [[place, digest, _summary_row(known)] for place, (digest, known) in journal.waited.items()],
        "evicted": journal.evicted,
        "floods": engine.counting.floods.saved(engine.tallies),
        "ordinals": journal.ordinals,
        "cells": known,
        "high": engine.high,
        "closed": engine.counting.closed,
    }
    engine.counting.journal = Journal()
    engine.streams.new = {}
    return orjson.dumps(head) + b"\n" + numbers.tobytes()


def shard_of(key: int) -> int:
    """The base blob that a group stands in."""
    return key & (SHARDS - 1)


def base(engine: Engine, shard: int) -> bytes:
    """Every group of a shard as it is now. Ask after `delta`, in the same commit."""
    tallies = []
    entries: array[int] = array("q")
    for tally in engine.tallies:
        groups = []
        for key, group in tally.groups.items():
            if shard_of(key) == shard:
                said = list(dict.fromkeys(known for *_, known in group.waiting))
                waiting = [[begin, digest, said.index(known)] for begin, digest, known in group.waiting]
                more = [waiting, [_summary_row(known) for known in said]] if waiting else []
                window = group.window
                # As it will be when it is restored.
                tally.backlogs.close(key)
                window.settle()
                window.full = 0
                crowd = [window.depth, window.newest, window.dropped] if isinstance(window, Crowded) else None
                groups.append([key, len(window.entries), [_row(each) for each in group.episodes], crowd, *more])
                entries.extend(window.entries)
        tallies.append({"fingerprint": tally.rule.fingerprint, "groups": groups})
    head = {
        "tallies": tallies,
        "cells": cells.of_shard(engine.judges.all, lambda key: shard_of(key) == shard),
        "high": engine.high,
        "streams": [] if shard else [[number, *known] for number, known in engine.streams.known.items()],
        "floods": [] if shard else engine.counting.floods.saved(engine.tallies),
        "ordinals": [] if shard else list(engine.counting.ordinals.seen.items()),
    }
    return orjson.dumps(head) + b"\n" + entries.tobytes()


def _summary_row(summary: Summary) -> list[Any]:
    return [getattr(summary, each.name) for each in dataclasses.fields(summary)]


def _summary(row: list[Any]) -> Summary:
    values, case_key, actors, systems, categories, *rest = row
    return Summary(tuple(values), tuple(map(tuple, case_key)), tuple(actors), tuple(systems), tuple(categories), *rest)


def _row(episode: Episode) -> list[Any]:
    return [getattr(episode, name) for name in SAVED]


def restore(engine: Engine, bases: Iterable[tuple[int, int, bytes]], deltas: Iterable[tuple[int, bytes]]) -> None:
    """Bring a new engine to where the saved one was: the base of each shard, then the deltas that are newer than it."""
    as_of = dict.fromkeys(range(SHARDS), -1)
    for shard, sequence, blob in bases:
        as_of[shard] = sequence
        _restore_base(engine, blob)
    heard = [tally.tell_evicted for tally in engine.tallies]
    for tally in engine.tallies:
        tally.tell_evicted = None
    for sequence, blob in deltas:
        _replay(engine, sequence, blob, as_of)
    for tally, tell in zip(engine.tallies, heard, strict=True):
        tally.tell_evicted = tell
    engine.counting.journal = Journal()
    engine.streams.new = {}
    engine.counting.forget_news()


def _split(blob: bytes) -> tuple[Any, array[int]]:
    head, _, body = blob.partition(b"\n")
    numbers: array[int] = array("q")
    numbers.frombytes(body)
    return orjson.loads(head), numbers


def _restore_base(engine: Engine, blob: bytes) -> None:
    head, numbers = _split(blob)
    by_fingerprint = {tally.rule.fingerprint: tally for tally in engine.tallies}
    start = 0
    for saved in head["tallies"]:
        tally = by_fingerprint.get(saved["fingerprint"])
        for key, length, episodes, crowd, *waiting in saved["groups"]:
            if tally is not None:
                tally.groups[key] = _group(tally, key, numbers[start : start + length], episodes, crowd)
                if waiting:
                    said = [_summary(row) for row in waiting[1]]
                    tally.groups[key].waiting = [(begin, digest, said[number]) for begin, digest, number in waiting[0]]
                    tally.restore_waiting(key)
            start += length
    cells.restore(engine.judges.all, head.get("cells", []))
    _raise_high(engine, head["high"])
    engine.counting.ordinals.seen |= dict(head["ordinals"])
    if head["floods"]:
        engine.counting.floods.restore(head["floods"], engine.tallies)
    _restore_streams(engine, head["streams"])


def _restore_streams(engine: Engine, rows: Iterable[Any]) -> None:
    for _, source, stream, path in rows:
        engine.streams.note(source, stream, path)


def _group(tally: Tally, key: int, entries: array[int], rows: list[list[Any]], crowd: list[Any] | None) -> Group:
    group = tally.new_group(key)
    if crowd is not None:
        group.window = tally.crowded(group.window, *crowd)
    group.window.restore(entries)
    group.episodes = tuple(Episode(**dict(zip(SAVED, row, strict=True))) for row in rows)
    return group


def _raise_high(engine: Engine, high: dict[str, int]) -> None:
    for source, time in high.items():
        engine.raise_high(source, max(time, engine.high.get(source, time)))


def _replay(engine: Engine, sequence: int, blob: bytes, as_of: dict[int, int]) -> None:
    line, _, counted = blob.partition(b"\n")
    head = orjson.loads(line)
    by_fingerprint = {tally.rule.fingerprint: index for index, tally in enumerate(engine.tallies)}
    tallies = [by_fingerprint.get(each) for each in head["tallies"]]
    findings = dict(head["findings"])
    waited = {place: (digest, _summary(row)) for place, digest, row in head["waited"]}
    evicted: dict[int, list[tuple[int, list[int]]]] = {}
    for place, index, keys in head["evicted"]:
        evicted.setdefault(place, []).append((index, keys))
    sources = head["sources"]
    is_newer = [as_of[shard] < sequence for shard in range(SHARDS)]
    for place, (index, key, source, digits, floor, *entry) in enumerate(_rows(counted)):
        if place in evicted:
            for given_up, keys in evicted[place]:
                known = tallies[given_up]
                if known is not None:
                    engine.tallies[known].give_up(each for each in keys if is_newer[shard_of(each)])
        now = tallies[index]
        if now is not None and is_newer[key & (SHARDS - 1)]:
            again = (now, key, tuple(entry), floor, sources[source], findings.get(place), digits)
            engine.counting.count_again(again, waited.get(place))
    _raise_high(engine, head["high"])
    _restore_streams(engine, head["streams"])
    cells.restore(engine.judges.all, head.get("cells", []), lambda key: as_of[shard_of(key)] < sequence)
    engine.counting.close_again(head["closed"])
    if as_of[0] < sequence:
        engine.counting.floods.restore(head["floods"], engine.tallies)
        for key in head["ordinals"]:
            engine.counting.ordinals.next(key)
