"""`python -m tests.checker LEDGER.db EXCHANGE.json`: one line per invariant, status 1 on a violation.

EXCHANGE.json is what the local exchange answers to GET /_local/ledger, for one address or for all.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.checker.evidence import Given, read_evidence
from tests.checker.verdict import INVARIANTS, check


def main(arguments: Sequence[str] | None = None) -> int:
    """Check two files and tell what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.checker", description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("exchange", type=Path)
    parser.add_argument("--at-rest", action="store_true", help="nothing is on its way: both must be equal")
    parser.add_argument(
        "--given",
        type=Path,
        help='JSON of what only the test knows: {"dry": [[from_ms, to_ms]], "foreign": [ids], "caps": {...}}',
    )
    asked = parser.parse_args(arguments)
    told = json.loads(asked.given.read_text(encoding="utf-8")) if asked.given else {}
    given = Given(
        at_rest=asked.at_rest or told.get("at_rest", False),
        dry=tuple((since, until) for since, until in told.get("dry", ())),
        foreign=frozenset(told.get("foreign", ())),
        caps=told.get("caps", {}),
        book_age_ms=told.get("book_age_ms"),
    )
    broken = 0
    for name, found in check(read_evidence(asked.ledger, asked.exchange, given)).items():
        promise = (INVARIANTS[name].__doc__ or "").partition("\n")[0].removeprefix(f"{name}: ")
        lines = [f"{name:4} {'BROKEN' if found else 'holds '} {promise}", *(f"     {one}" for one in found)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
        broken += bool(found)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
