"""The desk without a Telegram account: a strict stand-in of the Bot API and the chat in a terminal."""
