"""The dashboard, the scan of Dutch sets, and what a kill has come to."""

from bot.card import Button, Card, CommandAct, Keyboard, Look, Style, headline
from bot.figures import clock_time, cost, gain, price, proceeds, short_shares, span
from bot.markup import bold, details, esc, italic, table, when
from engine.domain.views import (
    Gate,
    KillView,
    ReconcileView,
    ScanRow,
    ScanView,
    Severity,
    StatusView,
)

PROBLEMS_SHOWN = 3
HOLDINGS_SHOWN = 5
ADVICE_SHOWN = 3
SCAN_ROWS = 12
OFFERS = 3
INCOMPLETE_AFTER_MS = 5_000
"""A kill that is not confirmed by then is called incomplete."""

_REFRESH = Button("🔁 Refresh", CommandAct("/status", in_place=True))
_KILL = Button("⛔ Kill", CommandAct("/kill"), Style.DANGER)
_RESUME = Button("▶️ Resume…", CommandAct("/resume"))
_SCAN = Button("⚖️ Dutch scan", CommandAct("/dutch"))
_STATUS = Button("📊 Status", CommandAct("/status"))


def status_card(view: StatusView, look: Look) -> Card:
    """Return the dashboard: verdict first, the worst thing named, then numbers."""
    mark, verdict = _status_verdict(view)
    lines = [
        headline(mark, look, "status", "desk", f"{bold(view.gate.value)}, {verdict}"),
        *([f"Why: {esc(view.gate_reason)}"] if view.gate is not Gate.RUN else []),
        table(
            [
                ("feeds live", f"{view.feeds_live}/{view.feeds_total}"),
                ("events", str(view.events_watched)),
                ("orders open", str(view.open_orders)),
                ("orders unknown", str(view.unknown_orders)),
                ("tickets open", str(view.tickets_open)),
                ("spent today", cost(view.spent_today)),
                ("cap per day", proceeds(view.cap_day)),
                ("capital locked", cost(view.capital_locked)),
                ("wallet", "not read" if view.wallet is None else proceeds(view.wallet)),
                ("resyncs", str(view.resyncs)),
                ("rejects", str(view.rejects)),
            ],
            (16, 16),
        ),
        *(f"🟡 {esc(problem)}" for problem in view.feed_problems[:PROBLEMS_SHOWN]),
        *_more(len(view.feed_problems) - PROBLEMS_SHOWN, "feeds with a problem"),
        *(f"🧊 frozen {esc(line)}" for line in view.frozen[:PROBLEMS_SHOWN]),
        *_more(len(view.frozen) - PROBLEMS_SHOWN, "frozen events"),
        *(f"💼 {esc(holding)}" for holding in view.holdings[:HOLDINGS_SHOWN]),
        *_more(len(view.holdings) - HOLDINGS_SHOWN, "holdings"),
        *(f"🤖 {esc(line, 120)}" for line in view.grants[:HOLDINGS_SHOWN]),
        *_more(len(view.grants) - HOLDINGS_SHOWN, "standing grants"),
        *(f"🔒 {esc(line, 100)}" for line in view.locked[:HOLDINGS_SHOWN]),
        *_more(len(view.locked) - HOLDINGS_SHOWN, "events held to resolution"),
        *(f"🔀 {esc(line, 120)}" for line in view.advice[:ADVICE_SHOWN]),
        *_more(len(view.advice) - ADVICE_SHOWN, "acts on chain that would pay"),
        italic(f"as of {when(look.now_ms, clock_time(look.now_ms), 'T')}"),
    ]
    last = _RESUME if view.gate in (Gate.HALTED, Gate.REDUCING) else _KILL
    return Card("\n".join(lines), ((_REFRESH, _SCAN), (last,)))


def _status_verdict(view: StatusView) -> tuple[str, str]:
    """Return mark and the worst thing in words."""
    if view.gate is Gate.HALTED:
        return "🔴", "no new orders"
    if view.gate is Gate.STARTING:
        return "🟡", "reconciling before the first order"
    if view.gate is Gate.REDUCING:
        return "🔴", "only orders that reduce"
    if view.gate is Gate.PAUSED:
        return "🟡", "it goes on by itself"
    if view.unknown_orders:
        return "🟡", f"{view.unknown_orders} orders unproven"
    if view.frozen:
        return "🟡", f"{len(view.frozen)} event{'s' if len(view.frozen) > 1 else ''} frozen"
    if view.feeds_live < view.feeds_total or view.feed_problems:
        return "🟡", f"{view.feeds_live} of {view.feeds_total} feeds live"
    return "🟢", f"all well, {view.feeds_live} feeds live"


def _more(hidden: int, of: str) -> list[str]:
    return [f"… and {hidden} more {of}"] if hidden > 0 else []


