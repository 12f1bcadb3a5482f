"""Whether silence means quiet or dead: the pulse of a connection and of a market. Pure judgements.

A socket can answer PING for hours and deliver nothing (peers d 5), and a market can be quiet for hours and be
well. The stream alone cannot tell them apart; a book read beside it can (`engine.core.feed.probe`).
"""

from enum import Enum

from engine.core.feed.market import Connection, MarketFeed
from engine.domain.units import Ms

QUIET_MS = 3_000
"""Without a message for so long a connection or market is quiet, and is looked at beside the stream."""


class Pulse(Enum):
    """What is known of the life of a connection or a market; the value is a metric's label."""

    FRESH = "fresh"
    """It spoke within `QUIET_MS`."""
    QUIET = "quiet"
    """It says nothing, and as far as we have looked there is nothing to say."""
    SUSPECT = "suspect"
    """The venue has a newer book, which the stream may still bring."""
    FROZEN = "frozen"
    """The stream did not bring it in time."""


def pulse_of_market(market: MarketFeed, at_ms: Ms) -> Pulse:
    """Return the pulse of one market; FROZEN from a miss until the stream speaks of it again."""
    if market.missed is not None:
        return Pulse.SUSPECT
    if market.missed_before_ms > market.moved_ms:
        return Pulse.FROZEN
    return Pulse.FRESH if at_ms - market.moved_ms < QUIET_MS else Pulse.QUIET


def pulse_of_connection(connection: Connection, at_ms: Ms) -> Pulse:
    """Return the pulse of one connection that is up."""
    if connection.frozen:
        return Pulse.FROZEN
    if at_ms - connection.heard_ms < QUIET_MS:
        return Pulse.FRESH
    owes = any(market.missed is not None for market in connection.markets.values())
    return Pulse.SUSPECT if owes else Pulse.QUIET
