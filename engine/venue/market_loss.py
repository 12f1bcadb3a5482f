"""Why a market connection ended, as one of a few words: a metric's label and what an operator looks up."""

from enum import Enum

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Close, CloseCode


class Loss(Enum):
    """How a connection, or an attempt at one, ended; the value is a metric's label."""

    UNREACHABLE = "unreachable"
    """No name, no TCP, no TLS, or no answer in time."""
    HANDSHAKE = "handshake"
    """An answer that is not the upgrade we asked for; compression that we did not ask for among them."""
    CLOSED = "closed"
    """The venue or the network ended it."""
    SILENT = "silent"
    """Nothing was heard, not even PONG."""
    STUCK = "stuck"
    """The other side took nothing of what we sent."""
    TOO_LARGE = "too_large"
    """A message above `feed.max_frame_bytes`."""
    PROTOCOL = "protocol"
    """Something that the market channel never sends: compressed, binary, or endless in pieces."""
    REPLACED = "replaced"
    """The feed core found it frozen."""


class SilentError(TimeoutError):
    """Nothing was heard for too long."""


class StuckError(TimeoutError):
    """The other side takes nothing any more."""


def loss_of(error: BaseException) -> Loss:
    """Return what kind of end an error is."""
    match error:
        case SilentError():
            return Loss.SILENT
        case StuckError():
            return Loss.STUCK
        case InvalidHandshake():
            return Loss.HANDSHAKE
        case ConnectionClosed(sent=None) | ConnectionClosed(rcvd_then_sent=True):
            return Loss.CLOSED
        case ConnectionClosed(sent=Close(code=CloseCode.MESSAGE_TOO_BIG)):
            return Loss.TOO_LARGE
        case ConnectionClosed():
            return Loss.PROTOCOL
        case _:
            return Loss.UNREACHABLE
