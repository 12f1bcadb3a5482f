"""What a checker sees: rows of a data folder, read through a connection of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def read(path: Path, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """Return the rows of a query as a black-box checker would read them."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]


def tamper(path: Path, sql: str, *parameters: object) -> None:
    """Change the file behind the desk's back; triggers still guard it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, parameters)
