"""Adapters that speak the venue's protocol as a client: wire decoding, sockets, order entry, catalogue."""
