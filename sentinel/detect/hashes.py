"""Keyed hashes: what stands for a text wherever it is counted or kept."""

from __future__ import annotations

import hashlib
from functools import partial

MOST_REMEMBERED = 1 << 18
"""Texts whose hash is remembered."""


class Hashes:
    """Hashes of one key, which must be the same as long as saved state is used."""

    def __init__(self, key: bytes) -> None:
        self._blake = partial(hashlib.blake2b, key=key, digest_size=8)
        self._known: dict[str, int] = {}

    def of(self, value: str) -> int:
        """The keyed 64-bit hash of the text; never 0."""
        known = self._known.get(value)
        if known is None:
            digest = self._blake(value.encode(errors="surrogatepass")).digest()
            known = int.from_bytes(digest, "little", signed=True) or 1
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[value] = known
        return known
