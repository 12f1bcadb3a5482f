"""House rules as tests, after TigerBeetle's tidy: each message says what to do instead."""

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.support.tree import (
    ROOT,
    calls_in,
    imports_of,
    lines_of,
    module_name,
    name,
    sources,
    test_files,
    text_of,
    tracked_files,
    tree_of,
)

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
MEDIAN_LINES_MAX = 130
TEST_RATIO_MIN = 1.2
CORE = ("engine/domain", "engine/core")
ENTRY_POINTS = {"bot.__main__", "bot.cli.main"}
FORBIDDEN_NAMES = {"manager", "helper", "helpers", "utils", "util", "common", "base", "data", "info", "misc"}
CLOCK = re.compile(
    r"^(time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns)"
    r"|(datetime\.)?(datetime|date)\.(now|utcnow|today))$"
)
CLOCK_IMPORTS = {"time", "monotonic", "time_ns", "monotonic_ns", "perf_counter", "perf_counter_ns"}
MACHINE_PATH = re.compile(
    "|".join(["/work" + "/", "/home" + r"/\w", "/root" + "/", "/tmp" + "/", r"[A-Z]:\\" + "Users"])
)
INDEX_ADDRESS = re.compile(
    "|".join(["--(extra-)?index" + "-url", r"pypi\.[a-z]+/sim" + "ple", "find" + "-links"])
)
WITNESSES = {"Approved": "engine/core/risk.py", "Grant": "engine/core/ticket.py"}
CODECS = ("storage/",)


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in kinds)


@pytest.mark.parametrize("path", sources(*CORE), ids=name)
def test_money_code_has_no_float(path):
    found = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float | complex))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
    ]

    assert not found, f"{name(path)}:{found}: use integers of engine.domain.units, and divide(…, rounding)"


@pytest.mark.parametrize("path", [p for p in sources() if name(p) != "engine/clock.py"], ids=name)
def test_only_the_clock_reads_time(path):
    found = [(line, called) for line, called in calls_in(path) if CLOCK.match(called)]
    taken = {f"time.{member}" for member in CLOCK_IMPORTS} & imports_of(path)

    assert not found and not taken, (
        f"{name(path)}:{found or taken}: take an engine.clock.Clock, or perf_us for durations"
    )


@pytest.mark.parametrize(
    "path", [p for p in sources() if not name(p).startswith(("bot/cli/", "bot/local/"))], ids=name
)
def test_nothing_prints_outside_the_command_line(path):
    found = [line for line, called in calls_in(path) if called == "print"]

    assert not found, f"{name(path)}:{found}: log it, or show it on a card; printing belongs to bot/cli"


@pytest.mark.parametrize("path", [*sources(), *test_files()], ids=name)
def test_functions_fit_a_screen(path):
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert not long, f"{name(path)}: {long}: keep the branching, move the leaves into functions of their own"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_files_have_one_idea(path):
    count = len(lines_of(path))

    assert count <= FILE_LINES_MAX, (
        f"{name(path)} has {count} lines: split it by idea ({FILE_LINES_MAX} at most)"
    )


def test_files_are_short_as_a_rule():
    counts = [len(lines_of(path)) for path in sources() if path.name != "__init__.py"]

    median = statistics.median(counts)
    assert median <= MEDIAN_LINES_MAX, f"median file has {median} lines: split the longest ones"


@pytest.mark.parametrize("path", sources(), ids=name)
def test_broad_excepts_are_named_boundaries(path):
    lines = lines_of(path)
    bare = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler) and broad(node):
            near = lines[max(0, node.lineno - 4) : node.lineno + 3]
            if not any("# boundary:" in line for line in near):
                bare.append(node.lineno)

    assert not bare, f"{name(path)}:{bare}: catch what can happen, or say why with a comment `# boundary: …`"


def test_every_module_is_used():
    imported = set().union(*(imports_of(path) for path in sources()))
    idle = [
        name(path)
        for path in sources()
        if path.name != "__init__.py" and module_name(path) not in imported | ENTRY_POINTS
    ]

    assert not idle, f"nothing imports {idle}: wire them up or delete them"


@pytest.mark.parametrize("witness", WITNESSES)
def test_witnesses_are_made_in_one_place(witness):
    home = WITNESSES[witness]
    makers = [
        f"{name(path)}:{line}"
        for path in sources()
        if name(path) != home and not name(path).startswith(CODECS)
        for line, called in calls_in(path)
        if called.rpartition(".")[2] == witness
    ]

    assert not makers, f"{makers} make {witness}: only {home} may, ask it instead"
    assert any(called == witness for _, called in calls_in(ROOT / home)), (
        f"{home} makes no {witness} any more"
    )


@pytest.mark.parametrize("path", [*sources(), *test_files()], ids=name)
def test_names_of_files_say_what_is_inside(path):
    parts = set(path.relative_to(ROOT).with_suffix("").parts)
    words = {word for part in parts for word in part.split("_")} - {"tests", "test"}

    assert not words & FORBIDDEN_NAMES, (
        f"{name(path)}: name it after what it holds, not {words & FORBIDDEN_NAMES}"
    )


@pytest.mark.parametrize("path", sources(), ids=name)
def test_everything_public_tells_what_it_is(path):
    tree = tree_of(path)
    silent = [] if ast.get_docstring(tree) else ["the module"]
    for node in ast.walk(tree):
        public = (
            isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
        )
        if public and node in tree.body and not ast.get_docstring(node):
            silent.append(node.name)

    assert not silent, f"{name(path)}: give {silent} a docstring: what it gives, units, errors"


def test_there_is_more_test_than_code():
    code = sum(len(lines_of(path)) for path in sources())
    tests = sum(len(lines_of(path)) for path in test_files())

    assert tests >= TEST_RATIO_MIN * code, (
        f"{tests} test lines for {code} source lines: expected {TEST_RATIO_MIN} per line; test what changed last"
    )


@pytest.mark.parametrize(
    "path",
    [p for p in tracked_files() if p.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cfg", ""}],
    ids=name,
)
def test_no_text_names_a_machine_or_an_index(path):
    text = text_of(path)
    found = [m.group(0) for pattern in (MACHINE_PATH, INDEX_ADDRESS) for m in pattern.finditer(text)]

    assert not found, f"{name(path)}: {sorted(set(found))}: use a relative path, a setting, or tmp_path"


@pytest.mark.parametrize("path", [*sources(), *test_files()], ids=name)
def test_nothing_is_left_to_do_later(path):
    marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"]
    found = [mark for mark in marks if re.search(rf"\b{mark}\b", text_of(path))]

    assert not found, f"{name(path)}: {found}: do it, delete it, or open an issue"
