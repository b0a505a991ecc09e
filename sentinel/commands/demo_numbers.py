"""What the demo reads from the daemon: its metrics over HTTP, and its cases over the control socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families

from sentinel.clock import SECOND, Micros

Samples = dict[tuple[str, str], float]
"""Sums by (name of the series, source); the source is empty for series without one."""

_KEPT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The daemon's own numbers at one moment. Rates are over the last few seconds."""

    lines: int = 0
    lines_per_second: float = 0.0
    by_source: Mapping[str, float] | None = None
    candidates_share: float = 0.0
    accesses: int = 0
    accesses_per_second: float = 0.0
    findings: int = 0
    unread: int = 0
    commit_ms: float = 0.0
    processor_share: float = 0.0
    memory: int = 0


def read_samples(text: str) -> Samples:
    """The series of an exposition text, summed over every label but `source`."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                key = (sample.name.removeprefix("sentinel_"), sample.labels.get("source", ""))
                samples[key] = samples.get(key, 0.0) + sample.value
    return samples


class Meter:
    """Asks /metrics now and then and keeps the last few answers, for rates."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        self._kept: deque[tuple[Micros, Samples]] = deque(maxlen=_KEPT)

    def read(self) -> Numbers:
        """The numbers as they are. Raises requests.RequestException where nobody answers."""
        samples = read_samples(self._session.get(f"http://{self._address}/metrics", timeout=5).text)
        # The daemon brings its numbers up to date once a second, and says when it last did.
        looked_at = round(samples.get(("last_turn_timestamp_seconds", ""), 0.0) * SECOND)
        if self._kept and self._kept[-1][0] == looked_at:
            self._kept.pop()
        self._kept.append((looked_at, samples))
        return numbers(self._kept[0], self._kept[-1])


def numbers(first: tuple[Micros, Samples], last: tuple[Micros, Samples]) -> Numbers:
    """The newest numbers, and the rates from the first moment to the last."""
    seconds = max((last[0] - first[0]) / SECOND, 0.001)
    now = last[1]

    def total(name: str) -> float:
        return sum(value for (series, _), value in now.items() if series == name)

    def rate(name: str, source: str | None = None) -> float:
        return sum(
            (value - first[1].get((series, of), 0.0)) / seconds
            for (series, of), value in now.items()
            if series == name and source in {None, of}
        )

    commits = total("commit_seconds_count")
    return Numbers(
        lines=int(total("lines_total")),
        lines_per_second=rate("lines_total"),
        by_source={source: rate("lines_total", source) for name, source in now if name == "lines_total"},
        candidates_share=total("candidates_total") / max(total("lines_total"), 1.0),
        accesses=int(total("accesses_total")),
        accesses_per_second=rate("accesses_total"),
        findings=int(total("findings_total")),
        unread=int(total("source_unread_bytes")),
        commit_ms=1000 * total("commit_seconds_sum") / commits if commits else 0.0,
        processor_share=rate("process_cpu_seconds_total"),
        memory=int(total("process_resident_memory_bytes")),
    )
