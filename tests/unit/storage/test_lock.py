import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.lock import LOCK_FILE, FolderLockedError, hold_folder

ROOT = Path(__file__).parents[3]
TRY = """
import sys
from pathlib import Path
from storage.lock import FolderLockedError, hold_folder
try:
    hold_folder(Path(sys.argv[1]))
except FolderLockedError as refused:
    print(refused.pid, refused)
    sys.exit(75)
"""
HOLD = """
import sys
from pathlib import Path
from storage.lock import hold_folder
held = hold_folder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def second_desk(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRY, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_second_process_is_refused_and_told_who_holds_the_folder(tmp_path):
    with hold_folder(tmp_path / "desk"):
        refused = second_desk(tmp_path / "desk")

    assert refused.returncode == 75, refused.stderr
    assert refused.stdout.startswith(f"{os.getpid()} process {os.getpid()} holds the data folder ")
    assert "--data" in refused.stdout


def test_folder_is_free_once_it_was_released(tmp_path):
    with hold_folder(tmp_path):
        pass

    assert second_desk(tmp_path).returncode == 0


def test_killed_holder_leaves_the_folder_free_and_its_file_in_place(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderLockedError) as refused:
            hold_folder(tmp_path)
        holder.kill()

    assert refused.value.pid == holder.pid
    with hold_folder(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_child_of_the_holder_does_not_keep_the_lock(tmp_path):
    """A child that inherited the descriptor would hold the folder of a dead desk for ever."""
    held = hold_folder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        held.release()

        with hold_folder(tmp_path) as again:
            assert again.held
        assert child.poll() is None
        assert child.stdin is not None
        child.stdin.close()


def test_second_hold_in_one_process_is_refused_too(tmp_path):
    with hold_folder(tmp_path), pytest.raises(FolderLockedError, match="only one desk may use it"):
        hold_folder(tmp_path)


def test_holder_that_wrote_no_pid_is_still_a_holder(tmp_path):
    with hold_folder(tmp_path):
        (tmp_path / LOCK_FILE).write_text("")
        with pytest.raises(FolderLockedError, match="another process holds") as refused:
            hold_folder(tmp_path)

    assert refused.value.pid is None


def test_shorter_pid_leaves_nothing_of_a_longer_one(tmp_path):
    (tmp_path / LOCK_FILE).write_text("9" * 20 + "\n")

    with hold_folder(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_new_folder_and_lock_belong_to_the_owner_alone(tmp_path):
    with hold_folder(tmp_path / "a" / "desk") as held:
        assert held.folder.stat().st_mode & 0o777 == 0o700
        assert (held.folder / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_release_twice_frees_nothing_of_a_later_holder(tmp_path):
    first = hold_folder(tmp_path)
    first.release()
    with hold_folder(tmp_path):
        first.release()

        assert second_desk(tmp_path).returncode == 75
