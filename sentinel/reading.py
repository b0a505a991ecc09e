"""The configured sources as the main loop reads them: blocks, with the format of each source decided by then."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from sentinel import formats
from sentinel.clock import Micros
from sentinel.detect.engine import Engine
from sentinel.detect.lane import SourceView
from sentinel.formats.base import FormatOptions
from sentinel.model import Block, Gap
from sentinel.settings import SourceConfig
from sentinel.sources import Sources
from sentinel.sources.base import FirstTime

_log = logging.getLogger(__name__)

AUTO = formats.AUTO


def view(source: SourceConfig, spec: formats.Spec) -> SourceView:
    """The source as the engine knows it, with its records in that format. Raises FormatError."""
    options = FormatOptions(timezone=source.timezone, time_field=source.time)
    return SourceView(source.name, formats.make(spec, options), source.logsource, source.pipeline)


def views(sources: Iterable[SourceConfig]) -> list[SourceView]:
    """Those sources whose format is named; `auto` is decided by the first block. Raises FormatError."""
    return [view(source, source.format) for source in sources if source.format != AUTO]


def first_times(sources: Iterable[SourceConfig]) -> FirstTime:
    """How the time of the first event is seen in the first lines of a file of one of these sources."""
    configured = {each.name: each for each in sources}

    def first_time(name: str, lines: bytes, reference: Micros) -> Micros | None:
        source = configured[name]
        try:
            spec = formats.sniff(lines)[0] if source.format == AUTO else source.format
            parse = view(source, spec).format.parser(None)
        except formats.FormatError:
            return None
        found = (parse(line, reference) for line in lines.splitlines())
        return next((each[1] for each in found if each is not None and each[1] is not None), None)

    return first_time


class Reading:
    """Sources for one engine. A source whose format is `auto` is given one when its first block is there."""

    def __init__(self, sources: Sources, configured: Iterable[SourceConfig], engine: Engine) -> None:
        self.sources = sources
        self.engine = engine
        self._unsure: set[str] = set()
        self._configured: Mapping[str, SourceConfig] = {each.name: each for each in configured}

    def read(self, now: Micros) -> Block | None:
        """The next block of any source, or None where nothing is waiting."""
        block = self.sources.read(now)
        if block is not None and block.data and (block.source in self._unsure or block.source not in self.engine.lanes):
            self._decide(block)
        return block

    def _decide(self, block: Block) -> None:
        """A log that looks like nothing known is lines of text until a later block looks like something."""
        spec, why = formats.sniff(block.data[:65536])
        is_unsure = spec == formats.PLAIN_TEXT
        if is_unsure and block.source in self._unsure:
            return
        _log.info("source %s: format auto reads it as %s", block.source, why)
        (self._unsure.add if is_unsure else self._unsure.discard)(block.source)
        self.engine.open_lane(view(self._configured[block.source], spec))

    def reread(self, source: str, stream: int, offset: int, length: int) -> bytes | None:
        """Bytes of a record handed out before; None where they are gone."""
        return self.sources.reread(source, stream, offset, length)

    def gaps(self) -> list[Gap]:
        """What was lost since this was last asked."""
        return self.sources.gaps()

    def forgotten(self) -> list[tuple[str, int]]:
        """Streams whose positions are needed no more, since this was last asked."""
        return self.sources.forgotten()
