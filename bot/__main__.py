"""Where the program begins: `dutchdesk` and `python -m bot` are the same.

Ctrl-C while the modules are loaded ends it like any program of the shell: there is nothing to end in order
yet, and nothing to read in a trace of imports.
"""

import signal


def main() -> None:
    """Load the command line, then run it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bot.cli.main import main as run  # noqa: PLC0415 - what takes the time is loaded after the line above

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
