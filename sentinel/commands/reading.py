"""The store read without a daemon: what `case list` and `case show` answer while none runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sentinel.answers import list_answer, register_answer, show_answer
from sentinel.cases.book import Book
from sentinel.cases.moving import CaseError
from sentinel.clock import SystemClock
from sentinel.commands.output import CommandError, console
from sentinel.config import Config, find, load
from sentinel.parties import parties_answer
from sentinel.problems import Unusable
from sentinel.reports import period, report
from sentinel.secrets import SecretError
from sentinel.store import Store, StoreError
from sentinel.vault import Vault, VaultError, master_of


def read_store(act: str, arguments: Mapping[str, Any], config: Path | None, why: str) -> dict[str, Any]:
    """What the daemon would answer, from the state folder; says on standard error that it does not run.

    Raises CommandError where there is no state, or it may not be read; Unusable for a configuration with errors.
    """
    loaded, problems = load(find(config))
    if loaded is None:
        raise Unusable(problems)
    try:
        vault = _vault(loaded)
        with Store.open(loaded.state, vault, readonly=True) as store:
            answer = _answer(store, vault, act, arguments, loaded)
    except (StoreError, VaultError, SecretError) as error:
        raise CommandError(f"{why}, and its state cannot be read: {error}", "start it with `sentinel run`") from error
    except PermissionError as error:
        raise CommandError(f"{why}, and you may not read '{loaded.state}'", "use sudo") from error
    except CaseError as error:
        raise CommandError(error.message, error.hint) from error
    console(error=True).print(f"{why}: nobody watches; this is what the store holds", style="yellow")
    return answer


def master(config: Config) -> bytes:
    """The master key that the configuration names, or the state folder's own. Raises SecretError and VaultError."""
    key = config.master_key
    return master_of(config.state, readonly=True) if key is None else config.secrets()(key).encode()


@contextmanager
def open_state(path: Path | None) -> Iterator[tuple[Config, Vault, Store]]:
    """Configuration, keys and store, to be read. Raises CommandError, and Unusable for a configuration with errors."""
    loaded, problems = load(find(path))
    if loaded is None:
        raise Unusable(problems)
    try:
        vault = _vault(loaded)
        with Store.open(loaded.state, vault, readonly=True) as store:
            yield loaded, vault, store
    except (StoreError, VaultError, SecretError) as error:
        raise CommandError(f"the state cannot be read: {error}", "sentinel doctor") from error
    except PermissionError as error:
        raise CommandError(f"you may not read '{loaded.state}'", "use sudo") from error


@contextmanager
def open_store(path: Path | None) -> Iterator[Store]:
    """The store alone, as `open_state`."""
    with open_state(path) as (_, _, store):
        yield store


def _vault(config: Config) -> Vault:
    return Vault.open(config.state, master(config), readonly=True)


def _answer(store: Store, vault: Vault, act: str, arguments: Mapping[str, Any], config: Config) -> dict[str, Any]:
    book, now, zone = Book(store.cases()), SystemClock().now(), config.cases.zone
    if act == "case.list":
        return cast("dict[str, Any]", list_answer(book, now, zone))
    if act == "report":
        start, end = period(arguments.get("since"), arguments.get("until"), zone, now)
        return report(store, vault, book, start, end, now)
    if act == "case.register":
        return cast("dict[str, Any]", register_answer(store, book, now, zone))
    if act == "case.parties":
        asked = book.find(str(arguments["case"]))
        return cast("dict[str, Any]", parties_answer(store, asked, vault.hash_key, vault.pseudonym))
    return cast("dict[str, Any]", show_answer(store, book.find(str(arguments["case"])), now, zone))
