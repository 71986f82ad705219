"""A bank of its own for a benchmark: an embedded Neo4j in a temporary folder, a generated bank, a server process."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx

from graph_crm import logs
from graph_crm.bootstrap import connected
from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue
from graph_crm.settings import Settings, load

SECRET = "benchmark-" * 5
SEED = 7
LAST_DAY = dt.date(2026, 6, 30)


@contextlib.contextmanager
def temporary_settings() -> Iterator[Settings]:
    """Settings with a data folder that goes when the block ends; NEO4J_URI is left out on purpose."""
    for name in ("NEO4J_URI", "GRAPH_CRM_NEO4J_URI"):
        os.environ.pop(name, None)
    logs.configure(level="error")
    with tempfile.TemporaryDirectory(prefix="graph-crm-bench-") as folder:
        yield load(data_dir=Path(folder), jwt_secret=SECRET)


@contextlib.asynccontextmanager
async def bank(settings: Settings, customers: int) -> AsyncIterator[Database]:
    """The generated bank with about ``customers`` parties."""
    async with connected(settings) as database:
        started = time.perf_counter()
        await seed_demo_bank(database, customers=customers, seed=SEED, as_of=LAST_DAY)
        print(f"seeded {customers} customers in {time.perf_counter() - started:.0f} s", flush=True)
        yield database


def token() -> str:
    """A token that may read everything."""
    return issue(SECRET, Role.AUDITOR)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def of_servers(settings: Settings) -> dict[str, str]:
    """The environment of a server over the engine that runs already, whose tokens `issue` makes with SECRET."""
    return {
        **os.environ,
        "GRAPH_CRM_DATA_DIR": str(settings.data_dir),
        "GRAPH_CRM_JWT_SECRET": SECRET,
        "GRAPH_CRM_JWT_HS256": "true",
        "GRAPH_CRM_LOG_LEVEL": "error",
    }


@contextlib.asynccontextmanager
async def server(settings: Settings) -> AsyncIterator[int]:
    """`graph-crm serve` in a process of its own over the engine that runs already; gives its port."""
    port = free_port()
    environment = {
        **of_servers(settings),
        # One caller is the load of a whole bank here: its limit is checked, and never reached.
        "GRAPH_CRM_REQUESTS_PER_SECOND": json.dumps({role.value: 1_000_000 for role in Role}),
        **({"GRAPH_CRM_PLUGINS_DIR": str(settings.plugins_dir)} if settings.plugins_dir else {}),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "graph_crm", "serve", "--port", str(port), env=environment
    )
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK:
                        break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError("the server did not become ready")
        yield port
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def party_ids(database: Database, limit: int = 1000) -> list[str]:
    """Identifiers of parties that hold something, spread over the bank."""
    rows = await database.read(
        "MATCH (p:Party) WHERE EXISTS { (p)-[:HOLDS]->() } RETURN p.id AS id ORDER BY p.id LIMIT $limit",
        {"limit": limit},
    )
    return [row["id"] for row in rows]
