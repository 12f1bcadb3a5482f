"""Every documented refusal of order entry, with its exact text and status, and what must not be refused."""

from collections.abc import Callable

import pytest
from aiohttp import ClientSession

from engine.domain.units import Price, Size, Usdc
from engine.simulator.auth import ApiKey, KeyRing
from engine.simulator.catalogue import build_catalogue
from engine.simulator.conduct import Conduct
from engine.simulator.exchange import Exchange, Placed
from engine.simulator.market import BookSide, MarketSpec, Side
from engine.simulator.order_entry import OrderEntry, Wish, implied_price
from engine.simulator.orders import NewOrder, OrderType
from engine.simulator.refusals import Refusal
from tests.support.local_exchange import COIN, ELEVENS_KEY, FED, HARDHAT_KEY
from tests.unit.simulator.bench_market import START_MS
from tests.unit.simulator.trader import Record, Trader, order_id

CATALOGUE = build_catalogue(7)
FINE = CATALOGUE.event(FED).markets[1].spec  # type: ignore[union-attr]
COARSE = CATALOGUE.event(COIN).markets[0].spec  # type: ignore[union-attr]
SOON = str(START_MS // 1000 + 179)
LATER = str(START_MS // 1000 + 180)


class Desk:
    """Order entry over a quiet exchange: 100 shares asked at 0.40, 100 bid at 0.30 in each market."""

    def __init__(self, trader: Trader) -> None:
        self.exchange = Exchange([FINE, COARSE], id_seed="refusals", confirm_delay_ms=0)
        self.entry = OrderEntry(self.exchange, Usdc(1_000_000_000), Conduct())
        ring = KeyRing("7")
        created = ring.create(trader.l1_headers())
        assert isinstance(created, ApiKey)
        self.key = created
        trader.api_key = created.owner
        self.trader = trader
        bank = self.exchange.bank
        bank.open_account("maker", address="0xmaker", owner="maker", insider=True)
        bank.deposit("maker", Usdc(10**12), START_MS)
        for number, market in enumerate((FINE, COARSE)):
            for token_index, cents in ((1, 60), (0, 30)):
                self.exchange.place(
                    NewOrder(
                        id=f"m{number}{token_index}",
                        account_id="maker",
                        condition_id=market.condition_id,
                        token_index=token_index,
                        side=Side.BUY,
                        price=Price(cents * 100),
                        size=Size(100_000_000),
                        order_type=OrderType.GTC,
                    ),
                    START_MS,
                )

    def offer_cheaply(self, market: MarketSpec) -> None:
        """Replace the bid by an ask at 0.10."""
        self.exchange.cancel("m00", "maker", START_MS)
        cheap = NewOrder(
            id="cheap",
            account_id="maker",
            condition_id=market.condition_id,
            token_index=1,
            side=Side.BUY,
            price=Price(9_000),
            size=Size(100_000_000),
            order_type=OrderType.GTC,
        )
        assert isinstance(self.exchange.place(cheap, START_MS), Placed)

    def judge(self, body: object) -> Placed | Refusal:
        """Return the verdict on one body."""
        return self.entry.judge(self.key, body, START_MS).outcome


@pytest.fixture
async def desk():
    async with ClientSession() as session:
        yield Desk(Trader("http://unused.invalid", session, HARDHAT_KEY))


def edited(**changes: object) -> Callable[[Record], Record]:
    """Return an edit of the signed order inside a body; the signature is left as it was."""
    return lambda body: body | {"order": body["order"] | changes}


def enveloped(**changes: object) -> Callable[[Record], Record]:
    """Return an edit of the envelope around the order."""
    return lambda body: body | changes


def without(name: str) -> Callable[[Record], Record]:
    """Return an edit that takes a field out of the order."""
    return lambda body: body | {"order": {key: value for key, value in body["order"].items() if key != name}}


MALFORMED = [
    edited(salt=2**53),
    edited(salt="1"),
    edited(salt=True),
    edited(salt=-1),
    edited(maker="0x12"),
    edited(signer=7),
    edited(tokenId=1234),
    edited(makerAmount="-1"),
    edited(makerAmount="0"),
    edited(takerAmount="1.5"),
    edited(takerAmount=10),
    edited(takerAmount=str(2**256)),
    edited(side="HOLD"),
    edited(signatureType=4),
    edited(signatureType="0"),
    edited(timestamp="now"),
    edited(metadata="0x00"),
    edited(builder=None),
    edited(signature="0xzz"),
    edited(signature="0x1234"),
    edited(expiration=0),
    edited(expiration="soon"),
    enveloped(owner=None),
    enveloped(orderType="IOC"),
    enveloped(deferExec="no"),
    enveloped(postOnly="yes"),
    enveloped(order=[]),
    *(without(name) for name in ("salt", "maker", "tokenId", "side", "signature", "expiration", "metadata")),
]


@pytest.mark.parametrize("edit", MALFORMED)
async def test_malformed_body_is_an_invalid_payload(desk, edit):
    body = edit(desk.trader.limit(COARSE, "BUY", "0.20", "10"))

    assert desk.judge(body) == Refusal(400, "Invalid order payload")


@pytest.mark.parametrize("body", [None, 1, "order", [], {}, {"order": None}])
async def test_body_that_is_no_order_is_an_invalid_payload(desk, body):
    assert desk.judge(body) == Refusal(400, "Invalid order payload")


async def test_former_order_version_is_told_so(desk):
    body = edited(nonce="0", feeRateBps="0")(
        without("timestamp")(desk.trader.limit(FINE, "BUY", "0.2", "10"))
    )

    assert desk.judge(body) == Refusal(400, "order_version_mismatch")


async def test_unknown_token_has_no_book(desk):
    body = edited(tokenId=str(2**200 + 7))(desk.trader.limit(FINE, "BUY", "0.2", "10"))

    assert desk.judge(body) == Refusal(404, "No orderbook exists for the requested token id")


async def test_closed_market_is_not_ready(desk):
    from dataclasses import replace

    closed = replace(FINE, accepting=False)
    desk.exchange.tokens.update({token: (closed, index) for index, token in enumerate(closed.tokens)})

    verdict = desk.judge(desk.trader.limit(FINE, "BUY", "0.2", "10"))

    assert verdict == Refusal(400, "the market is not yet ready to process new orders")


async def test_owner_must_be_the_api_key(desk):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10", owner="00000000-0000-4000-8000-000000000000")

    assert desk.judge(body) == Refusal(400, "the order owner has to be the owner of the API KEY")


async def test_signer_must_be_the_address_of_the_api_key(desk):
    stranger = Trader("", desk.trader.session, ELEVENS_KEY, api_key=desk.key.owner)

    verdict = desk.judge(stranger.limit(FINE, "BUY", "0.2", "10"))

    assert verdict == Refusal(400, "the order signer address has to be the address of the API KEY")


@pytest.mark.parametrize(
    "change",
    [
        {"makerAmount": "2000001"},
        {"takerAmount": "11000000"},
        {"side": "SELL"},
        {"salt": 999},
        {"timestamp": "1790000000001"},
        {"tokenId": FINE.tokens[1]},
        {"metadata": "0x" + "01" * 32},
        {"builder": "0x" + "01" * 32},
    ],
)
async def test_any_signed_field_changed_after_signing_is_refused(desk, change):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10")

    assert desk.judge(edited(**change)(body)) == Refusal(400, "Invalid order payload")
    assert isinstance(desk.judge(body), Placed)


@pytest.mark.parametrize("market", [FINE, COARSE])
async def test_signature_for_the_other_exchange_contract_is_refused(desk, market: MarketSpec):
    body = desk.trader.limit(market, "BUY", "0.2", "10", neg_risk=not market.neg_risk)

    assert desk.judge(body) == Refusal(400, "Invalid order payload")


async def test_expiration_is_not_signed(desk):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10", order_type="GTD", expiration=LATER)
    moved = edited(expiration=str(int(LATER) + 60))(body)

    assert isinstance(desk.judge(moved), Placed)


async def test_wallet_of_one_key_is_bound_by_its_first_order(desk):
    first = desk.trader.limit(FINE, "BUY", "0.2", "10", wallet="0x" + "66" * 20, signature_type=3)
    other = desk.trader.limit(FINE, "BUY", "0.2", "10", wallet="0x" + "77" * 20, signature_type=3)

    assert isinstance(desk.judge(first), Placed)
    assert desk.judge(other) == Refusal(400, "the order signer address has to be the address of the API KEY")


@pytest.mark.parametrize("signature_type", [1, 2, 3])
async def test_wallet_orders_trade_from_their_own_account(desk, signature_type):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10", wallet="0x" + "66" * 20, signature_type=signature_type)

    placed = desk.judge(body)

    assert isinstance(placed, Placed)
    account = desk.exchange.bank.accounts[placed.order.terms.account_id]
    assert account.address == "0x" + "66" * 20
    assert account.holder == desk.trader.address
    assert account.reserved_usdc == 2_000_000


@pytest.mark.parametrize(
    ("market", "cash", "shown"),
    [(COARSE, 2_050_000, "0.205"), (FINE, 2_005_000, "0.2005"), (COARSE, 9_990_000, "0.999")],
)
async def test_price_off_the_grid_breaks_the_tick_rule(desk, market, cash, shown):
    body = desk.trader.signed(market, "BUY", cash, 10_000_000)

    number = order_id(body, neg_risk=market.neg_risk)
    assert desk.judge(body) == Refusal(
        400,
        f"order {number} is invalid. Price ({shown}) breaks minimum tick size rule: {market.tick_text}",
    )


@pytest.mark.parametrize(("cash", "shares"), [(10_000_000, 10_000_000), (20_000_000, 10_000_000), (1, 10**9)])
async def test_price_outside_the_grid_breaks_the_tick_rule(desk, cash, shares):
    verdict = desk.judge(desk.trader.signed(FINE, "BUY", cash, shares))

    assert isinstance(verdict, Refusal)
    assert "breaks minimum tick size rule: 0.001" in verdict.text


@pytest.mark.parametrize(("shares", "shown"), [("4.99", "4.99"), ("0.01", "0.01")])
async def test_size_below_the_minimum_names_both(desk, shares, shown):
    body = desk.trader.limit(FINE, "BUY", "0.2", shares)

    number = order_id(body, neg_risk=True)
    assert desk.judge(body) == Refusal(
        400, f"order {number} is invalid. Size ({shown}) lower than the minimum: 5"
    )


async def test_same_order_twice_is_duplicated_while_open_and_after_its_end(desk):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10")
    number = order_id(body, neg_risk=True)
    text = f"order {number} is invalid. Duplicated."

    placed = desk.judge(body)
    assert isinstance(placed, Placed)
    assert placed.order.terms.id == number
    assert desk.judge(body) == Refusal(400, text)
    desk.exchange.cancel(number, desk.trader.address, START_MS)
    assert desk.judge(body) == Refusal(400, text)


async def test_duplicate_is_told_before_an_exhausted_balance(desk):
    body = desk.trader.limit(FINE, "BUY", "0.25", "4000")

    assert isinstance(desk.judge(body), Placed)
    verdict = desk.judge(body)
    assert isinstance(verdict, Refusal)
    assert "Duplicated" in verdict.text


@pytest.mark.parametrize(
    ("order_type", "expiration", "accepted"),
    [
        ("GTD", LATER, True),
        ("GTD", SOON, False),
        ("GTD", "0", False),
        ("GTC", LATER, False),
        ("FAK", LATER, False),
        ("GTC", "0", True),
    ],
)
async def test_expiration_must_fit_the_type(desk, order_type, expiration, accepted):
    body = desk.trader.limit(FINE, "BUY", "0.4", "10", order_type=order_type, expiration=expiration)

    verdict = desk.judge(body)

    if accepted:
        assert isinstance(verdict, Placed)
    else:
        assert verdict == Refusal(400, "invalid expiration")


async def test_gtd_ends_sixty_seconds_before_its_expiration(desk):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10", order_type="GTD", expiration=LATER)

    placed = desk.judge(body)

    assert isinstance(placed, Placed)
    assert placed.order.terms.expires_ms == START_MS + 120_000


async def test_post_only_that_crosses_is_refused(desk):
    body = desk.trader.limit(FINE, "BUY", "0.4", "10", post_only=True)

    assert desk.judge(body) == Refusal(400, "invalid post-only order: order crosses book")


async def test_post_only_fak_is_an_invalid_payload(desk):
    body = desk.trader.limit(FINE, "BUY", "0.4", "10", order_type="FAK", post_only=True)

    assert desk.judge(body) == Refusal(400, "Invalid order payload")


async def test_fak_without_a_match_has_its_text(desk):
    body = desk.trader.limit(FINE, "BUY", "0.35", "10", order_type="FAK")

    assert desk.judge(body) == Refusal(
        400,
        "no orders found to match with FAK order. "
        "FAK orders are partially filled or killed if no match is found.",
    )


async def test_marketable_buy_below_one_dollar_is_refused_and_a_resting_one_is_not(desk):
    desk.offer_cheaply(FINE)

    refused = desk.judge(desk.trader.limit(FINE, "BUY", "0.104", "5"))
    resting = desk.judge(desk.trader.limit(COARSE, "BUY", "0.10", "5.2"))

    assert refused == Refusal(400, "invalid amount for a marketable BUY order ($0.52), min size: $1")
    assert isinstance(resting, Placed)


async def test_balance_text_carries_both_figures(desk):
    verdict = desk.judge(desk.trader.limit(FINE, "BUY", "0.2", "6000"))

    assert verdict == Refusal(
        400,
        "not enough balance / allowance: the balance is not enough -> "
        "balance: 1000000000, order amount: 1200000000",
    )


async def test_size_finer_than_a_lot_is_an_invalid_payload(desk):
    assert desk.judge(desk.trader.signed(FINE, "SELL", 10_005_000, 2_001_000)) == Refusal(
        400, "Invalid order payload"
    )


async def test_scripted_rejection_replaces_the_last_verdict_and_places_nothing(desk):
    body = desk.trader.limit(FINE, "BUY", "0.2", "10")

    judged = desk.entry.judge(desk.key, body, START_MS, Wish(reject="the market said no"))

    assert judged.outcome == Refusal(400, "the market said no")
    assert desk.exchange.ladder(FINE.condition_id).size_at(BookSide.BID, Price(2_000)) == 0
    assert isinstance(desk.judge(body), Placed)


@pytest.mark.parametrize(
    ("tick", "collateral", "shares", "price"),
    [
        (100, 10_000_000, 23_809_500, 4_200),
        (100, 10_000_000, 19_230_700, 5_200),
        (100, 10_000_000, 19_230_800, 5_200),
        (100, 5_262_400, 10_120_000, 5_200),
        (10, 1_000_000, 1_001_000, 9_990),
        (100, 10_000_000, 24_000_000, None),
        (10, 3_105_000, 10_000_000, None),
        (10, 3_100_000, 10_000_000, 3_100),
    ],
)
def test_implied_price_forgives_the_clients_rounding_and_nothing_else(tick, collateral, shares, price):
    assert implied_price(Price(tick), collateral, shares) == price
