"""`dutchdesk review`: an event's whole rules, what changed since they were read, a review without a chat.

Reads what a desk has stored, running or not. A review is written under the folder's lock alone: while a desk
runs, the button in its chat is the one way, so that what people see and what is stored never part.
"""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from bot.cli.run import DATA
from engine.clock import Clock, SystemClock
from engine.core.rules.rules_change import rule_changes
from engine.domain.effects import Audit
from engine.domain.market import EventGroup, Market, canonical_rules, rules_hash
from engine.domain.review import COMMAND_LINE, Review, RuleChange
from engine.domain.units import Ms
from engine.domain.views import RulesStanding
from engine.ports import StoreError
from storage.files import open_storage
from storage.lock import FolderLock, FolderLockedError, hold_folder
from storage.readonly import StoredRules, read_rules


@click.command()
@click.argument("code")
@DATA
@click.option(
    "--accept",
    "accepted",
    metavar="HASH",
    help="Store that you have read the rules with this whole hash. The desk must not run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def review(code: str, data_dir: Path, accepted: str | None, as_json: bool) -> None:  # noqa: FBT001 - an option
    """Show an event's rules as last read, what changed since somebody read them, and who did.

    CODE is the event's short name, as on the cards: fed5.
    """
    if accepted is not None:
        _accept(data_dir, code, accepted)
    found = _found(data_dir, code)
    if as_json:
        click.echo(json.dumps(_as_json(found)))
    else:
        click.echo("\n".join(_lines(found)))


def _found(data_dir: Path, code: str) -> StoredRules:
    found = read_rules(data_dir, code)
    if found is None:
        raise StoreError(
            f"expected the code of an event that the desk of {data_dir} has read, found {code!r}; "
            "/dutch in its chat lists them"
        )
    return found


def _accept(data_dir: Path, code: str, accepted: str) -> None:
    """Store the review of exactly these rules; raises FolderLockedError while a desk runs on the folder."""
    _found(data_dir, code)  # a folder without a desk is refused before a lock file is made in it
    try:
        lock = hold_folder(data_dir)
    except FolderLockedError as error:
        advice = f'its chat stores reviews while it runs: /review {code}, then "I have read it"'
        raise FolderLockedError(data_dir, error.pid, advice) from error
    with lock:
        found = _found(data_dir, code)
        present = rules_hash(found.event)
        if accepted != present:
            raise StoreError(
                f"expected the hash of the rules of {code} as last read, {present}; found {accepted}: "
                "nothing was stored, read them again"
            )
        # A review by the TOML counts while its line stands there, which this command does not read.
        is_config = found.review is not None and found.review.is_config
        if is_config or _standing(found) is not RulesStanding.REVIEWED:
            asyncio.run(_store(lock, found, SystemClock()))


async def _store(lock: FolderLock, found: StoredRules, clock: Clock) -> None:
    event, now_ms = found.event, clock.now_ms()
    done = Review(event.event_id, canonical_rules(event), None, COMMAND_LINE, now_ms)
    async with open_storage(lock, clock) as storage:
        await storage.store.save_review(done)
        detail = f"{event.event_id} {done.rules_hash}, by the command line"
        await storage.store.append_audit(Audit(now_ms, None, "rules reviewed", event.code, detail))


def _standing(found: StoredRules) -> RulesStanding:
    """Return how the rules stand by what is stored; a desk stores entries of the TOML when it meets them."""
    if found.freeze is not None:
        return RulesStanding.CHANGED
    if found.review is None:
        return RulesStanding.UNREAD
    is_same = found.review.rules_hash == rules_hash(found.event)
    return RulesStanding.REVIEWED if is_same else RulesStanding.CHANGED


def _changes(found: StoredRules) -> tuple[RuleChange, ...]:
    if found.review is None:
        return ()
    return rule_changes(found.review.rules, canonical_rules(found.event))


def _lines(found: StoredRules) -> list[str]:
    """Return everything there is to read, nothing cut."""
    event, present = found.event, rules_hash(found.event)
    return [
        f"{event.code} · {event.title}",
        f"{_standing(found).value}; {_read_by(found)}",
        *([] if found.freeze is None else [f"frozen: {found.freeze.reason}"]),
        f"rules hash {present}",
        f"ends {event.end_date or 'at no stated time'}, source {event.resolution_source or 'none named'}",
        *[line for change in _changes(found) for line in _change_lines(change)],
        "",
        "rules:",
        event.rules_text or "(empty)",
        "",
        f"outcomes: {len(event.markets)}",
        *[f"- {market.name or market.question}{_own_text(event, market)}" for market in event.markets],
        *([] if _standing(found) is RulesStanding.REVIEWED else ["", _next_step(found)]),
    ]


def _own_text(event: EventGroup, market: Market) -> str:
    """Return an outcome's text where it is not the event's."""
    return "" if market.rules_text == event.rules_text else f": {market.rules_text or '(empty)'}"


def _change_lines(change: RuleChange) -> list[str]:
    return ["", f"changed, {change.name}:", f"  old: {change.old or '-'}", f"  new: {change.new or '-'}"]


def _next_step(found: StoredRules) -> str:
    code, present = found.event.code, rules_hash(found.event)
    return (
        f"Read that exactly one outcome must win. Then press the button under /review {code} in the chat, or "
        f"with the desk stopped: dutchdesk review {code} --data FOLDER --accept {present}"
    )


def _read_by(found: StoredRules) -> str:
    if found.review is None:
        return "no review is stored"
    who = (
        f"{found.review.who} (counts while the TOML says so)" if found.review.is_config else found.review.who
    )
    return f"last read by {who} at {_utc(found.review.at_ms)}, hash {found.review.rules_hash}"


def _utc(at_ms: Ms) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _as_json(found: StoredRules) -> dict[str, Any]:
    event, done = found.event, found.review
    return {
        "code": event.code,
        "event_id": event.event_id,
        "title": event.title,
        "rules_hash": rules_hash(event),
        "standing": _standing(found).value,
        "frozen": None if found.freeze is None else found.freeze.reason,
        "review": None
        if done is None
        else {"who": done.who, "user_id": done.user_id, "at_ms": done.at_ms, "rules_hash": done.rules_hash},
        "changes": [asdict(change) for change in _changes(found)],
        "rules_text": event.rules_text,
        "resolution_source": event.resolution_source,
        "end_date": event.end_date,
        "outcomes": [{"name": market.name, "rules_text": market.rules_text} for market in event.markets],
    }
