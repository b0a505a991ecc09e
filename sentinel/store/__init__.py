"""Everything Sentinel remembers, in one SQLite file. Only this room speaks SQL."""

import apsw

from sentinel.store.batch import Batch
from sentinel.store.errors import StoreBroken, StoreDamaged, StoreError, StoreFull, StoreLocked
from sentinel.store.store import Store

__all__ = ["Batch", "Store", "StoreBroken", "StoreDamaged", "StoreError", "StoreFull", "StoreLocked", "sqlite_version"]


def sqlite_version() -> str:
    """Which SQLite this build has."""
    return apsw.sqlite_lib_version()
