"""Allowances: what each contract may move of the wallet, what is missing, what is too large."""

from bot.card import Button, Card, CommandAct, Look, headline
from bot.figures import cost, proceeds
from bot.markup import bold, code, esc, italic, table
from engine.domain.chain import UNLIMITED
from engine.domain.units import Usdc
from engine.domain.views import AllowanceRow, AllowancesView, Permission

_MARKS = {Permission.FINE: "ok", Permission.MISSING: "✖", Permission.TOO_LARGE: "‼", Permission.UNUSED: "-"}
_AGAIN = Button("🔁 Read again", CommandAct("/approve", in_place=True))
_STATUS = Button("📊 Status", CommandAct("/status"))


def allowances_card(view: AllowancesView, look: Look) -> Card:
    """Return current against needed for every contract, and the line that would change what was asked for."""
    judged = [row.spending for row in view.rows] + [row.moving for row in view.rows]
    missing, large = judged.count(Permission.MISSING), judged.count(Permission.TOO_LARGE)
    verdict = f"{missing} missing, {large} too large" if missing or large else "all as needed"
    mark = "🔴" if large else "🟡" if missing else "🟢"
    lines = [
        headline(mark, look, "allowances", "wallet", bold(verdict)),
        table([("USDC", "may take", ""), *(_spending(row) for row in view.rows)], (18, 11, 3)),
        table([("shares", "may move", ""), *(_moving(row) for row in view.rows)], (18, 11, 3)),
        *_asked(view),
        italic(f"needed is the day cap; more than {proceeds(view.bound)} for one contract is too large"),
    ]
    return Card("\n".join(lines), ((_AGAIN, _STATUS),))


def _spending(row: AllowanceRow) -> tuple[str, str, str]:
    told = "no cap" if row.collateral >= UNLIMITED else proceeds(Usdc(row.collateral))
    return row.label, told, _MARKS[row.spending]


def _moving(row: AllowanceRow) -> tuple[str, str, str]:
    return row.label, "yes" if row.outcomes else "no", _MARKS[row.moving]


def _asked(view: AllowancesView) -> list[str]:
    if view.asked is None:
        return []
    label, amount = view.asked
    row = next(row for row in view.rows if row.label == label)
    command = f"dutchdesk relayer-approve-usdc {label} {cost(amount)} --confirm-live"
    return [
        f"Asked: {bold(esc(label))} may take {bold(cost(amount))} USDC, for {esc(row.purpose)}.",
        "Nothing was changed: the chat has no step-up codes yet. On the desk's machine:",
        code(command),
    ]
