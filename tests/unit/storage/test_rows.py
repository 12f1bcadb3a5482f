"""The mappers between values and rows, through SQLite's own binding."""

import sqlite3
from contextlib import closing

from hypothesis import given

from engine.domain.order import Fill, OrderRecord
from engine.domain.ticket import Ticket
from engine.domain.units import Ms
from storage.codec import encode_intent
from storage.db import SqlValue
from storage.fills import fill_of, fill_row
from storage.orders import order_of, order_row
from storage.tickets import ticket_of, ticket_row
from tests.unit.storage.shapes import CLEAN, shapes


def through_sqlite(row: dict[str, SqlValue]) -> sqlite3.Row:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        columns = ", ".join(f":{name} AS {name}" for name in row)
        found = connection.execute(f"SELECT {columns}", row).fetchone()
    assert isinstance(found, sqlite3.Row)
    return found


@given(shapes(Ticket, CLEAN))
def test_ticket_of_any_shape_survives_its_row(ticket):
    assert ticket_of(through_sqlite(ticket_row(ticket, Ms(1)))) == ticket


@given(shapes(OrderRecord, CLEAN))
def test_order_of_any_shape_survives_its_row(record):
    payload: dict[str, SqlValue] = {"payload": encode_intent(record.intent)}

    assert order_of(through_sqlite(order_row(record) | payload)) == record


@given(shapes(Fill, CLEAN))
def test_fill_of_any_shape_survives_its_row(fill):
    assert fill_of(through_sqlite(fill_row(fill))) == fill
