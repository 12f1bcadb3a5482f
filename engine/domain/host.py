"""What the shell finds out about the machine the desk runs on. Values only; `core.halts.breakers` judges."""

from enum import Enum


class HostSign(Enum):
    """One finding; the unit of its figure stands behind it."""

    LOOP_LAG = "the loop was late"
    """Milliseconds between when a step was due and when it ran."""
    COMMIT_SLOW = "the ledger was slow"
    """Milliseconds at the 99th percentile of the last minute's commits."""
    DISK_LOW = "the disk is nearly full"
    """Percent free."""
    DISK_FINE = "the disk has room again"
    """Percent free."""
    CLOCK_STEP = "the machine's clock was set"
    """Milliseconds it moved, ahead positive."""
    CRASH_LOOP = "the desk keeps dying"
    """Starts without a clean stop in the last ten minutes."""
    OVERSENT = "more was sent than authorised"
    """Micro-dollars above what all grants together allow."""
