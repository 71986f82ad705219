"""Processes of a bank whose database, clock, disk or plugins fail."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from bolt_proxy import BoltProxy

from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue

SECRET = "a-secret-of-more-than-thirty-two-characters"
JUMPING = Path(__file__).with_name("jumping")
"""The folder that makes the clock of a process jump."""
PATIENCE = 90.0
"""Seconds after which something that should have happened has not; the machine may be busy."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(what: Callable[[], Awaitable[object]], told: str) -> None:
    """Wait until ``what`` is true."""
    ends = time.monotonic() + PATIENCE
    while not await what():
        assert time.monotonic() < ends, told
        await asyncio.sleep(0.1)


class FaultyBank:
    """Servers ``first`` (behind the proxy) and ``second`` (at Neo4j itself), and what is asked of them."""

    def __init__(self, address: tuple[str, str], proxy: BoltProxy, database: Database, folder: Path) -> None:
        self.address, self.proxy, self.database, self.folder = address, proxy, database, folder
        self.first, self.second = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.http = httpx.AsyncClient(timeout=PATIENCE)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, *command: str, uri: str | None = None, **settings: str) -> subprocess.Popen[bytes]:
        """Start a process; its log is the file of its name."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GRAPH_CRM_", "NEO4J_"))}
        environment = {
            **kept,
            "NEO4J_URI": uri or self.address[0],
            "NEO4J_PASSWORD": self.address[1],
            "GRAPH_CRM_DATA_DIR": str(self.folder / name),
            "GRAPH_CRM_JWT_SECRET": SECRET,
            "GRAPH_CRM_JWT_HS256": "true",
            "PYTHONPATH": str(JUMPING),
            "JUMPING_CLOCK": str(self.jump(name)),
            **settings,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "graph_crm", *command], env=environment, stdout=log, stderr=log
            )
        self.processes[name] = process
        return process

    def jump(self, name: str, **period: float) -> Path:
        """Put the wall clock of a process off by a period from now on, back to the true time without one."""
        file = self.folder / f"{name}.clock"
        with file.open("r+b" if file.exists() else "xb") as clock:
            clock.write(struct.pack("d", timedelta(**period).total_seconds()))
        return file

    def log(self, name: str) -> str:
        """What the process said so far."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    def serve(self, name: str, url: str, uri: str | None = None, **settings: str) -> subprocess.Popen[bytes]:
        """Start a server at ``url``."""
        return self.run(name, "serve", uri=uri, GRAPH_CRM_PORT=url.rpartition(":")[2], **settings)

    async def start(self) -> None:
        """Both servers, ready."""
        self.serve("first", self.first, self.proxy.uri)
        self.serve("second", self.second)
        for url in (self.first, self.second):
            await until(lambda url=url: self.ready(url), f"{url} is ready")  # type: ignore[misc]

    async def stop(self) -> None:
        """End all that still run."""
        await self.http.aclose()
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            await asyncio.to_thread(process.wait, PATIENCE)

    async def ready(self, url: str) -> bool:
        """Whether the server may get traffic."""
        try:
            return (await self.http.get(f"{url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def not_ready(self, url: str) -> bool:
        """Whether the server says that it may not."""
        return not await self.ready(url)

    async def ask(
        self, url: str, query: str, *, lasts: timedelta = timedelta(hours=12), **variables: Any
    ) -> dict[str, Any]:
        """The whole answer of GraphQL, with its errors, to a token that lasts so long from now."""
        headers = {"Authorization": f"Bearer {issue(SECRET, Role.SERVICE, subject='faults', lifetime=lasts)}"}
        answer = await self.http.post(f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers)
        found: dict[str, Any] = answer.json()
        return found

    async def code(self, url: str, query: str) -> tuple[str | None, float]:
        """The code of the first error, None without one, and how many seconds the answer took."""
        started = time.monotonic()
        answer = await self.ask(url, query)
        errors = answer.get("errors")
        return errors and errors[0]["extensions"]["code"], time.monotonic() - started
