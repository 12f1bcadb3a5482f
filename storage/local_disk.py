"""Refuses a data folder on a network disk: SQLite's locks and its WAL do not hold there (reliability A12).

Best effort. Linux tells the kind of every mount; elsewhere only a Windows network path is known. A folder
that a virtual machine shares with its host (9p, virtiofs) is let through: the WAL check of `storage.profile`
refuses those that cannot map memory.
"""

import sys
from pathlib import Path

from engine.ports import StoreError

MOUNTS = Path("/proc/self/mounts")
NETWORK_KINDS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "ceph",
        "glusterfs",
        "lustre",
        "beegfs",
        "gpfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.davfs",
        "davfs",
    }
)
"""Linux's names of file systems whose files live on another machine."""


def refuse_network_disk(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raise StoreError if the folder is known to live on another machine."""
    kind = network_kind(folder, mounts)
    if kind is not None:
        raise StoreError(
            f"expected the data folder on a local disk, found {folder} on {kind}: two machines could write "
            "the ledger at once; nothing was opened, name a folder on a local disk with --data"
        )


def network_kind(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the kind of the network file system that holds the folder, None if it is local or not known."""
    place = folder.resolve()
    if sys.platform == "win32":
        return "a network path" if place.drive.startswith("\\\\") else None
    if not mounts.exists():
        return None
    found = ""
    depth = -1
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind, *_ = line.split(" ")
        mount = Path(_unescaped(point))
        # The deepest mount holds the folder; of two at one place the later one lies on top.
        if (place == mount or mount in place.parents) and len(mount.parts) >= depth:
            depth, found = len(mount.parts), kind
    return found if found in NETWORK_KINDS else None


def _unescaped(text: str) -> str:
    """Return a mount point as it is: the kernel writes blanks and backslashes as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
