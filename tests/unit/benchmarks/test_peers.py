"""The optional race against other projects: its table is consistent, a missing peer is one line."""

import json
import sys

import pytest
from click.testing import CliRunner

from tests.benchmarks import peers
from tests.benchmarks.peer_engines import ENGINES
from tests.benchmarks.peer_race import main as race_of_peers


def test_peers_have_a_row_an_engine_and_a_pinned_version_each():
    keys = [key for one in peers.ENVIRONMENTS for key in one.engines]
    engines = [name for one in peers.ENVIRONMENTS for name in one.engines.values()]

    assert sorted(keys) == sorted(row.key for row in peers.PEER_ROWS)
    assert sorted(engines) == sorted(ENGINES)
    assert all("==" in package for one in peers.ENVIRONMENTS for package in one.packages)


def test_peer_that_cannot_be_installed_is_one_line(monkeypatch, tmp_path):
    def refuse(packages, folder):
        raise peers.MissingPeerError("`-m pip install` failed: no such [thing]")

    monkeypatch.setattr(peers, "_python_with", refuse)
    file = tmp_path / "peers.json"
    done = CliRunner().invoke(peers.main, ["--messages", "10", "--json", str(file)])

    assert done.exit_code == 0, done.output
    for environment in peers.ENVIRONMENTS:
        assert f"{environment.name}: skipped, `-m pip install` failed: no such [thing]" in done.output
    assert "poly-maker: skipped" in done.output
    assert json.loads(file.read_text(encoding="utf-8"))["rows"] == []


def test_peer_whose_process_fails_is_told_with_its_last_line():
    with pytest.raises(peers.MissingPeerError, match=r"`-c raise SystemExit.*failed: no room"):
        peers._run([sys.executable, "-c", "raise SystemExit('loading\\nno room')"], 30)


@pytest.mark.parametrize("name", ["polymarket-parse", "polymarket-books"])
def test_peer_of_the_project_s_own_environment_takes_the_stream_whole(name):
    told = race_of_peers(300, 7, 2, [name])[name]

    assert len(told["ratios"]) == 2
    assert all(ratio > 0 for ratio in (*told["ratios"], told["us"], told["ours_us"]))
