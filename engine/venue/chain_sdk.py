"""Acts on chain through the official client: the `Chain` of `engine.ports` in live mode.

Wallets of types 1 to 3 go through the venue's gas relayer, which takes one act at a time and needs a key of
its own; a plain address pays its own gas through the RPC host. What the client raises becomes an outcome:
nothing was sent, it failed, or nobody knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from polymarket import AsyncSecureClient
from polymarket.auth import RelayerApiKey
from polymarket.errors import (
    PolymarketError,
    RateLimitError,
    RequestRejectedError,
    SigningError,
    TransactionFailedError,
    UserInputError,
)
from polymarket.transactions import EoaTransactionHandle, GaslessTransactionHandle

from engine.domain.chain import COLLATERAL, ActOutcome, ActState, Allowance, Contract
from engine.domain.failure import VenueFailure
from engine.domain.ids import ConditionId
from engine.domain.units import Size, Usdc
from engine.venue.approvals import read_allowances
from engine.venue.credentials import proxies_ignored, sdk_environment
from engine.venue.endpoints import VenueHosts
from engine.venue.http_client import HttpClient

_REASON_MAX = 200
_Handle = GaslessTransactionHandle | EoaTransactionHandle
_NOT_SUBMITTED = (UserInputError, SigningError, RateLimitError)
"""Raised before anything is submitted, or instead of it."""


class SdkChain:
    """One wallet's acts. Made by `open_sdk_chain`, which owns the client."""

    def __init__(self, client: AsyncSecureClient, http: HttpClient, hosts: VenueHosts, wallet: str) -> None:
        self._client = client
        self._http = http
        self._hosts = hosts
        self._wallet = wallet

    async def allowances(self) -> tuple[Allowance, ...] | VenueFailure:
        """Read what every contract of the pinned table may move, in the table's order."""
        return await read_allowances(self._http, self._hosts.data, self._wallet)

    async def approve_collateral(self, spender: Contract, amount: Usdc) -> ActOutcome:
        """Let `spender` move at most `amount` of collateral from now on; 0 takes the permission back."""
        assert amount >= 0, f"expected an amount of 0 or more, was {amount}"
        return await _carried_out(
            lambda: self._client.approve_erc20(
                token_address=COLLATERAL, spender_address=spender.address, amount=int(amount)
            )
        )

    async def approve_outcomes(self, operator: Contract, *, allowed: bool) -> ActOutcome:
        """Let `operator` move outcome tokens, or take the permission back."""
        return await _carried_out(
            lambda: self._client.approve_erc1155_for_all(
                token_address=operator.outcomes, operator_address=operator.address, approved=allowed
            )
        )

    async def split(self, condition_id: ConditionId, amount: Usdc) -> ActOutcome:
        """Turn collateral into as many YES and NO of one market."""
        return await _carried_out(
            lambda: self._client.split_position(condition_id=condition_id, amount=int(amount))
        )

    async def merge(self, condition_id: ConditionId, size: Size) -> ActOutcome:
        """Turn `size` YES and as many NO of one market into collateral."""
        return await _carried_out(
            lambda: self._client.merge_positions(condition_id=condition_id, amount=int(size))
        )

    async def redeem(self, condition_id: ConditionId) -> ActOutcome:
        """Turn every share of a resolved market into what it pays."""
        return await _carried_out(lambda: self._client.redeem_positions(condition_id=condition_id))


@asynccontextmanager
async def open_sdk_chain(
    *,
    private_key: str,
    wallet: str,
    gas_key: str,
    gas_key_address: str,
    hosts: VenueHosts,
    http: HttpClient,
) -> AsyncIterator[SdkChain]:
    """Give the chain acts of one wallet; raises PolymarketError or httpx's errors if no client can be made.

    `gas_key` is the gas relayer's API key and `gas_key_address` the address it belongs to; both may be empty
    for a plain address, which pays its own gas.
    """
    api_key = RelayerApiKey(key=gas_key, address=gas_key_address) if gas_key else None
    with proxies_ignored():
        client = await AsyncSecureClient.create(
            private_key=private_key, wallet=wallet, environment=sdk_environment(hosts), api_key=api_key
        )
    try:
        yield SdkChain(client, http, hosts, wallet)
    finally:
        await client.close()


async def _carried_out(submit: Callable[[], Awaitable[_Handle]]) -> ActOutcome:
    """Submit one act and wait for its end."""
    try:
        handle = await submit()
    except _NOT_SUBMITTED as error:
        return _ended(ActState.NOT_SENT, "", error)
    except RequestRejectedError as error:
        # A 4xx is the relayer's own no; behind a 5xx the act may be on its way.
        return _ended(ActState.NOT_SENT if 400 <= error.status < 500 else ActState.UNKNOWN, "", error)
    except (PolymarketError, httpx.HTTPError) as error:
        return _ended(ActState.UNKNOWN, "", error)
    reference = handle.transaction_hash or handle.transaction_id or ""
    try:
        outcome = await handle.wait()
    except TransactionFailedError as error:
        return _ended(ActState.FAILED, reference, error)
    except (PolymarketError, httpx.HTTPError) as error:
        return _ended(ActState.UNKNOWN, reference, error)
    return ActOutcome(ActState.DONE, str(outcome.transaction_hash), "")


def _ended(state: ActState, reference: str, error: Exception) -> ActOutcome:
    return ActOutcome(state, reference, f"{type(error).__name__}: {error}"[:_REASON_MAX])
