"""Why the venue says "not enough balance / allowance", as far as our own books tell. Decides nothing.

Users meet this text with funds present (pending settlement, open orders, allowances): the cause helps.
"""

from enum import Enum

from engine.core.exposure.inventory import confirmed, sellable
from engine.core.exposure.risk import reserved
from engine.core.state import Desk, fills_of_order, unfinished
from engine.domain.failure import LACK_OF_ALLOWANCE_TEXT, LACK_TEXT, reject_sentence
from engine.domain.fees import outlay_bound
from engine.domain.market import Side
from engine.domain.order import OrderRecord


class Lack(Enum):
    """What is missing, and what to do about it."""

    ALLOWANCE = "by our books there is enough: look at the allowances, or wait: the venue's figure may be old"
    SETTLING = "what would be enough is matched and not settled yet: wait until the venue has confirmed it"
    RESERVED = "what would be enough is reserved by open orders: wait for them, or cancel some"
    MISSING = "there is not enough: plan less, or fund the wallet"


def lack_or_meaning(desk: Desk, order: OrderRecord) -> str:
    """Return what a refusal means for the operator; for a lack of funds its likely cause."""
    if LACK_TEXT not in order.reason:
        return reject_sentence(order.reason) or "the venue gave no documented reason"
    return cause_of_lack(desk, order).value


def cause_of_lack(desk: Desk, order: OrderRecord) -> Lack:
    """Return the cause by the venue's words, then by our books, in which the refused order has ended."""
    if LACK_OF_ALLOWANCE_TEXT in order.reason:
        return Lack.ALLOWANCE
    return _of_cash(desk, order) if order.intent.side is Side.BUY else _of_shares(desk, order)


def _of_cash(desk: Desk, order: OrderRecord) -> Lack:
    need = outlay_bound(order.intent.fee, order.intent.price, order.intent.size)
    balance = desk.balance or 0
    if balance < need:
        return Lack.MISSING
    if balance < need + reserved(desk):
        return Lack.RESERVED
    sold = sum(
        fill.cash
        for open_one in unfinished(desk)
        for fill in fills_of_order(desk, open_one.order_id)
        if fill.side is Side.SELL and not fill.settlement.is_final
    )
    return Lack.SETTLING if balance - sold < need else Lack.ALLOWANCE


def _of_shares(desk: Desk, order: OrderRecord) -> Lack:
    token, need = order.intent.token_id, order.intent.size
    if sellable(desk, token) >= need:
        return Lack.ALLOWANCE
    if confirmed(desk, token) >= need:
        return Lack.RESERVED
    holding = desk.positions.holdings.get(token)
    return Lack.MISSING if holding is None or holding.held < need else Lack.SETTLING
