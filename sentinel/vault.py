"""Everything secret in one place: the master key, keyed hashes and pseudonyms, sealed values, the hash chain.

Rules of this file: no SQL; nothing here is ever logged, and no error text holds a key or a value. Every key is derived
from the master key for one purpose (HKDF, RFC 5869) or is random and wrapped by such a key. A case's data key stands
in `keys.db`, apart from the store and its backups, is on disk before anything sealed with it can be, and is read from
there at every use: once destroyed, it is gone for every process at once. `keys.pub` holds the public half of a key pair
derived from the master key: whoever can read it can put something into a box that the master key alone opens.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sentinel.keyfile import KeyFile, NoKeyFile, Slot, write_new

MASTER_FILE: Final = "master.key"
KEYS_FILE: Final = "keys.db"
PUBLIC_FILE: Final = "keys.pub"
SHORTEST_MASTER: Final = 32

_WHOLE_STORE: Final = ""
"""The name of the data key that belongs to no case. No case has an empty id."""

_VERSION: Final = b"\x01"
_NONCE_SIZE: Final = 12
_BOX: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""How a box is closed (RFC 9180, base mode)."""


class VaultError(Exception):
    """The keys cannot be used as they are; the text says why and what to do, never what they are."""


class KeyUnavailable(VaultError):
    """A key is missing, destroyed or not the one something was sealed with."""


@dataclass(frozen=True, slots=True)
class CaseKey:
    """That a case has, or had, a data key. The key itself never leaves the vault."""

    case_id: str
    is_live: bool


def keyed_hash(key: bytes, text: str) -> int:
    """The text as a signed 64-bit number nobody can compute or test guesses against without the key (RFC 7693).

    Lone surrogates are allowed. Big endian; the same number in every process and on every machine with this key.
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big", signed=True)


def chain(previous: bytes, payload: bytes) -> bytes:
    """The next link: SHA-256 over the link before and the payload. Changing any payload changes every later link."""
    return hashlib.sha256(previous + payload).digest()


class Vault:
    """The keys of one state folder. Safe to use from several threads; only one process may seal and destroy."""

    def __init__(self, folder: Path, master: bytes, *, is_provisional: bool = False) -> None:
        self._word = "provisional-" if is_provisional else ""
        self.hash_key: Final = _derive(master, "hash")
        self._pseudonym_key = _derive(master, "pseudonym")
        self._wrapping = AESGCM(_derive(master, "wrap"))
        self._state = AESGCM(_derive(master, "state"))
        self._box = X25519PrivateKey.from_private_bytes(_derive(master, "box"))
        self._file = KeyFile(folder / KEYS_FILE)
        self._lock = threading.Lock()
        self.fingerprint: Final = _derive(master, "fingerprint")[:16].hex()

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
            master = master_of(folder, readonly=readonly)
        if len(master) < SHORTEST_MASTER:
            raise VaultError(f"the master key has {len(master)} bytes, wanted are at least {SHORTEST_MASTER}")
        vault = cls(folder, master, is_provisional=is_provisional)
        if not readonly:
            KeyFile.make(folder / KEYS_FILE, bytes.fromhex(vault.fingerprint))
        vault._check_owner()
        if not readonly:
            vault._publish(folder / PUBLIC_FILE)
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
        """The bytes under the case's own key (AES-256-GCM), bound to case, purpose and sequence.

        Makes the key, and has it on disk, if the case has none yet. Raises KeyUnavailable if it was destroyed.
        """
        if not case_id:
            raise ValueError("a case has an id")
        return _encrypt(self._data_key(case_id, make=True), _bound(case_id, purpose, sequence), plaintext)

    def unseal(self, case_id: str, purpose: str, sealed: bytes, sequence: int = 0) -> bytes:
        """What was sealed for the same case, purpose and sequence. Raises KeyUnavailable."""
        if not case_id:
            raise ValueError("a case has an id")
        return _decrypt(self._data_key(case_id, make=False), _bound(case_id, purpose, sequence), sealed)

    def seal_text(self, purpose: str, text: str) -> bytes:
        """Text that belongs to no case, under the data key of the whole store."""
        key = self._data_key(_WHOLE_STORE, make=True)
        return _encrypt(key, _bound(_WHOLE_STORE, purpose, 0), text.encode("utf-8", "surrogatepass"))

    def unseal_text(self, purpose: str, sealed: bytes) -> str:
        """What `seal_text` sealed for the same purpose. Raises KeyUnavailable."""
        key = self._data_key(_WHOLE_STORE, make=False)
        return _decrypt(key, _bound(_WHOLE_STORE, purpose, 0), sealed).decode("utf-8", "surrogatepass")

    def seal_state(self, purpose: str, plaintext: bytes) -> bytes:
        """Working state (windows, messages to send), under a key that needs the master key alone.

        So a backup, which holds no `keys.db`, still goes on watching after a restore.
        """
        return _encrypt(self._state, _bound("state", purpose, 0), plaintext)

    def unseal_state(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal_state` sealed for the same purpose. Raises KeyUnavailable."""
        return _decrypt(self._state, _bound("state", purpose, 0), sealed)

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

    def shred(self, case_id: str) -> bool:
        """Destroy the case's data key for good; say whether there was a live one. On disk when this returns.

        A key destroyed is never made again: nothing can be sealed for this case any more.
        """
        with self._lock:
            slot = self._slot(case_id)
            self._file.put(Slot(case_id, b"", b""))
        return slot is not None and slot.is_live

    def is_shredded(self, case_id: str) -> bool:
        """Whether the case's key was destroyed."""
        with self._lock:
            slot = self._slot(case_id)
        return slot is not None and not slot.is_live

    def case_keys(self) -> list[CaseKey]:
        """The cases that have or had a data key, in the order the keys were made."""
        with self._lock:
            return [CaseKey(slot.name, slot.is_live) for slot in self._file.all() if slot.name != _WHOLE_STORE]

    def _slot(self, name: str) -> Slot | None:
        try:
            return self._file.find(name)
        except NoKeyFile as missing:
            raise KeyUnavailable(str(missing)) from None

    def _data_key(self, name: str, *, make: bool) -> AESGCM:
        with self._lock:
            slot = self._slot(name)
            if slot is None and make:
                return self._new_data_key(name)
        if slot is None:
            raise KeyUnavailable(f"there is no data key for {_called(name)}")
        if not slot.is_live:
            raise KeyUnavailable(f"the data key for {_called(name)} was destroyed")
        try:
            return AESGCM(self._wrapping.decrypt(slot.nonce, slot.wrapped, _bound(name, "data key", 0)))
        except InvalidTag:
            raise KeyUnavailable(f"the data key for {_called(name)} is damaged") from None

    def _new_data_key(self, name: str) -> AESGCM:
        key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE_SIZE)
        self._file.put(Slot(name, nonce, self._wrapping.encrypt(nonce, key, _bound(name, "data key", 0))))
        return AESGCM(key)

    def _check_owner(self) -> None:
        try:
            owner = self._file.owner()
        except NoKeyFile as unreadable:
            raise KeyUnavailable(str(unreadable)) from None
        if owner.hex() != self.fingerprint:
            raise KeyUnavailable(f"the master key is not the one '{KEYS_FILE}' was made with")


