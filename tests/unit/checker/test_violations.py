"""Each invariant, spoiled by hand in every way it speaks of: the right one breaks, and names the culprit."""

from collections.abc import Callable

import pytest

from tests.checker.evidence import Given
from tests.checker.verdict import check
from tests.unit.checker.scene import REST, SIZE, TICKET, Scene
from tests.unit.storage.builders import NOW

Spoil = Callable[[Scene], object]


def broken(scene: Scene, given: Given = REST) -> dict[str, str]:
    """Every broken invariant with its sentences in one text."""
    return {name: " | ".join(found) for name, found in check(scene.seen(given)).items() if found}


def drop(scene: Scene, view: str, **where: object) -> None:
    scene.views[view].remove(scene.row(view, **where))


def again(scene: Scene, view: str, where: dict[str, object], **other: object) -> None:
    scene.views[view].append(scene.row(view, **where) | other)


def arrive(scene: Scene, leg: int, at_ms: int, digest: str | None = None) -> None:
    """One more POST of an order's bytes at the exchange."""
    entry = next(
        e for e in scene.exchange["requests"] if any(x["order"] == scene.ids[leg] for x in e["legs"])
    )
    part = next(x for x in entry["legs"] if x["order"] == scene.ids[leg])
    more = entry | {"arrival": 90, "arrived_ms": at_ms, "at_ms": at_ms}
    more["legs"] = [part | ({} if digest is None else {"body_sha256": digest})]
    scene.exchange["requests"].append(more)


def stranger(scene: Scene, **other: object) -> None:
    """An order of our account that the ledger never heard of."""
    scene.exchange["orders"].append(scene.order(0) | {"id": "0xstranger"} | other)


def twin(scene: Scene, *, placed_ms: int) -> None:
    """A replacement of the third leg, with everything it needs but a dead predecessor."""
    for view in ("v_order", "v_attempt", "v_risk", "v_step"):
        for row in [row for row in scene.views[view] if row["order_id"] == scene.ids[2]]:
            scene.views[view].append(row | {"order_id": "0xtwin"})
    arrive(scene, 2, placed_ms)
    scene.exchange["requests"][-1]["legs"][0]["order"] = "0xtwin"
    order = scene.order(2)
    scene.exchange["orders"].append(order | {"id": "0xtwin", "placed_ms": placed_ms, "ended_ms": NOW + 700})


