"""Which addresses a command reads: the mode decides, then the TOML, then the data folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.venue_hosts import NoExchangeError, hosts_of
from config.settings import Settings, SettingsError, parse
from engine.venue.endpoints import PRODUCTION, VenueHosts
from tests.unit.config.test_settings import changed, example

HTTP, WS = "http://127.0.0.1:9001", "ws://127.0.0.1:9001"


def settings(mode: str = "local", **tables: dict[str, Any]) -> Settings:
    return parse(example() | {"mode": mode} | tables, source="t")


def exchange_in(folder: Path) -> None:
    text = json.dumps({"url": HTTP, "ws_url": WS, "pid": 1})
    (folder / "exchange.json").write_text(text, encoding="utf-8")


def test_local_mode_reads_the_exchange_of_the_folder(tmp_path: Path) -> None:
    exchange_in(tmp_path)

    assert hosts_of(settings(), tmp_path) == VenueHosts.loopback(HTTP, WS)


def test_local_mode_reads_the_addresses_of_the_toml_before_the_folder(tmp_path: Path) -> None:
    exchange_in(tmp_path)
    named = settings(
        relayer={"base_url": "http://127.0.0.1:7/"},
        venue={"gamma_url": "http://127.0.0.1:8/", "market_ws_url": "ws://127.0.0.1:9/m"},
    )

    hosts = hosts_of(named, tmp_path)

    assert (hosts.clob, hosts.gamma, hosts.market_ws) == (
        "http://127.0.0.1:7",
        "http://127.0.0.1:8",
        "ws://127.0.0.1:9/m",
    )


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"url": "http://127.0.0.1:1"}'])
def test_folder_without_an_exchange_says_how_to_start_one(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "exchange.json").write_text(text, encoding="utf-8")

    with pytest.raises(NoExchangeError, match=r"running local exchange in .* `dutchdesk exchange"):
        hosts_of(settings(), tmp_path)


def test_local_mode_never_reads_a_host_outside_this_machine(tmp_path: Path) -> None:
    outside = parse(changed("venue", gamma_url="https://gamma-api.polymarket.com"), source="t")

    with pytest.raises(SettingsError, match=r"venue\.gamma_url: expected a loopback address"):
        hosts_of(outside, tmp_path)


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_paper_and_live_read_production_whatever_the_folder_holds(tmp_path: Path, mode: str) -> None:
    exchange_in(tmp_path)

    assert hosts_of(settings(mode), tmp_path) == PRODUCTION


def test_paper_takes_an_address_of_the_toml(tmp_path: Path) -> None:
    hosts = hosts_of(settings("paper", venue={"gamma_url": "https://gamma.example/"}), tmp_path)

    assert (hosts.gamma, hosts.clob) == ("https://gamma.example", PRODUCTION.clob)
