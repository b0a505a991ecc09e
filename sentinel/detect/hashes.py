"""Keyed hashes: what stands for a text wherever it is counted or kept."""

from __future__ import annotations

import hashlib
from functools import partial

MOST_REMEMBERED = 1 << 18
"""Texts whose hash is remembered."""


class Hashes(dict[str, int]):
    """The keyed 64-bit hashes of texts, never 0, the last ones remembered. The key must be the same as long as saved
    state is used.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._blake = partial(hashlib.blake2b, key=key, digest_size=8)

    def __missing__(self, text: str) -> int:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        digest = self._blake(text.encode(errors="surrogatepass")).digest()
        known = self[text] = int.from_bytes(digest, "little", signed=True) or 1
        return known
