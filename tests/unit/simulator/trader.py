"""A minimal venue client for the exchange's own tests, written from the protocol page.

It signs with eth_account and hmac, and shares no code with the desk nor with the exchange's verification.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from eth_account import Account
from eth_account.messages import encode_typed_data

from engine.simulator.market import MarketSpec
from engine.simulator.server import LocalExchange
from tests.support.local_exchange import ELEVENS_KEY, HARDHAT_KEY

ZERO_WORD = "0x" + "00" * 32
STANDARD = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
THIRD = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
EXCHANGES = {STANDARD: "2", NEG_RISK: "2", THIRD: "3"}
"""The contracts that settle, each with the order version of its domain (protocol 4.1)."""
Record = dict[str, Any]
Kinds = list[tuple[str, str]]
ORDER_FIELDS: Kinds = [
    ("salt", "uint256"),
    ("maker", "address"),
    ("signer", "address"),
    ("tokenId", "uint256"),
    ("makerAmount", "uint256"),
    ("takerAmount", "uint256"),
    ("side", "uint8"),
    ("signatureType", "uint8"),
    ("timestamp", "uint256"),
    ("metadata", "bytes32"),
    ("builder", "bytes32"),
]
DOMAIN_FIELDS: Kinds = [("name", "string"), ("version", "string"), ("chainId", "uint256")]


@dataclass
class Reply:
    """An HTTP answer with its decoded JSON."""

    status: int
    body: object

    @property
    def record(self) -> Record:
        """The body as an object."""
        assert isinstance(self.body, dict), f"expected an object, was {self.body!r}"
        return self.body

    @property
    def error(self) -> object:
        """The text of a refusal."""
        return self.record["error"]


@dataclass
class Trader:
    """A client with one key. Salts count up, so every signed order is different."""

    url: str
    session: aiohttp.ClientSession
    private_key: str = HARDHAT_KEY
    api_key: str = ""
    secret: str = ""
    passphrase: str = ""
    now_s: Callable[[], int] = lambda: 1_790_000_000
    _salts: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def address(self) -> str:
        """The key's address, checksummed."""
        return str(Account.from_key(self.private_key).address)

    def l1_headers(self, nonce: int = 0) -> dict[str, str]:
        """Return the headers that prove control of the address."""
        timestamp = str(self.now_s())
        message = {
            "address": self.address,
            "timestamp": timestamp,
            "nonce": nonce,
            "message": "This message attests that I control the given wallet",
        }
        kinds = [("address", "address"), ("timestamp", "string"), ("nonce", "uint256"), ("message", "string")]
        typed = _typed("ClobAuth", kinds, {"name": "ClobAuthDomain", "version": "1", "chainId": 137}, message)
        signature = Account.sign_message(encode_typed_data(full_message=typed), self.private_key).signature
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + signature.hex().removeprefix("0x"),
            "POLY_TIMESTAMP": timestamp,
            "POLY_NONCE": str(nonce),
        }

    def l2_headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers of a private request."""
        timestamp = str(self.now_s())
        key = base64.urlsafe_b64decode(self.secret)
        digest = hmac.new(key, f"{timestamp}{method}{path}".encode() + body, hashlib.sha256).digest()
        return {
            "POLY_ADDRESS": self.address,
            "POLY_API_KEY": self.api_key,
            "POLY_PASSPHRASE": self.passphrase,
            "POLY_TIMESTAMP": timestamp,
            "POLY_SIGNATURE": base64.urlsafe_b64encode(digest).decode(),
        }

    async def log_in(self) -> "Trader":
        """Create the API key."""
        async with self.session.post(f"{self.url}/auth/api-key", headers=self.l1_headers()) as answer:
            assert answer.status == 200, await answer.text()
            created = await answer.json()
        self.api_key, self.secret, self.passphrase = (
            created["apiKey"],
            created["secret"],
            created["passphrase"],
        )
        return self

    async def call(self, method: str, path: str, body: object = None, **query: str) -> Reply:
        """Send a private request with a compact JSON body."""
        text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = self.l2_headers(method, path, text)
        url = f"{self.url}{path}"
        async with self.session.request(
            method, url, data=text or None, headers=headers, params=query
        ) as answer:
            return Reply(answer.status, await answer.json())

    async def get(self, path: str, **query: str) -> Reply:
        """Send a public read."""
        async with self.session.get(f"{self.url}{path}", params=query) as answer:
            return Reply(answer.status, await answer.json())

    async def post_public(self, path: str, body: object) -> Reply:
        """Send a public POST."""
        async with self.session.post(f"{self.url}{path}", json=body) as answer:
            return Reply(answer.status, await answer.json())

    async def arm(self, **script: object) -> None:
        """Script a fault."""
        reply = await self.post_public("/_local/faults", script)
        assert reply.status == 200, reply.body

    def limit(
        self,
        market: MarketSpec,
        side: str,
        price: str,
        shares: str,
        *,
        token_index: int = 0,
        order_type: str = "GTC",
        **extra: Any,
    ) -> Record:
        """Return the signed body of a limit order; `extra` goes to `signed`."""
        size, ticks = _scaled(shares, 6), _scaled(price, 4)
        cash = size * ticks // 10_000
        amounts = (cash, size) if side == "BUY" else (size, cash)
        return self.signed(market, side, *amounts, token_index=token_index, order_type=order_type, **extra)

    def signed(
        self,
        market: MarketSpec,
        side: str,
        maker_amount: int,
        taker_amount: int,
        *,
        token_index: int = 0,
        order_type: str = "GTC",
        expiration: str = "0",
        post_only: bool | None = None,
        owner: str | None = None,
        wallet: str | None = None,
        signature_type: int = 0,
        neg_risk: bool | None = None,
        salt: int | None = None,
    ) -> Record:
        """Return the signed body of an order with these raw amounts."""
        signer = self.address
        if signature_type == 3:
            assert wallet is not None, "a wallet order needs its wallet"
            signer = wallet
        fields = {
            "salt": next(self._salts) if salt is None else salt,
            "maker": wallet or self.address,
            "signer": signer,
            "tokenId": int(market.tokens[token_index]),
            "makerAmount": maker_amount,
            "takerAmount": taker_amount,
            "side": 0 if side == "BUY" else 1,
            "signatureType": signature_type,
            "timestamp": self.now_s() * 1000,
            "metadata": bytes(32),
            "builder": bytes(32),
        }
        contract = NEG_RISK if (market.neg_risk if neg_risk is None else neg_risk) else STANDARD
        signature = sign_order(self.private_key, fields, contract)
        order = {
            name: str(value) if name in ("tokenId", "makerAmount", "takerAmount", "timestamp") else value
            for name, value in fields.items()
        } | {
            "side": side,
            "metadata": ZERO_WORD,
            "builder": ZERO_WORD,
            "expiration": expiration,
            "signature": signature,
        }
        body = {
            "deferExec": False,
            "order": order,
            "orderType": order_type,
            "owner": self.api_key if owner is None else owner,
        }
        return body if post_only is None else body | {"postOnly": post_only}

    async def place(self, body: Record) -> Reply:
        """POST one order."""
        return await self.call("POST", "/order", body)

    async def ledger(self) -> Record:
        """Return the exchange's own record of this address."""
        return (await self.get("/_local/ledger", address=self.address)).record


