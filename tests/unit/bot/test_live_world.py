"""Live wiring, constructed and looked at; nothing is connected to."""

from typing import Any

import pytest

from bot.live_world import live_outside
from config.modes import refusals
from config.settings import Settings, parse
from engine.venue.endpoints import PRODUCTION
from tests.unit.config.test_settings import example

KEY = "0x" + "11" * 32
TELEGRAM: dict[str, Any] = {
    "token": "123456:a-token-for-tests",
    "webhook_url": "https://desk.example/tg",
    "webhook_secret": "Zx9-" * 10,
}


def live(**relayer: Any) -> Settings:
    values = example() | {"mode": "live"}
    values["telegram"] = {**values.get("telegram", {}), **TELEGRAM}
    values["relayer"] = {**values["relayer"], "private_key": KEY, **relayer}
    return parse(values, source="t")


def test_live_is_production_the_real_telegram_and_the_key_of_the_secrets_file() -> None:
    settings = live()
    assert refusals(settings) == []

    outside = live_outside(settings)

    assert outside.hosts == PRODUCTION
    assert outside.telegram_url == "https://api.telegram.org"
    assert outside.private_key == KEY
    assert not outside.take_over, "a webhook that points elsewhere is not taken over unasked"
    assert KEY not in repr(outside)


def test_live_takes_a_named_order_service_and_production_for_the_rest() -> None:
    hosts = live_outside(live(base_url="https://clob-staging.polymarket.com/")).hosts

    assert hosts.clob == "https://clob-staging.polymarket.com"
    assert hosts.gamma == PRODUCTION.gamma


def test_an_address_of_this_machine_never_becomes_a_live_desk() -> None:
    with pytest.raises(AssertionError, match="no address of this machine"):
        live_outside(live(base_url="http://127.0.0.1:9001"))
