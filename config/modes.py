"""What each mode demands before the desk may start. Refusals say what is missing, all at once."""

from urllib.parse import urlsplit

from config.settings import Mode, Settings

TELEGRAM_HOST = "api.telegram.org"
SECRET_LENGTH_MIN = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")

NOT_BUILT: dict[Mode, tuple[str, ...]] = {
    Mode.LOCAL: (),
    Mode.PAPER: ("the paper venue (queue position and latency on production streams)",),
    Mode.LIVE: (
        "the desk's own user socket and heartbeat",
        "the rate governor and the venue-state machine",
        "start-up checks of geoblock, allowances, balance and clock",
        "repair of broken plans",
    ),
}
"""Parts that must exist before a mode may run; the roadmap tells which comes when."""


def refusals(settings: Settings) -> list[str]:
    """Return why this configuration may not start, empty if it may."""
    missing = NOT_BUILT[settings.mode]
    if missing:
        listed = "; ".join(missing)
        return [
            f'mode = "{settings.mode.value}" is refused, still missing: {listed}. Use mode = "local" for now'
        ]
    return [*addresses_outside(settings), *_wallet(settings), *_telegram(settings)]


def addresses_outside(settings: Settings) -> list[str]:
    """Return which addresses of the TOML local mode refuses because they are not on this machine."""
    urls = (
        ("relayer.base_url", settings.relayer.base_url),
        ("venue.gamma_url", settings.venue.gamma_url),
        ("venue.market_ws_url", settings.venue.market_ws_url),
    )
    return [
        f"{name}: expected a loopback address or nothing in local mode, found {url}"
        for name, url in urls
        if url and not is_loopback(url)
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
    if telegram.base_url and urlsplit(telegram.base_url).hostname != TELEGRAM_HOST:
        expected = "telegram.base_url: expected nothing or Telegram's own address beside a real token, "
        return [
            expected + f"found {telegram.base_url}; take the token out of the secrets file to use a stand-in"
        ]
    found: list[str] = []
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


def uses_telegram(settings: Settings) -> bool:
    """Tell whether the chat is Telegram itself; in local mode without a token it is the stand-in."""
    return bool(settings.telegram.token.get_secret_value())


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK
