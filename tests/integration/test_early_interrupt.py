"""Ctrl-C before the program has loaded itself: it ends at once and shows no trace."""

import signal
import subprocess
import sys

import pytest

_INTERRUPT_ON_IMPORT = """
import os, runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "bot.cli.run":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["dutchdesk", "--version"]
runpy.run_module("bot", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
def test_an_interrupt_while_loading_ends_without_a_trace() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _INTERRUPT_ON_IMPORT], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == -signal.SIGINT
    assert ended.stderr == ""
    assert ended.stdout == "", "it must not have gone on"
