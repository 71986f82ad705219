"""What `graph-crm demo` does: prepare, start the processes in order, watch them, stop them in the reverse order.

The engine is started first and stopped last; server and worker are processes of their own, in a session of their own,
so that Ctrl-C reaches the supervisor alone. Each of them reads a pipe that the supervisor holds open: should the
supervisor be killed, they see it close and stop by themselves.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout

from graph_crm import bootstrap
from graph_crm.cli.console import note, say
from graph_crm.cli.importing import progress_bars
from graph_crm.cli.stories import find_heroes
from graph_crm.cli.welcome import base_url, find_example, welcome
from graph_crm.errors import ConfigurationError, CrmError
from graph_crm.graph.engine import Progress
from graph_crm.resources import folder
from graph_crm.security.tokens import demo_secret
from graph_crm.settings import Settings

STARTED_WITHIN: Final = 60.0
STOPPED_WITHIN: Final = 15.0
PORTS_TRIED: Final = 50
T = TypeVar("T")
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to
MARK: Final = "demo.json"
MAIL_ADDRESS: Final = "service@bank.example"
"""Where the demo's customers write to, unless the settings say otherwise."""
AT_ANY_HOUR: Final = folder("seed") / "demo_contact_policy.toml"
"""The shipped contact policy without its quiet hours: the demo is tried at night, too, and nobody is called by it."""


class Stopped(CrmError):
    """The user stopped the work."""

    code = "STOPPED"


@dataclass
class Child:
    """One supervised process."""

    name: str
    process: asyncio.subprocess.Process
    log_file: Path

    async def stop(self) -> None:
        """Ask it to stop; kill it when it does not within STOPPED_WITHIN seconds."""
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOPPED_WITHIN):
                await self.process.wait()
        except TimeoutError:
            note(f"{self.name} did not stop in {STOPPED_WITHIN:.0f} s; killed.")
            self.process.kill()
            await self.process.wait()

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, indented."""
        lines = self.log_file.read_text("utf-8", "replace").splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)


class Demo:
    """A demo run from start to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Run until Ctrl-C (returns 0) or until a process dies (returns 1)."""
        started = time.monotonic()
        _ = self._settings.plugin_folders  # a folder that is not there is told before anything is started
        _remember(self._settings)
        async with AsyncExitStack() as stack:
            stack.enter_context(_only_one(self._settings))
            stack.enter_context(_signals(self._stop))
            up = await self._unless_stopped(self._start(stack))
            if up is None:
                note("Stopped before everything was up.")
                return 0
            children, text = up
            say(text)
            note(f"Ready after {time.monotonic() - started:.1f} s. Ctrl-C stops everything.")
            code = await _watch(children, self._stop)
            note("Stopping ...")
        note("Stopped.")
        return code

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of ``work``, or None when Ctrl-C came first."""
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        return None

    def _stoppable(self, progress: Progress) -> Progress:
        """``progress`` that ends the work of a thread, which can't be cancelled, after Ctrl-C."""

        def show(label: str, done: int, total: int) -> None:
            if self._stop.is_set():
                raise Stopped("Stopped by Ctrl-C.")
            progress(label, done, total)

        return show

    async def _start(self, stack: AsyncExitStack) -> tuple[list[Child], str]:
        """Bring everything up; what was started is stopped by ``stack`` in the reverse order."""
        secret = _secret(self._settings)
        with progress_bars() as bars:
            progress = self._stoppable(bars)
            settings = await stack.enter_async_context(bootstrap.neo4j(self._settings, progress=progress))
            settings = settings.model_copy(
                update={
                    "port": _free_port(settings.host, settings.port, "the server"),
                    "mail_port": _free_port(settings.mail_host, settings.mail_port, "the receiver of mails"),
                    "mail_addresses": settings.mail_addresses or [MAIL_ADDRESS],
                }
            )
            settings = for_trying_out(settings)
            async with bootstrap.connected(bootstrap.for_bulk(settings)) as database:
                if await bootstrap.is_empty(database):
                    note(f"Making a bank of {settings.seed_customers:,} customers ...")
                    await bootstrap.seed(database, settings, progress)
                example, heroes = await find_example(database), await find_heroes(database)
        # The server is started last, so that it is stopped first: no request is taken that nobody would work on.
        children = [
            await stack.enter_async_context(_child("worker", settings)),
            await stack.enter_async_context(_child("mailbox", settings)),
            await stack.enter_async_context(_child("server", settings)),
        ]
        await _until_ready(settings, children)
        return children, welcome(settings, secret, example, heroes)


def for_trying_out(settings: Settings) -> Settings:
    """The settings with what the demo decides where nobody else did, so that it shows the same at any hour.

    What the bank sends becomes files; nights are no hindrance; of all calls that of the story comes first, by a lever
    and without decisions that try out something else; links lead to where this server really listens.
    """
    decided = {
        "message_folder": settings.data_dir / "messages",
        "contact_policy": AT_ANY_HOUR,
        "levers": {"SMALL_LOAN": 3.0},
        "exploration": 0.0,
        "public_url": base_url(settings),
    }
    return settings.model_copy(
        update={name: value for name, value in decided.items() if name not in settings.model_fields_set}
    )


def _secret(settings: Settings) -> str:
    """The configured secret, or one made for this data folder."""
    demo_secret(settings.data_dir, create=True)
    return bootstrap.secret(settings)


