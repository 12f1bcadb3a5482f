"""The Telegram desk: commands, tickets, cards, the command line, and the composition root."""
