"""Which events may be traded, and as what: structure before price (strategy 3.9, protocol 9.3 and 9.4).

A table of small guards in order; the first that refuses ends it. They look at the catalogue's event and at
the map of reviewed rules, never at a book or a clock.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.core.dutch.exclusive import not_exclusive
from engine.domain.ids import EventId
from engine.domain.market import EventGroup, Market, rules_hash
from engine.domain.plan import PlanKind
from engine.domain.refusal import Refusal, RefusalKind

NAMES_SHOWN = 3
"""A sentence names at most so many children."""
_BUYS_YES = (PlanKind.BUY_PAIR, PlanKind.BUY_SET)
"""Kinds that need every outcome there is; the others need only that at most one wins."""
_UNNAMED = re.compile(
    r"(?:person|player|candidate|nominee|individual|placeholder)[\s-]+(?:[a-z]{1,3}|\d+)"
    r"|(?:company|team|movie|film|show|song|artist|actor|option|country|state|city|party|club"
    r"|driver|choice|unnamed|unannounced|undisclosed)[\s-]+(?:(?!us|uk|eu|gb)[a-z]{1,2}|\d+)"
    r"|tb[adc]|to be (?:announced|confirmed|decided|determined|named)|unnamed|unannounced|placeholder"
)
"""Names that stand for nobody yet: "Company A", "Team AB", "Option 3", "TBD"; not "Team UK"."""
_OTHER = re.compile(
    r"(?:an|any |some |all )?(?:the )?others?(?:\b.*)?"
    r"|(?:someone|somebody|anyone|anybody|something|anything) else"
    r"|(?:the )?(?:field|rest)|none of (?:the above|these|them)"
)
"""Names of what is not listed, whether or not the catalogue marks them so."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the guards judge."""

    event: EventGroup
    kind: PlanKind
    reviewed: Mapping[EventId, str]
    """Event id to the rules hash that a person has read."""
    allow_other: bool

    @property
    def legs(self) -> Sequence[Market]:
        """The children a plan of this kind would trade."""
        return self.event.markets if self.kind in _BUYS_YES else named_open(self.event)


Guard = Callable[[Case], Refusal | None]


def kind_of(event: EventGroup) -> PlanKind:
    """Return what would be bought: the pair of a lone market, or the set of several."""
    return PlanKind.BUY_PAIR if len(event.markets) == 1 else PlanKind.BUY_SET


def kinds_of(event: EventGroup) -> tuple[PlanKind, ...]:
    """Return the kinds that the number of outcomes allows, the one that names the event first."""
    if len(event.markets) == 1:
        return (PlanKind.BUY_PAIR,)
    return (PlanKind.BUY_SET, PlanKind.NO_SET, PlanKind.SELL_SET, PlanKind.CONVERT)


def named_open(event: EventGroup) -> tuple[Market, ...]:
    """Return the outcomes that have a name and take orders: what a NO basket may choose from.

    "Other" of an augmented event is none: its meaning shrinks whenever an outcome gets a name.
    """
    return tuple(
        market
        for market in event.markets
        if market.terms.active
        and market.terms.accepting
        and not market.terms.closed
        and not _is_unnamed(market)
        and not (event.augmented and market.is_other)
    )


def _is_unnamed(market: Market) -> bool:
    return _UNNAMED.fullmatch(market.name.strip().casefold()) is not None


def _is_other(market: Market) -> bool:
    return market.is_other or _OTHER.fullmatch(market.name.strip().casefold()) is not None


def ineligible(
    event: EventGroup, reviewed: Mapping[EventId, str], *, allow_other: bool, kind: PlanKind | None = None
) -> Refusal | None:
    """Return why this event must not be traded as `kind`, None if it may be planned.

    Without a kind it is asked about the one that buys YES on everything.
    """
    case = Case(event, kind or kind_of(event), reviewed, allow_other)
    return next((refusal for guard in GUARDS if (refusal := guard(case)) is not None), None)


def structure(case: Case) -> Refusal | None:
    """Demand one neg-risk group for a set, so that at most one outcome wins; a pair needs one condition."""
    event = case.event
    if not event.markets:
        return Refusal(
            RefusalKind.STRUCTURE, f"expected a market in {event.code}, found none; it cannot be bought"
        )
    tokens = [token for market in event.markets for token in (market.yes, market.no)]
    if len(set(tokens)) < len(tokens):
        return Refusal(
            RefusalKind.STRUCTURE,
            f"expected every token of {event.code} once, found one twice; wait for the next catalogue",
        )
    if case.kind is PlanKind.BUY_PAIR:
        return None
    if not event.neg_risk or not event.neg_risk_id:
        return Refusal(
            RefusalKind.STRUCTURE,
            f"expected the {len(event.markets)} markets of {event.code} to form one neg-risk group, found "
            "separate markets: several of them may win, or none; it cannot be bought as a set",
        )
    apart = [m for m in event.markets if not m.neg_risk or m.neg_risk_id != event.neg_risk_id]
    if apart:
        return Refusal(
            RefusalKind.STRUCTURE,
            f"expected every market of {event.code} in neg-risk group {event.neg_risk_id[:10]}, found "
            f"{_names(apart)} outside it; it cannot be bought as a set",
        )
    return None


def exclusive(case: Case) -> Refusal | None:
    """Refuse sets whose words say that several outcomes may win; a pair needs no such promise."""
    return None if case.kind is PlanKind.BUY_PAIR else not_exclusive(case.event)


