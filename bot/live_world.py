"""The outside of a desk in live mode: production hosts, the key of the secrets file, the real Telegram.

Constructs and checks addresses; connects to nothing. What the mode demands is `config.modes`' business.
"""

from dataclasses import astuple, replace

from bot.app import Outside
from config.modes import is_loopback
from config.settings import Mode, Settings
from engine.venue.endpoints import PRODUCTION, VenueHosts

TELEGRAM = "https://api.telegram.org"


def live_outside(settings: Settings) -> Outside:
    """Return where a live desk's venue and chat are; `config.modes.refusals` must have found nothing."""
    assert settings.mode is Mode.LIVE, f"expected live mode, was {settings.mode.value}"
    hosts = hosts_inside(settings)
    for url in astuple(hosts):
        assert not is_loopback(url), f"expected no address of this machine in live mode, was {url}"
    telegram, key = settings.telegram, settings.relayer.private_key.get_secret_value()
    assert key, "expected a private key in live mode"
    return Outside(
        hosts=hosts,
        private_key=key,
        telegram_url=telegram.base_url.rstrip("/") or TELEGRAM,
        telegram_token=telegram.token.get_secret_value(),
        webhook_url=telegram.webhook_url,
        webhook_secret=telegram.webhook_secret.get_secret_value(),
        # A webhook that points elsewhere may be another desk's: a person decides.
        take_over=False,
    )


def hosts_inside(settings: Settings) -> VenueHosts:
    """Return production, but for the addresses that the TOML gives."""
    named = settings.relayer.base_url, settings.venue.gamma_url, settings.venue.market_ws_url
    clob, gamma, market_ws = (url.rstrip("/") for url in named)
    return replace(
        PRODUCTION,
        clob=clob or PRODUCTION.clob,
        gamma=gamma or PRODUCTION.gamma,
        market_ws=market_ws or PRODUCTION.market_ws,
    )
