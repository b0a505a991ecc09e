"""Secrets are referred to, never written: by systemd credential, by file or by environment variable.

Rules of this file: no text of a secret is in a message, a representation or an exception, and none is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic_core import PydanticCustomError

LARGEST = 64 * 1024
"""Bytes of the longest secret; more is a wrong file."""

_HINT = "use {credential: NAME} for a systemd credential, {file: PATH} or {env: NAME}"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


class SecretError(Exception):
    """A secret cannot be had. The message names the reference, never the secret; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class SecretRef(BaseModel):
    """Where a secret is: exactly one of a systemd credential, a file and an environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    credential: str | None = None
    file: str | None = None
    env: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_a_reference(cls, value: Any) -> Any:
        """Pydantic quotes wrong values in its own errors, so an inline secret is stopped before it sees one."""
        if isinstance(value, SecretRef):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("secret_inline", "a secret is never written in this file", {"hint": _HINT})
        given = [key for key in ("credential", "file", "env") if value.get(key) is not None]
        if len(given) != 1 and not set(value) - {"credential", "file", "env"}:
            raise PydanticCustomError("secret_reference", "a secret has exactly one place", {"hint": _HINT})
        return value

    @field_validator("credential", "env")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and (not _NAME.fullmatch(value) or not value.strip(".")):
            raise PydanticCustomError(
                "secret_name", "the name of a secret has letters, digits, '_', '.' and '-' only", {"hint": _HINT}
            )
        return value

    def __str__(self) -> str:
        return next(f"{kind} '{name}'" for kind, name in self.model_dump().items() if name is not None)

    def resolve(self, environ: Mapping[str, str], credentials: Path | None, folder: Path | None = None) -> str:
        """The secret, without the newline at its end.

        `credentials` is systemd's $CREDENTIALS_DIRECTORY; a relative `file` is relative to `folder`. Raises
        SecretError where the secret is missing, empty, too long or not text.
        """
        if self.env is not None:
            return _checked(self, environ.get(self.env, "").encode(errors="surrogateescape"))
        return _checked(self, _read(self, self._path(credentials, folder)))

    def _path(self, credentials: Path | None, folder: Path | None) -> Path:
        if self.credential is None:
            return (folder or Path()) / (self.file or "")
        if credentials is None:
            raise SecretError(
                f"{self} is not there: systemd gave this process no credentials",
                f"add 'LoadCredential={self.credential}:/path/to/it' to the systemd unit",
            )
        return credentials / self.credential


def _read(reference: SecretRef, path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SecretError(f"{reference} is not there", f"expected a regular file at '{path}'")
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(f"{reference} cannot be read: {error.strerror}", f"see who may read '{path}'") from None


def _checked(reference: SecretRef, content: bytes) -> str:
    if len(content) > LARGEST:
        raise SecretError(f"{reference} is longer than 64 KiB", "this is probably the wrong file")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{reference} is not UTF-8 text", "write it as base64 or hexadecimal digits") from None
    if not text:
        raise SecretError(f"{reference} is empty or not set")
    return text
