"""What can go wrong with the store. No text here holds a stored value."""

from __future__ import annotations


class StoreError(Exception):
    """The store could not do what was asked; nothing of it was done."""


class StoreFull(StoreError):
    """There is no space left. Nothing changed; the same batch may be committed again later."""


class StoreBroken(StoreError):
    """Reading or writing the file failed: drop what is in memory, open it again, and read again from there."""


class StoreDamaged(StoreBroken):
    """What the file holds is not what was written: opening it again does not help, a backup has to be brought back."""


class StoreLocked(StoreError):
    """Another daemon runs on this state folder."""
