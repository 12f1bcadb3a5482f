"""What each mode demands before the desk may start. Refusals say what is missing, all at once."""

from collections.abc import Callable
from urllib.parse import urlsplit

from config.settings import Mode, Settings

TELEGRAM_HOST = "api.telegram.org"
SECRET_LENGTH_MIN = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def refusals(settings: Settings) -> list[str]:
    """Return why this configuration may not start, all at once; empty if it may."""
    return [line for ask in _ASKS[settings.mode] for line in ask(settings)]


def _venue_urls(settings: Settings) -> list[tuple[str, str]]:
    """Return name and value of every address of the venue that the TOML gives."""
    urls = (
        ("relayer.base_url", settings.relayer.base_url),
        ("venue.gamma_url", settings.venue.gamma_url),
        ("venue.market_ws_url", settings.venue.market_ws_url),
    )
    return [(name, url) for name, url in urls if url]


def _addresses_inside(settings: Settings) -> list[str]:
    """Return which addresses live mode refuses: this machine's own, and those without TLS."""
    return [
        f"{name}: expected nothing or the venue's own https or wss address in live mode, found {url}"
        for name, url in _venue_urls(settings)
        if is_loopback(url) or urlsplit(url).scheme not in ("https", "wss")
    ]


def _addresses_read(settings: Settings) -> list[str]:
    """Return which addresses paper mode refuses: it reads the market there and sends no order anywhere."""
    return [
        f"{name}: expected nothing, an https or wss address, or this machine in paper mode, found {url}"
        for name, url in _venue_urls(settings)
        if not is_loopback(url) and urlsplit(url).scheme not in ("https", "wss")
    ]


def _key(settings: Settings) -> list[str]:
    if settings.relayer.private_key.get_secret_value():
        return []
    return ["relayer.private_key: expected a key in the secrets file in live mode, found none"]


def _real_telegram(settings: Settings) -> list[str]:
    """Return what keeps live mode from its chat: it needs the real Telegram, never a stand-in."""
    if uses_telegram(settings):
        return _telegram(settings)
    found = ["telegram.token: expected a bot's token in the secrets file in live mode, found none"]
    base_url = settings.telegram.base_url
    if base_url and not _is_telegram(base_url):
        found.append(f"telegram.base_url: expected Telegram's own address in live mode, found {base_url}")
    return found


def addresses_outside(settings: Settings) -> list[str]:
    """Return which addresses of the TOML local mode refuses because they are not on this machine."""
    return [
        f"{name}: expected a loopback address or nothing in local mode, found {url}"
        for name, url in _venue_urls(settings)
        if not is_loopback(url)
    ]


def _wallet(settings: Settings) -> list[str]:
    relayer = settings.relayer
    if bool(relayer.wallet) is (relayer.wallet_type == 0):
        found = f"found {relayer.wallet or 'none'} with type {relayer.wallet_type}"
        return [f"relayer.wallet: expected a wallet with wallet_type 1 to 3 and none with 0, {found}"]
    return []


def _telegram(settings: Settings) -> list[str]:
    telegram = settings.telegram
    if not uses_telegram(settings):
        return []
    found: list[str] = []
    if telegram.base_url and not _is_telegram(telegram.base_url):
        advice = (
            "" if settings.mode is Mode.LIVE else "; take the token out of the secrets file to use a stand-in"
        )
        expected = "telegram.base_url: expected nothing or Telegram's own https address beside a real token, "
        found.append(f"{expected}found {telegram.base_url}{advice}")
    if not telegram.webhook_url.startswith("https://"):
        found.append(
            "telegram.webhook_url: expected the public https address of /tg, because a token is set; "
            f"found {telegram.webhook_url!r}"
        )
    if len(telegram.webhook_secret.get_secret_value()) < SECRET_LENGTH_MIN:
        found.append(
            f"telegram.webhook_secret: expected at least {SECRET_LENGTH_MIN} random characters in the "
            "secrets file, found fewer"
        )
    return found


def _is_telegram(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname == TELEGRAM_HOST


def uses_telegram(settings: Settings) -> bool:
    """Tell whether the chat is Telegram itself; in local mode without a token it is the stand-in."""
    return bool(settings.telegram.token.get_secret_value())


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK


_ASKS: dict[Mode, tuple[Callable[[Settings], list[str]], ...]] = {
    Mode.LOCAL: (addresses_outside, _wallet, _telegram),
    Mode.PAPER: (_addresses_read, _telegram),
    Mode.LIVE: (_addresses_inside, _key, _wallet, _real_telegram),
}
"""What each mode is asked for. Paper needs neither key nor wallet: it has nobody to show them to."""
