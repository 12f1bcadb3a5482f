"""The Telegram desk: commands, tickets, cards, the command line, and the composition root."""

__version__ = "0.1.0"