CASES: list[tuple[str, Spoil, str]] = [
    ("I1", lambda s: drop(s, "v_attempt", order_id=s.ids[2], number=2), "arrived 2 times, 1 attempts"),
    ("I1", lambda s: arrive(s, 0, NOW + 30), "arrived 2 times, 1 attempts"),
    ("I1", lambda s: s.row("v_attempt", order_id=s.ids[0]).update(at_ms=NOW + 5_000), "attempt 1 is of"),
    ("I2", lambda s: twin(s, placed_ms=NOW + 590), "0xtwin was placed while"),
    ("I3", lambda s: arrive(s, 2, NOW + 400, "00" * 32), "sent with 2 different bodies"),
    ("I3", lambda s: s.row("v_attempt", order_id=s.ids[0]).update(body_sha256="00" * 32), "other bytes than"),
    ("I4", lambda s: s.exchange["trades"][0].update(size=150_000_000 + 10_001), "authorised were 200000000"),
    ("I5", stranger, "does not know: 0xstranger"),
    ("I6", lambda s: s.order(2).update(ended_ms=None), "open at the exchange alone"),
    (
        "I6",
        lambda s: s.row("v_order", order_id=s.ids[2]).update(state="live", is_final=0),
        "in the ledger alone",
    ),
    ("I6", lambda s: s.row("v_order", order_id=s.ids[2]).update(state="unknown", is_final=0), "never proven"),
    ("I7", lambda s: again(s, "v_fill", {"trade_id": "trade-0"}), "booked more than once"),
    ("I7", lambda s: drop(s, "v_fill", trade_id="trade-0"), "never booked"),
    (
        "I7",
        lambda s: s.row("v_fill", trade_id="trade-0").update(trade_id="trade-9"),
        "no match at the exchange",
    ),
    ("I7", lambda s: s.row("v_fill", trade_id="trade-0").update(size=SIZE - 1), "size is 199999999"),
    ("I7", lambda s: s.row("v_fill", trade_id="trade-0").update(cash=1), "cash is 1"),
    ("I7", lambda s: s.row("v_fill", trade_id="trade-0").update(fee=1_711_221), "fee is 1711221"),
    ("I7", lambda s: s.row("v_fill", trade_id="trade-0").update(token_id="7"), "token is 7"),
    ("I7", lambda s: s.row("v_fill", trade_id="trade-0").update(side="SELL"), "side is SELL"),
    (
        "I7",
        lambda s: s.row("v_fill", trade_id="trade-0").update(settlement="matched"),
        "at the exchange it is",
    ),
    ("I8", lambda s: again(s, "v_risk", {"move": "undo"}, seq=900), "undone more than once"),
    ("I8", lambda s: drop(s, "v_risk", move="undo"), "failed and never undone"),
    ("I8", lambda s: s.row("v_risk", move="undo").update(trade_id="trade-0"), "undone without having failed"),
    (
        "I8",
        lambda s: s.row("v_fill", trade_id="trade-1").update(settlement="confirmed"),
        "confirmed position",
    ),
    ("I9", lambda s: s.row("v_confirm").update(spend_max=187_199_999), "at risk, allowed were 187199999"),
    (
        "I9",
        lambda s: again(s, "v_risk", {"order_id": s.ids[0], "move": "reserve"}, seq=0),
        "reserved 256469000",
    ),
    ("I12", lambda s: drop(s, "v_confirm", ticket_id=TICKET), "sent without a confirmation"),
    ("I15", lambda s: s.row("v_attempt", commit_seq=1).update(epoch=2), "epoch 1, after one of epoch 2"),
    ("I15", lambda s: s.row("v_attempt", commit_seq=1).update(epoch=None), "has no epoch"),
    ("I15", lambda s: s.row("v_attempt", commit_seq=4).update(epoch=7), "which nobody took"),
    ("I15", lambda s: s.row("v_attempt", commit_seq=4).update(epoch=2), "older than its epoch 2"),
    ("I15", lambda s: s.row("v_lease", epoch=2).update(epoch=3), "do not count up by one"),
    ("I16", lambda s: s.row("v_audit", seq=1).update(payload="[]"), "audit line 1 does not follow"),
    ("I16", lambda s: s.row("v_audit", seq=1).update(hash="ab" * 32), "audit line 1 does not follow"),
    ("I16", lambda s: drop(s, "v_audit", seq=1), "audit line 1 does not follow"),
    ("I16", lambda s: drop(s, "v_audit", seq=2), "ends at line 1, its anchor names line 2"),
    ("I16", lambda s: setattr(s, "anchor", (2, "ab" * 32)), "another one than its anchor names"),
    ("I16", lambda s: drop(s, "v_request", kind="cancel"), "1 cancels of"),
    ("I16", lambda s: s.exchange["requests"].pop(), "were answered, 0 arrived"),
    ("I16", lambda s: s.exchange["requests"].pop(0), "was judged 1 times and arrived 0"),
    ("I17", lambda s: s.row("v_attempt", commit_seq=4).update(at_ms=NOW + 2_001), "its books allowed sends"),
    (
        "I18",
        lambda s: again(s, "v_risk", {"order_id": s.ids[2], "move": "release"}, seq=900),
        "the reserve to -",
    ),
    (
        "I18",
        lambda s: drop(s, "v_risk", order_id=s.ids[2], move="release"),
        "has ended and still holds 64117250",
    ),
    ("I18", lambda s: s.row("v_fill", trade_id="trade-0").update(cash=62_200_001), "its fills cost"),
    ("I18", lambda s: s.row("v_risk", order_id=s.ids[2], move="release").update(asset="7"), "in two assets"),
    (
        "I19",
        lambda s: s.row("v_step", state="cancelled").update(state="sending"),
        "went from live to sending",
    ),
    ("I19", lambda s: drop(s, "v_step", order_id=s.ids[0], state="sending"), "began as filled"),
    (
        "I19",
        lambda s: again(s, "v_step", {"state": "cancelled"}, seq=900, state="dead"),
        "went from cancelled to",
    ),
    ("I19", lambda s: drop(s, "v_step", state="cancelled"), "its last step says live"),
]


@pytest.mark.parametrize(("number", "spoil", "sentence"), CASES)
def test_spoiled_day_breaks_the_invariant_and_names_it(scene, number, spoil, sentence):
    spoil(scene)

    found = broken(scene)

    assert sentence in found.get(number, ""), found


