from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.vault import (
    KEYS_FILE,
    MASTER_FILE,
    PUBLIC_FILE,
    CaseKey,
    KeyUnavailable,
    Vault,
    VaultError,
    chain,
    keyed_hash,
)

MASTER = bytes(range(32))
OTHER = bytes(range(1, 33))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the master key ----------------------------------------------------------------------------------------


def test_the_first_start_makes_a_master_key_only_the_owner_can_read(tmp_path: Path) -> None:
    Vault.open(tmp_path / "state", None)
    assert mode(tmp_path / "state") == 0o700
    assert mode(tmp_path / "state" / MASTER_FILE) == 0o600
    assert mode(tmp_path / "state" / KEYS_FILE) == 0o600
    assert len((tmp_path / "state" / MASTER_FILE).read_bytes()) == 32


def test_nothing_but_the_three_files_is_left_of_the_first_start(tmp_path: Path) -> None:
    Vault.open(tmp_path, None)
    assert {each.name for each in tmp_path.iterdir()} == {MASTER_FILE, KEYS_FILE, PUBLIC_FILE}


def test_the_second_start_uses_the_key_of_the_first(tmp_path: Path) -> None:
    first = Vault.open(tmp_path, None)
    assert Vault.open(tmp_path, None).hash64("kim") == first.hash64("kim")


def test_a_given_master_key_is_not_written_down(tmp_path: Path) -> None:
    Vault.open(tmp_path, MASTER)
    assert not (tmp_path / MASTER_FILE).exists()
    assert MASTER not in (tmp_path / KEYS_FILE).read_bytes()


def test_a_short_master_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="has 31 bytes, wanted are at least 32"):
        Vault.open(tmp_path, MASTER[:31])


def test_a_master_key_others_can_read_is_refused(tmp_path: Path) -> None:
    Vault.open(tmp_path, None)
    (tmp_path / MASTER_FILE).chmod(0o640)
    with pytest.raises(VaultError, match="make it mode 0600"):
        Vault.open(tmp_path, None)


def test_a_missing_master_key_is_not_quietly_replaced(tmp_path: Path) -> None:
    Vault.open(tmp_path, None)
    (tmp_path / MASTER_FILE).unlink()
    with pytest.raises(KeyUnavailable, match="put it back"):
        Vault.open(tmp_path, None)


def test_another_master_key_is_noticed_at_open(tmp_path: Path) -> None:
    Vault.open(tmp_path, MASTER)
    with pytest.raises(KeyUnavailable, match="not the one"):
        Vault.open(tmp_path, OTHER)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"x" * 128])
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEYS_FILE).write_bytes(content)
    with pytest.raises(KeyUnavailable, match="not a file of keys"):
        Vault.open(tmp_path, MASTER)


def test_reading_makes_nothing(tmp_path: Path) -> None:
    for master in (None, MASTER):
        with pytest.raises(KeyUnavailable):
            Vault.open(tmp_path / "state", master, readonly=True)
    assert not (tmp_path / "state").exists()


# --- hashes and pseudonyms ---------------------------------------------------------------------------------


