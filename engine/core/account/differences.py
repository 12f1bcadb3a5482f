"""Our books against the venue's own figures for collateral and shares (reliability E4).

The venue's figures lag, so they are compared only while nothing of ours is open or unsettled. A lack that
stays for a second read closes the gate to new risk; a large one, or a third read, halts. Figures alone never
change a position: they change what may be done until a person has looked.
"""

from collections.abc import Iterable

from engine.core.exposure.inventory import shares
from engine.core.halts.breakers import trip
from engine.core.state import Desk, unfinished
from engine.domain.account import AccountState
from engine.domain.effects import Audit, Count, Effect, RaiseAlert
from engine.domain.gate import Breaker
from engine.domain.ids import TokenId
from engine.domain.units import (
    FEE_STEP,
    LOT,
    Ms,
    Rounding,
    Size,
    Usdc,
    format_cents,
    format_size,
    format_usdc,
)
from engine.domain.views import Alert, Severity

ROUNDING_STEPS_PER_FILL = 4
"""A fill of a few maker matches may be charged this many fee steps more than the floor we booked."""
REDUCE_AFTER = 2
HALT_AFTER = 3
"""Reads in a row with a difference (reliability E4)."""
LARGE_PARTS = 100
"""A lack of more than one part in so many of the wallet is large."""
LAG_MS = 10_000
"""The venue's figures are behind its trades: what was booked this recently is not looked for in them."""
CASH = ""
"""Collateral among the doubts, which are kept by token."""


def compare(desk: Desk, account: AccountState, asked_ms: Ms, at_ms: Ms) -> list[Effect]:
    """Compare a complete read with our books, if nothing can still be moving between the two."""
    if desk.balance is None:
        desk.balance = account.balance
    if unfinished(desk) or desk.committing or desk.probing or desk.acts or asked_ms < desk.booked_ms + LAG_MS:
        return []
    if not desk.compared:
        # What was under way at the start may have been in the figure or not: this one is certain.
        desk.compared = True
        desk.balance = account.balance
    return [*_cash(desk, account.balance, at_ms), *_shares(desk, account.shares, at_ms)]


def _cash(desk: Desk, read: Usdc, at_ms: Ms) -> list[Effect]:
    assert desk.balance is not None, "expected a balance before a comparison"
    difference = Usdc(read - desk.balance)
    charged, desk.charged_fills = desk.charged_fills, 0
    if difference == 0:
        desk.doubts.pop(CASH, None)
        return []
    if abs(difference) <= FEE_STEP * ROUNDING_STEPS_PER_FILL * charged:
        desk.balance = read
        return [
            Count("fee_adjustments_total", ""),
            Audit(at_ms, None, "fee adjustment", "", format_usdc(difference)),
        ]
    if difference > 0:
        return _surplus(desk, read, difference, at_ms)
    large = -difference * LARGE_PARTS > desk.balance
    effects = _doubt(desk, CASH, f"{format_usdc(difference)} USDC against our books", at_ms, large=large)
    if desk.doubts[CASH] == 1:
        return [_moved_alert(difference), *effects]
    if large or desk.doubts[CASH] >= HALT_AFTER:
        # A person has to look now: what they find there is where our books go on.
        desk.balance = read
        desk.doubts.pop(CASH)
    return effects


def _surplus(desk: Desk, read: Usdc, difference: Usdc, at_ms: Ms) -> list[Effect]:
    """Take more than booked over when it stays: a deposit or a redemption is no danger.

    If it is the price of shares that are gone, those are missed by themselves.
    """
    desk.doubts[CASH] = desk.doubts.get(CASH, 0) + 1
    if desk.doubts[CASH] < REDUCE_AFTER:
        return []
    desk.doubts.pop(CASH)
    desk.balance = read
    return [
        Audit(at_ms, None, "balance changed outside", "", format_usdc(difference)),
        _moved_alert(difference),
    ]


def _shares(desk: Desk, read: Iterable[tuple[TokenId, Size]], at_ms: Ms) -> list[Effect]:
    """Compare shares. What the first read of a token has beyond our books are people's own acts."""
    effects: list[Effect] = []
    booked = shares(desk)
    for token, venue in read:
        beyond = venue - booked.get(token, 0)
        if token not in desk.offsets:
            desk.offsets[token] = beyond
            effects += _apart_at_start(token, beyond, at_ms)
            continue
        lack = desk.offsets[token] - beyond
        if abs(lack) < LOT:
            desk.doubts.pop(token, None)
            continue
        detail = f"{format_size(Size(abs(lack)))} shares {'fewer' if lack > 0 else 'more'} of token {token}"
        # A share is worth a dollar at most.
        large = desk.balance is not None and abs(lack) * LARGE_PARTS > desk.balance
        effects += _doubt(desk, token, detail, at_ms, large=large)
        if desk.doubts[token] >= HALT_AFTER or (large and desk.doubts[token] >= REDUCE_AFTER):
            desk.offsets[token] = beyond
            desk.doubts.pop(token)
    return effects


def _doubt(desk: Desk, what: str, detail: str, at_ms: Ms, *, large: bool) -> list[Effect]:
    """Count one more read with this difference, and trip when it has stayed."""
    desk.doubts[what] = desk.doubts.get(what, 0) + 1
    if desk.doubts[what] < REDUCE_AFTER:
        return []
    halting = large or desk.doubts[what] >= HALT_AFTER
    breaker = Breaker.LARGE_DIFFERENCE if halting else Breaker.DIFFERENCE
    audit = Audit(at_ms, None, "difference", what, f"{detail}, read {desk.doubts[what]} in a row")
    return [Count("differences_total", ""), audit, *trip(desk, breaker, detail, at_ms)]


def _moved_alert(difference: Usdc) -> RaiseAlert:
    text = f"the wallet moved by {format_cents(difference, Rounding.UP)} USDC that this desk did not trade"
    step = "fine after a deposit, a withdrawal or a redemption; otherwise look at the account"
    return RaiseAlert(Alert("balance", Severity.INFO, "balance changed", text, step))


def _apart_at_start(token: TokenId, beyond: int, at_ms: Ms) -> list[Effect]:
    if abs(beyond) < LOT:
        return []
    word = "more" if beyond > 0 else "fewer"
    text = f"the venue has {format_size(Size(abs(beyond)))} shares {word} of token {token} than our books"
    step = "fine if you split, merged, redeemed or traded elsewhere; otherwise look at the account"
    return [
        Audit(at_ms, None, "shares differ at the start", token, format_size(Size(abs(beyond)))),
        RaiseAlert(Alert(f"shares:{token}", Severity.WARN, "shares differ", text, step)),
    ]
