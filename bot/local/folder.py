"""A data folder for local mode: made with its own TOML, so that what ran can be read and run again."""

import tempfile
from importlib.resources import files
from pathlib import Path

TOML_NAME = "service.toml"


def fresh_folder(parent: Path) -> Path:
    """Make a new data folder below `parent` and return it."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="local-", dir=parent))


def prepare(data_dir: Path) -> tuple[Path, bool]:
    """Return the folder's TOML and whether the folder is new; the TOML is the shipped example, unchanged."""
    data_dir.mkdir(parents=True, exist_ok=True)
    toml = data_dir / TOML_NAME
    if toml.exists():
        return toml, False
    example = files("config").joinpath("service.example.toml").read_text(encoding="utf-8")
    toml.write_text(example, encoding="utf-8")
    return toml, True
