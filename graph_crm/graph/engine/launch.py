"""From a prepared home folder to a Neo4j that answers, and the archive of classes that makes later starts fast."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from graph_crm.errors import EngineError
from graph_crm.graph.engine import process
from graph_crm.graph.engine.config import USER, Address, Progress, no_progress
from graph_crm.graph.engine.home import Home
from graph_crm.graph.engine.program import Program

_log = logging.getLogger("graph_crm.engine")
_ADMIN_SECONDS = 3600
_TRAINING_SECONDS = 120
_TRAINING_HEAP_MB = 512
_ARCHIVE_BYTES = 200 << 20


def run_admin(program: Program, home: Home, *arguments: str, cwd: Path | None = None) -> str:
    """Run `neo4j-admin` on ``home`` and return what it printed; raises EngineError with its last words."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            program.admin(*arguments),
            env=home.environment(),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ADMIN_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"neo4j-admin {' '.join(arguments[:2])} did not end well: {error}") from error
    output = done.stdout.decode("utf-8", errors="replace")
    if done.returncode:
        words = [line for line in output.splitlines() if line.strip() and not line.startswith(("WARNING", "* "))]
        raise EngineError(f"neo4j-admin {' '.join(arguments[:2])} failed: {' '.join(words[-3:])}")
    return output


def set_password(program: Program, home: Home, password: str) -> None:
    """Give a store that is not created yet its password, which no process list shows."""
    with tempfile.NamedTemporaryFile("w", dir=home.folder, suffix=".args", encoding="ascii") as file:  # mode 600
        file.write(f'--\n"{password}"\n')  # one in 64 begins like an option
        file.flush()
        run_admin(program, home, "dbms", "set-initial-password", f"@{file.name}")


def spawn(
    program: Program, home: Home, *, heap_mb: int, with_parent: bool, flags: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start the server on a configured home."""
    if not flags and program.archive.is_file():
        flags = (f"-XX:AOTCache={program.archive}", "-Xlog:aot=off", "-Xlog:cds=off")
    return process.spawn(
        program.server(home.home, heap_mb=heap_mb, flags=flags),
        environment=home.environment(),
        log=home.console_log,
        with_parent=with_parent,
    )


def wait(home: Home, child: subprocess.Popen[bytes], address: Address, timeout: float) -> None:
    """Wait until the server answers; raises EngineError when it does not, and leaves no process behind."""
    try:
        process.wait_healthy(
            address, timeout=timeout, alive=lambda: child.poll() is None, logs=(home.console_log, home.log)
        )
    except BaseException:  # Ctrl-C included: whoever started the child is responsible for it
        process.stop_child(child, timeout=timeout)
        raise


def make_archive(program: Program, *, progress: Progress = no_progress) -> None:
    """Start a throw-away database once and keep the classes that it loaded, linked, for the next starts.

    An archive that can't be made costs nothing but speed, so that a failure is logged, not raised.
    """
    if program.archive.is_file() or shutil.disk_usage(program.folder).free < 2 * _ARCHIVE_BYTES:
        return
    progress("Preparing fast starts", 0, 2)
    with tempfile.TemporaryDirectory(prefix="graph-crm-engine-") as folder:
        home = Home(Path(folder))
        home.create()
        home.lay_out()
        port = process.free_port()
        home.configure(port=port, heap_mb=_TRAINING_HEAP_MB, pagecache_mb=64, authenticated=False)
        new = program.archive.with_suffix(f".{os.getpid()}")
        address = Address(f"bolt://127.0.0.1:{port}", USER, "none")
        try:
            child = spawn(
                program, home, heap_mb=_TRAINING_HEAP_MB, with_parent=True, flags=(f"-XX:AOTCacheOutput={new}",)
            )
            wait(home, child, address, _TRAINING_SECONDS)
            progress("Preparing fast starts", 1, 2)
            process.stop_child(child, timeout=_TRAINING_SECONDS)
            new.replace(program.archive)
        except (EngineError, OSError) as error:
            _log.warning("no archive of classes, starts will be slower: %s", error)
        finally:
            for rest in program.folder.glob(f"{new.name}*"):
                rest.unlink(missing_ok=True)
    progress("Preparing fast starts", 2, 2)