def _called(name: str) -> str:
    return f"case {name}" if name else "the store"


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"sentinel/{purpose}/1".encode()).derive(master)


def _bound(owner: str, purpose: str, sequence: int) -> bytes:
    # Lengths first, so that no two different triples give the same bytes.
    first, second = owner.encode(), purpose.encode("utf-8", "surrogatepass")
    return struct.pack(">IIq", len(first), len(second), sequence) + first + second


def _encrypt(key: AESGCM, bound: bytes, plaintext: bytes) -> bytes:
    nonce = os.urandom(_NONCE_SIZE)
    return _VERSION + nonce + key.encrypt(nonce, plaintext, bound)


def _decrypt(key: AESGCM, bound: bytes, sealed: bytes) -> bytes:
    if not sealed.startswith(_VERSION):
        raise KeyUnavailable("a sealed value is damaged or of a newer version")
    try:
        return key.decrypt(sealed[1 : 1 + _NONCE_SIZE], sealed[1 + _NONCE_SIZE :], bound)
    except (InvalidTag, ValueError):
        raise KeyUnavailable("a sealed value does not open with the key at hand, or was changed") from None


def master_of(folder: Path, *, readonly: bool) -> bytes:
    """The folder's own master key, made where there is none yet. Raises VaultError."""
    path = folder / MASTER_FILE
    if not path.exists():
        if readonly or (folder / KEYS_FILE).exists():
            # Making a new one here would quietly lock everybody out of what was sealed with the old one.
            raise KeyUnavailable(f"'{MASTER_FILE}' is missing from the state folder; put it back")
        write_new(path, os.urandom(SHORTEST_MASTER))
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.fstat(file).st_mode & 0o077:
            raise VaultError(f"'{path}' can be read by others; make it mode 0600")
        return os.read(file, 4096)
    finally:
        os.close(file)
