"""The repository as the architecture tests read it: its text files, its modules, their syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "config", "engine", "storage")
SKIPPED = {".venv", ".git", "__pycache__", "data"}


@cache
def tracked_files() -> tuple[Path, ...]:
    """Files that git knows or would add; without git, all that are not caches."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if listing.returncode == 0:
        found = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        found = [p for p in ROOT.rglob("*") if not SKIPPED & set(p.relative_to(ROOT).parts)]
    return tuple(sorted(p for p in found if p.is_file()))


def name(path: Path) -> str:
    """Path inside the repository, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def sources(*under: str) -> tuple[Path, ...]:
    """Product modules below these folders, all packages if none is named."""
    folders = under or PACKAGES
    return tuple(
        p
        for p in tracked_files()
        if p.suffix == ".py" and name(p).startswith(tuple(f"{f}/" for f in folders))
    )


@cache
def tests() -> tuple[Path, ...]:
    return tuple(p for p in tracked_files() if p.suffix == ".py" and name(p).startswith("tests/"))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(text_of(path), filename=name(path))


@cache
def lines_of(path: Path) -> tuple[str, ...]:
    return tuple(text_of(path).splitlines())


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module or member a file imports by absolute name, `from a import b` as both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def calls_in(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of every call."""
    return [
        (node.lineno, ast.unparse(node.func)) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)
    ]
