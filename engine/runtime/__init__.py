"""The shell around the core: mailbox, effect performer, jobs, recovery. Knows ports, never adapters."""
