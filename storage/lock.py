"""One desk per data folder: an exclusive lock on `desk.lock`, held until the process ends.

The operating system frees the lock when the process dies, however it dies; the file itself stays. Holding
it is the witness that `storage.files.open_storage` demands. This module neither waits nor retries.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_FILE = "desk.lock"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        # Windows forbids others to read a locked range: lock one byte far behind the pid.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLockedError(Exception):
    """Another desk holds the folder; `pid` is what it wrote about itself, None if that cannot be read.

    `advice` is what to do about it, for a command that knows better than to name another folder.
    """

    def __init__(
        self,
        folder: Path,
        pid: int | None,
        advice: str = "stop that one, or give this one another folder with --data",
    ) -> None:
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{who} holds the data folder {folder}: only one desk may use it; {advice}")
        self.pid = pid


class FolderLock:
    """The held lock. Only `hold_folder` makes it."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Free the folder; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held(self) -> bool:
        """Tell whether the folder is still ours."""
        return self._descriptor is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_folder(folder: Path) -> FolderLock:
    """Create the folder if need be (owner only) and lock it; raises FolderLockedError if another desk has it.

    The descriptor is closed on exec, so that child processes cannot keep the lock of a dead desk.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _try_lock(descriptor)
    except OSError as error:
        holder = _read_pid(descriptor)
        os.close(descriptor)
        raise FolderLockedError(folder, holder) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return FolderLock(folder, descriptor)


def _read_pid(descriptor: int) -> int | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 32).strip()
    return int(text) if text.isdigit() else None
