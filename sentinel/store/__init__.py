"""Everything Sentinel remembers, in one SQLite file. Only this room speaks SQL."""

from sentinel.store.batch import Batch
from sentinel.store.errors import StoreBroken, StoreError, StoreFull, StoreLocked
from sentinel.store.store import Store

__all__ = ["Batch", "Store", "StoreBroken", "StoreError", "StoreFull", "StoreLocked"]