def test_a_hash_is_blake2b_of_eight_bytes_under_the_hash_key(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    digest = hashlib.blake2b("kim.ä".encode(), digest_size=8, key=vault.hash_key).digest()
    assert vault.hash64("kim.ä") == int.from_bytes(digest, "big", signed=True) == keyed_hash(vault.hash_key, "kim.ä")


def test_hashes_do_not_change_between_versions(tmp_path: Path) -> None:
    # Stored windows and cases are found by these numbers: a change here is a migration.
    vault = Vault.open(tmp_path, MASTER)
    assert vault.hash64("kim") == -3264093804887723544
    assert vault.pseudonym("actor", "kim") == "actor-b275c2a160"


def test_keys_are_derived_as_rfc_5869_says(tmp_path: Path) -> None:
    extracted = hmac.digest(bytes(32), MASTER, "sha256")
    assert Vault.open(tmp_path, MASTER).hash_key == hmac.digest(extracted, b"sentinel/hash/1\x01", "sha256")


@given(st.text(st.characters(exclude_categories=[])))
def test_every_text_has_a_hash_of_64_bits(text: str) -> None:
    assert -(2**63) <= keyed_hash(b"k" * 32, text) < 2**63


def test_hashes_and_pseudonyms_depend_on_the_master_key(tmp_path: Path) -> None:
    one, other = Vault.open(tmp_path / "a", MASTER), Vault.open(tmp_path / "b", OTHER)
    assert one.hash64("kim") != other.hash64("kim")
    assert one.pseudonym("actor", "kim") != other.pseudonym("actor", "kim")


def test_a_pseudonym_names_its_kind_and_tells_kinds_apart(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    actor, address = vault.pseudonym("actor", "kim"), vault.pseudonym("address", "kim")
    assert actor.startswith("actor-")
    assert len(actor) == len("actor-") + 10
    assert actor == vault.pseudonym("actor", "kim")
    assert actor.partition("-")[2] != address.partition("-")[2]


# --- sealing -----------------------------------------------------------------------------------------------


@given(st.binary(max_size=500))
def test_what_is_sealed_comes_back_and_does_not_show(
    tmp_path_factory: pytest.TempPathFactory, plaintext: bytes
) -> None:
    vault = Vault.open(tmp_path_factory.getbasetemp() / "sealed", MASTER)
    sealed = vault.seal("C-1", "evidence", plaintext, 7)
    assert vault.unseal("C-1", "evidence", sealed, 7) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


def test_a_sealed_value_opens_only_where_it_belongs(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C-2", "evidence", b"")
    sealed = vault.seal("C-1", "evidence", b"line", 7)
    for case_id, purpose, sequence in (("C-2", "evidence", 7), ("C-1", "finding", 7), ("C-1", "evidence", 8)):
        with pytest.raises(KeyUnavailable):
            vault.unseal(case_id, purpose, sealed, sequence)


@given(st.data())
def test_a_sealed_value_that_was_changed_does_not_open(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    vault = Vault.open(tmp_path_factory.getbasetemp() / "changed", MASTER)
    sealed = bytearray(vault.seal("C-1", "evidence", b"a line"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(KeyUnavailable):
        vault.unseal("C-1", "evidence", bytes(sealed))


def test_a_sealed_value_cut_short_does_not_open(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    sealed = vault.seal("C-1", "evidence", b"a line")
    for length in range(len(sealed)):
        with pytest.raises(KeyUnavailable):
            vault.unseal("C-1", "evidence", sealed[:length])


def test_texts_and_states_come_back_for_their_purpose_only(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    text, state = vault.seal_text("who", "kim \ud800"), vault.seal_state("delta", b"blob")
    assert vault.unseal_text("who", text) == "kim \ud800"
    assert vault.unseal_state("delta", state) == b"blob"
    with pytest.raises(KeyUnavailable):
        vault.unseal_text("detail", text)
    with pytest.raises(KeyUnavailable):
        vault.unseal_state("base 1", state)


def test_states_open_after_a_restore_without_the_file_of_keys(tmp_path: Path) -> None:
    state = Vault.open(tmp_path / "a", MASTER).seal_state("delta", b"blob")
    assert Vault.open(tmp_path / "b", MASTER).unseal_state("delta", state) == b"blob"


def test_a_key_is_there_for_the_next_process(tmp_path: Path) -> None:
    sealed = Vault.open(tmp_path, MASTER).seal("C-1", "evidence", b"line")
    assert Vault.open(tmp_path, MASTER, readonly=True).unseal("C-1", "evidence", sealed) == b"line"


def test_a_case_without_a_key_cannot_be_unsealed(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    with pytest.raises(KeyUnavailable, match="no data key for case C-9"):
        vault.unseal("C-9", "evidence", b"\x01" + bytes(40))


def test_a_case_has_an_id_of_at_most_62_bytes(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C" * 62, "evidence", b"")
    for case_id in ("", "C" * 63):
        with pytest.raises(ValueError):
            vault.seal(case_id, "evidence", b"")


# --- the life of a key -------------------------------------------------------------------------------------


def test_a_shredded_case_opens_in_no_process_any_more(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    kept = vault.seal("C-2", "evidence", b"kept")
    sealed = vault.seal("C-1", "evidence", b"line")
    board = Vault.open(tmp_path, MASTER, readonly=True)
    assert board.unseal("C-1", "evidence", sealed) == b"line"
    assert vault.shred("C-1")
    for each in (vault, board, Vault.open(tmp_path, MASTER)):
        with pytest.raises(KeyUnavailable, match="destroyed"):
            each.unseal("C-1", "evidence", sealed)
        assert each.unseal("C-2", "evidence", kept) == b"kept"


def test_no_byte_of_a_shredded_key_is_left_in_the_file(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C-1", "evidence", b"line")
    slot = (tmp_path / KEYS_FILE).read_bytes()[128:]
    vault.shred("C-1")
    after = (tmp_path / KEYS_FILE).read_bytes()
    assert len(after) == 256
    assert not any(slot[start : start + 4] in after for start in range(64, 64 + 60 - 4))


def test_nothing_can_be_sealed_for_a_shredded_case(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    assert not vault.shred("C-1")
    with pytest.raises(KeyUnavailable, match="destroyed"):
        vault.seal("C-1", "evidence", b"line")
    assert vault.is_shredded("C-1")
    assert not vault.is_shredded("C-2")


def test_the_cases_with_keys_are_listed_and_the_store_is_no_case(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal_text("who", "kim")
    vault.seal("C-1", "evidence", b"")
    vault.seal("C-2", "evidence", b"")
    vault.shred("C-1")
    assert vault.case_keys() == [CaseKey("C-1", is_live=False), CaseKey("C-2", is_live=True)]


def test_what_a_crash_left_of_a_new_key_is_written_over(tmp_path: Path) -> None:
    sealed = Vault.open(tmp_path, MASTER).seal("C-1", "evidence", b"line")
    with (tmp_path / KEYS_FILE).open("ab") as file:
        file.write(b"\x01" * 77)
    vault = Vault.open(tmp_path, MASTER)
    later = vault.seal("C-2", "evidence", b"other")
    assert (tmp_path / KEYS_FILE).stat().st_size == 3 * 128
    again = Vault.open(tmp_path, MASTER)
    assert (again.unseal("C-1", "evidence", sealed), again.unseal("C-2", "evidence", later)) == (b"line", b"other")


def test_a_damaged_key_is_unavailable_and_the_others_are_not(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    sealed, kept = vault.seal("C-1", "evidence", b"line"), vault.seal("C-2", "evidence", b"kept")
    content = bytearray((tmp_path / KEYS_FILE).read_bytes())
    content[128 + 80] ^= 1
    (tmp_path / KEYS_FILE).write_bytes(content)
    with pytest.raises(KeyUnavailable, match="case C-1 is damaged"):
        vault.unseal("C-1", "evidence", sealed)
    assert vault.unseal("C-2", "evidence", kept) == b"kept"


def test_a_file_of_keys_written_anew_by_another_process_is_read_anew(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    sealed = {name: vault.seal(name, "evidence", name.encode()) for name in ("C-1", "C-2")}
    content = (tmp_path / KEYS_FILE).read_bytes()
    (tmp_path / KEYS_FILE).write_bytes(content[:128] + content[256:] + content[128:256])
    for name, value in sealed.items():
        assert vault.unseal(name, "evidence", value) == name.encode()


def test_a_lost_file_of_keys_makes_every_case_unavailable(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    (tmp_path / KEYS_FILE).unlink()
    with pytest.raises(KeyUnavailable, match="missing"):
        vault.seal("C-1", "evidence", b"line")


# --- the chain ---------------------------------------------------------------------------------------------


def test_a_link_is_sha256_over_the_one_before_and_the_payload() -> None:
    assert chain(bytes(32), b"opened") == hashlib.sha256(bytes(32) + b"opened").digest()


# --- boxes -------------------------------------------------------------------------------------------------


def test_a_box_is_closed_without_the_master_key_and_opened_with_it_alone(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    box = Vault.box(tmp_path, "purpose", b"what is inside")
    assert b"inside" not in box
    assert vault.unbox("purpose", box) == b"what is inside"
    for opener, purpose, sealed in (
        (vault, "another purpose", box),
        (Vault(tmp_path, OTHER), "purpose", box),
        (vault, "purpose", box[:-1]),
        (vault, "purpose", b""),
    ):
        with pytest.raises(KeyUnavailable):
            opener.unbox(purpose, sealed)


@pytest.mark.parametrize("content", [None, b"", b"too short", b"x" * 33])
def test_there_is_no_box_without_a_public_key_and_the_next_start_with_the_key_makes_one(
    tmp_path: Path, content: bytes | None
) -> None:
    Vault.open(tmp_path, MASTER)
    (tmp_path / PUBLIC_FILE).unlink()
    if content is not None:
        (tmp_path / PUBLIC_FILE).write_bytes(content)
    with pytest.raises(KeyUnavailable, match=PUBLIC_FILE.replace(".", r"\.")):
        Vault.box(tmp_path, "purpose", b"")
    vault = Vault.open(tmp_path, MASTER)
    assert vault.unbox("purpose", Vault.box(tmp_path, "purpose", b"x")) == b"x"


def test_the_pseudonyms_of_a_provisional_vault_say_so(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER, is_provisional=True)
    assert vault.pseudonym("actor", "kim").startswith("actor-provisional-")