async def _watch(children: list[Child], stop: asyncio.Event) -> int:
    """Wait for Ctrl-C or the death of a child; report the latter."""
    stopped = asyncio.create_task(_true(stop.wait()))
    ends = {asyncio.create_task(_true(child.process.wait())): child for child in children}
    done, waiting = await asyncio.wait({stopped, *ends}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    dead = [ends[task] for task in done if task in ends]
    for child in dead:
        _report(child)
    return 1 if dead else 0


async def _true(work: Coroutine[Any, Any, Any]) -> bool:
    await work
    return True


def _report(child: Child) -> None:
    code = child.process.returncode
    how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"
    note(f"The {child.name} {how}. The end of its log, {child.log_file}:\n{child.last_lines()}")


@asynccontextmanager
async def _child(name: str, settings: Settings) -> AsyncIterator[Child]:
    """The command of ``name`` as a process of its own, stopped at the end of the block."""
    command = {"server": ["serve"], "worker": ["worker"], "mailbox": ["mailbox", "receive"]}[name]
    log_file = settings.data_dir / "logs" / f"{name}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "graph_crm", *command, "--with-parent",
            stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, env=_environment(settings), start_new_session=True,
        )  # fmt: skip
    child = Child(name, process, log_file)
    try:
        yield child
    finally:
        await child.stop()


def _environment(settings: Settings) -> dict[str, str]:
    """The environment of a child: ours, with the settings that the demo decided."""
    assert settings.neo4j_password is not None  # noqa: S101 - bootstrap.neo4j gave it, whichever database it is
    return {
        **os.environ,
        "GRAPH_CRM_DEMO": "true",
        "GRAPH_CRM_DATA_DIR": str(settings.data_dir),
        "GRAPH_CRM_PORT": str(settings.port),
        "GRAPH_CRM_MAIL_PORT": str(settings.mail_port),
        "GRAPH_CRM_MAIL_ADDRESSES": json.dumps(settings.mail_addresses),
        "GRAPH_CRM_MESSAGE_FOLDER": str(settings.message_folder),
        "GRAPH_CRM_CONTACT_POLICY": str(settings.contact_policy),
        "GRAPH_CRM_PUBLIC_URL": settings.public_url,
        "GRAPH_CRM_LEVERS": json.dumps(settings.levers),
        "GRAPH_CRM_EXPLORATION": str(settings.exploration),
        "GRAPH_CRM_NEO4J_URI": str(settings.neo4j_uri),
        "GRAPH_CRM_NEO4J_USERNAME": settings.neo4j_username,
        "GRAPH_CRM_NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "GRAPH_CRM_NEO4J_DATABASE": settings.neo4j_database,
    }


async def _until_ready(settings: Settings, children: list[Child]) -> None:
    """Wait until the server says that it is ready. Raises ConfigurationError with its log when it does not."""
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        for child in children:
            if child.process.returncode is not None:
                _report(child)
                raise ConfigurationError(f"The {child.name} did not start.", hint=f"Its log is {child.log_file}.")
        if await asyncio.to_thread(_answers, settings.host, settings.port):
            return
        await asyncio.sleep(0.1)
    raise ConfigurationError(
        f"The server was not ready within {STARTED_WITHIN:.0f} s.", hint=f"Its log is {children[-1].log_file}."
    )


def _answers(host: str, port: int) -> bool:
    connection = HTTPConnection("127.0.0.1" if host in _ANY_ADDRESS else host, port, timeout=3)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's "OK"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port(host: str, wanted: int, what: str) -> int:
    """The wanted port, or the next free one above it, or any free one for 0."""
    for port in [wanted + step for step in range(PORTS_TRIED)] if wanted else [0]:
        with socket.socket() as trial:
            if sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError:
                continue
            found: int = trial.getsockname()[1]
        if wanted not in (0, found):
            note(f"Port {wanted} is taken: {what} listens on {found}.")
        return found
    raise ConfigurationError(
        f"Ports {wanted} to {wanted + PORTS_TRIED} for {what} are taken.",
        hint="Name one: --port, or GRAPH_CRM_MAIL_PORT.",
    )


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Refuse a second demo on the same data."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(settings.data_dir / "demo.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(
            f"A demo runs already on {settings.data_dir}.",
            hint="Stop it with Ctrl-C where it runs, or set GRAPH_CRM_DATA_DIR to another folder for a second one.",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set ``stop`` inside the block, however often they come."""
    loop = asyncio.get_running_loop()
    wanted = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":  # its loop knows no signal handlers
        before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set)) for number in wanted}
    else:
        for number in wanted:
            loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in wanted:
            if sys.platform == "win32":
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)


def _remember(settings: Settings) -> None:
    """Mark a new data folder as the demo's: only such a one is deleted by `forget`."""
    mark = settings.data_dir / MARK
    if not bootstrap.engine(settings).home.folder.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark.write_text('{"made_by": "graph-crm demo"}\n', "utf-8")


def forget(settings: Settings) -> str:
    """Delete the demo's data folder and say so. Refuses one that the demo did not make, and a running demo."""
    data = settings.data_dir
    if not data.exists():
        return f"Nothing to forget: {data} is not there."
    if not (data / MARK).is_file():
        raise ConfigurationError(
            f"{data} was not made by the demo; it stays.",
            hint="Delete it by hand if you are sure that nobody needs it.",
        )
    with _only_one(settings):
        bootstrap.engine(settings).stop()
    shutil.rmtree(data)
    return f"Forgotten: {data}." + ("" if settings.embedded else " What is in your own Neo4j stays there.")
