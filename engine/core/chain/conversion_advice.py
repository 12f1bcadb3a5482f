"""Which pairs held could be merged, what redeemed, where a split would pay: the dashboard's advice. Pure.

`/merge` and `/redeem` act on it (`chain.chain_flow`), a split is advice only. Shares count that are
settled and that no sale may still take; books count while they are proven. An act on chain costs
`dutch.fixed_cost_usdc` and a merge or split must bring `dutch.min_profit_usdc`.
"""

from engine.core.account.act_proof import words
from engine.core.chain.chain_flow import possible_acts
from engine.core.dutch.conversions import ConversionCosts, Merge, Split, should_merge, should_split
from engine.core.exposure.inventory import sellable
from engine.core.state import Desk
from engine.domain.book import LiveBook
from engine.domain.chain_act import ActKind
from engine.domain.market import EventGroup, Market
from engine.domain.units import Ms, Rounding, Usdc, format_cents, format_size

ADVICE_MAX = 10
"""Lines at most, those that bring most first: a dashboard is no list of the market."""


def conversion_advice(desk: Desk, at_ms: Ms) -> tuple[str, ...]:
    """Return one line per act that would pay, best first, at most `ADVICE_MAX`; gains round down."""
    costs = ConversionCosts(fixed=desk.settings.dutch.fixed_cost, least=desk.settings.dutch.min_profit)
    found: list[tuple[Usdc, str]] = []
    for group in desk.events.values():
        for market in group.markets:
            merge = should_merge(sellable(desk, market.yes), sellable(desk, market.no), costs)
            if merge is not None:
                found.append((merge.returns, _merge_line(group, market, merge)))
            split = _split(desk, market, costs, at_ms)
            if split is not None:
                found.append((split.gain, _split_line(group, market, split)))
    redeemable = possible_acts(desk, ActKind.REDEEM, at_ms)
    found += [(act.payout, f"redeem {act.code} {act.name}: {words(act)}") for act in redeemable]
    found.sort(key=lambda advice: (-advice[0], advice[1]))
    return tuple(line for _, line in found[:ADVICE_MAX])


def _split(desk: Desk, market: Market, costs: ConversionCosts, at_ms: Ms) -> Split | None:
    """Return the split that both proven books pay for now, within the wallet and one ticket's cap."""
    terms = market.terms
    takes_orders = terms.active and terms.accepting and not terms.closed and not terms.taker_delay
    if terms.fee is None or not takes_orders or desk.balance is None:
        return None
    yes, no = desk.feeds.live(market.yes, at_ms), desk.feeds.live(market.no, at_ms)
    if not isinstance(yes, LiveBook) or not isinstance(no, LiveBook):
        return None
    budget = Usdc(min(desk.balance, desk.settings.caps.ticket))
    return should_split(yes.bids, no.bids, terms.fee, budget, costs)


def _merge_line(group: EventGroup, market: Market, merge: Merge) -> str:
    pairs = f"{format_size(merge.size)} pairs"
    return f"merge {group.code} {market.name}: {pairs} return {format_cents(merge.returns, Rounding.DOWN)}"


def _split_line(group: EventGroup, market: Market, split: Split) -> str:
    pairs = f"{format_size(split.size)} pairs, sold to the bids,"
    return f"split {group.code} {market.name}: {pairs} gain {format_cents(split.gain, Rounding.DOWN)}"
