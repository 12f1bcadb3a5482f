"""Durable state in SQLite: the ledger (tickets, orders, fills, inbox, audit) and the market file."""
