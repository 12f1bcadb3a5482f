"""Helpers shared by tests: the venue on loopback, its official clients, and what other areas bring."""
