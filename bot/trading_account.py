"""Who trades, from the settings: the key, the wallet and its kind."""

from config.settings import Settings, SettingsError
from engine.venue.keys import SigningKey, checksum_address
from engine.venue.order_body import TradingAccount
from engine.venue.signing import SignatureType


def trading_account(settings: Settings, private_key: str) -> TradingAccount:
    """Return the account of a key under the TOML's wallet; raises SettingsError, which never shows a key."""
    relayer = settings.relayer
    try:
        key = SigningKey(private_key)
        wallet = checksum_address(relayer.wallet or key.address)
        return TradingAccount(key, wallet, SignatureType(relayer.wallet_type))
    except ValueError as error:
        raise SettingsError(f"[relayer] cannot be used: {error}") from None
