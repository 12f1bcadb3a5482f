"""A ledger on another machine's disk is refused before it is opened, as far as this machine can tell."""

import sys
from pathlib import Path

import pytest

from engine.ports import StoreError
from storage import local_disk
from storage.files import open_storage
from storage.local_disk import NETWORK_KINDS, network_kind, refuse_network_disk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mounts are Linux's")


def mounts(tmp_path: Path, *lines: str) -> Path:
    table = tmp_path / "mounts"
    table.write_text("".join(f"{line} rw 0 0\n" for line in ("/dev/sda1 / ext4", *lines)))
    return table


@pytest.mark.parametrize("kind", sorted(NETWORK_KINDS))
def test_folder_below_a_network_mount_is_refused_with_its_kind(tmp_path, kind):
    desk = tmp_path / "share" / "desk"
    table = mounts(tmp_path, f"server:/export {tmp_path / 'share'} {kind}")

    with pytest.raises(StoreError, match=f"on a local disk, found .*desk on {kind}: two machines"):
        refuse_network_disk(desk, table)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "9p", "virtiofs", "apfs"])
def test_local_folder_is_taken(tmp_path, kind):
    table = mounts(tmp_path, f"/dev/sdb1 {tmp_path / 'share'} {kind}")

    refuse_network_disk(tmp_path / "share" / "desk", table)


def test_deepest_mount_decides(tmp_path):
    table = mounts(tmp_path, f"server:/ {tmp_path / 'a'} nfs4", f"/dev/sdb1 {tmp_path / 'a' / 'local'} ext4")

    assert network_kind(tmp_path / "a" / "local" / "desk", table) is None
    assert network_kind(tmp_path / "a" / "localhost", table) == "nfs4"
    assert network_kind(tmp_path / "ab", table) is None


def test_later_mount_at_one_place_lies_on_top(tmp_path):
    place = tmp_path / "data"
    table = mounts(tmp_path, f"/dev/sdb1 {place} ext4", f"server:/ {place} nfs")

    assert network_kind(place, table) == "nfs"


def test_mount_point_with_a_blank_is_found(tmp_path):
    table = mounts(tmp_path, f"server:/ {tmp_path}/my\\040desk cifs")

    assert network_kind(tmp_path / "my desk" / "data", table) == "cifs"


def test_symbolic_link_onto_a_network_disk_is_followed(tmp_path):
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    table = mounts(tmp_path, f"server:/ {tmp_path / 'share'} nfs")

    assert network_kind(tmp_path / "link", table) == "nfs"


def test_machine_that_tells_no_mounts_refuses_nothing(tmp_path):
    assert network_kind(tmp_path, tmp_path / "absent") is None


async def test_opening_asks_before_it_makes_a_file(lock, clock, tmp_path, monkeypatch):
    table = mounts(tmp_path, f"server:/ {lock.folder} nfs")
    monkeypatch.setattr(
        "storage.files.refuse_network_disk", lambda folder: local_disk.refuse_network_disk(folder, table)
    )

    with pytest.raises(StoreError, match="on nfs"):
        async with open_storage(lock, clock):
            pass

    assert not (lock.folder / "ledger.db").exists()
