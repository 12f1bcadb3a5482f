"""House rules as tests, after TigerBeetle's tidy: each message says what to do instead."""

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.support import tree

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
MEDIAN_LINES_MAX = 130
TEST_RATIO_MIN = 1.2
CORE = ("engine/domain", "engine/core")
ENTRY_POINTS = {"bot.__main__", "bot.cli.main"}
PRINTING = ("bot/cli/", "bot/local/")
FORBIDDEN_NAMES = {"manager", "helper", "helpers", "utils", "util", "common", "base", "data", "info", "misc"}
CLOCK = re.compile(
    r"^(time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns)"
    r"|(datetime\.)?(datetime|date)\.(now|utcnow|today))$"
)
CLOCK_IMPORTS = {"time.time", "time.monotonic", "time.time_ns", "time.monotonic_ns", "time.perf_counter"}
# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = ("/work" + "/", "/home" + r"/\w", "/root" + "/", "/tmp" + "/", r"[A-Z]:\\" + "Users")
INDEX_ADDRESSES = ("--(extra-)?index" + "-url", r"pypi\.[a-z]+/sim" + "ple", "find" + "-links")
UNFINISHED = tuple(rf"\b{mark}\b" for mark in ("TO" + "DO", "FIX" + "ME", "raise NotImplemented" + "Error"))
WITNESSES = {"Approved": "engine/core/exposure/risk.py", "Grant": "engine/core/tickets/ticket.py"}
CODECS = ("storage/",)
TEXTS = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cfg", ""}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def at(path: Path, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
    return f"{tree.name(path)}:{node.lineno}"


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler catches everything and does not just clean up and raise it again."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None and len(handler.body) <= 3:
        return False
    caught = handler.type
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in kinds)


def is_inexact(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return isinstance(node.op, ast.Div)
    return isinstance(node, ast.Name) and node.id == "float"


def test_money_code_has_no_float():
    found = [
        f"{tree.name(path)}:{getattr(node, 'lineno', '?')}"
        for path in tree.sources(*CORE)
        for node in ast.walk(tree.parsed(path))
        if is_inexact(node)
    ]

    assert not found, f"use integers of engine.domain.units and divide(…, rounding) at {found}"


def test_only_the_clock_reads_time():
    others = [path for path in tree.sources() if tree.name(path) != "engine/clock.py"]
    found = [
        f"{tree.name(p)}:{line}" for p in others for line, called in tree.calls_in(p) if CLOCK.match(called)
    ]
    found += [tree.name(path) for path in others if CLOCK_IMPORTS & tree.imports_of(path)]

    assert not found, f"take an engine.clock.Clock, or perf_us for durations, at {found}"


def test_nothing_prints_outside_the_command_line():
    found = [
        f"{tree.name(path)}:{line}"
        for path in tree.sources()
        if not tree.name(path).startswith(PRINTING)
        for line, called in tree.calls_in(path)
        if called == "print"
    ]

    assert not found, f"log it, or show it on a card (printing belongs to {PRINTING}): {found}"


def test_functions_fit_a_screen():
    long = [
        f"{at(path, node)} {node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for path in (*tree.sources(), *tree.tests())
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, Function)
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert not long, f"keep the branching, move the leaves into functions of their own: {long}"


def test_files_have_one_idea():
    long = [
        f"{tree.name(path)} ({len(tree.lines_of(path))} lines)"
        for path in tree.sources()
        if len(tree.lines_of(path)) > FILE_LINES_MAX
    ]

    assert not long, f"split by idea, {FILE_LINES_MAX} lines at most: {long}"


def test_files_are_short_as_a_rule():
    counts = [len(tree.lines_of(path)) for path in tree.sources() if path.name != "__init__.py"]

    median = statistics.median(counts)
    assert median <= MEDIAN_LINES_MAX, f"median file has {median} lines: split the longest ones"


def test_broad_excepts_are_named_boundaries():
    silent = []
    for path in tree.sources():
        lines = tree.lines_of(path)
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                near = lines[max(0, node.lineno - 4) : node.lineno + 3]
                if not any("# boundary:" in line for line in near):
                    silent.append(at(path, node))

    assert not silent, f"catch what can happen, or say why with a comment `# boundary: …` at {silent}"


def test_every_module_is_used():
    imported: set[str] = set().union(*(tree.imports_of(path) for path in tree.sources()))
    idle = [
        tree.name(path)
        for path in tree.sources()
        if path.name != "__init__.py" and tree.module_name(path) not in imported | ENTRY_POINTS
    ]

    assert not idle, f"nothing imports {idle}: wire them up or delete them"


@pytest.mark.parametrize("witness", WITNESSES)
def test_witnesses_are_made_in_one_place(witness):
    home = WITNESSES[witness]
    makers = [
        f"{tree.name(path)}:{line}"
        for path in tree.sources()
        if tree.name(path) != home and not tree.name(path).startswith(CODECS)
        for line, called in tree.calls_in(path)
        if called.rpartition(".")[2] == witness
    ]

    assert not makers, f"{makers} make {witness}: only {home} may, ask it instead"
    here = {called for _, called in tree.calls_in(tree.ROOT / home)}
    assert witness in here, f"{home} makes no {witness} any more: name its new home here"


def test_names_of_files_say_what_is_inside():
    vague = [
        tree.name(path)
        for path in (*tree.sources(), *tree.tests())
        if FORBIDDEN_NAMES & set(re.split(r"[/_.]", tree.name(path)))
    ]

    assert not vague, f"name files after what they hold, not {sorted(FORBIDDEN_NAMES)}: {vague}"


def test_everything_public_tells_what_it_is():
    silent = []
    for path in tree.sources():
        module = tree.parsed(path)
        if not ast.get_docstring(module):
            silent.append(tree.name(path))
        for node in module.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name[0] != "_" and not ast.get_docstring(node):
                silent.append(f"{at(path, node)} {node.name}")

    assert not silent, f"give a docstring (what it gives, units, errors) to {silent}"


def test_there_is_more_test_than_code():
    code = sum(len(tree.lines_of(path)) for path in tree.sources())
    tests = sum(len(tree.lines_of(path)) for path in tree.tests())

    assert tests >= TEST_RATIO_MIN * code, (
        f"expected {TEST_RATIO_MIN} test lines per source line, found {tests} for {code}: test what is newest"
    )


def written_in(paths: tuple[Path, ...], patterns: tuple[str, ...]) -> list[str]:
    wanted = re.compile("|".join(patterns))
    return [
        f"{tree.name(path)}:{number} {found.group(0)}"
        for path in paths
        for number, line in enumerate(tree.lines_of(path), 1)
        if (found := wanted.search(line))
    ]


def test_no_text_names_a_machine():
    found = written_in(tuple(p for p in tree.tracked_files() if p.suffix in TEXTS), MACHINE_PATHS)

    assert not found, f"use a relative path, a setting, or tmp_path: {found}"


def test_no_text_names_a_package_index():
    found = written_in(tuple(p for p in tree.tracked_files() if p.suffix in TEXTS), INDEX_ADDRESSES)

    assert not found, f"the lock carries hashes, the machine knows its index: take out {found}"


def test_nothing_is_left_to_do_later():
    found = written_in((*tree.sources(), *tree.tests()), UNFINISHED)

    assert not found, f"do it, delete it, or open an issue: {found}"
