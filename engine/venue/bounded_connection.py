"""A websocket connection that hangs up on what the market channel never sends.

The library bounds the bytes of a message. It does not bound the pieces of one, each of which costs some 200
bytes however little it holds: 4 MiB in fragments of one byte would be 800 MB. It also lets the other side
decide when a refused connection ends. Both are mended here; frames are judged by their kind, never read.
"""

from websockets.asyncio.client import ClientConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

PIECES_MAX = 1_024
"""Frames in a row that end no message: fragments and the protocol's own pings. The venue fragments nothing;
a proxy in between that cuts at 4 KiB would make 1,024 pieces of the longest message of the default."""
_TEXT = Opcode.TEXT
"""A name of our own: to look the member up in its class costs as much as the rest of the test."""


class BoundedConnection(ClientConnection):
    """Delivers whole text messages; anything else costs the connection."""

    _pieces = 0
    """Frames since the last whole message."""

    def process_event(self, event: Event) -> None:
        """Take one frame, or the handshake's answer."""
        if type(event) is Frame and event.opcode is _TEXT and event.fin:
            # What the library does with it, two calls shorter: nearly every message comes this way.
            self._pieces = 0
            self.recv_messages.put(event)
            return
        super().process_event(event)
        if type(event) is Frame:
            self._take_piece(event)

    def _take_piece(self, piece: Frame) -> None:
        """Take a frame that is no whole text message: the end of one, a part of one, or something else."""
        self._pieces = 0 if piece.opcode is Opcode.CONT and piece.fin else self._pieces + 1
        if piece.opcode is Opcode.BINARY:
            self._refuse(CloseCode.UNSUPPORTED_DATA, "binary frame")
        elif self._pieces > PIECES_MAX:
            self._refuse(CloseCode.POLICY_VIOLATION, f"{PIECES_MAX} frames without a whole message")

    def data_received(self, data: bytes) -> None:
        """Take what the network brought; once something in it was refused, hang up at once.

        The library would wait for the other side, which may never do it.
        """
        super().data_received(data)
        if self.protocol.state is State.CLOSING and self.protocol.close_rcvd is None:
            self.transport.close()

    def _refuse(self, code: CloseCode, reason: str) -> None:
        if self.protocol.state is State.OPEN:
            self.protocol.fail(code, reason)
            self.send_data()
