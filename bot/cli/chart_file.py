"""Where a command writes the chart that it was asked for; what is wrong is told before any long work."""

from pathlib import Path

import click

PNG = click.Path(dir_okay=False, path_type=Path)
"""Type of a `--png` option."""


class ChartFileError(Exception):
    """A chart cannot be written; the text says what was expected, what was found, and what happens next."""


def demand_folder(png: Path | None) -> None:
    """Raise ChartFileError if the folder of a wanted chart is missing."""
    if png is not None and not png.parent.is_dir():
        raise ChartFileError(
            f"expected to write the chart to {png}, found no folder {png.parent}; make it first"
        )


def write_chart(path: Path, png: bytes) -> None:
    """Write a chart; raises ChartFileError if the file cannot be written."""
    try:
        path.write_bytes(png)
    except OSError as error:
        raise ChartFileError(
            f"expected to write the chart to {path}, found: {error.strerror}; name another file"
        ) from error
