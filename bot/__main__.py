"""`python -m bot` is the same program as `dutchdesk`."""

from bot.cli.main import main

main()
