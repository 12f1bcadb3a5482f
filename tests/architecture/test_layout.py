"""Flat packages are ours alone, resolve under one root, and import inwards only."""

import importlib.util
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, ROOT, name, sources, tracked_files

OURS = "dutchdesk"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_one_of_our_names(package):
    owners = set(packages_distributions().get(package, ())) - {OURS}

    assert not owners, f"{owners} also installs a top-level {package!r}: remove it or rename our folder"


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_every_package_resolves_under_one_root(package):
    spec = importlib.util.find_spec(package)

    assert spec is not None, f"{package} cannot be imported"
    assert spec.origin is not None, f"{package} has no __init__.py"
    found = Path(spec.origin).resolve().parent.parent
    assert found == ROOT, (
        f"expected {package} in this checkout, found another copy: reinstall with `make setup`"
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_with_modules_is_a_package(package):
    folders = {path.parent for path in sources(package)}
    bare = sorted(name(folder) for folder in folders if not (folder / "__init__.py").is_file())

    assert not bare, f"add an __init__.py with a docstring to {bare}"


def test_every_test_folder_is_a_package():
    folders = {p.parent for p in tracked_files() if p.suffix == ".py" and name(p).startswith("tests/")}
    bare = sorted(name(folder) for folder in folders if not (folder / "__init__.py").is_file())

    assert not bare, f"add an empty __init__.py to {bare}: without it two tests of one name collide"


def test_import_contracts_hold():
    """The layers of pyproject.toml, checked as `lint-imports` checks them."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    broken = [
        line
        for line in done.stdout.splitlines()
        if "BROKEN" in line or " -> " in line or "not allowed" in line
    ]
    assert done.returncode == 0, (
        "an import goes outwards; move the shared value inwards (engine.domain) or pass it in bot/app.py:\n"
        + "\n".join(broken or [done.stdout, done.stderr])
    )
