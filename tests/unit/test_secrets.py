"""A secret is found by its reference and never shows itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sentinel.secrets import LARGEST, SecretError, SecretRef

SECRET = "whsec_c2VjcmV0"


def test_a_credential_is_read_from_the_folder_systemd_names(tmp_path: Path) -> None:
    (tmp_path / "soc_hook").write_text(SECRET + "\n")
    assert SecretRef(credential="soc_hook").resolve({}, tmp_path) == SECRET


def test_a_relative_file_is_relative_to_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(SECRET + "\r\n")
    assert SecretRef(file="hook").resolve({}, None, tmp_path) == SECRET


def test_an_environment_variable_is_read_from_the_given_environment() -> None:
    assert SecretRef(env="HOOK").resolve({"HOOK": SECRET}, None) == SECRET


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (SecretRef(env="HOOK"), "env 'HOOK' is empty or not set"),
        (SecretRef(file="absent"), "file 'absent' is not there"),
        (SecretRef(file="."), "file '.' is not there"),
        (SecretRef(file="empty"), "file 'empty' is empty or not set"),
        (SecretRef(file="binary"), "file 'binary' is not UTF-8 text"),
        (SecretRef(file="large"), "file 'large' is longer than 64 KiB"),
        (SecretRef(credential="hook"), "credential 'hook' is not there: systemd gave this process no credentials"),
    ],
)
def test_a_secret_that_cannot_be_had_says_which(tmp_path: Path, reference: SecretRef, message: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(SecretError) as refused:
        reference.resolve({}, None, tmp_path)
    assert refused.value.message == message


@pytest.mark.parametrize(
    "written", [SECRET, [SECRET], {}, {"env": "A", "file": "b"}, {"credential": "../x"}, {"credential": ".."}, None, 5]
)
def test_anything_but_one_reference_is_refused(written: object) -> None:
    with pytest.raises(ValidationError) as refused:
        SecretRef.model_validate(written)
    assert all(
        error["type"] in {"secret_inline", "secret_reference", "secret_name"} and SECRET not in error["msg"]
        for error in refused.value.errors()
    )
