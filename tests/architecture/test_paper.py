"""Paper is a venue: the desk does not know of it, and it could not send a real order if it wanted to."""

import ast
from pathlib import Path

from tests.support.tree import ROOT, name, parsed, sources

REACHES = {"aiohttp", "httpx", "http", "socket", "ssl", "subprocess", "urllib", "websockets", "polymarket"}
SIGNS = {"coincurve", "eth_account", "hmac"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, by its full name."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def reached(start: str) -> set[str]:
    """Every module that one of ours imports, directly or through others of ours."""
    waiting, seen = [start], set[str]()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = ROOT / (module.replace(".", "/") + ".py")
        if path.is_file():
            waiting += imported(path)
    return seen


def test_neither_core_nor_runtime_imports_the_paper_venue() -> None:
    found = [
        f"{name(path)}: {module}"
        for path in sources("engine/core", "engine/runtime", "engine/domain")
        # Replays of the quoter judge by the same fill model.
        if not name(path).startswith(("engine/core/spread/", "engine/core/backtest/"))
        for module in imported(path)
        if "paper" in module
    ]

    assert not found, f"paper is a choice of adapters, made in bot.order_path: {found}"


def test_paper_venue_imports_nothing_that_connects_or_signs() -> None:
    modules = reached("engine.venue.paper")
    roots = {module.split(".")[0] for module in modules}
    assert "engine.core.spread.paper_book" in modules, "the walk over imports goes nowhere"

    assert not roots & (REACHES | SIGNS), f"a paper order must have no way out: {roots & (REACHES | SIGNS)}"
    assert not {m for m in modules if m.startswith("engine.venue.") and "paper" not in m}
