"""What each mode demands before the desk may start."""

from typing import Any

import pytest

from config.modes import is_loopback, refusals, uses_telegram
from config.settings import Settings, parse
from tests.unit.config.test_settings import changed, example

SECRET = "Zx9-" * 10
TOKEN = "123456:a-token-for-tests"


def settings(**telegram: Any) -> Settings:
    return parse(changed("telegram", **telegram), source="t")


def test_paper_starts_without_a_key_and_without_a_token() -> None:
    assert refusals(parse(example() | {"mode": "paper"}, source="t")) == []


@pytest.mark.parametrize("url", ["https://venue.example", "wss://venue.example", "http://127.0.0.1:9001"])
def test_paper_reads_its_market_from_production_or_from_this_machine(url: str) -> None:
    assert refusals(parse(changed("venue", market_ws_url=url) | {"mode": "paper"}, source="t")) == []


def test_paper_refuses_market_data_without_tls_from_elsewhere() -> None:
    values = changed("venue", market_ws_url="ws://venue.example") | {"mode": "paper"}

    (told,) = refusals(parse(values, source="t"))

    assert told.startswith("venue.market_ws_url: expected nothing, an https or wss address")


def test_paper_never_gives_a_real_token_to_a_stand_in() -> None:
    values = changed("telegram", token=TOKEN, base_url="http://127.0.0.1:8081") | {"mode": "paper"}

    assert "take the token out" in refusals(parse(values, source="t"))[0]


def test_shipped_configuration_starts() -> None:
    assert refusals(parse(example(), source="t")) == []


@pytest.mark.parametrize(
    ("table", "key"),
    [("relayer", "base_url"), ("venue", "gamma_url"), ("venue", "market_ws_url")],
)
def test_local_mode_refuses_a_venue_outside_this_machine(table: str, key: str) -> None:
    values = changed(table, **{key: "https://venue.example"})

    (told,) = refusals(parse(values, source="t"))

    assert told.startswith(f"{table}.{key}: expected a loopback address")


def test_local_mode_takes_a_venue_on_loopback() -> None:
    values = changed("relayer", base_url="http://127.0.0.1:9001")

    assert refusals(parse(values, source="t")) == []


def test_token_asks_for_a_public_address_and_a_long_secret() -> None:
    told = refusals(settings(token=TOKEN))

    assert [line.split(":")[0] for line in told] == ["telegram.webhook_url", "telegram.webhook_secret"]


def test_token_with_address_and_secret_may_start() -> None:
    ready = settings(token=TOKEN, webhook_url="https://desk.example/tg", webhook_secret=SECRET)

    assert refusals(ready) == []
    assert uses_telegram(ready)


def test_real_token_is_never_given_to_a_stand_in() -> None:
    told = refusals(settings(token=TOKEN, base_url="http://127.0.0.1:8081"))

    assert "take the token out" in told[0]


def live(telegram: dict[str, Any] | None = None, **tables: dict[str, Any]) -> Settings:
    """A configuration that live mode takes, but for what is changed."""
    ready = {"token": TOKEN, "webhook_url": "https://desk.example/tg", "webhook_secret": SECRET}
    values = example() | {"mode": "live"}
    values["telegram"] = {**values.get("telegram", {}), **ready, **(telegram or {})}
    values["relayer"] = {**values["relayer"], "private_key": "0x" + "11" * 32, **tables.get("relayer", {})}
    values["venue"] = {**values.get("venue", {}), **tables.get("venue", {})}
    return parse(values, source="t")


def test_live_with_key_telegram_and_caps_may_start() -> None:
    assert refusals(live()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9001", "https://localhost", "http://venue.example"])
def test_live_refuses_a_venue_on_this_machine_or_without_tls(url: str) -> None:
    (told,) = refusals(live(relayer={"base_url": url}))

    assert told.startswith("relayer.base_url: expected nothing or the venue's own https")


@pytest.mark.parametrize("url", ["https://telegram.example", "http://api.telegram.org", "http://127.0.0.1:1"])
def test_live_refuses_every_telegram_but_telegrams_own(url: str) -> None:
    (told,) = refusals(live({"base_url": url}))

    assert told.startswith("telegram.base_url: expected")


def test_live_names_everything_that_is_missing_at_once() -> None:
    bare = parse(
        example()
        | {
            "mode": "live",
            "telegram": {"base_url": "http://127.0.0.1:1"},
            "venue": {"gamma_url": "http://x.y"},
        },
        source="t",
    )

    assert [line.split(":")[0] for line in refusals(bare)] == [
        "venue.gamma_url",
        "relayer.private_key",
        "telegram.token",
        "telegram.base_url",
    ]


def test_without_a_token_the_chat_is_the_stand_in() -> None:
    assert not uses_telegram(parse(example(), source="t"))


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:80", True),
        ("http://localhost", True),
        ("ws://[::1]:9", True),
        ("http://127.0.0.1.example.com", False),
        ("http://user@10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_judged_by_the_host_alone(url: str, here: bool) -> None:
    assert is_loopback(url) is here
