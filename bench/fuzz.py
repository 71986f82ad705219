"""Generated documents of every role against a real server: nothing breaks, and nobody sees what is not theirs.

    [NEO4J_PASSWORD=...] python bench/fuzz.py [BOLT_URI] [--documents 50000] [--values 8] [--seed 1] [--small]

The database given is EMPTIED; without one an embedded Neo4j is started in a temporary folder. A small bank holds a
value found nowhere else in every stored field of every type (bench/fuzzing/planted.py): of the customer who asks, of
one whom a manager looks after, of a stranger, of a protected stranger. Documents are made from the schema itself
(grammar.py) with values that somebody would try (values.py): valid, nearly valid and broken, for each role and with
missing, expired and foreign tokens; over HTTP, and subscriptions over WebSocket. Some documents (`--values`) have the
same fields for the same role, each with arguments, variables, faults and tokens of its own: a database plans a new
statement for far longer than it takes to run it. Each document depends on the seed and its own number alone; changes
begin after a third of the run. Exits with 1 for an answer 5xx, an error INTERNAL, a line
of a stack trace, a planted value that the role may not see, a closed connection, memory that keeps growing, a server
that is not ready afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
from bank import free_port
from fuzzing.grammar import Document, Grammar
from fuzzing.planted import AGENT, MANAGER, MINE, ZONES, Judge, Planted, plant
from fuzzing.wire import Wire, subscribe

from graph_crm import logs
from graph_crm.api.schema import MappedSchema, platform_schema
from graph_crm.bootstrap import neo4j
from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator
from graph_crm.graph.mutation import PERMISSION
from graph_crm.resources import folder
from graph_crm.security.matrix import FILE
from graph_crm.security.roles import Permission, Role, permissions
from graph_crm.security.tokens import issue
from graph_crm.settings import load

SECRET, FOREIGN = "benchmark-" * 5, "somebody-else-" * 4
CLIENTS = 6
GROWTH_MB = 150.0
"""Megabytes that the server may grow after the first third: caches have bounds, and are full by then."""
LISTENING_SECONDS = 0.15
TRACES = re.compile(
    rb"Traceback|File \\?\"[^\"]*\.py|\bline \d+, in\b|site-packages|neo4j\.exceptions|Neo\.[A-Z]\w+Error"
)
SHAPES = 90
"""Shapes of documents of a small run: the plans of statements are what documents cost."""
ROUND = 48
"""Shapes that take turns, so that those who ask at the same time do not ask the same."""
CHANGING_FROM = 1 / 3
CHANGERS = (Role.ADMINISTRATOR, Role.ADMINISTRATOR, Role.SERVICE, Role.AGENT, Role.RELATIONSHIP_MANAGER)


@dataclass
class Findings:
    """What was asked and what was wrong with the answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def note(self, kind: str, number: int, role: Role | None, sent: str, answer: str) -> None:
        """One thing that must not be."""
        self.kinds[kind] += 1
        if self.kinds[kind] <= 8:  # noqa: PLR2004 - the first of a kind are enough to find out why
            self.wrong.append(f"{kind}: document {number}, {role}\n  sent   {sent[:900]}\n  answer {answer[:900]}")


