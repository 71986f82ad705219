"""A proxy between driver and Neo4j that misbehaves as told: what a network and a dying server do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit

COMMIT = b"\xb0\x12\x00\x00"
"""The end of Bolt's COMMIT message."""


class BoltProxy:
    """Forwards to a Neo4j. ``hang`` swallows everything, ``lose_commits`` cuts the line before COMMIT is answered."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 7687)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.hang = False
        self.lose_commits = 0
        self.connections = 0

    @property
    def uri(self) -> str:
        """The address to connect to."""
        return f"bolt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every line that is open now."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        upstream, to_server = await asyncio.open_connection(*self._target)
        self._writers |= {writer, to_server}
        lost = asyncio.Event()
        with contextlib.suppress(OSError):
            await asyncio.gather(
                self._pipe(reader, to_server, lost, from_client=True), self._pipe(upstream, writer, lost)
            )
        for one in (writer, to_server):
            one.transport.abort()
        self._writers -= {writer, to_server}
        self._tasks.discard(task)

    async def _pipe(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        lost: asyncio.Event,
        *,
        from_client: bool = False,
    ) -> None:
        while data := await source.read(65536):
            while self.hang:  # noqa: ASYNC110 - a test flips it at any time
                await asyncio.sleep(0.02)
            if from_client and self.lose_commits and data.endswith(COMMIT):
                self.lose_commits -= 1
                lost.set()
            if lost.is_set() and not from_client:
                break
            target.write(data)
            await target.drain()
        target.transport.abort() if lost.is_set() else target.close()
