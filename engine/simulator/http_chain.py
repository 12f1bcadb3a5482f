"""Test-only endpoints of the chain's side, all under `/_local/chain/`: what the venue leaves to others.

| call | what it does |
|---|---|
| GET `/_local/chain/allowances` | what every contract may move of an account |
| GET `/_local/chain/acts` | acts, of one account or all, or the one named by `id` |
| POST `/_local/chain/approve` | an act: a contract may spend collateral up to an amount |
| POST `/_local/chain/operator` | an act: a contract may move outcome tokens, or no more |
| POST `/_local/chain/split`, `merge`, `redeem` | acts on the shares of a market |
| POST `/_local/chain/course` | the next acts go another way, or fail |
"""

from aiohttp import web

from engine.domain.units import Size
from engine.simulator.approvals import approval_rows
from engine.simulator.chain import Act, ActState, Approve, Deed, Merge, Operate, Redeem, Split
from engine.simulator.contracts import (
    COLLATERAL,
    CONDITIONAL_TOKENS,
    CONTRACTS,
    POSITION_MANAGER,
    UNLIMITED,
    Approval,
    Contract,
    find_contract,
)
from engine.simulator.gamma import Json
from engine.simulator.ledger import act_row
from engine.simulator.scripts import Act as Carry
from engine.simulator.scripts import find_account, find_market, flag, read, scripted, whole, word
from engine.simulator.venue import Venue

TIMES_MAX = 10_000


def chain_routes(venue: Venue) -> list[web.RouteDef]:
    """Return the routes of the chain's side."""
    reads: dict[str, Carry] = {"allowances": _allowances, "acts": _acts}
    acts: dict[str, Carry] = {
        "approve": _approve,
        "operator": _operator,
        "split": _split,
        "merge": _merge,
        "redeem": _redeem,
        "course": _course,
    }
    return [
        *(web.get(f"/_local/chain/{name}", read(venue, act)) for name, act in reads.items()),
        *(web.post(f"/_local/chain/{name}", scripted(venue, act)) for name, act in acts.items()),
    ]


def _allowances(venue: Venue, script: Json) -> Json:
    account = find_account(venue, script)
    labels = {contract.address: contract.label for contract in CONTRACTS}
    rows = [row | {"label": labels[str(row["spender"])]} for row in approval_rows(account)]
    return {"address": account.address, "collateral": COLLATERAL, "contracts": rows}


def _acts(venue: Venue, script: Json) -> Json:
    acts = venue.chain.acts
    if "address" in script:
        account = find_account(venue, script)
        acts = [act for act in acts if act.account_id == account.id]
    if "id" in script:
        acts = [act for act in acts if act.id == script["id"]]
        if not acts:
            raise ValueError(f"expected the id of an act, was {script['id']!r}")
    return {"acts": [act_row(act) for act in acts]}


def _approve(venue: Venue, script: Json) -> Json:
    spender = _contract(script, "spender", Approval.COLLATERAL)
    amount = UNLIMITED if script.get("amount") == "max" else whole(script, "amount")
    return _submitted(venue, script, Approve(spender.address, min(amount, UNLIMITED)))


def _operator(venue: Venue, script: Json) -> Json:
    token = word(script, "token", CONDITIONAL_TOKENS)
    approval = Approval.POSITIONS if token.lower() == POSITION_MANAGER.lower() else Approval.OUTCOMES
    if token.lower() != approval.value.lower():
        raise ValueError(f"expected a contract of outcome tokens, was {token!r}")
    operator = _contract(script, "operator", approval)
    return _submitted(venue, script, Operate(approval.value, operator.address, flag(script, "approved")))


def _split(venue: Venue, script: Json) -> Json:
    _, market = find_market(venue, script)
    return _submitted(venue, script, Split(market.spec, _amount(script)))


def _merge(venue: Venue, script: Json) -> Json:
    _, market = find_market(venue, script)
    return _submitted(venue, script, Merge(market.spec, _amount(script)))


def _redeem(venue: Venue, script: Json) -> Json:
    _, market = find_market(venue, script)
    return _submitted(venue, script, Redeem(market.spec))


def _course(venue: Venue, script: Json) -> Json:
    steps, times = script.get("steps"), whole(script, "times", 1)
    if not isinstance(steps, list) or not 1 <= times <= TIMES_MAX:
        raise ValueError(f"expected steps, a list of [state, delay_ms], and times of 1 to {TIMES_MAX}")
    venue.chain.script_next(tuple(_step(step) for step in steps), times)
    return {"times": times}


def _step(step: object) -> tuple[ActState, int]:
    match step:
        case [str(state), int(delay_ms)]:
            return ActState(state), delay_ms
        case _:
            raise ValueError(f"expected [state, delay_ms], was {step!r}")


def _contract(script: Json, name: str, approval: Approval) -> Contract:
    found = find_contract(word(script, name))
    if found is None or approval not in found.approvals:
        known = ", ".join(row.label for row in CONTRACTS if approval in row.approvals)
        raise ValueError(f"expected {name} to be one of {known} or its address, was {script[name]!r}")
    return found


def _amount(script: Json) -> Size:
    amount = whole(script, "amount")
    if amount == 0:
        raise ValueError("expected an amount of at least one micro-unit")
    return Size(amount)


def _submitted(venue: Venue, script: Json, deed: Deed) -> Json:
    act: Act = venue.chain.submit(find_account(venue, script), deed, venue.now_ms())
    return act_row(act)
