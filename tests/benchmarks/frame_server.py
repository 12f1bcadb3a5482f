"""A bare market channel in a process of its own: whoever subscribes is sent the whole stream.

`python -m tests.benchmarks.frame_server MESSAGES SEED` prints its port and serves `/burst` (as fast as it is
read) and `/paced/R` (R messages a second, one write each) until its standard input is closed.
"""

import os
import sys
import threading
import time

from websockets.frames import Frame, Opcode
from websockets.sync.server import ServerConnection, serve

from tests.benchmarks.stream import BUSY, make_stream

_CHUNK = 64
"""Messages of one write in a burst."""


def main(messages: int, seed: int) -> None:
    """Serve until standard input ends, which it does with the process that started this one."""
    pin(-1)
    stream = make_stream(BUSY, messages, seed)
    dump, framed = (b"".join(_framed(raw) for raw in stream.dump), [_framed(raw) for raw in stream.frames])
    chunks = [b"".join(framed[start : start + _CHUNK]) for start in range(0, len(framed), _CHUNK)]

    def send(connection: ServerConnection) -> None:
        connection.recv()
        connection.socket.sendall(dump)
        assert connection.request is not None, "the handshake is over"
        _, _, rate = connection.request.path.partition("/paced/")
        if not rate:
            for chunk in chunks:
                connection.socket.sendall(chunk)
        else:
            due = time.monotonic()
            for frame in framed:
                due += 1 / int(rate)
                time.sleep(max(0.0, due - time.monotonic()))
                connection.socket.sendall(frame)
        for _ in connection:  # until the reader leaves
            pass

    with serve(send, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.socket.getsockname()[1], flush=True)  # noqa: T201 - how the other process learns it
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


def pin(core: int) -> None:
    """Keep this process on one core (-1: the last one), where the platform can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def _framed(raw: bytes) -> bytes:
    return Frame(Opcode.TEXT, raw).serialize(mask=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
