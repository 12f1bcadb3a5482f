"""The pages say what is: what they name exists, and every command, knob, metric and refusal is named."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from bot import __version__
from bot.cli.main import EXIT_CONFIG, EXIT_LOCKED, cli
from bot.commands import COMMANDS
from config.secrets_file import SECRET_KEYS
from config.settings import Mode, Settings, SettingsError, parse
from engine.domain.catalogue import Catalogue, SkipReason
from engine.domain.market import rules_hash
from engine.domain.refusal import RefusalKind
from engine.metrics import METRICS
from engine.simulator.faults import FaultKind
from engine.simulator.http_control import control_routes
from engine.venue.clob import VenueReads
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient
from tests.support import diagrams, tree
from tests.support.local_exchange import running_exchange

EXAMPLE = tree.ROOT / "config" / "service.example.toml"
SECRETS_EXAMPLE = tree.ROOT / "config" / "secrets.local.toml.example"
FOLDERS = ("bot/", "config/", "docs/", "engine/", "storage/", "tests/", ".ci/")
MADE_BY_OPERATORS = {"config/service.toml", "config/secrets.local.toml"}
DOTTED = re.compile(r"(?:bot|config|engine|storage|tests)(?:\.\w+)+")
# Written in pieces, so that this file does not find itself.
ORIGINS = tuple(f"{verb} {word}" for verb in ("writ" + "ten", "gener" + "ated") for word in ("by", "with"))
SECTIONS = ("**Context.**", "**Choice.**", "**Price.**")


def read(name: str) -> str:
    return (tree.ROOT / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    return [*sorted(tree.ROOT.glob("*.md")), *sorted((tree.ROOT / "docs").rglob("*.md"))]


PAGES = {path.relative_to(tree.ROOT).as_posix(): path for path in pages()}
every_page = pytest.mark.parametrize("page", PAGES)


def prose(page: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)


def spans(page: str) -> list[str]:
    """Everything between single backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def typed_lines(page: str) -> list[str]:
    """Lines of code blocks and spans, as somebody would type them."""
    blocks = re.findall(r"```\w*\n(.*?)```", read(page), flags=re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()] + spans(page)


def resolve(dotted: str) -> object:
    """The module or member of a dotted name; raises when there is none."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(dotted)


@every_page
def test_links_lead_to_a_file_and_a_heading(page):
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (PAGES[page].parent / name).resolve() if name else PAGES[page]
        if not file.is_file() or (anchor and anchor not in anchors(file)):
            dead.append(target)

    assert not dead, f"{page} links to {dead}: mend the link or the heading"


def anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_files_that_a_page_names_exist(page):
    named = {word for span in spans(page) for word in span.split() if word.startswith(FOLDERS)}
    words = {word.partition("::")[0] for word in named} - MADE_BY_OPERATORS
    missing = [word for word in words if "*" not in word and not (tree.ROOT / word).exists()]

    assert not missing, f"{page} names {missing}, which do not exist"


@every_page
def test_modules_and_members_that_a_page_names_exist(page):
    missing = []
    for dotted in {span for span in spans(page) if DOTTED.fullmatch(span)}:
        try:
            resolve(dotted)
        except (ModuleNotFoundError, AttributeError):
            missing.append(dotted)

    assert not missing, f"{page} names {missing}, which do not exist"


def test_a_wrong_module_would_be_found():
    assert isinstance(resolve("engine.core.desk"), ModuleType)
    with pytest.raises(AttributeError):
        resolve("engine.core.desk.no_such_handler")


@every_page
def test_make_targets_that_a_page_names_exist(page):
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    named = {m for line in typed_lines(page) for m in re.findall(r"^make ([a-z]+)", line)}

    assert named <= targets, f"{page} names {sorted(named - targets)}, the Makefile has {sorted(targets)}"


def cli_calls(page: str) -> Iterator[tuple[str, list[str]]]:
    """Command and long options of every line that calls the desk's command line."""
    for line in typed_lines(page):
        if found := re.search(r"(?:^|[\\/]|\s)(?:dutchdesk|-m bot) ([a-z][a-z-]+)(.*)", line):
            yield found[1], re.findall(r"--[a-z-]+", found[2].partition("#")[0])


@every_page
def test_commands_and_options_that_a_page_names_exist(page):
    unknown = []
    for name, options in cli_calls(page):
        command = cli.commands.get(name)
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} if command else set()
        if command is None or not set(options) <= known:
            unknown.append((name, options))

    assert not unknown, f"{page} calls {unknown}, which the command line does not know"


def test_every_command_of_the_command_line_is_in_the_guides():
    told = {name for page in PAGES for name, _ in cli_calls(page)} | set(spans("CHANGELOG.md"))

    assert cli.commands.keys() <= told


def uncommented(text: str) -> dict[str, Any]:
    """The example with every key that stands in a comment."""
    return tomllib.loads(re.sub(r"^# (\[\[?\w+\]?\]|\w+ = .+)$", r"\1", text, flags=re.MULTILINE))


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and annotation of every key of the settings."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        rows = getattr(inner, "__args__", ())
        section = next((t for t in (inner, *rows) if isinstance(t, type) and issubclass(t, BaseModel)), None)
        if section is None:
            yield prefix + name, inner
        else:
            yield from keys_of(section, f"{prefix}{name}.")


SETTINGS = dict(keys_of(Settings))
SECRETS = {name for name, kind in SETTINGS.items() if kind is SecretStr}


