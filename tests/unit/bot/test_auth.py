"""Threats 4, 6, 7, 22: who may speak, in which shape, how late, how often."""

from dataclasses import replace

import pytest

from bot.auth import (
    LATE_MS,
    Allowed,
    Allowlist,
    Incoming,
    Quota,
    Rate,
    Reason,
    Shape,
    TooLate,
    TurnedAway,
    decide,
)
from engine.domain.ids import UserId
from engine.domain.ticket import Operator, Role
from engine.domain.units import Ms
from tests.unit.bot.builders import ANA, BEN, NOW, STRANGER

LIST = Allowlist((ANA, BEN))
GOOD = Incoming(
    shape=Shape.MESSAGE,
    user_id=1001,
    is_bot=False,
    private=True,
    forwarded=False,
    via_bot=False,
    on_behalf=False,
    text="/status",
    age_ms=Ms(500),
)
PRESS = replace(GOOD, shape=Shape.PRESS, text="1.go.T-7K2F.1.x", age_ms=None)


def test_allowlist_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one operator"):
        Allowlist(())


def test_allowlist_same_person_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="once"):
        Allowlist((ANA, replace(BEN, user_id=ANA.user_id)))


@pytest.mark.parametrize("user_id", [1087968824, 0, -1001234])
def test_allowlist_ids_that_are_no_person_are_refused(user_id: int) -> None:
    with pytest.raises(ValueError, match="people"):
        Allowlist((Operator(UserId(user_id), "Anon", Role.ADMIN),))


def test_allowlist_finds_operators_and_nobody_else() -> None:
    assert LIST.find(1001) is ANA
    assert LIST.find(STRANGER) is None
    assert LIST.find(None) is None
    assert LIST.operators == (ANA, BEN)


@pytest.mark.parametrize("incoming", [GOOD, PRESS])
def test_decide_operators_private_message_or_press_is_allowed(incoming: Incoming) -> None:
    assert decide(incoming, LIST, safe=False) == Allowed(ANA)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": None}, Reason.NO_USER),
        ({"user_id": STRANGER}, Reason.STRANGER),
        ({"user_id": STRANGER, "is_bot": True}, Reason.BOT),
        ({"user_id": 1087968824, "is_bot": True, "private": False, "on_behalf": True}, Reason.BOT),
        ({"is_bot": True}, Reason.BOT),
        ({"shape": Shape.OTHER}, Reason.OTHER_SHAPE),
        ({"private": False}, Reason.GROUP),
        ({"forwarded": True}, Reason.FORWARDED),
        ({"via_bot": True}, Reason.VIA_BOT),
        ({"on_behalf": True}, Reason.ON_BEHALF),
        ({"text": None}, Reason.NO_TEXT),
        ({"text": ""}, Reason.NO_TEXT),
    ],
)
@pytest.mark.parametrize("safe", [False, True])
@pytest.mark.parametrize("base", [GOOD, PRESS])
def test_decide_wrong_shape_is_turned_away_even_if_safe(
    base: Incoming, change: dict[str, object], reason: Reason, safe: bool
) -> None:
    assert decide(replace(base, **change), LIST, safe=safe) == TurnedAway(reason)  # type: ignore[arg-type]


def test_decide_stranger_is_silenced_whatever_the_shape() -> None:
    for shape in Shape:
        for private in (True, False):
            incoming = replace(GOOD, user_id=STRANGER, shape=shape, private=private, age_ms=Ms(10**9))
            assert decide(incoming, LIST, safe=True) == TurnedAway(Reason.STRANGER)


@pytest.mark.parametrize(("age_ms", "late"), [(0, False), (LATE_MS, False), (LATE_MS + 1, True)])
def test_decide_command_older_than_a_minute_is_too_late(age_ms: int, late: bool) -> None:
    decision = decide(replace(GOOD, age_ms=Ms(age_ms)), LIST, safe=False)

    assert decision == (TooLate(ANA, Ms(age_ms)) if late else Allowed(ANA))


def test_decide_kill_passes_at_any_age() -> None:
    assert decide(replace(GOOD, age_ms=Ms(86_400_000)), LIST, safe=True) == Allowed(ANA)


def test_quota_beyond_the_limit_is_told_once_and_ends_after_a_minute() -> None:
    quota = Quota(3)

    verdicts = [quota.take(ANA.user_id, NOW) for _ in range(6)]
    later = quota.take(ANA.user_id, Ms(NOW + 60_000))

    assert verdicts == [Rate.OK] * 3 + [Rate.FIRST_OVER, Rate.OVER, Rate.OVER]
    assert later is Rate.OK


def test_quota_of_one_operator_leaves_the_other_alone() -> None:
    quota = Quota(1)
    quota.take(ANA.user_id, NOW)

    assert quota.take(BEN.user_id, NOW) is Rate.OK


def test_quota_flood_keeps_a_bounded_memory() -> None:
    quota = Quota(30)
    for n in range(10_000):
        quota.take(ANA.user_id, Ms(NOW + n))

    assert len(quota._taken[ANA.user_id]) <= 30