def scan_card(view: ScanView, look: Look) -> Card:
    """Return every watched event with what its set costs; the best that pay get a button."""
    paying = [row for row in view.rows if row.margin is not None and row.margin > 0]
    verdict = f"{len(paying)} of {len(view.rows)} pay"
    if paying and paying[0].margin is not None:
        best = f"{esc(paying[0].code, 20)} {gain(paying[0].margin)} USDC"
        verdict = f"{verdict}, best {bold(best)}"
    shown = view.rows[:SCAN_ROWS]
    # What was expected and found; /why tells the whole sentence and every guard.
    refused = [
        f"{esc(row.code, 20)}: {esc(row.refusal.text.partition(';')[0], 160)}"
        for row in shown
        if row.refusal is not None
    ][:8]
    lines = [
        headline("⚖️", look, "scan", "Dutch", verdict),
        *(
            [table([("event", "ask sum", "sets", "margin"), *map(_scan_row, shown)], (10, 8, 7, 7))]
            if shown
            else []
        ),
        *_more(len(view.rows) - SCAN_ROWS, "events"),
        *([details(refused)] if refused else []),
        italic("after fee, slippage and safety · /why CODE tells every guard and input"),
    ]
    offers = tuple(Button(f"⚖️ {row.code}…", CommandAct(f"/dutch {row.code}")) for row in paying[:OFFERS])
    refresh = (Button("🔁 Scan again", CommandAct("/dutch", in_place=True)), _STATUS)
    return Card("\n".join(lines), (offers, refresh) if offers else (refresh,))


def _scan_row(row: ScanRow) -> tuple[str, str, str, str]:
    return (
        row.code,
        "-" if row.ask_sum is None else price(row.ask_sum),
        "-" if row.sets is None else short_shares(row.sets),
        "-" if row.margin is None else gain(row.margin),
    )


def reconcile_card(view: ReconcileView, look: Look) -> Card:
    """Return what one complete read of the account held and changed."""
    changed = view.orders_changed or view.fills_changed or view.foreign
    lines = [
        headline("🟡" if changed else "🟢", look, "reconcile", "account", "compared with the venue"),
        table(
            [
                ("open at the venue", str(view.open_orders)),
                ("trades read", str(view.trades)),
                ("orders changed", str(view.orders_changed)),
                ("fills changed", str(view.fills_changed)),
                ("foreign orders", str(view.foreign)),
                ("not proven yet", str(view.unproven)),
            ],
            (18, 8),
        ),
        italic(f"as of {when(view.at_ms, clock_time(view.at_ms), 'T')}"),
    ]
    return Card("\n".join(lines), ((_STATUS,),), Severity.INFO)


def kill_card(view: KillView, look: Look, *, asked_age_ms: int = 0) -> Card:
    """Return the answer to a kill: fast before the venue was read, true after. It claims only what was read.

    `asked_age_ms` is how old the command was when it arrived.
    """
    late = [f"This /kill was {span(asked_age_ms)} old when it arrived."] if asked_age_ms >= 1_000 else []
    held = ["Still held (not sold): " + ", ".join(esc(line) for line in view.still_held[:HOLDINGS_SHOWN])]
    lines = [
        _kill_line(view, look),
        *_kill_progress(view),
        *late,
        *(held if view.still_held else []),
        *_more(len(view.still_held) - HOLDINGS_SHOWN, "holdings"),
        f"Halted by {esc(view.by.name, 24)} at {when(view.at_ms, clock_time(view.at_ms), 'T')}.",
        "No order leaves until /resume.",
    ]
    return Card("\n".join(lines), _kill_keyboard(view), Severity.CRIT)


def _kill_line(view: KillView, look: Look) -> str:
    if view.open_now is None:
        return headline("⛔", look, "kill", "desk", f"{bold('HALTED')} by {esc(view.by.name, 24)}")
    if view.open_now == 0:
        return headline("⛔", look, "killed", "desk", f"{bold('flat of orders')}, as the venue shows")
    if look.now_ms - view.at_ms < INCOMPLETE_AFTER_MS:
        return headline("⛔", look, "kill", "desk", f"cancelling, {view.open_now} orders still open")
    return headline(
        "🔴", look, "kill", "desk", f"{bold('KILL INCOMPLETE')}: {view.open_now} orders unconfirmed"
    )


def _kill_progress(view: KillView) -> list[str]:
    if view.open_now is None:
        return [
            f"Cancelling everything; {view.asked} orders were believed open.",
            "Nothing is confirmed yet: the venue's answer follows as its own card.",
        ]
    if view.open_now == 0:
        return [f"{view.asked} orders were believed open; a complete read shows none."]
    return ["Cancelling goes on by itself until a complete read shows none. Check at the venue, too."]


def _kill_keyboard(view: KillView) -> Keyboard:
    if view.open_now == 0:
        return ((_STATUS, _RESUME),)
    return ((Button("⛔ Kill again", CommandAct("/kill"), Style.DANGER), _STATUS),)
