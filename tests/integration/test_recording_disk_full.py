"""A disk that fills up under a recording: the feed goes on, the loss is told, the rest can be read."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.recording import Closed, Damaged
from tests.support import tree
from tests.support.recordings import inputs_of, pieces, stream

WRITER = """
import resource, sys
from pathlib import Path
from tests.support.recordings import head, stream
from storage.recorder import Recorder, Limits
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
recorder = Recorder(Path(sys.argv[1]), head(), Limits())
inputs = stream(3_000)
for entry in inputs:
    recorder.write(entry)
recorder.close()
recorder.write(inputs[-1])
print(recorder.failed)
print(recorder.lost, len(inputs))
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")


@pytest.mark.parametrize("allowed", [60_000, 100_000])
def test_full_disk_ends_the_recording_and_not_the_writer(tmp_path: Path, allowed: int):
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), str(allowed)],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    failed, numbers = done.stdout.splitlines()
    assert failed.startswith("the disk refused: ")
    assert int(numbers.split()[0]) > 1
    assert "the recording ends here" in done.stderr
    found = pieces(tmp_path)
    kept = inputs_of(found)
    assert kept == list(stream(3_000)[: len(kept)])
    assert len(kept) > 50
    assert isinstance(found[-1], Closed | Damaged)
    assert (tmp_path / "000001.jsonl.zst").stat().st_size <= allowed
