"""A clean day breaks no invariant, also through the command; and the checker is nobody's relative."""

import ast
import json
import subprocess
import sys

import pytest

from engine.domain.order import TRANSITIONS
from tests.checker.evidence import Given
from tests.checker.record_checks import MOVES
from tests.checker.verdict import INVARIANTS, violations
from tests.support import tree
from tests.support.tree import imports_of, name, parsed
from tests.unit.checker.scene import Scene, play

CHECKER = [path for path in tree.tests() if name(path).startswith("tests/checker/")]


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_clean_day_holds(scene: Scene, invariant: str):
    assert INVARIANTS[invariant](scene.seen()) == []


def test_clean_day_holds_while_it_is_not_over(scene: Scene):
    assert violations(scene.seen(Given())) == []


def test_nothing_at_all_is_clean():
    assert violations(Scene({}, {}, None, []).seen()) == []


def test_every_invariant_says_what_it_promises():
    for number, invariant in INVARIANTS.items():
        assert (invariant.__doc__ or "").startswith(f"{number}: "), number


def test_checker_imports_the_standard_library_and_itself_alone():
    assert CHECKER
    for path in CHECKER:
        foreign = {
            module
            for module in imports_of(path)
            if module.partition(".")[0] not in sys.stdlib_module_names
            and not module.startswith("tests.checker")
        }
        assert not foreign, f"{name(path)} shares code with what it checks: {foreign}"
        assert not [n for n in ast.walk(parsed(path)) if isinstance(n, ast.ImportFrom) and n.level]


def test_core_asks_no_move_that_the_checker_forbids():
    """Two tables by two hands: where they differ, one of them is wrong."""
    forbidden = {
        (before.value, after.value)
        for (before, _), after in TRANSITIONS.items()
        if before is not after and after.value not in MOVES[before.value]
    }

    assert not forbidden


async def test_command_tells_one_line_per_invariant_and_its_verdict(tmp_path):
    scene = await play(tmp_path / "desk")
    files = [str(tmp_path / "desk" / "ledger.db"), str(tmp_path / "exchange.json")]
    (tmp_path / "exchange.json").write_text(json.dumps(scene.exchange))

    clean = run(*files, "--at-rest")
    (tmp_path / "given.json").write_text(json.dumps({"dry": [[0, 2**60]]}))
    broken = run(*files, "--given", str(tmp_path / "given.json"))

    assert (clean.returncode, broken.returncode) == (0, 1)
    assert [line.split()[:2] for line in clean.stdout.splitlines()] == [[n, "holds"] for n in INVARIANTS]
    assert "I12  BROKEN" in broken.stdout
    assert "request 4 DELETE /orders in a dry run" in broken.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.checker", *arguments],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
