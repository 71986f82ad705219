"""The embedded engine as the rest of the platform sees it."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from filelock import FileLock, Timeout

from graph_crm.errors import EngineError
from graph_crm.graph.engine import backup as backups
from graph_crm.graph.engine import install, launch, memory, process
from graph_crm.graph.engine.config import USER, Address, EngineConfig, EngineStatus, Progress, no_progress
from graph_crm.graph.engine.home import Home, RunState
from graph_crm.graph.engine.program import Program

_log = logging.getLogger("graph_crm.engine")
_OWNER_PROBE_SECONDS = 0.3
_RESTART_PAUSES = (0.0, 1.0, 5.0, 15.0, 30.0)
_CALM_SECONDS = 300.0


class Engine:
    """One embedded Neo4j for one data folder.

    The process that starts the engine owns it: the engine stops with it, and is started again by it when it dies.
    Another process with the same data folder connects to it. Safe to use from several threads. As a context manager it
    runs the engine for the block, or uses the one that runs.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.home = Home(config.data_dir)
        self.program = Program.of(config.version, config.cache_dir)
        self._starting = FileLock(self.home.starting_lock, thread_local=False, timeout=config.start_timeout)
        self._owner = FileLock(self.home.owner_lock, thread_local=False)
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._address: Address | None = None
        self._owner_pid = 0

    # The program

    @property
    def installed(self) -> bool:
        """Whether every jar is in the cache (by name and size; `install` looks inside)."""
        return not install.missing(self.program.artifacts, self.program.jars)

    def install(self, progress: Progress = no_progress) -> Path:
        """Fetch what is missing or damaged, verify all of it, prepare fast starts, and return the program's folder.

        Raises EngineError when the line is down, the disk is full or a file is not the locked one.
        """
        program = self.program
        try:
            install.install(
                program.artifacts,
                program.jars,
                repository=self.config.repository,
                source=self.config.source,
                progress=progress,
            )
            if self.config.fast_start:
                with FileLock(program.folder / "archive.lock", thread_local=False):
                    launch.make_archive(program, progress=progress)
        except OSError as error:
            raise EngineError(
                f"The cache {program.folder} can't be written: {error}", hint="GRAPH_CRM_CACHE_DIR names another place."
            ) from error
        return program.folder

    # Running

    def start(self, progress: Progress = no_progress, *, detached: bool = False) -> Address:
        """Start the engine; raises EngineError when it runs already, or can't be started.

        ``detached``: nobody owns it; it runs until `stop`, also when this process ends.
        """
        return self._run(progress, detached=detached, exclusive=True)

    def ensure_running(self, progress: Progress = no_progress) -> Address:
        """The address of the running engine; starts it (and owns it then: ``Address.owned``) when nobody runs it."""
        return self._run(progress, detached=False, exclusive=False)

    def _run(self, progress: Progress, *, detached: bool, exclusive: bool) -> Address:
        if self._address is not None:
            return self._address
        if not self.installed:
            self.install(progress)
        self.home.create()
        with self._exclusively():
            if not self._become_owner():
                state = self.home.read_state()
                if exclusive:
                    raise _owned_elsewhere(state)
            else:
                try:
                    return self._start_as_owner(detached=detached, exclusive=exclusive)
                except BaseException:
                    self._owner.release()
                    raise
        return self._join()

    def _start_as_owner(self, *, detached: bool, exclusive: bool) -> Address:
        """With both locks: use a detached engine, stop an orphan, or start one."""
        running = self._find()
        state = self.home.read_state()
        if running is not None and state is not None and state.detached:
            if exclusive:
                raise EngineError(
                    f"The engine runs already (process {running.pid}).", hint="Stop it with: graph-crm engine stop"
                )
            self._owner.release()
            address = self._address_at(state.port)
            process.wait_healthy(
                address,
                timeout=self.config.start_timeout,
                alive=running.is_running,
                logs=(self.home.console_log, self.home.log),
            )
            return address
        if running is not None:
            _log.warning("stopping the engine that a killed process left behind (process %s)", running.pid)
            process.stop(running, timeout=self.config.stop_timeout)
        try:
            self._prepare()
        except OSError as error:
            raise EngineError(
                f"The data folder {self.home.folder} can't be written: {error.strerror}.",
                hint="Make room or give this user the right to write; GRAPH_CRM_DATA_DIR names another place.",
            ) from error
        if detached:
            self._launch(detached=True)
            self._owner.release()
            return self._address_at(self._port())
        self._stopping.clear()
        first: Future[Address] = Future()
        self._keeper = threading.Thread(target=self._keep, args=(first,), name="engine-keeper", daemon=True)
        self._keeper.start()
        try:
            self._address = replace(first.result(), owned=True)
        except BaseException:  # Ctrl-C, too: what the keeper is starting must not stay
            self._stopping.set()
            half_started = self._find()
            if half_started is not None:
                process.stop(half_started, timeout=self.config.stop_timeout)
            raise
        self._owner_pid = os.getpid()
        atexit.register(self._stop_at_exit)
        return self._address

    def _join(self) -> Address:
        """Connect to the engine that another process owns and may just be starting."""
        deadline = time.monotonic() + self.config.start_timeout
        while True:
            state = self.home.read_state()
            if state is not None:
                address = self._address_at(state.port)
                if process.answers(address):
                    return address
            if self._become_owner():  # the owner left in the meantime: our turn
                self._owner.release()
                return self._run(no_progress, detached=False, exclusive=False)
            if time.monotonic() > deadline:
                raise EngineError(
                    "Another process owns the engine of this data folder, but the engine does not answer.",
                    hint=f"Stop that process, then try again. The log: {self.home.log}",
                    owner=state.owner_pid if state else None,
                )
            time.sleep(0.2)

    def _prepare(self) -> None:
        """Bring the home into the state that a start needs."""
        self.home.lay_out()
        self.home.stamp(self.program.version)
        port = process.free_port(self.config.port or self._port() or self.home.last_port)
        self.home.keep_port(port)
        heap, cache = self._sizes()
        self.home.configure(port=port, heap_mb=heap, pagecache_mb=cache)
        password = self.home.password()
        if not self.home.has_store:
            launch.set_password(self.program, self.home, password)
        self.home.write_state(RunState(0, 0.0, port, self.program.version, heap))

    def _launch(self, *, detached: bool) -> subprocess.Popen[bytes]:
        """Start the process, write it down at once, wait until it answers."""
        state = self.home.read_state()
        if state is None:
            raise EngineError("The engine's state file is gone.", hint="Start it again.")
        child = launch.spawn(self.program, self.home, heap_mb=state.heap_mb, with_parent=not detached)
        with suppress(psutil.NoSuchProcess):
            state = replace(state, pid=child.pid, created=psutil.Process(child.pid).create_time())
        owner = None if detached else os.getpid()
        self.home.write_state(replace(state, detached=detached, owner_pid=owner, maintenance=False))
        launch.wait(self.home, child, self._address_at(state.port), self.config.start_timeout)
        if detached:  # nobody else waits for it, and an ended child that nobody waits for stays as a zombie
            threading.Thread(target=child.wait, name="engine-reaper", daemon=True).start()
        return child

    # The keeper: the thread that starts the engine and lives as long as it, because Linux ties the child to the thread

    def _keep(self, first: Future[Address]) -> None:
        try:
            child = self._launch(detached=False)
            first.set_result(self._address_at(self._port()))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the thread that waits for the start
            first.set_exception(error)
            return
        failures = 0
        while True:
            since = time.monotonic()
            child.wait()
            failures = 0 if time.monotonic() - since > _CALM_SECONDS else failures
            again = None
            while again is None and not self._stopping.is_set() and failures < len(_RESTART_PAUSES):
                asked = self._asked_to_wait()
                again = self._start_again(pause=0.0 if asked else _RESTART_PAUSES[failures], asked=asked)
                failures += not asked
            if again is None:
                break
            child = again
        if not self._stopping.is_set():
            _log.error("the engine ended and stays down; see %s", self.home.log)
            self._address = None
            self._owner.release()  # who needs it next starts it

    def _start_again(self, *, pause: float, asked: bool) -> subprocess.Popen[bytes] | None:
        """Start the engine that ended unasked, once; None when that failed or is not wanted."""
        if not asked:
            if not self.config.restart:
                return None
            _log.warning("the engine ended unasked, starting it again; see %s", self.home.log)
            if self._stopping.wait(pause):
                return None
        while not self._stopping.is_set():
            try:
                with self._starting.acquire(timeout=0.5):
                    return None if self._stopping.is_set() else self._launch(detached=False)
            except Timeout:
                continue  # a backup, or a process that looks: it is done soon
            except EngineError as error:
                _log.warning("the engine can't be started again: %s", error.message)
                return None
        return None

    def _asked_to_wait(self) -> bool:
        state = self.home.read_state()
        return state is not None and state.maintenance

    # Stopping

    def stop(self) -> bool:
        """Stop the engine in order and return whether it ran: this process's own, a detached one or an orphan.

        Raises EngineError when another living process owns it.
        """
        if not self.home.folder.is_dir():
            return False
        self._stopping.set()
        with self._exclusively():
            mine = self._address is not None
            if not mine and not self._become_owner():
                raise _owned_elsewhere(self.home.read_state())
            try:
                running = self._find()
                if running is not None and process.stop(running, timeout=self.config.stop_timeout):
                    self.home.forget_state()
                return running is not None
            finally:
                if self._keeper is not None:
                    self._keeper.join(self.config.stop_timeout)
                self._keeper = self._address = None
                self._owner.release()
                atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        if os.getpid() == self._owner_pid:  # a forked child runs the same handlers and owns nothing
            with suppress(EngineError):
                self.stop()

    def __enter__(self) -> Self:
        self.ensure_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._address is not None:
            self.stop()

    # Looking

    def status(self) -> EngineStatus:
        """What is installed and what runs, without changing anything."""
        running = self._find()
        state = self.home.read_state()
        port = state.port if running is not None and state is not None else None
        heap, cache = self._sizes()
        owner = self._who_owns(state) if running is not None else None
        healthy = False
        if port is not None:
            with suppress(EngineError):  # a refused password is no health either
                healthy = process.answers(self._address_at(port))
        resident = None
        if running is not None:
            with suppress(psutil.Error):
                resident = running.memory_info().rss // memory.MEBIBYTE
        return EngineStatus(
            version=self.program.version,
            installed=self.installed,
            running=running is not None,
            healthy=healthy,
            owner=owner,
            orphan=owner == "nobody" and not (state is not None and state.detached),
            pid=running.pid if running is not None else None,
            uri=f"bolt://127.0.0.1:{port}" if port else None,
            store_version=self.home.store_version,
            heap_mb=heap,
            pagecache_mb=cache,
            memory_mb=resident,
            program=self.program.folder,
            data=self.home.folder,
            log=self.home.log,
        )

    def _who_owns(self, state: RunState | None) -> str:
        if self._address is not None:
            return "this process"
        del state
        if not self._become_owner(patience=0):
            return "another process"
        self._owner.release()
        return "nobody"

    # Backup

    def backup(self, file: Path, progress: Progress = no_progress) -> backups.Backup:
        """Write the whole database into ``file``.

        The Community edition can't do it while it runs: a running engine is stopped in order and is back afterwards.
        Raises EngineError; then no file is left and the engine runs as before.
        """
        self._need_program(progress)
        with self._paused(progress):
            return backups.write(self.program, self.home, file, progress=progress)

    def restore(self, file: Path, progress: Progress = no_progress) -> backups.Backup:
        """Replace the database by what ``file`` holds.

        The file is verified and opened beside the present data, which is only replaced once that went well. Raises
        EngineError; then the data is what it was.
        """
        self._need_program(progress)
        description = backups.verify(file, self.program.version)
        heap, cache = self._sizes()
        with (
            backups.staged(self.program, self.home, file, heap_mb=heap, pagecache_mb=cache, progress=progress) as new,
            self._paused(progress),
        ):
            self.home.stamp(self.program.version)
            new.take_place()
            state = self.home.read_state()
            if state is not None:  # who starts it again expects it where it was
                self.home.configure(port=state.port, heap_mb=state.heap_mb, pagecache_mb=cache)
        return description

    def _need_program(self, progress: Progress) -> None:
        if not self.installed:
            self.install(progress)
        self.home.create()

    @contextmanager
    def _paused(self, progress: Progress) -> Iterator[None]:
        """The engine at rest, whoever owns it; it runs again afterwards if it ran before."""
        with self._exclusively():
            mine = self._address is not None
            owned = mine or not self._become_owner()  # else: ours for the time being, no one can start it
            running = self._find()
            state = self.home.read_state()
            try:
                if running is None and state is not None and not owned:
                    running = self._recover(progress)
                    state, detached = self.home.read_state(), False
                else:
                    detached = running is not None and state is not None and state.detached
                if running is not None and state is not None:
                    progress("Stopping the engine", 0, 1)
                    self.home.write_state(replace(state, maintenance=True))
                    process.stop(running, timeout=self.config.stop_timeout)
                    if not owned and not detached:
                        self.home.forget_state()
                yield
            finally:
                if not owned:
                    if detached:
                        progress("Starting the engine again", 0, 1)
                        self._prepare()
                        self._launch(detached=True)
                    self._owner.release()
        if owned and running is not None:  # its owner starts it again, now that the lock is free
            progress("Starting the engine again", 0, 1)
            self._wait_back()

    def _recover(self, progress: Progress) -> psutil.Process | None:
        """Start a store that was not closed in order, so that Neo4j puts it right."""
        progress("Putting the database right after a crash", 0, 1)
        self._prepare()
        return psutil.Process(self._launch(detached=True).pid)

    def _wait_back(self) -> None:
        deadline = time.monotonic() + self.config.start_timeout
        while not process.answers(self._address_at(self._port())):
            if time.monotonic() > deadline:
                raise EngineError("The engine did not come back.", hint=f"See {self.home.log}")
            time.sleep(0.1)

    # Small things

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        try:
            with self._starting:
                yield
        except Timeout as error:
            raise EngineError(
                f"Another process has been starting or stopping the engine for {self.config.start_timeout:.0f} s.",
                hint=f"See {self.home.log}; a backup of much data takes long, too.",
            ) from error

    def _become_owner(self, *, patience: float = _OWNER_PROBE_SECONDS) -> bool:
        if not self.home.folder.is_dir():
            return True
        try:
            self._owner.acquire(timeout=patience, poll_interval=0.02)
        except Timeout:
            return False
        return True

    def _find(self) -> psutil.Process | None:
        state = self.home.read_state()
        found = process.find(state.pid, state.created, self.home.home) if state is not None and state.pid else None
        return found or process.search(self.home.home)

    def _port(self) -> int:
        state = self.home.read_state()
        return state.port if state is not None else 0

    def _sizes(self) -> tuple[int, int]:
        return memory.sizes(memory.machine_mb(), heap_mb=self.config.heap_mb, pagecache_mb=self.config.pagecache_mb)

    def _address_at(self, port: int) -> Address:
        return Address(f"bolt://127.0.0.1:{port}", USER, self.home.password())


def _owned_elsewhere(state: RunState | None) -> EngineError:
    pid = state.owner_pid if state is not None else None
    name = ""
    if pid is not None:
        with suppress(psutil.Error):
            name = " ".join(psutil.Process(pid).cmdline()[:4])
    return EngineError(
        f"The engine of this data folder belongs to another process ({pid or 'unknown'}{f': {name}' if name else ''}).",
        hint="Stop that process in order; it takes its engine along. Or use another GRAPH_CRM_DATA_DIR.",
    )
