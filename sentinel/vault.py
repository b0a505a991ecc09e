"""Everything secret in one place: the master key, keyed hashes and pseudonyms, sealed values, the hash chain.

Rules of this file: no SQL; nothing here is ever logged, and no error text holds a key or a value. Every key is derived
from the master key for one purpose (HKDF, RFC 5869) or is random and wrapped by such a key. A case's data key stands
in `keys.db`, apart from the store and its backups, is on disk before anything sealed with it can be, and is read from
there at every use: once destroyed, it is gone for every process at once. `keys.pub` holds the public half of a key pair
derived from the master key: whoever can read it can put something into a box that the master key alone opens.

The first master key is the root from which the other keys are derived, for good. Another master key (`rotate`) wraps
that root and every data key anew: nothing that was sealed is written again, and no hash or pseudonym changes.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sentinel.keyfile import KeyFile, NoKeyFile, Slot, write_new, write_over
from sentinel.masterfile import KEYS_FILE, MASTER_FILE, SHORTEST_MASTER, master_of, must_be_long
from sentinel.sealing import NONCE_SIZE, KeyUnavailable, VaultError, bound, chain, decrypt, derive, encrypt, keyed_hash

__all__ = [
    "CATEGORIES", "KEYS_FILE", "MASTER_FILE", "NEXT_FILE", "PUBLIC_FILE", "ROOT_FILE", "SHORTEST_MASTER", "CaseKey",
    "Category", "KeyUnavailable", "Vault", "VaultError", "chain", "keyed_hash", "master_of", "rotate_own",
]  # fmt: skip

PUBLIC_FILE: Final = "keys.pub"
ROOT_FILE: Final = "root.key"
"""The root, wrapped by the master key; there once the master key was another one. Copies of the state need it too."""

NEXT_FILE: Final = "master.key.next"
"""The master key that takes the place of the folder's own, while it does."""

_WHOLE_STORE: Final = ""
"""The name of the data key that belongs to no case. No case has an empty id."""

_ROOT: Final = " root"
"""The name under which the root is wrapped beside the data keys. No case has an id that begins with a space."""

Category = Literal["records", "names", "trail"]
CATEGORIES: Final[tuple[Category, ...]] = ("records", "names", "trail")
"""What a case holds of people, each under a key of its own: log records; whom findings are about; reasons of acts."""

_CATEGORY_OF: Final[Mapping[str, Category]] = {"finding": "names", "audit": "trail"}
"""The category of what is sealed, by the first word of its purpose; what is not here are records."""

