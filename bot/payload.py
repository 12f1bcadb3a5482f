"""What a ticket's button carries: `1.<move>.<ticket>.<version>.<mac>`, at most 64 bytes, sealed.

The MAC binds user, chat, ticket, move and version under a secret of its own (never the bot token). It proves
that this desk made the button for this person; whether the press still counts is decided by the ticket alone.
"""

import base64
import hashlib
import hmac
import re

from bot.card import Act, CommandAct, MoveAct
from engine.domain.commands import Press
from engine.domain.ids import TicketId
from engine.domain.ticket import BUTTONS, Move

PAYLOAD_MAX = 64
"""Bytes of callback data (Bot API)."""
MAC_BYTES = 12
"""96 bits: 16 characters of URL-safe base64 without padding."""
SECRET_MIN = 16
"""Bytes of the sealing secret."""
SAY, SAY_HERE = "c.", "r."
"""Prefix of a button that says a command: as a new card, or in place of its own."""

_MOVES = {move.value: move for move in BUTTONS}
_SHAPE = re.compile(
    rf"1\.(?P<move>{'|'.join(sorted(_MOVES))})\.(?P<ticket>T-[0-9A-Z]{{4,8}})"
    r"\.(?P<version>[1-9][0-9]{0,5})\.(?P<mac>[A-Za-z0-9_-]{16})",
    re.ASCII,
)


class Sealer:
    """Makes and opens payloads with one secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_MIN:
            raise ValueError(f"expected a button secret of at least {SECRET_MIN} bytes, was {len(secret)}")
        self._secret = secret

    def seal(self, *, user_id: int, chat_id: int, ticket_id: TicketId, move: Move, version: int) -> str:
        """Return the data of one button."""
        head = f"1.{move.value}.{ticket_id}.{version}"
        sealed = f"{head}.{self._mac(user_id, chat_id, head)}"
        assert _SHAPE.fullmatch(sealed), f"expected a sealable button, was {head}"
        assert len(sealed.encode()) <= PAYLOAD_MAX, f"expected at most {PAYLOAD_MAX} bytes, was {head}"
        return sealed

    def open_(self, payload: str, *, user_id: int, chat_id: int, message_id: int) -> Press | None:
        """Return the press, or None when the payload is not one this desk made for this user and chat."""
        found = _SHAPE.fullmatch(payload)
        if found is None:
            return None
        head = payload.rpartition(".")[0]
        if not hmac.compare_digest(self._mac(user_id, chat_id, head), found["mac"]):
            return None
        return Press(TicketId(found["ticket"]), _MOVES[found["move"]], int(found["version"]), message_id)

    def act(self, act: Act, *, user_id: int, chat_id: int) -> str | None:
        """Return the data of a button's act; None for one the bot never hears of."""
        if isinstance(act, MoveAct):
            return self.seal(
                user_id=user_id,
                chat_id=chat_id,
                ticket_id=act.ticket_id,
                move=act.move,
                version=act.version,
            )
        if isinstance(act, CommandAct):
            spoken = (SAY_HERE if act.in_place else SAY) + act.text
            assert len(spoken.encode()) <= PAYLOAD_MAX, (
                f"expected at most {PAYLOAD_MAX} bytes, was {spoken!r}"
            )
            return spoken
        return None

    def _mac(self, user_id: int, chat_id: int, head: str) -> str:
        """Return the MAC over fields that cannot run into one another: integers and a checked shape."""
        message = f"{user_id}|{chat_id}|{head}".encode()
        digest = hmac.new(self._secret, message, hashlib.sha256).digest()[:MAC_BYTES]
        return base64.urlsafe_b64encode(digest).decode()
