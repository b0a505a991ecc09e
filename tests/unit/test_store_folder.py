from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel.store import StoreError, StoreLocked
from sentinel.store.folder import FolderLock, filesystem_of, is_remote, prepare
from tests.unit.store_samples import a_store

MOUNTS = """\
22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 22 0:25 / /srv/share\\040one rw shared:1 - nfs4 box:/export rw,vers=4.2
31 22 0:26 / /home rw master:2 - ext4 /dev/vdb rw
32 31 0:27 / /home rw - fuse.sshfs far:/ rw
a line that is no mount
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/sentinel", "ext4"),
        ("/srv/share one/state", "nfs4"),
        ("/srv/share one", "nfs4"),
        ("/srv/share oneself", "ext4"),
        ("/home/kim", "fuse.sshfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_and_last_mount(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(("kind", "remote"), [("nfs", True), ("nfs4", True), ("cifs", True), ("fuse.sshfs", True)])
def test_disks_of_other_machines_are_known(kind: str, remote: bool) -> None:
    assert is_remote(kind) is remote


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuseblk", ""])
def test_disks_of_this_machine_are_fine(kind: str) -> None:
    assert not is_remote(kind)


def test_the_folder_and_every_file_in_it_are_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with a_store(tmp_path / "state"):
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "state").iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert modes == dict.fromkeys(
        ("sentinel.db", "sentinel.db-wal", "sentinel.db-shm", "lock", "keys.db", "keys.pub"), 0o600
    )


def test_a_folder_that_holds_our_state_is_closed_to_others(tmp_path: Path) -> None:
    a_store(tmp_path / "state").close()
    (tmp_path / "state").chmod(0o755)
    a_store(tmp_path / "state").close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_shared_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "notes.txt").touch()
    with pytest.raises(StoreError, match="a folder of its own"):
        prepare(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_second_daemon_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with a_store(tmp_path), pytest.raises(StoreLocked, match=rf"another sentinel .* \(pid {os.getpid()}\)"):
        a_store(tmp_path)
    a_store(tmp_path).close()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sentinel.store.folder import FolderLock;"
        "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=f"pid {holder.pid}"):
            FolderLock(tmp_path)
        holder.kill()
    FolderLock(tmp_path).release()
