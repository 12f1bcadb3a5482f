"""JSON log lines with secrets taken out by value, whatever wrote the line.

Secrets are registered once at the start; the filter replaces each of them, its base64 and its hex form,
and anything shaped like a Telegram token, in every record of the root handler. The HTTP client of the
Telegram library prints its URLs at INFO and so stays at WARNING.
"""

import base64
import json
import logging
import re
import sys
from typing import TextIO
from urllib.parse import quote, quote_plus

_TOKEN_SHAPE = re.compile(r"(?<!\d)\d{5,}:[A-Za-z0-9_-]{30,}")
_HIDDEN = "[hidden]"
_SHORTEST_SECRET = 8


class Redactor:
    """Replaces registered secrets and token-shaped text."""

    def __init__(self) -> None:
        self._forms: list[str] = []

    def register(self, secret: str) -> None:
        """Hide `secret` from now on, also as hex, base64, in a URL, and as JSON escapes it."""
        if len(secret) < _SHORTEST_SECRET:
            return
        encoded = secret.encode()
        bare = secret.removeprefix("0x")
        forms = {
            secret,
            bare,
            bare.upper(),
            bare.lower(),
            "0x" + bare.upper(),
            encoded.hex(),
            encoded.hex().upper(),
            base64.b64encode(encoded).decode(),
            base64.urlsafe_b64encode(encoded).decode(),
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
        }
        # The longest first: a shorter form inside a longer one must not leave the rest of it standing.
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return `text` without any registered secret."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return _TOKEN_SHAPE.sub(_HIDDEN, text)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and fields passed as `extra={"fields": …}`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one redacted line."""
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return self._redactor.clean(json.dumps(line, ensure_ascii=False, default=str))


def configure(redactor: Redactor, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every logger through one redacting JSON handler; quiet the libraries that print URLs."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(redactor))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("httpx", "httpcore", "telegram", "apscheduler", "websockets", "aiohttp.access"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