_BOX: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""How a box is closed (RFC 9180, base mode)."""


@dataclass(frozen=True, slots=True)
class CaseKey:
    """That a case has, or had, a data key for a category. The key itself never leaves the vault."""

    case_id: str
    is_live: bool
    category: Category = "records"


class Vault:
    """The keys of one state folder. Safe to use from several threads; only one process may seal and destroy."""

    def __init__(self, folder: Path, master: bytes, *, is_provisional: bool = False) -> None:
        self._word = "provisional-" if is_provisional else ""
        self._folder = folder
        self._file = KeyFile(folder / KEYS_FILE)
        self._lock = threading.Lock()
        self._wrapping = AESGCM(derive(master, "wrap"))
        self.master_mark = derive(master, "mark")[:8].hex()
        self._root = self._unwrapped_root(master)
        self.hash_key: Final = derive(self._root, "hash")
        self.link_key: Final = derive(self._root, "link")
        self._pseudonym_key = derive(self._root, "pseudonym")
        self._state = AESGCM(derive(self._root, "state"))
        self._box = X25519PrivateKey.from_private_bytes(derive(self._root, "box"))
        self._signing = Ed25519PrivateKey.from_private_bytes(derive(self._root, "sign"))
        self.fingerprint: Final = derive(self._root, "fingerprint")[:16].hex()

    @classmethod
    def open(cls, folder: Path, master: bytes | None, *, readonly: bool = False, is_provisional: bool = False) -> Vault:
        """The vault of a state folder, made at the first start; `master` None means the folder's own `master.key`.

        The pseudonyms of a provisional one say that they are.

        Raises VaultError for a master key that is too short or readable by others, KeyUnavailable for one that is
        missing or is not the one this folder was made with. With `readonly` nothing is made.
        """
        if not readonly:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if master is None:
            master = _settled(folder, readonly=readonly)
        must_be_long(master)
        vault = cls(folder, master, is_provisional=is_provisional)
        if not readonly:
            KeyFile.make(folder / KEYS_FILE, bytes.fromhex(vault.fingerprint))
        vault._check_owner()
        if not readonly:
            vault._publish(folder / PUBLIC_FILE)
            vault._keep_root()
        return vault

    # --- names that say nothing ----------------------------------------------------------------------------

    def hash64(self, text: str) -> int:
        """The text as a signed 64-bit number: `keyed_hash` under this deployment's `hash_key`."""
        return keyed_hash(self.hash_key, text)

    def pseudonym(self, kind: str, value: str) -> str:
        """A short name for a value, such as `actor-7f3a9c2e41`: 40 bits, the same for the life of the deployment."""
        text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return f"{kind}-{self._word}{hashlib.blake2b(text, digest_size=5, key=self._pseudonym_key).hexdigest()}"

    # --- sealed values -------------------------------------------------------------------------------------

    def seal(self, case_id: str, purpose: str, plaintext: bytes, sequence: int = 0) -> bytes:
        """The bytes under the case's own key for their category (AES-256-GCM), bound to case, purpose and sequence.

        Makes the key, and has it on disk, if the case has none yet. Raises KeyUnavailable if it was destroyed.
        """
        return encrypt(
            self._data_key(_slot_of(case_id, purpose), make=True), bound(case_id, purpose, sequence), plaintext
        )

    def unseal(self, case_id: str, purpose: str, sealed: bytes, sequence: int = 0) -> bytes:
        """What was sealed for the same case, purpose and sequence. Raises KeyUnavailable."""
        return decrypt(
            self._data_key(_slot_of(case_id, purpose), make=False), bound(case_id, purpose, sequence), sealed
        )

    def seal_text(self, purpose: str, text: str) -> bytes:
        """Text that belongs to no case, under the data key of the whole store."""
        key = self._data_key(_WHOLE_STORE, make=True)
        return encrypt(key, bound(_WHOLE_STORE, purpose, 0), text.encode("utf-8", "surrogatepass"))

    def unseal_text(self, purpose: str, sealed: bytes) -> str:
        """What `seal_text` sealed for the same purpose. Raises KeyUnavailable."""
        key = self._data_key(_WHOLE_STORE, make=False)
        return decrypt(key, bound(_WHOLE_STORE, purpose, 0), sealed).decode("utf-8", "surrogatepass")

    def seal_state(self, purpose: str, plaintext: bytes) -> bytes:
        """Working state (windows, messages to send), under a key that needs the master key alone.

        So a backup, which holds no `keys.db`, still goes on watching after a restore.
        """
        return encrypt(self._state, bound("state", purpose, 0), plaintext)

    def unseal_state(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal_state` sealed for the same purpose. Raises KeyUnavailable."""
        return decrypt(self._state, bound("state", purpose, 0), sealed)

    # --- what needs the master key to be read, and none to be written ----------------------------------------

    @staticmethod
    def box(folder: Path, purpose: str, plaintext: bytes) -> bytes:
        """The bytes in a box that the master key of the state folder opens, and nothing else.

        Raises KeyUnavailable where the folder has no public key.
        """
        try:
            public = X25519PublicKey.from_public_bytes((folder / PUBLIC_FILE).read_bytes())
        except (OSError, ValueError):
            raise KeyUnavailable(f"'{PUBLIC_FILE}' is missing from the state folder, or damaged") from None
        return _BOX.encrypt(plaintext, public, purpose.encode())

    def unbox(self, purpose: str, sealed: bytes) -> bytes:
        """What was put into a box for the same purpose. Raises KeyUnavailable."""
        try:
            return _BOX.decrypt(sealed, self._box, purpose.encode())
        except (InvalidTag, ValueError):
            raise KeyUnavailable("a box does not open with the master key at hand, or was changed") from None

    def _publish(self, path: Path) -> None:
        ours = self._box.public_key().public_bytes_raw()
        if path.exists() and path.read_bytes() != ours:
            path.unlink()
        write_new(path, ours)

    # --- the life of a case's key --------------------------------------------------------------------------

    def shred(self, case_id: str, categories: Iterable[Category] = CATEGORIES) -> bool:
        """Destroy the case's data keys for good; say whether there was a live one. On disk when this returns.

        A key destroyed is never made again: no record can be sealed for this case any more.
        """
        was_live = False
        with self._lock:
            for name in (_named(case_id, category) for category in categories):
                slot = self._slot(name)
                was_live = was_live or (slot is not None and slot.is_live)
                if slot is not None or name == case_id:
                    self._file.put(Slot(name, b"", b""))
        return was_live

    def is_shredded(self, case_id: str, category: Category = "records") -> bool:
        """Whether the case's key for the category was destroyed."""
        with self._lock:
            slot = self._slot(_named(case_id, category))
        return slot is not None and not slot.is_live

    def case_keys(self) -> list[CaseKey]:
        """The data keys that cases have or had, in the order the keys were made. Raises KeyUnavailable."""
        with self._lock:
            try:
                names = [(slot.name.partition(" "), slot.is_live) for slot in self._file.all()]
            except NoKeyFile as missing:
                raise KeyUnavailable(str(missing)) from None
        known: dict[str, Category] = {category: category for category in CATEGORIES}
        return [CaseKey(case, is_live, known.get(word, "records")) for (case, _, word), is_live in names if case]

    # --- another master key --------------------------------------------------------------------------------

    def rotate(self, master: bytes) -> None:
        """The root and every data key are wrapped by this master key, and by no other; on disk when this returns.

        The file of keys is replaced as a whole and the old one overwritten. Raises VaultError for a short key,
        KeyUnavailable where a data key does not open; then everything is as it was.
        """
        must_be_long(master)
        wrapping = AESGCM(derive(master, "wrap"))
        with self._lock:
            try:
                slots = [self._rewrapped(slot, wrapping) for slot in self._file.all() if slot.name != _ROOT]
            except NoKeyFile as missing:
                raise KeyUnavailable(str(missing)) from None
            self._file.replace([*slots, _wrapped(wrapping, _ROOT, self._root)])
            self._wrapping, self.master_mark = wrapping, derive(master, "mark")[:8].hex()
        self._keep_root()

    def _rewrapped(self, slot: Slot, wrapping: AESGCM) -> Slot:
        return _wrapped(wrapping, slot.name, self._unwrapped(slot)) if slot.is_live else slot

    def _unwrapped_root(self, master: bytes) -> bytes:
        """The root from beside the data keys, else from the file of its own, else the master key itself."""
        slot = None
        with suppress(NoKeyFile):
            slot = self._file.find(_ROOT)
        with suppress(FileNotFoundError):
            if slot is None:
                content = (self._folder / ROOT_FILE).read_bytes()
                slot = Slot(_ROOT, content[:NONCE_SIZE], content[NONCE_SIZE:])
        if slot is None:
            return master
        try:
            return self._unwrapped(slot)
        except (KeyUnavailable, ValueError):
            raise KeyUnavailable(f"the master key is not the one '{KEYS_FILE}' was made with") from None

    def _keep_root(self) -> None:
        """Where the root is wrapped, it is so beside the data keys and in a file of its own."""
        with self._lock:
            slot = self._slot(_ROOT)
            path = self._folder / ROOT_FILE
            if slot is None and path.exists():
                slot = _wrapped(self._wrapping, _ROOT, self._root)
                self._file.put(slot)
            content = b"" if slot is None else slot.nonce + slot.wrapped
            if slot is not None and not (path.exists() and path.read_bytes() == content):
                write_over(path, content)

    def copy_root(self, target: Path) -> None:
        """Where the root is wrapped, it lies beside the copies of the state too: without it they would open nothing."""
        path = self._folder / ROOT_FILE
        if path.exists() and not ((target / ROOT_FILE).exists() and path.samefile(target / ROOT_FILE)):
            write_over(target / ROOT_FILE, path.read_bytes())

    # --- whether it works, and who says so -----------------------------------------------------------------

    def probe(self) -> float:
        """Seal and open something with each kind of key, and open every data key; the seconds that took.

        Raises KeyUnavailable where that does not come to the same.
        """
        begun, text = time.perf_counter(), os.urandom(32)
        kept = self.unseal_text("probe", self.seal_text("probe", text.hex()))
        if self.unseal_state("probe", self.seal_state("probe", text)) != text or kept != text.hex():
            raise KeyUnavailable("what was sealed does not come back")
        with self._lock:
            for slot in self._file.all():
                if slot.is_live:
                    self._unwrapped(slot)
        return time.perf_counter() - begun

    def sign(self, text: bytes) -> bytes:
        """The text signed (Ed25519, RFC 8032) with a key that belongs to this state for good."""
        return self._signing.sign(text)

    @property
    def public_key(self) -> bytes:
        """By which everybody can see that `sign` made a signature: 32 bytes, no secret."""
        return self._signing.public_key().public_bytes_raw()

    def _slot(self, name: str) -> Slot | None:
        try:
            return self._file.find(name)
        except NoKeyFile as missing:
            raise KeyUnavailable(str(missing)) from None

    def _data_key(self, name: str, *, make: bool) -> AESGCM:
        with self._lock:
            slot = self._slot(name)
            if slot is None and make:
                case_id, _, word = name.partition(" ")
                records = self._slot(case_id) if word == "names" else None
                if records is None or records.is_live:
                    return self._new_data_key(name)
                slot = records
        if slot is None:
            raise KeyUnavailable(f"there is no data key for {_called(name)}")
        if not slot.is_live:
            raise KeyUnavailable(f"the data key for {_called(name)} was destroyed")
        return AESGCM(self._unwrapped(slot))

    def _unwrapped(self, slot: Slot) -> bytes:
        try:
            return self._wrapping.decrypt(slot.nonce, slot.wrapped, bound(slot.name, "data key", 0))
        except InvalidTag:
            raise KeyUnavailable(f"the data key for {_called(slot.name)} is damaged") from None

    def _new_data_key(self, name: str) -> AESGCM:
        key = AESGCM.generate_key(256)
        self._file.put(_wrapped(self._wrapping, name, key))
        return AESGCM(key)

    def _check_owner(self) -> None:
        try:
            owner = self._file.owner()
        except NoKeyFile as unreadable:
            raise KeyUnavailable(str(unreadable)) from None
        if owner.hex() != self.fingerprint:
            raise KeyUnavailable(f"the master key is not the one '{KEYS_FILE}' was made with")


def _slot_of(case_id: str, purpose: str) -> str:
    if not case_id:
        raise ValueError("a case has an id")
    return _named(case_id, _CATEGORY_OF.get(purpose.partition(" ")[0], "records"))


def _named(case_id: str, category: Category) -> str:
    return case_id if category == "records" else f"{case_id} {category}"


def _called(name: str) -> str:
    return f"case {name}" if name else "the store"


def _wrapped(wrapping: AESGCM, name: str, key: bytes) -> Slot:
    nonce = os.urandom(NONCE_SIZE)
    return Slot(name, nonce, wrapping.encrypt(nonce, key, bound(name, "data key", 0)))


def rotate_own(folder: Path, vault: Vault) -> None:
    """The folder's own master key is a new one. A crash in between leaves the old or the new one at work, and whole."""
    path = folder / NEXT_FILE
    path.unlink(missing_ok=True)
    write_new(path, os.urandom(SHORTEST_MASTER))
    vault.rotate(path.read_bytes())
    write_over(folder / MASTER_FILE, path.read_bytes())
    path.unlink()


def _settled(folder: Path, *, readonly: bool) -> bytes:
    """The folder's own master key; where a rotation was broken off, the one that is at work."""
    own, path = master_of(folder, readonly=readonly), folder / NEXT_FILE
    if not path.exists():
        return own
    coming = path.read_bytes()
    is_at_work = False
    with suppress(VaultError):
        Vault(folder, coming)._check_owner()  # noqa: SLF001  (of this file)
        is_at_work = True
    if not readonly:
        if is_at_work:
            write_over(folder / MASTER_FILE, coming)
        path.unlink()
    return coming if is_at_work else own
