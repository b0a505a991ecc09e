"""What can go wrong with the store. No text here holds a stored value."""

from __future__ import annotations


class StoreError(Exception):
    """The store could not do what was asked; nothing of it was done."""


class StoreFull(StoreError):
    """There is no space left. Nothing changed; the same batch may be committed again later."""


class StoreBroken(StoreError):
    """Reading or writing the file failed, or what it holds is damaged: drop what is in memory and open it again."""


class StoreLocked(StoreError):
    """Another daemon runs on this state folder."""