def keys_in(values: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in values.items():
        if isinstance(value, list):
            found |= {key for row in value for key in keys_in(row, f"{prefix}{name}.")}
        elif isinstance(value, dict) and prefix + name not in SETTINGS:
            found |= keys_in(value, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def test_the_example_holds_every_key_and_no_other():
    assert keys_in(uncommented(EXAMPLE.read_text(encoding="utf-8"))) == SETTINGS.keys() - SECRETS
    assert keys_in(tomllib.loads(SECRETS_EXAMPLE.read_text(encoding="utf-8"))) == SECRETS
    assert {f"{table}.{key}" for table, keys in SECRET_KEYS.items() for key in keys} == SECRETS


def test_the_example_can_be_used_as_it_is_and_with_every_key():
    text = EXAMPLE.read_text(encoding="utf-8")

    assert parse(tomllib.loads(text), source="example").mode is Mode.LOCAL
    assert len(parse(uncommented(text), source="example").operators) == 2


def test_defaults_that_the_example_tells_are_those_of_the_settings():
    told, section = [], ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        section = m[1] if (m := re.match(r"\[(\w+)\]", line)) else section
        if m := re.match(r"(\w+) = .*; default (\S+)$", line):
            told.append((section, m[1], m[2]))

    assert len(told) > 15
    assert [row for row in told if default_of(*row[:2]) not in readings(*row)] == []


def minimal(section: str, values: dict[str, Any]) -> dict[str, Any]:
    base: dict[str, Any] = {
        "mode": "local",
        "operators": [{"user_id": 1, "name": "A", "role": "admin"}],
        "caps": {"ticket_usdc": "1", "day_usdc": "1"},
    }
    return base | {section: values} if section != "caps" else base


def default_of(section: str, key: str) -> object:
    return getattr(getattr(parse(minimal(section, {}), source="default"), section), key)


def readings(section: str, key: str, text: str) -> list[object]:
    """What the settings make of a default told in words, as text and as TOML."""
    candidates: list[object] = [text]
    if re.fullmatch(r"\d+|true|false", text):
        candidates.append(tomllib.loads(f"x = {text}")["x"])
    found = []
    for candidate in candidates:
        try:
            values = parse(minimal(section, {key: candidate}), source="told")
        except SettingsError:  # a candidate of the wrong kind; the other one counts
            continue
        found.append(getattr(getattr(values, section), key))
    return found


async def test_reviewed_hashes_of_the_example_are_those_of_the_local_exchange():
    settings = parse(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")), source="example")
    http = HttpClient()
    async with running_exchange(seed=settings.local.seed) as exchange:
        try:
            reads = VenueReads(http, VenueHosts.loopback(exchange.url, exchange.ws_url), {})
            catalogue = await reads.read_catalogue()
        finally:
            await http.close()
    assert isinstance(catalogue, Catalogue), catalogue
    present = {event.event_id: rules_hash(event) for event in catalogue.events}

    assert settings.rules.reviewed
    assert settings.rules.reviewed.items() <= present.items(), "put the new hashes into the example"


def rows_of(page: str) -> set[str]:
    """Backticked words of the first column of every table of a page."""
    cells = re.findall(r"^\| ([^|]+) \|", read(page), flags=re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_the_operator_guide_explains_every_knob_refusal_metric_and_command():
    rows = rows_of("docs/operator-guide.md")
    wanted = {*SETTINGS, *(kind.value for kind in RefusalKind), *(row.name for row in METRICS)}
    wanted |= {reason.value for reason in SkipReason}
    wanted |= {f"/{word}" for spec in COMMANDS for word in (spec.name, *spec.aliases)}

    assert wanted - rows == set()
    dotted = {row for row in rows if re.fullmatch(r"[a-z]+\.[a-z_]+", row)}
    assert dotted <= SETTINGS.keys(), "the guide explains keys that do not exist"


def test_exit_statuses_of_the_guides_are_those_of_the_command_line():
    assert f"{EXIT_LOCKED} another desk holds the folder, {EXIT_CONFIG} the" in read("docs/operator-guide.md")
    assert f"RestartPreventExitStatus={EXIT_LOCKED} {EXIT_CONFIG}" in read("docs/deployment.md")


async def test_the_page_of_the_local_exchange_names_every_endpoint_and_fault():
    page = "docs/local-exchange.md"
    async with running_exchange() as exchange:
        served = {f"{route.method} `{route.path}`" for route in control_routes(exchange.venue)}

    assert (
        set(re.findall(r"^\| ((?:GET|POST) `/_local/[\w/]+`) \|", read(page), flags=re.MULTILINE)) == served
    )
    assert {kind.value for kind in FaultKind} <= rows_of(page)


def test_state_machines_are_drawn_from_the_tables_as_they_are():
    assert diagrams.PAGE.read_text(encoding="utf-8") == diagrams.page(), f"run {diagrams.COMMAND}"


def test_the_changelog_tells_of_this_version():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE)
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]

    assert version == __version__
    assert __version__ in headings[0]


def test_decisions_are_numbered_listed_and_complete():
    files = sorted((tree.ROOT / "docs" / "adr").glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[\d+\]\(([^)]+)\)", read("docs/adr/README.md"), flags=re.MULTILINE)

    assert [file.name for file in files] == listed
    for number, file in enumerate(files, 1):
        text = file.read_text(encoding="utf-8")
        assert file.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number}. ")
        assert all(section in text for section in SECTIONS), f"{file.name} needs {SECTIONS}"
        assert "**Options.**" in text or number == 9


@every_page
def test_no_page_tells_how_it_came_about(page):
    found = [words for words in ORIGINS if words in prose(page).lower()]

    assert not found, f"{page} says {found}: tell what is, not who made it"
