"""What an interrupted `markets-sync` had already fetched, in the data folder, so that the next one goes on.

One line about the venue and the time, then one line per market. The file is taken once, by a read of the same
venue, while its terms are young enough; whatever is odd about it means a read from the beginning.
"""

import json
from pathlib import Path

from engine.clock import Clock
from engine.domain.ids import ConditionId
from engine.ports import StoreError
from engine.venue.terms_reads import TermsReads

KEPT_FILE = "markets-sync.part"


def save_kept(folder: Path, clob: str, terms: TermsReads, clock: Clock) -> int:
    """Write what a failed read had fetched and return of how many markets; no file if there are none.

    Raises StoreError when the file cannot be written.
    """
    answers, age_us = terms.left_over()
    if answers:
        lines = [json.dumps({"clob": clob, "at_ms": clock.now_ms() - age_us // 1000})]
        lines += [
            json.dumps([c, None if raw is None else raw.decode("utf-8", "replace")])
            for c, raw in answers.items()
        ]
        try:
            (folder / KEPT_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"expected to keep what was read in {folder / KEPT_FILE}, found: {error.strerror}; nothing "
                "was stored, and the next run begins anew"
            ) from error
    return len(answers)


def take_kept(folder: Path, clob: str, terms: TermsReads, clock: Clock) -> None:
    """Give `terms` what an earlier run had fetched from the same venue, and remove the file."""
    path = folder / KEPT_FILE
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        path.unlink()
        about = json.loads(first)
        rows = [json.loads(line) for line in lines]
        answers = {ConditionId(c): None if raw is None else str(raw).encode() for c, raw in rows}
        age_ms = clock.now_ms() - int(about["at_ms"])
        # A clock that was set back would make old terms young.
        if about["clob"] == clob and age_ms >= 0:
            terms.take_up(answers, age_ms * 1000)
    except (OSError, ValueError, KeyError, TypeError):
        return  # nothing kept, or cut short: everything is read from the venue
