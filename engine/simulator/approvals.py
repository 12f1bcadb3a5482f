"""What an account lets every contract of the pinned table move, as the venue's data service lists it."""

from engine.simulator.bank import Account
from engine.simulator.contracts import CONTRACTS, UNLIMITED, Approval

Row = dict[str, object]


def approval_rows(account: Account | None) -> list[Row]:
    """Return one row for each permission the official client asks for; an unknown wallet gave none."""
    return [
        _row(account, approval, contract.address)
        for contract in CONTRACTS
        for approval in Approval
        if approval in contract.approvals
    ]


def _row(account: Account | None, approval: Approval, contract: str) -> Row:
    pair: Row = {"token": approval.value, "spender": contract}
    if approval is not Approval.COLLATERAL:
        given = account is not None and (approval.value, contract) in account.operators
        return pair | {"standard": "ERC1155", "approved": given}
    allowed = 0 if account is None else account.allowances.get(contract, 0)
    amount = "max" if allowed == UNLIMITED else str(allowed)
    return pair | {"standard": "ERC20", "approved": allowed > 0, "amount": amount}
