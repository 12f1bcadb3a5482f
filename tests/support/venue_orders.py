"""Intents, accounts and witnesses for tests of order entry. Keys are published throw-away ones."""

from dataclasses import replace
from random import Random

from engine.domain.fees import FeeCurve
from engine.domain.ids import ConditionId, PlanId, TicketId, TokenId, UserId
from engine.domain.market import Side
from engine.domain.order import OrderIntent, OrderRecord, OrderState, TimeInForce
from engine.domain.ticket import Approved, Grant
from engine.domain.units import Ms, Price, Size, Usdc
from engine.ports import PreparedOrder
from engine.venue.auth import ApiCredentials
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount, prepare_order
from engine.venue.signing import SignatureType

PRIVATE_KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
API_SECRET = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
CREDENTIALS = ApiCredentials("00000000-0000-4000-8000-000000000001", API_SECRET, "pass")
ACCOUNT = TradingAccount(SigningKey(PRIVATE_KEY), ADDRESS, SignatureType.EOA)
INSTALL_SECRET = bytes(range(32))
CONDITION = ConditionId("0x" + "ab" * 32)
PLAN = PlanId("0" * 16)
TICKET = TicketId("T-7K3F")

INTENT = OrderIntent(
    plan_id=PLAN,
    ticket_id=TICKET,
    leg=1,
    generation=0,
    token_id=TokenId("71321045679252212594626385532706912750332728571942532289631379312455583992563"),
    condition_id=CONDITION,
    name="No change",
    side=Side.BUY,
    neg_risk=True,
    tick=Price(100),
    fee=FeeCurve(rate=40_000, exponent=1),
    price=Price(5200),
    size=Size(10_000_000),
    time_in_force=TimeInForce.GTD,
    post_only=False,
    created_ms=Ms(1_790_000_000_000),
    expiration_s=1_790_000_220,
    resend_until_ms=Ms(1_790_000_030_000),
)


def random_token(random: Random) -> TokenId:
    """A full-width id: a small one would be taken for a Protocol-V2 position id."""
    return TokenId(str(random.getrandbits(255) | 1 << 255))


def batch(count: int, side: Side = Side.BUY) -> tuple[PreparedOrder, ...]:
    """Signed orders that differ by leg."""
    intents = (replace(INTENT, leg=leg, side=side) for leg in range(count))
    return tuple(
        prepare_order(intent, ACCOUNT, owner=CREDENTIALS.key, install_secret=INSTALL_SECRET)
        for intent in intents
    )


def record(order: PreparedOrder) -> OrderRecord:
    """The order as stored right before its first send."""
    return OrderRecord(
        order_id=order.order_id,
        intent=order.intent,
        state=OrderState.SENDING,
        filled=Size(0),
        sends=1,
        last_send_ms=order.intent.created_ms,
        ever_unknown=False,
        reason="",
    )


APPROVED = Approved(PLAN, Usdc(10_000_000), Ms(1_790_000_000_000))
GRANT = Grant(TICKET, PLAN, UserId(1002), Usdc(10_000_000), Ms(1_790_000_060_000))
