"""One engine a data folder: who starts it, who else may use it, who stops it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import neo4j
import psutil
import pytest

from graph_crm.errors import EngineError
from graph_crm.graph.engine import Address, Engine, EngineConfig
from graph_crm.graph.engine.home import Home
from graph_crm.graph.engine.process import free_port

pytestmark = [pytest.mark.long, pytest.mark.lts]

ABANDON = """
import os, sys
from pathlib import Path
from graph_crm.graph.engine import Engine, EngineConfig, process
spawn = process.spawn
process.spawn = lambda command, *, with_parent, **rest: spawn(command, with_parent=False, **rest)  # as on a Mac
data, cache, version = sys.argv[1:]
engine = Engine(EngineConfig(Path(data), Path(cache), version=version, heap_mb=512, pagecache_mb=128))
engine.start()
print(engine.status().pid, flush=True)
os.kill(os.getpid(), 9)
"""


def value(address: Address, statement: str) -> object:
    with neo4j.GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver:
        return driver.execute_query(statement).records[0][0]


@pytest.fixture(scope="module")
def running(
    prepared_store: Path, engine_cache: Path, engine_version: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine that runs, for the tests that only look at it."""
    data = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(prepared_store, data)
    with Engine(EngineConfig(data, engine_cache, version=engine_version, heap_mb=512, pagecache_mb=128)) as engine:
        yield engine


def test_a_running_engine_says_who_owns_it_and_is_the_version_asked_for(running: Engine):
    address = running.ensure_running()
    assert address.owned
    status = running.status()
    assert (status.running, status.healthy, status.owner, status.orphan) == (True, True, "this process", False)
    assert status.store_version == running.config.version
    assert value(address, "CALL dbms.components() YIELD versions RETURN versions[0]") == running.config.version


def test_it_listens_on_loopback_only(running: Engine):
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(running.status().pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_the_password_is_long_and_for_this_user_alone(running: Engine):
    address = running.ensure_running()
    assert len(address.password) >= 32
    assert stat.S_IMODE(running.home.password_file.stat().st_mode) == 0o600
    assert address.password not in repr(address)
    assert address.password not in " ".join(psutil.Process(running.status().pid).cmdline())
    with pytest.raises(neo4j.exceptions.AuthError):
        value(replace(address, password="wrong"), "RETURN 1")


def test_ctrl_c_in_the_terminal_does_not_reach_the_engine(running: Engine):
    pid = running.status().pid
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


def test_a_start_costs_less_than_two_processors_have_in_six_seconds(running: Engine):
    # Said in processor time, which holds on a busy machine as well. `docs/engine.md` has the seconds of a quiet one.
    times = psutil.Process(running.status().pid).cpu_times()
    assert times.user + times.system < 12.0


def test_a_second_owner_is_refused_and_a_second_user_connects(running: Engine):
    second = Engine(running.config)
    with pytest.raises(EngineError, match="belongs to another process"):
        second.start()
    with pytest.raises(EngineError, match="belongs to another process"):
        second.stop()
    address = second.ensure_running()
    assert not address.owned
    assert value(address, "RETURN 1") == 1
    assert second.status().owner == "another process"
    assert running.status().running


def test_a_detached_engine_runs_until_somebody_stops_it(config: EngineConfig):
    address = Engine(config).start(detached=True)
    try:
        status = Engine(config).status()
        assert (status.owner, status.orphan) == ("nobody", False)
        with Engine(config) as user:
            assert user.ensure_running() == address
        assert value(address, "RETURN 1") == 1
        with pytest.raises(EngineError, match="runs already"):
            Engine(config).start()
    finally:
        assert Engine(config).stop()
    assert not Engine(config).status().running
    assert not Engine(config).stop()


def test_an_engine_that_was_stopped_in_order_comes_back_where_its_users_look_for_it(config: EngineConfig):
    """A server that only connects keeps its address while the worker that owns the engine is started anew."""
    with Engine(config) as owner, Engine(config) as user:
        first = user.ensure_running()
        owner.stop()
        assert owner.start().uri == first.uri
        assert value(first, "RETURN 1") == 1


def test_an_orphan_is_stopped_by_the_next_start_even_if_nothing_is_written_down(config: EngineConfig):
    done = subprocess.run(
        [sys.executable, "-c", ABANDON, str(config.data_dir), str(config.cache_dir), config.version],
        stdout=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    orphan = int(done.stdout)
    assert Engine(config).status().orphan
    (Home(config.data_dir).folder / "running.json").unlink()
    assert Engine(config).status().orphan
    assert psutil.pid_exists(orphan)
    with Engine(config) as engine:
        assert engine.ensure_running().owned
        assert engine.status().pid != orphan
        assert not psutil.pid_exists(orphan)


def test_data_of_a_later_neo4j_is_refused(config: EngineConfig):
    home = Home(config.data_dir)
    home._store.write_text('{"neo4j": "2099.01.0"}')
    with pytest.raises(EngineError, match=r"written by Neo4j 2099\.01\.0"):
        Engine(config).start()
    assert not Engine(config).status().running


def test_a_lost_password_is_one_clear_error(config: EngineConfig):
    Home(config.data_dir).password_file.unlink()
    with pytest.raises(EngineError, match="password is not"):
        Engine(config).start()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b'two"\nlines', b"\x00" * 33])
def test_a_damaged_password_file_is_one_clear_error(config: EngineConfig, damage: bytes):
    Home(config.data_dir).password_file.write_bytes(damage)
    with pytest.raises(EngineError, match="password file is damaged"):
        Engine(config).start()


def test_a_full_disk_is_one_clear_error_and_leaves_no_owner(config: EngineConfig, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(Home, "configure", full)
        with pytest.raises(EngineError, match="No space left"):
            Engine(config).start()
    assert Engine(config).status().owner is None


def test_a_start_that_fails_says_why_and_leaves_nothing_running(config: EngineConfig):
    with pytest.raises(EngineError, match=r"ended while starting.*object heap"):
        Engine(replace(config, heap_mb=1_000_000_000)).start()
    assert not Engine(config).status().running


def test_a_port_that_is_taken_is_not_used():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert free_port(other.getsockname()[1]) != other.getsockname()[1]


def test_no_data_folder_no_engine(tmp_path: Path, engine_cache: Path, engine_version: str):
    engine = Engine(EngineConfig(tmp_path / "none", engine_cache, version=engine_version))
    started = time.monotonic()
    assert not engine.status().running
    assert not engine.stop()
    assert time.monotonic() - started < 5
    assert not (tmp_path / "none").exists()
