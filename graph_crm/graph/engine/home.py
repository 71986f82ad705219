"""The data folder: the store, its password, which Neo4j wrote it, and who runs it now."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from graph_crm.errors import EngineError

_FOLDERS = ("conf", "data", "logs", "run", "plugins", "import", "licenses")
RESTORING = "restore-"
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{8,200}")
_LARGEST_LOG = 5 << 20


@dataclass(frozen=True)
class RunState:
    """The running engine, as the process that started it wrote it down.

    ``created`` is the process's start time (psutil), which tells it from another that got its number. ``detached``:
    nobody owns it, it runs until it is stopped. ``maintenance``: it was stopped for a backup and will be back.
    """

    pid: int
    created: float
    port: int
    version: str
    heap_mb: int
    detached: bool = False
    owner_pid: int | None = None
    maintenance: bool = False


class Home:
    """The folder of one embedded database."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "engine"
        self.home = self.folder / "home"
        self.before = self.folder / "home.before"
        self.password_file = self.folder / "password"
        self.starting_lock = self.folder / "starting.lock"
        self.owner_lock = self.folder / "owner.lock"
        self._state = self.folder / "running.json"
        self._store = self.folder / "store.json"
        self._port = self.folder / "port"

    @property
    def log(self) -> Path:
        """Neo4j's own log."""
        return self.home / "logs" / "neo4j.log"

    @property
    def console_log(self) -> Path:
        """What Neo4j and its Java wrote to the terminal."""
        return self.home / "logs" / "console.log"

    @property
    def has_store(self) -> bool:
        """Whether a database was created here."""
        return (self.home / "data" / "databases" / "system").is_dir()

    def create(self) -> None:
        """Make the folder, for this user only."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._not_made(error) from error

    def lay_out(self) -> None:
        """Make the folders of Neo4j, and put right what a crash in the middle of a restore left."""
        try:
            if self.before.is_dir() and not self.home.exists():
                self.before.replace(self.home)
            for rest in (self.before, *self.folder.glob(f"{RESTORING}*")):
                shutil.rmtree(rest, ignore_errors=True)
            for name in _FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._not_made(error) from error
        if self.console_log.is_file() and self.console_log.stat().st_size > _LARGEST_LOG:
            self.console_log.replace(self.console_log.with_suffix(".1.log"))

    def _not_made(self, error: OSError) -> EngineError:
        return EngineError(
            f"The data folder {self.folder} can't be made: {error.strerror}.",
            hint="GRAPH_CRM_DATA_DIR names another place.",
        )

    def password(self) -> str:
        """The password of the database: made once, readable by this user alone."""
        try:
            kept = self.password_file.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            if self.has_store:
                raise EngineError(
                    f"The database is there, its password is not: {self.password_file} is missing.",
                    hint="Put the file back, or restore a backup into a new data folder.",
                ) from None
            return self._new_password()
        if not _PASSWORD.fullmatch(kept):
            raise EngineError(
                f"The password file is damaged: {self.password_file}.",
                hint="Put the old one back. Where there is no data yet, delete the file.",
            )
        return kept

    def _new_password(self) -> str:
        password = secrets.token_urlsafe(24)
        new = self.password_file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())  # without it the database can't be opened any more
        new.replace(self.password_file)
        return password

    def configure(self, *, port: int, heap_mb: int, pagecache_mb: int, authenticated: bool = True) -> None:
        """Write neo4j.conf anew: loopback only, Bolt only, nothing reported to anybody."""
        lines = {
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.listen_address": f"127.0.0.1:{port}",
            "server.bolt.advertised_address": f"127.0.0.1:{port}",
            # The hint that it sends makes the driver set a timer for every read of the socket, which doubled what a row
            # costs (Python 3.11). The platform bounds each call by itself.
            "server.bolt.connection_keep_alive_for_requests": "OFF",
            # A large statement takes long to plan. While the graph grows, the default has every connection plan it anew
            # every ten seconds, all of them at once.
            "dbms.cypher.min_replan_interval": "60s",
            "server.http.enabled": "false",
            "server.https.enabled": "false",
            "server.memory.heap.initial_size": f"{min(heap_mb, 512)}m",
            "server.memory.heap.max_size": f"{heap_mb}m",
            "server.memory.pagecache.size": f"{pagecache_mb}m",
            "dbms.security.auth_enabled": str(authenticated).lower(),
            "dbms.security.allow_csv_import_from_file_urls": "false",
            "dbms.usage_report.enabled": "false",
            # Files of 256 MiB each, made full of zeros before the first write, are nothing for a laptop.
            "db.tx_log.preallocate": "false",
            "db.tx_log.rotation.retention_policy": "1 days 512M",
            # The databases are closed before the network is: waiting twice five seconds for nobody is of no use.
            "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
            "internal.server.bolt.thread_pool_shutdown_wait_time": "1s",
        }
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.home / "conf" / "neo4j.conf").write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """The environment of Neo4j: this home, and no Java options that somebody set for something else."""
        strange = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "NEO4J_AUTH", "NEO4J_PASSWORD"}
        kept = {name: value for name, value in os.environ.items() if name not in strange}
        return {**kept, "NEO4J_HOME": str(self.home), "NEO4J_CONF": str(self.home / "conf")}

    @property
    def store_version(self) -> str | None:
        """The Neo4j that opened this store last, None before the first start."""
        try:
            return str(json.loads(self._store.read_text(encoding="utf-8"))["neo4j"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError(f"{self._store} is damaged: {error}", hint='It says {"neo4j": "VERSION"}.') from error

    def stamp(self, version: str) -> None:
        """Refuse a store that a later Neo4j wrote; else write down that ``version`` opens it now."""
        before = self.store_version
        if self.has_store and before is not None and version_order(version) < version_order(before):
            raise EngineError(
                f"The data in {self.folder} was written by Neo4j {before}; {version} can't read it.",
                hint=f"Use Neo4j {before} (GRAPH_CRM_ENGINE_VERSION) or another data folder.",
            )
        if before != version:
            _write(self._store, {"neo4j": version})

    @property
    def last_port(self) -> int:
        """The port of the last start, also after an orderly stop; 0 when there was none."""
        try:
            return int(self._port.read_text(encoding="ascii"))
        except (OSError, ValueError):  # never started, or damaged: any port will do
            return 0

    def keep_port(self, port: int) -> None:
        """Write the port down for the next start: processes that only connect look for the database where it was."""
        self._port.write_text(str(port), encoding="ascii")

    def read_state(self) -> RunState | None:
        """Who runs, as far as it is written down; None after an orderly stop."""
        try:
            return RunState(**json.loads(self._state.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # cut off by a crash of the machine: the processes are searched instead
            return None

    def write_state(self, state: RunState) -> None:
        """Write down who runs."""
        _write(self._state, asdict(state))

    def forget_state(self) -> None:
        """Nobody runs any more, and it stopped in order."""
        self._state.unlink(missing_ok=True)


def version_order(version: str) -> tuple[int, ...]:
    """What orders versions: 5.26.28 before 2026.04.0."""
    return tuple(int(part) for part in version.split("."))


def _write(path: Path, value: object) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
