"""Whether an account can pay for or deliver an order: balances, what open orders were promised, approvals."""

from collections.abc import Mapping, Sequence

from engine.domain.units import Ms, Rounding, Usdc, notional
from engine.simulator.balance_view import BalanceView
from engine.simulator.bank import Account, Bank
from engine.simulator.contracts import UNLIMITED, settlement_of
from engine.simulator.market import MarketSpec, Side
from engine.simulator.matching import Match, taker_cost
from engine.simulator.orders import NewOrder, Order
from engine.simulator.refusals import Refusal, allowance_too_low, balance_too_low


class Cover:
    """Looks at accounts and open orders, and changes neither."""

    def __init__(
        self,
        bank: Bank,
        markets: Mapping[str, MarketSpec],
        balances: BalanceView,
        opened: Mapping[str, Mapping[str, Order]],
    ) -> None:
        self._bank = bank
        self._markets = markets
        self._balances = balances
        self._opened = opened

    def lacking(
        self, market: MarketSpec, new: NewOrder, matches: Sequence[Match], now_ms: Ms
    ) -> Refusal | None:
        """Return what a new order's account lacks to be taken with these matches, or None.

        Funds count as far as they are settled and the venue has seen them; a BUY that trades needs its fees,
        too.
        """
        account, settlement = self._bank.accounts[new.account_id], settlement_of(market)
        if new.side is Side.BUY:
            amount = asked_for(new)
            cost = max(amount, taker_cost(new, matches, market.fee))
            seen = self._balances.usdc(account, now_ms) - account.reserved_usdc
            if (funds := max(min(account.free_usdc, seen), 0)) < cost:
                return balance_too_low(funds, amount)
            if self._spare_allowance(account, settlement.exchange) < cost:
                return allowance_too_low(account.allowances.get(settlement.exchange, 0), amount)
        elif (free := self._sellable(account, market.tokens[new.token_index], now_ms)) < new.size:
            return balance_too_low(free, new.size)
        elif not account.lets_trade(settlement):
            return allowance_too_low(0, new.size)
        return None

    def covers(self, account: Account, order: Order) -> bool:
        """Tell whether an open order could still be paid or delivered."""
        market = self._markets[order.terms.condition_id]
        settlement = settlement_of(market)
        if order.terms.side is Side.BUY:
            return account.free_usdc >= 0 and self._spare_allowance(account, settlement.exchange) >= 0
        token = market.tokens[order.terms.token_index]
        return account.free_shares(token) >= 0 and account.lets_trade(settlement)

    def _sellable(self, account: Account, token: str, now_ms: Ms) -> int:
        """Return the shares an order may sell: free ones, as far as the venue has seen them."""
        seen = self._balances.shares(account, token, now_ms) - account.reserved_shares.get(token, 0)
        return max(min(account.free_shares(token), seen), 0)

    def _spare_allowance(self, account: Account, spender: str) -> int:
        """Return what a contract may still spend beside the open orders it settles."""
        allowance = account.allowances.get(spender, 0)
        if allowance == UNLIMITED:
            return UNLIMITED
        promised = sum(
            notional(order.terms.price, order.remaining, Rounding.UP)
            for order in self._opened.get(account.id, {}).values()
            if order.terms.side is Side.BUY
            and settlement_of(self._markets[order.terms.condition_id]).exchange == spender
        )
        return allowance - promised


def asked_for(new: NewOrder) -> Usdc:
    """Return the collateral a BUY names: its budget, or its size at its limit, rounded up."""
    return new.budget if new.budget is not None else notional(new.price, new.size, Rounding.UP)
