"""`dutchdesk review`: the whole text, the difference, and the review of exactly one hash."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import EXIT_LOCKED, cli, main
from engine.clock import ManualClock
from engine.domain.market import EventGroup, canonical_rules, rules_hash
from engine.domain.review import COMMAND_LINE, CONFIG, Review, RulesFreeze
from engine.ports import StoreError
from storage.files import open_storage
from storage.lock import FolderLockedError, hold_folder
from storage.readonly import read_rules, verify_audit
from tests.support.builders import BEN, NOW, event

OLD = event("fed3")
NEW = replace(OLD, rules_text="Something else wins.\nOr nothing.")
LONG = "Every word of this must be shown. " * 200


async def fill(
    folder: Path, *reads: EventGroup, reviewed: EventGroup | None = None, frozen: bool = False
) -> None:
    """A desk has run here: it read the catalogue, a person may have reviewed, rules may have changed."""
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            for read in reads:
                await storage.store.save_catalogue([read], NOW)
            if reviewed is not None:
                text = canonical_rules(reviewed)
                await storage.store.save_review(Review(OLD.event_id, text, BEN.user_id, BEN.name, NOW))
            if frozen:
                freeze = RulesFreeze(OLD.event_id, rules_hash(reads[-1]), "rules changed: rules text")
                await storage.store.save_rules_freeze(freeze)


def desk_ran(
    folder: Path, *reads: EventGroup, reviewed: EventGroup | None = None, frozen: bool = False
) -> None:
    asyncio.run(fill(folder, *reads, reviewed=reviewed, frozen=frozen))


def run(folder: Path, *options: str, code: str = "fed3") -> Result:
    return CliRunner().invoke(cli, ["review", code, "--data", str(folder), *options])


def test_changed_rules_are_shown_old_beside_new_with_reader_and_next_step(tmp_path: Path) -> None:
    desk_ran(tmp_path, OLD, NEW, reviewed=OLD, frozen=True)

    shown = run(tmp_path).output

    assert "changed since the review; last read by ben at 2026-09-21 " in shown
    assert f"  old: {OLD.rules_text}\n  new: {NEW.rules_text}\n" in shown
    assert f"rules hash {rules_hash(NEW)}" in shown
    assert f"--accept {rules_hash(NEW)}" in shown
    assert "frozen: rules changed" in shown


def test_a_long_text_is_never_cut(tmp_path: Path) -> None:
    desk_ran(tmp_path, replace(OLD, rules_text=LONG))

    assert LONG in run(tmp_path).output


def test_json_tells_the_same(tmp_path: Path) -> None:
    desk_ran(tmp_path, OLD, NEW, reviewed=OLD)

    found = json.loads(run(tmp_path, "--json").output)

    assert (found["event_id"], found["rules_hash"]) == (OLD.event_id, rules_hash(NEW))
    assert found["standing"] == "changed since the review"
    assert found["review"] == {
        "who": "ben", "user_id": BEN.user_id, "at_ms": NOW, "rules_hash": rules_hash(OLD),
    }  # fmt: skip
    assert found["changes"] == [
        {"where": "", "what": "rules text", "old": OLD.rules_text, "new": NEW.rules_text}
    ]


def test_accept_stores_a_review_lifts_the_freeze_and_is_audited(tmp_path: Path) -> None:
    desk_ran(tmp_path, NEW, reviewed=OLD, frozen=True)

    result = run(tmp_path, "--accept", rules_hash(NEW), "--json")

    assert result.exit_code == 0
    assert json.loads(result.output)["standing"] == "reviewed"
    stored = read_rules(tmp_path, "fed3")
    assert stored is not None
    assert stored.review is not None
    assert (stored.review.rules, stored.review.who) == (canonical_rules(NEW), COMMAND_LINE)
    assert (stored.review.user_id, stored.freeze) == (None, None)
    assert getattr(verify_audit(tmp_path), "lines") == 1  # noqa: B009 - intact chains alone have lines


def test_accept_of_another_hash_stores_nothing(tmp_path: Path) -> None:
    desk_ran(tmp_path, NEW, reviewed=OLD, frozen=True)

    result = run(tmp_path, "--accept", rules_hash(OLD))

    assert isinstance(result.exception, StoreError)
    assert "read them again" in str(result.exception)
    stored = read_rules(tmp_path, "fed3")
    assert stored is not None
    assert stored.freeze is not None


def test_accept_of_what_was_reviewed_already_adds_no_row(tmp_path: Path) -> None:
    desk_ran(tmp_path, OLD, reviewed=OLD)

    assert "reviewed; last read by ben" in run(tmp_path, "--accept", rules_hash(OLD)).output


def test_accept_of_what_only_the_toml_reviewed_is_stored(tmp_path: Path) -> None:
    asyncio.run(config_review(tmp_path))
    assert "config (counts while the TOML says so)" in run(tmp_path).output

    assert "last read by command line" in run(tmp_path, "--accept", rules_hash(OLD)).output


async def config_review(folder: Path) -> None:
    with hold_folder(folder) as lock:
        async with open_storage(lock, ManualClock(NOW)) as storage:
            await storage.store.save_catalogue([OLD], NOW)
            await storage.store.save_review(Review(OLD.event_id, canonical_rules(OLD), None, CONFIG, NOW))


def test_accept_beside_a_running_desk_ends_with_75_and_names_the_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk_ran(tmp_path, NEW)
    with hold_folder(tmp_path):
        assert isinstance(run(tmp_path, "--accept", rules_hash(NEW)).exception, FolderLockedError)
        assert run(tmp_path).exit_code == 0, "looking needs no lock"
        monkeypatch.setattr(
            "sys.argv", ["dutchdesk", "review", "fed3", "--data", str(tmp_path), "--accept", rules_hash(NEW)]
        )
        with pytest.raises(SystemExit) as ended:
            main()

    assert ended.value.code == EXIT_LOCKED
    assert "/review fed3" in capsys.readouterr().err
    stored = read_rules(tmp_path, "fed3")
    assert stored is not None
    assert stored.review is None


def test_unknown_code_is_one_sentence(tmp_path: Path) -> None:
    desk_ran(tmp_path, OLD)

    assert "found 'nothing'" in str(run(tmp_path, code="nothing").exception)


@pytest.mark.parametrize("options", [(), ("--accept", "ab" * 32)])
def test_folder_without_a_desk_is_refused_and_stays_empty(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run(tmp_path, *options)

    assert isinstance(result.exception, StoreError)
    assert list(tmp_path.iterdir()) == []
