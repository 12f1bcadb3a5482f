"""What the account's own stream tells: sights of orders and trades, and times without any.

The stream replays nothing: after every connect the account is read whole (protocol 6).
"""

from engine.core.reconcile import read_account
from engine.core.state import Desk
from engine.domain.effects import Effect
from engine.domain.events import UserLink, UserTold


def user_link(desk: Desk, event: UserLink) -> list[Effect]:
    """Read the account whole when the stream is up again."""
    return [read_account(desk, event.at_ms, "user stream")] if event.up else []


def user_told(_desk: Desk, _event: UserTold) -> list[Effect]:
    """Take what the stream tells for what it is: a sight, never a proof that something is gone."""
    return []
