"""The webhook that is set: its checks, what getWebhookInfo says. Pure state on a clock.

Facts: spec/telegram.md (b). One difference from Telegram, on purpose: plain http on any port is accepted for
a loopback address, and other addresses are never tried out when they are set.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.local.standin.pending import PendingUpdates
from bot.local.standin.refusal import Params, Refusal, bad_request
from bot.local.standin.updates import KINDS
from bot.wire import JsonObject
from engine.clock import Clock

HTTPS_PORTS = frozenset({80, 88, 443, 8443})
SECRET_MAX = 256
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
CONNECTIONS_DEFAULT, CONNECTIONS_MAX = 40, 100
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where updates go. `secret` "" sends no header."""

    url: str
    secret: str
    connections_max: int


@dataclass(frozen=True, slots=True)
class DeliveryError:
    """The last failed delivery."""

    at_s: int
    text: str


def _bad_webhook(text: str) -> Refusal:
    return bad_request(f"bad webhook: {text}")


class Webhook:
    """The one webhook of the bot."""

    def __init__(self, clock: Clock, pending: PendingUpdates) -> None:
        self._clock = clock
        self._pending = pending
        self._kinds: tuple[str, ...] = ()
        self._last_error: DeliveryError | None = None
        self.target: Target | None = None

    def set(self, params: Params) -> str:
        """Take setWebhook (an empty url deletes) and return Telegram's remark; raises Refusal."""
        url = params.text("url").strip()
        if not url:
            return self.delete(params)
        _check_url(url)
        secret = params.text("secret_token")
        if len(secret) > SECRET_MAX:
            raise bad_request("secret token is too long")
        if not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        self.read_kinds(params)
        connections = params.integer("max_connections", CONNECTIONS_DEFAULT)
        target = Target(url, secret, min(max(connections, 1), CONNECTIONS_MAX))
        if params.flag("drop_pending_updates"):
            self._pending.drop_all()
        remark = "Webhook is already set" if target == self.target else "Webhook was set"
        self.target, self._last_error = target, None
        return remark

    def delete(self, params: Params) -> str:
        """Take deleteWebhook and return Telegram's remark."""
        if params.flag("drop_pending_updates"):
            self._pending.drop_all()
        remark = "Webhook was deleted" if self.target else "Webhook is already deleted"
        self.target = None
        return remark

    def read_kinds(self, params: Params) -> None:
        """Take `allowed_updates`; absent, the last list stays in force. Unknown kinds are ignored."""
        listed = params.nested("allowed_updates", "allowed updates")
        if listed is None:
            return
        if not isinstance(listed, list):
            raise bad_request("can't parse allowed updates: expected an Array of String")
        self._kinds = tuple(kind for kind in listed if isinstance(kind, str) and kind in KINDS)
        self._pending.allow(frozenset(self._kinds))

    def failed(self, text: str) -> None:
        """Keep the last delivery error for getWebhookInfo."""
        self._last_error = DeliveryError(self._clock.now_ms() // 1_000, text)

    def to_json(self) -> JsonObject:
        """Return the Bot API's WebhookInfo object."""
        fields: JsonObject = {
            "url": self.target.url if self.target else "",
            "has_custom_certificate": False,
            "pending_update_count": self._pending.count(),
        }
        if self.target is not None:
            fields["max_connections"] = self.target.connections_max
        if self._kinds:
            fields["allowed_updates"] = list(self._kinds)
        if self._last_error is not None:
            fields["last_error_date"] = self._last_error.at_s
            fields["last_error_message"] = self._last_error.text
        return fields


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad_webhook("Invalid port specified") from None
    if not parts.hostname:
        raise _bad_webhook("URL host is empty")
    if parts.hostname in LOOPBACK_HOSTS and parts.scheme in {"http", "https"}:
        return
    if parts.scheme != "https":
        raise _bad_webhook("An HTTPS URL must be provided for webhook")
    if (port or 443) not in HTTPS_PORTS:
        raise _bad_webhook("Webhook can be set up only on ports 80, 88, 443 or 8443")
