"""What a paper account owns and has traded, kept over restarts: one line of JSON for every change of it.

The file stands in the data folder. Its first line opens the account with the TOML's balance, which is not
asked for again. An unfinished last line, of a process that was killed, is cut off. Orders are not in it: what
rested when the desk ended has not been watched since, so it counts as cancelled.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.core.spread.paper_account import PaperAccount
from engine.core.spread.queue_models import QueueModel
from engine.domain.account import MakerMatch, VenueTrade
from engine.domain.ids import ConditionId, OrderId, TokenId, TradeId
from engine.domain.market import Side
from engine.domain.order import Settlement
from engine.domain.units import Ms, Price, Size, Usdc

PAPER_FILE = "paper.jsonl"
MARKET_HAND = OrderId("0x" + "00" * 32)
"""Stands for everybody else's orders in a paper trade."""


class PaperJournalError(Exception):
    """The file cannot be used; the text says what was found and what to do."""


@dataclass(frozen=True, slots=True)
class PaperTrade:
    """One execution of a paper order under one model; that of the upper bound moves nothing."""

    trade_id: TradeId
    order_id: OrderId
    condition_id: ConditionId
    token_id: TokenId
    side: Side
    model: QueueModel
    maker: bool
    price: Price
    size: Size
    cash: Usdc
    fee: Usdc
    matched_ms: Ms

    @property
    def seen(self) -> VenueTrade:
        """Return it as the venue tells trades: settled at once, the market on its other side."""
        against = Side.SELL if self.side is Side.BUY else Side.BUY
        resting, taking = (self.order_id, MARKET_HAND) if self.maker else (MARKET_HAND, self.order_id)
        rests, takes = (self.side, against) if self.maker else (against, self.side)
        return VenueTrade(
            trade_id=self.trade_id,
            condition_id=self.condition_id,
            taker_order_id=taking,
            token_id=self.token_id,
            side=takes,
            size=self.size,
            matched_ms=self.matched_ms,
            settlement=Settlement.CONFIRMED,
            makers=(MakerMatch(resting, self.token_id, rests, self.price, self.size),),
        )


class PaperJournal:
    """The account as the file has it, and the file, open for more."""

    def __init__(self, path: Path, *, balance: Usdc) -> None:
        """Read the file, or begin one with this balance; raises PaperJournalError."""
        self.account = PaperAccount(balance)
        self.trades: list[PaperTrade] = []
        """Those that moved the account, oldest first."""
        self.made = dict.fromkeys(QueueModel, 0)
        """Micro-shares that resting orders got under each model, since the account was opened."""
        self._file = _opened(path)
        try:
            begun = self._read(path)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            self._file.close()
            raise PaperJournalError(
                f"expected the paper account in {path}, found a line that cannot be read ({error}); "
                "move the file away to begin with a new account"
            ) from error
        if not begun:
            self._write({"kind": "opened", "balance": balance})

    def trade(self, trade: PaperTrade) -> None:
        """Keep an execution; the account has moved already."""
        self._note(trade)
        row = asdict(trade) | {"side": trade.side.value, "model": trade.model.value}
        self._write({"kind": "trade"} | row)

    def convert(self, yes: TokenId, no: TokenId, pairs: int) -> None:
        """Split collateral into pairs, or merge them for a negative number, and keep that."""
        self.account.convert(yes, no, pairs)
        self._write({"kind": "pairs", "yes": yes, "no": no, "pairs": pairs})

    def redeem(self, winner: TokenId, loser: TokenId) -> None:
        """Redeem a resolved market, and keep that."""
        self.account.redeem(winner, loser)
        self._write({"kind": "redeemed", "winner": winner, "loser": loser})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _note(self, trade: PaperTrade) -> None:
        if trade.maker:
            self.made[trade.model] += trade.size
        if trade.model is QueueModel.CONSERVATIVE:
            self.trades.append(trade)

    def _read(self, path: Path) -> bool:
        """Take over what the file has; False for an empty one."""
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            self._file.truncate(len(whole))
        rows = [json.loads(line) for line in whole.splitlines()]
        for row in rows:
            self._take_over(row)
        return bool(rows)

    def _take_over(self, row: dict[str, Any]) -> None:
        kind = row.pop("kind")
        if kind == "opened":
            self.account = PaperAccount(Usdc(row["balance"]))
        elif kind == "pairs":
            self.account.convert(row["yes"], row["no"], row["pairs"])
        elif kind == "redeemed":
            self.account.redeem(row["winner"], row["loser"])
        elif kind == "trade":
            trade = PaperTrade(**row | {"side": Side(row["side"]), "model": QueueModel(row["model"])})
            self._note(trade)
            if trade.model is QueueModel.CONSERVATIVE:
                self.account.trade(trade.token_id, trade.side, trade.size, trade.cash, trade.fee)
        else:
            raise ValueError(f"expected opened, pairs, redeemed or trade, found {kind!r}")

    def _write(self, row: dict[str, object]) -> None:
        self._file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        self._file.flush()


def _opened(path: Path) -> Any:
    """Open for adding, made for its owner alone."""
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise PaperJournalError(
            f"expected to write {path}, found: {error.strerror}; give the desk a folder that it owns"
        ) from error
