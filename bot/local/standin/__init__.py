"""A Bot API server on loopback that is as strict as Telegram, with a second door for people and faults."""