def augmented(case: Case) -> Refusal | None:
    """Refuse YES of augmented events: outcomes may still be named, so no set of them is complete."""
    if case.kind not in _BUYS_YES or not case.event.augmented:
        return None
    return Refusal(
        RefusalKind.AUGMENTED,
        f"expected a closed list of outcomes, found {case.event.code} augmented: an outcome not yet named "
        "can win. It is never bought, whatever allow_other says",
    )


def placeholder(case: Case) -> Refusal | None:
    """Refuse sets with an outcome that does not trade yet, or has no name: it may win all the same."""
    if case.kind is not PlanKind.BUY_SET:
        return None
    idle = [m for m in case.event.markets if not m.terms.active]
    if idle:
        return Refusal(
            RefusalKind.PLACEHOLDER,
            f"expected every outcome of {case.event.code} active, found {_names(idle)} inactive: it can win "
            "and cannot be bought. Look again when the venue has opened it",
        )
    unnamed = [m for m in case.event.markets if _is_unnamed(m)]
    if unnamed:
        return Refusal(
            RefusalKind.PLACEHOLDER,
            f"expected every outcome of {case.event.code} by its name, found {_names(unnamed)}: what it "
            "stands for may change. Look again when the venue has named it",
        )
    return None


def other(case: Case) -> Refusal | None:
    """Count "Other" as a leg only where the operator says so; augmented events were refused before."""
    others = [m for m in case.event.markets if _is_other(m)]
    if case.kind is not PlanKind.BUY_SET or case.allow_other or not others:
        return None
    return Refusal(
        RefusalKind.OTHER_OUTCOME,
        f"expected named outcomes only, found {_names(others)} in {case.event.code}: read its rules, then "
        "set allow_other under [dutch] to count it as a leg",
    )


def tradable(case: Case) -> Refusal | None:
    """Demand that every leg takes orders: a set with a hole pays nothing when the hole wins.

    A basket of NO, or a sale of sets, may leave outcomes out; it needs two.
    """
    if case.kind not in _BUYS_YES:
        if len(case.legs) > 1:
            return None
        return Refusal(
            RefusalKind.NOT_TRADABLE,
            f"expected two named outcomes of {case.event.code} open for orders, found {len(case.legs)}; it "
            "is looked at again at the next catalogue refresh",
        )
    shut = [m for m in case.event.markets if not (m.terms.active and m.terms.accepting) or m.terms.closed]
    if not shut:
        return None
    return Refusal(
        RefusalKind.NOT_TRADABLE,
        f"expected every market of {case.event.code} open for orders, found {_names(shut)} closed or not "
        "accepting them; it is looked at again at the next catalogue refresh",
    )


def reviewed(case: Case) -> Refusal | None:
    """Demand that a person has read the rules: neg-risk promises at most one winner, not exactly one."""
    event = case.event
    if case.kind is not PlanKind.BUY_SET or event.event_id in case.reviewed:
        return None
    return Refusal(
        RefusalKind.NOT_REVIEWED,
        f"expected the rules of {event.code} to be reviewed, found no review: read with /review {event.code} "
        "that exactly one outcome must win, or add under [rules.reviewed] the line "
        f'"{event.event_id}" = "{rules_hash(event)}"',
    )


def rules_unchanged(case: Case) -> Refusal | None:
    """Freeze events whose texts, outcomes, dates or flags are not the reviewed ones."""
    event = case.event
    known = case.reviewed.get(event.event_id)
    if known is None:
        return None
    present = rules_hash(event)
    if present == known:
        return None
    return Refusal(
        RefusalKind.RULES_CHANGED,
        f"expected the reviewed rules {known[:10]} of {event.code}, found {present[:10]}: read them again "
        f'with /review {event.code}, or put under [rules.reviewed] the line "{event.event_id}" = "{present}"',
    )


def taker_delay(case: Case) -> Refusal | None:
    """Refuse markets where taker orders wait before they match: the legs could not be taken together."""
    slow = [m for m in case.legs if m.terms.taker_delay]
    if not slow:
        return None
    return Refusal(
        RefusalKind.TAKER_DELAY,
        f"expected orders to match at once, found a taker delay on {_names(slow)}; {case.event.code} is left "
        "alone while it lasts",
    )


def unresolved(case: Case) -> Refusal | None:
    """Refuse events with an answer proposed: prices then follow the oracle and not each other.

    An outcome that was closed before with its answer holds up nobody who leaves it out.
    """
    asked = [m for m in case.event.markets if m.terms.resolution_status and not m.terms.closed]
    if not asked:
        return None
    return Refusal(
        RefusalKind.RESOLVING,
        f"expected no resolution of {case.event.code} under way, found {_names(asked)} "
        f"{asked[0].terms.resolution_status}; hold what is held, buy nothing",
    )


def fee_known(case: Case) -> Refusal | None:
    """Refuse unknown fees: they are never taken for zero."""
    unknown = [m for m in case.legs if m.terms.fee is None]
    if not unknown:
        return None
    return Refusal(
        RefusalKind.FEE_UNKNOWN,
        f"expected a fee schedule for every market of {case.event.code}, found none for {_names(unknown)}; "
        "it is asked for again at the next catalogue refresh",
    )


GUARDS: tuple[Guard, ...] = (
    structure,
    exclusive,
    augmented,
    placeholder,
    other,
    tradable,
    reviewed,
    rules_unchanged,
    taker_delay,
    unresolved,
    fee_known,
)
"""In the order of strategy 3.9: what it is, what its rules say, in what state it is, what it costs."""


def _names(markets: list[Market]) -> str:
    shown = ", ".join(f'"{market.name}"' for market in markets[:NAMES_SHOWN])
    more = len(markets) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
