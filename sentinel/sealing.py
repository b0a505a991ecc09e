"""The cryptography beneath the vault: keys derived for a purpose, keyed hashes, sealed bytes, links of a chain.

Rule of this file: pure but for the randomness of nonces; no error text holds a key or a value.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_SIZE: Final = 12
_VERSION: Final = b"\x01"


class VaultError(Exception):
    """The keys cannot be used as they are; the text says why and what to do, never what they are."""


class KeyUnavailable(VaultError):
    """A key is missing, destroyed or not the one something was sealed with."""


def keyed_hash(key: bytes, text: str) -> int:
    """The text as a signed 64-bit number nobody can compute or test guesses against without the key (RFC 7693).

    Lone surrogates are allowed. Big endian; the same number in every process and on every machine with this key.
    """
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big", signed=True)


def chain(previous: bytes, payload: bytes) -> bytes:
    """The next link: SHA-256 over the link before and the payload. Changing any payload changes every later link."""
    return hashlib.sha256(previous + payload).digest()


def derive(master: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"sentinel/{purpose}/1".encode()).derive(master)


def bound(owner: str, purpose: str, sequence: int) -> bytes:
    """What a sealed value is bound to, as bytes."""
    # Lengths first, so that no two different triples give the same bytes.
    first, second = owner.encode(), purpose.encode("utf-8", "surrogatepass")
    return struct.pack(">IIq", len(first), len(second), sequence) + first + second


def is_signed(public_key: bytes, text: bytes, signature: bytes) -> bool:
    """The signature (Ed25519, RFC 8032) is of that text and by the owner of that key. Raises ValueError for no key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def encrypt(key: AESGCM, to: bytes, plaintext: bytes) -> bytes:
    """The plaintext sealed and bound `to` those bytes, with a nonce of its own."""
    nonce = os.urandom(NONCE_SIZE)
    return _VERSION + nonce + key.encrypt(nonce, plaintext, to)


def decrypt(key: AESGCM, to: bytes, sealed: bytes) -> bytes:
    """What `encrypt` sealed, bound `to` the same. Raises KeyUnavailable."""
    if not sealed.startswith(_VERSION):
        raise KeyUnavailable("a sealed value is damaged or of a newer version")
    try:
        return key.decrypt(sealed[1 : 1 + NONCE_SIZE], sealed[1 + NONCE_SIZE :], to)
    except (InvalidTag, ValueError):
        raise KeyUnavailable("a sealed value does not open with the key at hand, or was changed") from None
