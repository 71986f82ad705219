"""A line to Neo4j that is cut again and again: `proxy.py TARGET_PORT SEED SECONDS_BETWEEN_CUTS`; prints its port.

Every cut ends all connections that are open then, in the middle of whatever they carry.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys


class Line:
    """Forwards to 127.0.0.1:``port``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until an end closes it, or it is cut."""
        try:
            upstream, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, to_server}
        with contextlib.suppress(OSError):
            await asyncio.gather(_pipe(reader, to_server), _pipe(upstream, writer))
        self._open -= {writer, to_server}
        for one in (writer, to_server):
            one.transport.abort()

    def cut(self) -> None:
        """Cut every connection."""
        for one in list(self._open):
            one.transport.abort()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


async def main(port: int, seed: int, between: float) -> None:
    """Serve until stdin is closed."""
    chance = random.Random(seed)
    line = Line(port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    gone = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not gone.done():
        await asyncio.wait({gone}, timeout=between * chance.uniform(0.5, 1.5))
        line.cut()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