def sign_order(private_key: str, fields: Record, contract: str) -> str:
    """Sign an order's fields for one exchange contract; type 3 is wrapped as the deposit wallet wants it."""
    domain = {
        "name": "Polymarket CTF Exchange",
        "version": EXCHANGES[contract],
        "chainId": 137,
        "verifyingContract": contract,
    }
    plain = encode_typed_data(full_message=_typed("Order", ORDER_FIELDS, domain, fields))
    if fields["signatureType"] != 3:
        return _hex(Account.sign_message(plain, private_key).signature)
    wrapper = [
        ("contents", "Order"),
        ("name", "string"),
        ("version", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
        ("salt", "bytes32"),
    ]
    typed = _typed(
        "TypedDataSign",
        wrapper,
        domain,
        {
            "contents": fields,
            "name": "DepositWallet",
            "version": "1",
            "chainId": 137,
            "verifyingContract": fields["signer"],
            "salt": bytes(32),
        },
    )
    typed["types"]["Order"] = _fields(ORDER_FIELDS)
    inner = Account.sign_message(encode_typed_data(full_message=typed), private_key).signature
    kind = "Order(" + ",".join(f"{kind} {name}" for name, kind in ORDER_FIELDS) + ")"
    tail = plain.header + plain.body + kind.encode() + len(kind).to_bytes(2, "big")
    return "0x" + (bytes(inner) + tail).hex()


def order_id(body: Record, *, neg_risk: bool) -> str:
    """Return the EIP-712 digest of an order body, computed apart from the exchange."""
    order = body["order"]
    fields = {name: order[name] for name, _ in ORDER_FIELDS}
    numbers = ("tokenId", "makerAmount", "takerAmount", "timestamp")
    fields |= {name: int(order[name]) for name in numbers} | {"metadata": bytes(32), "builder": bytes(32)}
    fields["side"] = 0 if order["side"] == "BUY" else 1
    domain = {
        "name": "Polymarket CTF Exchange",
        "version": "2",
        "chainId": 137,
        "verifyingContract": NEG_RISK if neg_risk else STANDARD,
    }
    signable = encode_typed_data(full_message=_typed("Order", ORDER_FIELDS, domain, fields))
    signed = Account.sign_message(signable, ELEVENS_KEY)
    return _hex(signed.message_hash)


async def trader_on(
    exchange: LocalExchange, session: aiohttp.ClientSession, private_key: str = HARDHAT_KEY
) -> Trader:
    """Return a logged-in trader whose timestamps follow the exchange's clock."""
    trader = Trader(exchange.url, session, private_key, now_s=lambda: exchange.venue.now_ms() // 1000)
    return await trader.log_in()


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()


def _typed(primary: str, kinds: Kinds, domain: Record, message: Record) -> Record:
    contract = [("verifyingContract", "address")] if "verifyingContract" in domain else []
    return {
        "types": {"EIP712Domain": _fields([*DOMAIN_FIELDS, *contract]), primary: _fields(kinds)},
        "primaryType": primary,
        "domain": domain,
        "message": message,
    }


def _fields(kinds: Kinds) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in kinds]


def _scaled(text: str, decimals: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))