def test_every_invariant_is_spoiled_at_least_once(scene):
    assert {number for number, _, _ in CASES} == set(check(scene.seen()))


def test_reserve_that_was_never_made_is_named(scene):
    scene.views["v_risk"] = [row for row in scene.views["v_risk"] if row["order_id"] != scene.ids[2]]

    assert "sent without a reserve" in broken(scene)["I18"]


def test_order_without_any_attempt_is_named(scene):
    scene.views["v_attempt"] = [row for row in scene.views["v_attempt"] if row["order_id"] != scene.ids[0]]

    assert "without any attempt" in broken(scene)["I1"]


def test_request_that_misses_in_the_exec_audit_is_named(scene):
    scene.views["v_request"] = [row for row in scene.views["v_request"] if row["kind"] != "orders"]

    assert "has no row of the exec audit" in broken(scene)["I16"]


def test_replacement_after_the_end_is_legal(scene):
    twin(scene, placed_ms=NOW + 600)

    assert "I2" not in broken(scene)


@pytest.mark.parametrize("foreign", [{"origin": "control"}, {}])
def test_order_that_the_test_placed_is_nobodys_fault(scene, foreign):
    stranger(scene, **foreign)
    given = Given(at_rest=True, foreign=frozenset() if foreign else frozenset({"0xstranger"}))

    assert broken(scene, given) == {}


def test_what_is_under_way_may_differ_until_it_is_at_rest(scene):
    scene.order(2).update(ended_ms=None)
    drop(scene, "v_fill", trade_id="trade-0")
    scene.views["v_risk"] = [row for row in scene.views["v_risk"] if row["trade_id"] != "trade-0"]

    assert broken(scene, Given()) == {}
    assert {"I6", "I7", "I8"} <= broken(scene).keys()


@pytest.mark.parametrize("settlement", ["confirmed", "failed"])
def test_settlement_ahead_of_the_exchange_breaks_at_any_time(scene, settlement):
    for trade in scene.exchange["trades"]:
        trade["status"] = "MINED"
    drop(scene, "v_fill", settlement="failed" if settlement == "confirmed" else "confirmed")

    assert f"is {settlement}, at the exchange it is mined" in broken(scene, Given())["I7"]


@pytest.mark.parametrize("settlement", ["matched", "mined", "retrying"])
def test_settlement_behind_the_exchange_is_legal_while_under_way(scene, settlement):
    scene.row("v_fill", trade_id="trade-0").update(settlement=settlement)

    assert broken(scene, Given()) == {}


@pytest.mark.parametrize(
    ("cap", "most"),
    [
        ("order", 63_911_200),
        ("ticket", 190_222_400),
        ("market", 63_911_200),
        ("event", 190_222_400),
        ("day", 190_222_400),
        ("wallet", 190_222_400),
    ],
)
def test_cap_is_held_to_the_micro_dollar(scene, cap, most):
    """Two legs bought for 62.2 plus 1.7112 each, a third resting at 62.4: all at once."""
    assert broken(scene, Given(caps={cap: most})) == {}
    assert f"had {most} at risk" in broken(scene, Given(caps={cap: most - 1}))["I9"]


def test_books_older_than_the_limit_break(scene):
    assert broken(scene, Given(book_age_ms=40)) == {}
    assert "on books 40 ms old" in broken(scene, Given(book_age_ms=39))["I17"]


def test_request_in_a_dry_span_breaks_and_beside_it_does_not(scene):
    assert broken(scene, Given(dry=((NOW - 9, NOW + 19), (NOW + 511, NOW + 9_999)))) == {}
    assert (
        "request 4 DELETE /orders in a dry run" in broken(scene, Given(dry=((NOW + 510, NOW + 510),)))["I12"]
    )


def test_cancel_without_a_row_is_excused_by_a_death_and_by_nothing_else(scene):
    drop(scene, "v_request", kind="cancel")
    assert "I16" in broken(scene)
    scene.row("v_lease", epoch=1).update(stopped_ms=None)
    assert "I16" in broken(scene), "the next desk began a minute later: there was time for the row"
    scene.row("v_lease", epoch=2).update(acquired_ms=NOW + 600)

    assert "I16" not in broken(scene)
