"""What a trade of the venue means for one of our orders: shares, cash and fee to the micro-dollar. Pure.

The order's own token and side are certain (its id is the digest over them), so everything is converted to
them. A maker may stand on the complement (mint and merge, protocol 9.1): its price is then mirrored.
"""

from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.fees import taker_fee
from engine.domain.ids import TokenId
from engine.domain.order import Fill, OrderRecord
from engine.domain.units import LOT, Price, Rounding, Size, Usdc, complement, notional


def fills_of(trade: VenueTrade, order: OrderRecord) -> Fill | None:
    """Return the fill that `trade` is for the order, or None when the trade does not tell it.

    A trade of which this sight shows some makers only (a maker's view of it) does not tell the taker's part.

    As taker: one match with every maker, each rounded down by itself, its fee floored to 1e-5 (design 7).
    As maker: the order's own price, no fee. An order that stands in a trade several times gets the sum.
    """
    takes = trade.taker_order_id == order.order_id
    matches = [maker for maker in trade.makers if takes or maker.order_id == order.order_id]
    size = sum(maker.size for maker in matches)
    if not matches or (takes and abs(trade.size - size) > LOT):
        return None
    token, curve = order.intent.token_id, order.intent.fee
    priced = [(_price_for(maker, token), maker.size) for maker in matches]
    fees = [taker_fee(curve, price, size, Rounding.DOWN) for price, size in priced] if takes else []
    return Fill(
        trade_id=trade.trade_id,
        order_id=order.order_id,
        token_id=token,
        side=order.intent.side,
        size=Size(size),
        cash=Usdc(sum(notional(price, size, Rounding.DOWN) for price, size in priced)),
        fee=Usdc(sum(fees)),
        settlement=trade.settlement,
        matched_ms=trade.matched_ms,
    )


def _price_for(maker: MakerMatch, token: TokenId) -> Price:
    """Return the match's price on the order's own token."""
    return maker.price if maker.token_id == token else complement(maker.price)
