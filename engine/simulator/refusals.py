"""The venue's refusals, with exactly the documented texts and statuses (protocol 4.5).

A refusal is a value. Alone it travels as HTTP `status` with `{"error": text}`; as one leg of a batch it
travels inside HTTP 200. No text may be invented here.
"""

from dataclasses import dataclass

from engine.domain.units import Price, Rounding, Size, Usdc, format_cents, format_scaled


@dataclass(frozen=True, slots=True)
class Refusal:
    """The venue said no."""

    status: int
    text: str


INVALID_PAYLOAD = Refusal(400, "Invalid order payload")
WRONG_OWNER = Refusal(400, "the order owner has to be the owner of the API KEY")
WRONG_SIGNER = Refusal(400, "the order signer address has to be the address of the API KEY")
VERSION_MISMATCH = Refusal(400, "order_version_mismatch")
POST_ONLY_CROSSES = Refusal(400, "invalid post-only order: order crosses book")
INVALID_EXPIRATION = Refusal(400, "invalid expiration")
FAK_UNMATCHED = Refusal(
    400,
    "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found.",
)
MARKET_NOT_READY = Refusal(400, "the market is not yet ready to process new orders")
NO_ORDERBOOK = Refusal(404, "No orderbook exists for the requested token id")
MARKET_NOT_FOUND = Refusal(404, "market not found")
UNAUTHORIZED = Refusal(401, "Unauthorized/Invalid api key")
INVALID_L1 = Refusal(401, "Invalid L1 Request headers")
KEY_NOT_CREATED = Refusal(400, "Could not create api key")
KEY_NOT_DERIVED = Refusal(400, "Could not derive api key!")
PAYLOAD_TOO_LONG = Refusal(400, "Payload exceeds the limit")
ENGINE_RESTARTING = Refusal(425, "matching engine restarting")
"""Status 425 is documented, its text is not: clients are to go by the status."""
POST_ONLY_MODE = Refusal(503, "post-only mode: only post-only orders and cancels are allowed")
CANCEL_ONLY_MODE = Refusal(
    503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
)
TRADING_DISABLED = Refusal(503, "Trading is currently disabled. Check polymarket.com for updates")
TOO_MANY_REQUESTS = Refusal(429, "Too Many Requests")
FOK_UNFILLED = Refusal(400, "order couldn't be fully filled. FOK orders are fully filled or killed.")

NOT_CANCELED = "order can't be found - already canceled or matched"
"""Reason given in `not_canceled` (wire transcripts, "cancel many"); it proves only that it is not open."""
NOT_FOUND, ALREADY_ENDED = "not found", "already canceled or matched"
"""The reasons that the pages name (protocol 4.6), told apart."""
IN_TAKER_DELAY = "order is in its taker delay and can't be canceled"
"""Reason for an order that waits. That it cannot be cancelled is documented, the words are not."""


def too_many_orders(count: int, limit: int) -> Refusal:
    """Refuse a batch over the limit."""
    return Refusal(400, f"Too many orders in payload: {count}, max allowed: {limit}")


def breaks_tick(order_id: str, price: Price, tick_text: str) -> Refusal:
    """Refuse a price off the market's grid."""
    shown = format_scaled(price, 4)
    return Refusal(
        400, f"order {order_id} is invalid. Price ({shown}) breaks minimum tick size rule: {tick_text}"
    )


def closed_only(address: str) -> Refusal:
    """Refuse an address that may only close positions."""
    return Refusal(400, f"'{address}' address in closed only mode")


def below_minimum(order_id: str, size: Size, min_size_text: str) -> Refusal:
    """Refuse a size below the market's minimum, in shares."""
    shown = format_scaled(size, 6)
    return Refusal(
        400, f"order {order_id} is invalid. Size ({shown}) lower than the minimum: {min_size_text}"
    )


def duplicated(order_id: str) -> Refusal:
    """Refuse a signed order that came before."""
    return Refusal(400, f"order {order_id} is invalid. Duplicated.")


def below_one_dollar(amount: Usdc) -> Refusal:
    """Refuse a BUY that would trade at once for less than $1."""
    shown = format_cents(amount, Rounding.DOWN)
    return Refusal(400, f"invalid amount for a marketable BUY order (${shown}), min size: $1")


def balance_too_low(balance: int, amount: int) -> Refusal:
    """Refuse for want of free collateral (or shares); both figures in base units."""
    return Refusal(
        400,
        "not enough balance / allowance: the balance is not enough -> "
        f"balance: {balance}, order amount: {amount}",
    )


def allowance_too_low(allowance: int, amount: int) -> Refusal:
    """Refuse what the exchange contract may not spend; both figures in base units."""
    return Refusal(
        400,
        "not enough balance / allowance: the allowance is not enough -> "
        f"allowance: {allowance}, order amount: {amount}",
    )
