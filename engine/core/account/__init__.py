"""The account as the venue tells it: complete reads, user stream, heartbeats, differences, strangers."""