@dataclass
class Fuzz:
    """One run over a server that listens on ``port``."""

    schema: MappedSchema
    bank: Planted
    judge: Judge
    port: int
    seed: int
    count: int
    small: bool = False
    values: int = 8
    findings: Findings = field(default_factory=Findings)

    def __post_init__(self) -> None:
        """The tokens of every role, and those that nobody may use."""
        subjects = {Role.AGENT: AGENT, Role.RELATIONSHIP_MANAGER: MANAGER}
        self.me = next(key for key in self.bank.keys["Person"][MINE])
        self._tokens = {
            role: issue(SECRET, role, subject=subjects.get(role), party_id=self.me if role is Role.CUSTOMER else None)
            for role in Role
        }
        self._bad = (
            None, "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
            f"Bearer {issue(SECRET, Role.ADMINISTRATOR, lifetime=timedelta(hours=-2))}",
            f"Bearer {issue(FOREIGN, Role.ADMINISTRATOR)}", f"Bearer {issue(SECRET, Role.ANALYST, audience='other')}",
            f"Bearer {issue(SECRET, Role.ANALYST)[:-3]}abc", f"Bearer {'A' * 5000}",
        )  # fmt: skip
        self._arguments: dict[str, str] = tomllib.loads(FILE.read_text("utf-8"))["arguments"]

    def _keys(self, rng: random.Random, zones: tuple[str, ...]) -> Callable[[str, str], str]:
        """Keys of the bank by what an argument names; of ``zones`` only."""

        def key(root: str, name: str) -> str:
            kind = self._arguments_of(root, name)
            found = self.bank.keys.get(kind) or self.bank.keys["Party"]
            zone = rng.choice(zones)
            keys = found.get(zone) or found.get("") or [self.me]
            return rng.choice(keys) if rng.random() < 0.9 else f"new-{rng.randrange(50)}"  # noqa: PLR2004

        return key

    def _arguments_of(self, root: str, name: str) -> str:
        known = self.schema.registry.roots.get(root)
        if known is not None and name == known.by:
            return self.schema.registry.of(known.node).name
        for place, kind in self._arguments.items():
            if place.startswith(f"{root}.") and place.endswith(f".{name}"):
                return kind.rstrip("?") if kind != "ContactPoint.valueKey" else "ContactPoint"
        return {"employeeId": "Employee", "agentId": "Employee", "productCode": "Product", "code": "Product"}.get(
            name, "Party"
        )

    def _may(self, role: Role, kind: str, name: str) -> bool:
        if kind == "query" and name in self.schema.registry.roots:
            return self.judge.shows(role, "Query", name)
        parent = {"query": self.schema.core.query_type, "mutation": self.schema.core.mutation_type}.get(kind)
        declared = parent.fields[name].extensions.get("strawberry-definition") if parent else None
        needed = declared.metadata.get(PERMISSION) if declared else None
        return needed is None or Permission(needed) in permissions(role)

    def shape(self, number: int) -> int:
        """Which fields the document of this number asks for: those of a shape are chosen by the shape's number."""
        if self.small:
            return number % (SHAPES if number <= self.count * CHANGING_FROM else 2 * SHAPES)
        return number // (ROUND * self.values) * ROUND + number % ROUND

    def made(self, number: int) -> tuple[Role, Document]:
        """The document of this number and who asks it."""
        shape = self.shape(number)
        rng, spice = random.Random(f"{self.seed}/{shape}"), random.Random(f"{self.seed}/values/{number}")
        kind = "query"
        if rng.random() < 0.02:  # noqa: PLR2004
            kind = "subscription"
        elif number > self.count * CHANGING_FROM and rng.random() < 0.5:  # noqa: PLR2004
            kind = "mutation"
        role = rng.choice(list(Role)) if kind != "mutation" or rng.random() < 0.3 else rng.choice(CHANGERS)  # noqa: PLR2004
        # What an employee or an administrator changes is never a stranger's: the stranger stays one.
        zones = ZONES if kind != "mutation" or role is Role.CUSTOMER else (MINE,)
        grammar = Grammar(
            self.schema.core,
            rng,
            self._keys(spice, zones),
            lambda type_, name: self.judge.shows(role, type_, name),
            lambda kind, name: self._may(role, kind, name),
            spice,
            small=self.small,
        )
        document = grammar.document(kind)
        return role, grammar.broken(document) if spice.random() < 0.12 else document  # noqa: PLR2004

    async def ask(self, wire: Wire, number: int) -> None:
        """Send the document of this number and judge the answer."""
        role, document = self.made(number)
        rng = random.Random(f"{self.seed}/wire/{number}")
        body = document.body()
        sent = body.decode("utf-8", "replace")
        started = time.perf_counter()
        who: Role | None = role
        if document.kind == "subscription":
            text = await subscribe(self.port, body, self._tokens[role], LISTENING_SECONDS)
            self._judge(number, role, sent, 200, text.encode())
        else:
            authorization: str | None = f"Bearer {self._tokens[role]}"
            if rng.random() < 0.05:  # noqa: PLR2004
                authorization, who = rng.choice(self._bad), None
            kind = "application/json"
            if rng.random() < 0.02:  # noqa: PLR2004
                body, kind = rng.choice(
                    ((body[: len(body) // 2], kind), (b"[" + body + b"]", kind), (b"\xff\xfe", kind), (b"", kind),
                     (body, "text/plain"), (b"{" * 3000, kind), (b"[" * 90_000, kind), (b'{"query": 5}', kind))
                )  # fmt: skip
            answer = await wire.post(body, authorization, kind)
            self._judge(number, who, sent, answer.status, answer.body)
            if who is None and answer.status != httpx.codes.UNAUTHORIZED:
                self.findings.note("answered without a valid token", number, who, sent, answer.body.decode())
        self.findings.slowest = max(self.findings.slowest, time.perf_counter() - started)

    def _judge(self, number: int, role: Role | None, sent: str, status: int, body: bytes) -> None:
        found = self.findings
        text = body.decode("utf-8", "replace")
        found.statuses[status] += 1
        found.roles[str(role)] += 1
        for said in re.findall(r'"message": ?"([^"\\\\]{0,60})', text)[:1]:
            found.messages[re.sub(r"[A-Z][A-Za-z0-9]+|\d+", "_", said)] += 1
        codes = set(re.findall(r'"code": ?"([A-Z_]+)"', text))
        found.codes.update(codes or {"data"})
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            found.note(f"status {status}", number, role, sent, text)
        if status == 0 or re.search(r"^closed (1006|1011)", text, re.MULTILINE):
            found.note("connection closed", number, role, sent, text)
        if "INTERNAL" in codes or '"incident"' in text:
            found.note("internal error", number, role, sent, text)
        if "REQUEST_TIMEOUT" in codes:
            found.note("too slow", number, role, sent, text)
        # What the caller wrote comes back in messages; the trace of a server has lines that nobody sent.
        trace = TRACES.search(body)
        if trace and trace[0].decode() not in sent:
            found.note("stack trace", number, role, sent, text)
        for mark in self.judge.leaked(role, text, sent):
            found.note(f"leak of {mark.type}.{mark.field} of {mark.zones} to {role}", number, role, sent, text)

    async def run(self, process: psutil.Process) -> list[float]:
        """All documents; gives the server's memory (MB) after each tenth of them."""
        sizes: list[float] = []
        step = max(self.count // 10, 1)
        for start in range(0, self.count, step):
            numbers = iter(range(start, min(start + step, self.count)))
            await asyncio.gather(*(self._client(numbers) for _ in range(CLIENTS)))
            sizes.append(process.memory_info().rss / 1e6)
            wrong = sum(self.findings.kinds.values())
            print(f"{start + step} documents, {wrong} wrong answers, server {sizes[-1]:.0f} MB", flush=True)
        return sizes

    async def _client(self, numbers: Iterator[int]) -> None:
        wire = Wire(self.port)
        for number in numbers:  # shared by all clients: each takes the next
            await self.ask(wire, number)
        wire.close()


@contextlib.asynccontextmanager
async def serving(uri: str, password: str, data: Path) -> AsyncIterator[tuple[int, psutil.Process, Path]]:
    """A server over that Neo4j: its port, its process, its log of errors."""
    port = free_port()
    rates = ", ".join(f'"{role}": 0' for role in Role)
    environment = {
        **os.environ, "GRAPH_CRM_DATA_DIR": str(data), "GRAPH_CRM_JWT_SECRET": SECRET, "GRAPH_CRM_JWT_HS256": "true",
        "NEO4J_URI": uri, "NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": password, "GRAPH_CRM_LOG_LEVEL": "error",
        "GRAPH_CRM_REQUESTS_PER_SECOND": f"{{{rates}}}", "GRAPH_CRM_ADDRESS_REQUESTS_PER_SECOND": "0",
        "GRAPH_CRM_UNSEEN_SECONDS": f"{{{rates}}}",
    }  # fmt: skip
    log = data / "server.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "graph_crm", "serve", "--port", str(port), env=environment, stdout=out, stderr=out
        )
    try:
        for _ in range(600):
            if await ready(port):
                break
            await asyncio.sleep(0.1)
        else:
            raise RuntimeError(f"the server did not become ready: {log.read_text()[-2000:]}")
        yield port, psutil.Process(process.pid), log
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def ready(port: int) -> bool:
    """Whether the server says that it can serve."""
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


async def main(uri: str, password: str, data: Path, options: argparse.Namespace) -> bool:
    """Plant the bank, ask, tell; True when nothing was wrong."""
    documents, seed = options.documents, options.seed
    schema = platform_schema()
    bank = plant(schema.registry)
    database = await Database.connect(uri, "neo4j", password)
    try:
        await database.execute("MATCH (n) WHERE NOT n:Migration CALL (n) { DETACH DELETE n } IN TRANSACTIONS")
        await Migrator(database, folder("schema") / "migrations").migrate()
        await bank.store(database)
    finally:
        await database.close()
    judge = Judge(bank)
    started = time.perf_counter()
    async with serving(uri, password, data) as (port, process, log):
        fuzz = Fuzz(schema, bank, judge, port, seed, documents, small=options.small, values=options.values)
        sizes = await fuzz.run(process)
        still = await ready(port)
        logged = log.read_text("utf-8", "replace")
    found, seconds = fuzz.findings, time.perf_counter() - started
    shapes = len({fuzz.shape(number) for number in range(documents)})
    print(
        f"{documents} documents of {shapes} shapes in {seconds:.0f} s ({documents / seconds:.0f}/s), seed {seed};"
        f" by {dict(found.roles)}"
    )
    print(f"status {dict(found.statuses)}; slowest {found.slowest:.1f} s")
    print(f"codes {dict(found.codes.most_common())}")
    print(f"messages {dict(found.messages.most_common(25))}")
    print(f"planted values {len(bank.marks)}, shown to those who may see them {len(judge.seen)}")
    print(f"server memory (MB) {[round(size) for size in sizes]}")
    growth = sizes[-1] - sizes[len(sizes) // 3]
    checks = {
        **{f"{kind}: {times}": False for kind, times in found.kinds.items()},
        "ready afterwards": still,
        f"memory grew by {growth:.0f} MB after the first third (at most {GROWTH_MB:.0f})": growth <= GROWTH_MB,
        "planted values were shown at all": len(judge.seen) > len(bank.marks) / (20 if options.small else 4),
    }
    for line in found.wrong:
        print(line)
    if not all(checks.values()):
        print(logged[-6000:])
    for name, good in checks.items():
        print(f"{'ok    ' if good else 'FAILED'} {name}")
    print(f"wrong answers: {sum(found.kinds.values())}")
    return all(checks.values())


async def start(options: argparse.Namespace) -> bool:
    """Run over the Neo4j that is given, or over one of our own."""
    logs.configure(level="error")
    with tempfile.TemporaryDirectory(prefix="graph-crm-fuzz-") as name:
        data = Path(name)
        if options.uri:
            password = os.environ.get("NEO4J_PASSWORD", "")
            return await main(options.uri, password, data, options)
        for setting in ("NEO4J_URI", "GRAPH_CRM_NEO4J_URI"):
            os.environ.pop(setting, None)
        async with neo4j(load(data_dir=data, jwt_secret=SECRET)) as settings:
            secret = settings.neo4j_password
            password = secret.get_secret_value() if secret else ""
            return await main(str(settings.neo4j_uri), password, data, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uri", nargs="?")
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--values", type=int, default=8, help="documents that have the same fields")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="cheap documents, for a run of seconds")
    sys.exit(0 if asyncio.run(start(parser.parse_args())) else 1)
