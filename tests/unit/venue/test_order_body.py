import json
from dataclasses import replace

import pytest

from engine.domain.market import Side
from engine.domain.order import OrderIntent, TimeInForce
from engine.domain.units import Ms, Price, Size
from engine.ports import PreparedOrder
from engine.venue.keys import SigningKey
from engine.venue.order_body import TradingAccount, prepare_order
from engine.venue.signing import SignatureType
from tests.support.venue_orders import ACCOUNT, ADDRESS, CREDENTIALS, INSTALL_SECRET, INTENT, PRIVATE_KEY

WALLET = "0xdf8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76"


def prepare(
    intent: OrderIntent = INTENT,
    account: TradingAccount = ACCOUNT,
    owner: str = CREDENTIALS.key,
    secret: bytes = INSTALL_SECRET,
) -> PreparedOrder:
    return prepare_order(intent, account, owner=owner, install_secret=secret)


def test_body_is_compact_with_keys_in_the_clients_order():
    text = prepare(replace(INTENT, post_only=True)).body.decode()

    outer, inner = json.loads(text), json.loads(text)["order"]
    assert text == json.dumps(outer, separators=(",", ":"))
    assert list(outer) == ["deferExec", "order", "orderType", "owner", "postOnly"]
    assert list(inner) == sorted(inner)


def test_body_carries_the_intent():
    body = json.loads(prepare().body)

    order = body["order"]
    assert (body["orderType"], body["owner"], body["deferExec"]) == ("GTD", CREDENTIALS.key, False)
    assert (order["makerAmount"], order["takerAmount"], order["side"]) == ("5200000", "10000000", "BUY")
    assert (order["expiration"], order["timestamp"]) == ("1790000220", "1790000000000")
    assert (order["maker"], order["signer"], order["signatureType"]) == (ADDRESS, ADDRESS, 0)
    assert order["tokenId"] == INTENT.token_id
    assert "postOnly" not in body


def test_same_intent_always_gives_the_same_id_and_bytes():
    assert prepare() == prepare()


def test_expiration_type_and_post_only_are_in_the_bytes_but_not_in_the_id():
    gtc = replace(INTENT, time_in_force=TimeInForce.GTC, expiration_s=0)
    variants = [INTENT, replace(INTENT, expiration_s=1_790_000_300), gtc, replace(gtc, post_only=True)]

    prepared = [prepare(intent) for intent in variants]

    assert len({order.order_id for order in prepared}) == 1
    assert len({order.body for order in prepared}) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"leg": 2},
        {"generation": 1},
        {"created_ms": Ms(1_790_000_000_001)},
        {"price": Price(5300)},
        {"size": Size(11_000_000)},
        {"side": Side.SELL},
        {"neg_risk": False},
    ],
)
def test_another_intent_gives_another_id(change):
    assert prepare(replace(INTENT, **change)).order_id != prepare().order_id


def test_another_install_gives_another_id():
    assert prepare(secret=b"x" * 32).order_id != prepare().order_id


def test_owner_is_escaped():
    assert json.loads(prepare(owner='a"b\\').body)["owner"] == 'a"b\\'


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"size": Size(10_005_000)}, "steps of 0.01 share"),
        ({"expiration_s": 0}, "an expiration on a GTD"),
        ({"time_in_force": TimeInForce.GTC}, "no expiration on a GTC"),
        (
            {"time_in_force": TimeInForce.FAK, "expiration_s": 0, "post_only": True},
            "FAK never does",
        ),
    ],
)
def test_prepare_refuses_a_contradictory_intent(change, complaint):
    with pytest.raises(AssertionError, match=complaint):
        prepare(replace(INTENT, **change))


@pytest.mark.parametrize(
    ("kind", "maker", "signer"),
    [
        (SignatureType.PROXY, WALLET, ADDRESS),
        (SignatureType.SAFE, WALLET, ADDRESS),
        (SignatureType.DEPOSIT_WALLET, WALLET, WALLET),
    ],
)
def test_maker_and_signer_follow_the_wallet_type(kind, maker, signer):
    account = TradingAccount(SigningKey(PRIVATE_KEY), WALLET, kind)

    order = json.loads(prepare(account=account).body)["order"]

    assert (order["maker"], order["signer"], order["signatureType"]) == (maker, signer, kind.value)


@pytest.mark.parametrize(
    ("wallet", "kind"),
    [
        (WALLET, SignatureType.EOA),
        (ADDRESS, SignatureType.DEPOSIT_WALLET),
        (ADDRESS, SignatureType.SAFE),
        (ADDRESS.lower(), SignatureType.EOA),
        ("0x12", SignatureType.PROXY),
    ],
)
def test_account_refuses_a_wallet_that_does_not_fit_its_type(wallet, kind):
    with pytest.raises(ValueError, match="0x"):
        TradingAccount(SigningKey(PRIVATE_KEY), wallet, kind)
