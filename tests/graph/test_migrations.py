"""Migrations: applied once, in order, under one lock, and refused when the files do not fit to the database."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph_crm.errors import MigrationRefused
from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator, read_folder, split_statements, steps
from graph_crm.resources import folder

pytestmark = pytest.mark.lts

FORGET = "MATCH (n) WHERE n:Migration OR n:Made OR (n:Lock AND n.name = 'migrations') DETACH DELETE n"


@pytest.fixture
async def unmigrated(database: Database) -> AsyncIterator[Database]:
    """The database as if nothing had been migrated; the platform's own migrations are recorded again afterwards."""
    await database.execute(FORGET)
    yield database
    await database.execute(FORGET)
    await database.execute("DROP INDEX made_name IF EXISTS")
    await Migrator(database, folder("schema") / "migrations").migrate()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three migrations: an index, data, more data."""
    write(tmp_path, 1, "index", "CREATE INDEX made_name IF NOT EXISTS FOR (n:Made) ON (n.name);")
    write(tmp_path, 2, "one", "MERGE (:Made {name: 'one; still one'}); // ; a comment\nMERGE (:Made {name: \"two\"});")
    write(tmp_path, 3, "more", "MERGE (:Made {name: 'three'})")
    return tmp_path


def write(path: Path, number: int, name: str, text: str) -> Path:
    file = path / f"{number:04d}_{name}.cypher"
    file.write_text(text, encoding="utf-8")
    return file


async def made(database: Database) -> list[str]:
    return [row["name"] for row in await database.read("MATCH (n:Made) RETURN n.name AS name ORDER BY name")]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("A; B;", ["A", "B"]),
        ("A", ["A"]),
        (" ;;\n; // nothing\n", []),
        ("RETURN 'a;b'; RETURN \"c;'d\"", ["RETURN 'a;b'", 'RETURN "c;\'d"']),
        (r"RETURN 'it\'s; one'; B", [r"RETURN 'it\'s; one'", "B"]),
        ("A // x; y\n B; /* ; ' */ C", ["A  \n B", "C"]),
        ("MATCH (n:`a;``b`) RETURN 'http://x;y'", ["MATCH (n:`a;``b`) RETURN 'http://x;y'"]),
        ("A\r\n;B", ["A", "B"]),
        ("RETURN 1 / 2; B", ["RETURN 1 / 2", "B"]),
    ],
)
def test_statements_are_cut_outside_of_strings_names_and_comments(text: str, statements: list[str]):
    assert split_statements(text) == statements


def test_indexes_and_constraints_that_stand_together_are_one_step_and_data_stands_alone():
    schema = [
        "CREATE CONSTRAINT a IF NOT EXISTS FOR (n:A) REQUIRE n.x IS UNIQUE",
        "create index b IF NOT EXISTS FOR (n:B) ON (n.x)",
        "CREATE FULLTEXT INDEX c IF NOT EXISTS FOR (n:C) ON EACH [n.x]",
        "DROP INDEX d IF EXISTS",
    ]
    data = ["CREATE (:Index {x: 1})", "MERGE (n:INDEX)", "MATCH (n) SET n.x = 'CREATE INDEX e'"]
    assert steps([*schema, *data, *schema]) == [schema, *([one] for one in data), schema]
    assert steps([]) == []


async def test_one_of_several_indexes_that_fails_is_named_and_the_file_is_not_recorded(
    unmigrated: Database, files: Path
):
    good = "CREATE INDEX made_name IF NOT EXISTS FOR (n:Made) ON (n.name)"
    write(files, 4, "two_indexes", f"{good}; CREATE RANGE INDEX made_nothing FOR (n:Made) ON (n.name, n.name)")
    with pytest.raises(MigrationRefused, match="0004_two_indexes failed") as caught:
        await Migrator(unmigrated, files).migrate()
    assert "made_nothing" in caught.value.details["statement"]
    assert (await Migrator(unmigrated, files).status())[-1].state == "PENDING"


async def test_files_are_applied_once_and_in_order(unmigrated: Database, files: Path):
    migrator = Migrator(unmigrated, files)
    assert [one.state for one in await migrator.status()] == ["PENDING"] * 3
    assert [one.number for one in await migrator.migrate()] == [1, 2, 3]
    assert await made(unmigrated) == ["one; still one", "three", "two"]
    assert await migrator.migrate() == []
    status = await migrator.status()
    assert [(one.name, one.state) for one in status] == [("index", "APPLIED"), ("one", "APPLIED"), ("more", "APPLIED")]
    assert all(one.applied_at for one in status)
    write(files, 4, "last", "MERGE (:Made {name: 'z'})")
    assert [one.number for one in await migrator.migrate()] == [4]


async def test_the_shipped_migrations_apply_and_every_index_is_online(unmigrated: Database):
    shipped = folder("schema") / "migrations"
    assert [one.number for one in await Migrator(unmigrated, shipped).migrate()] == list(
        range(1, len(read_folder(shipped)) + 1)
    )
    states = await unmigrated.read("SHOW INDEXES YIELD name, state WHERE state <> 'ONLINE' RETURN name")
    assert states == []


async def test_a_changed_file_is_refused_but_a_changed_comment_is_not(unmigrated: Database, files: Path):
    migrator = Migrator(unmigrated, files)
    await migrator.migrate()
    write(files, 3, "more", "// said better\nMERGE (:Made {name: 'three'})")
    assert await migrator.migrate() == []
    write(files, 3, "more", "MERGE (:Made {name: 'four'})")
    assert [one.state for one in await migrator.status()] == ["APPLIED", "APPLIED", "CHANGED"]
    with pytest.raises(MigrationRefused, match="0003_more was changed"):
        await migrator.migrate()
    assert "four" not in await made(unmigrated)


async def test_a_missing_file_is_refused(unmigrated: Database, files: Path):
    await Migrator(unmigrated, files).migrate()
    (files / "0003_more.cypher").unlink()
    assert [one.state for one in await Migrator(unmigrated, files).status()] == ["APPLIED", "APPLIED", "MISSING"]
    with pytest.raises(MigrationRefused, match="its file is missing"):
        await Migrator(unmigrated, files).migrate()


async def test_a_file_put_before_an_applied_one_is_refused(unmigrated: Database, files: Path):
    await Migrator(unmigrated, files).migrate()
    await unmigrated.execute("MATCH (m:Migration {number: 2}) DELETE m")
    with pytest.raises(MigrationRefused, match="0002 is missing before 0003_more"):
        await Migrator(unmigrated, files).migrate()


@pytest.mark.parametrize(
    ("name", "told"), [("0005_gap", "without a gap"), ("0003_twice", "without a number twice"), ("x", "no name")]
)
def test_names_that_leave_the_order_open_are_refused(files: Path, name: str, told: str):
    (files / f"{name}.cypher").write_text("RETURN 1")
    with pytest.raises(MigrationRefused, match=told):
        read_folder(files)


async def test_a_failing_statement_names_its_file_and_is_not_recorded(unmigrated: Database, files: Path):
    write(files, 3, "more", "MERGE (:Made {name: 'three'}); MERGE (:Made {name: 1/0})")
    with pytest.raises(MigrationRefused, match="0003_more failed"):
        await Migrator(unmigrated, files).migrate()
    assert [one.state for one in await Migrator(unmigrated, files).status()] == ["APPLIED", "APPLIED", "PENDING"]
    write(files, 3, "more", "MERGE (:Made {name: 'three'}); MERGE (:Made {name: 'repaired'})")
    await Migrator(unmigrated, files).migrate()
    assert await made(unmigrated) == ["one; still one", "repaired", "three", "two"]


async def test_several_in_one_process_apply_each_file_once(unmigrated: Database, files: Path):
    applied = await asyncio.gather(*(Migrator(unmigrated, files).migrate() for _ in range(6)))
    assert sorted(one.number for each in applied for one in each) == [1, 2, 3]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator

async def main():
    database = await Database.connect(sys.argv[1], "neo4j", sys.argv[2])
    done = await Migrator(database, Path(sys.argv[3]), lease=2.0).migrate(lambda one: print("begins", flush=True))
    print("applied", *(one.number for one in done), flush=True)
    await database.close()

asyncio.run(main())
"""


def process(files: Path, neo4j_address: tuple[str, str]) -> subprocess.Popen[str]:
    uri, password = neo4j_address
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), uri, password, str(files)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


async def test_processes_that_start_together_apply_each_file_once(
    unmigrated: Database, files: Path, neo4j_address: tuple[str, str]
):
    processes = [process(files, neo4j_address) for _ in range(3)]
    outputs = await asyncio.gather(*(asyncio.to_thread(one.communicate, timeout=120) for one in processes))
    assert [one.returncode for one in processes] == [0, 0, 0]
    applied = [line.split()[1:] for text, _ in outputs for line in text.splitlines() if line.startswith("applied")]
    assert sorted(applied) == [[], [], ["1", "2", "3"]]
    assert len(await unmigrated.read("MATCH (l:Lock {name: 'migrations'}) RETURN l")) == 1


async def test_a_holder_that_was_killed_does_not_block_for_ever(
    unmigrated: Database, files: Path, neo4j_address: tuple[str, str]
):
    slow = "UNWIND range(1, 2000000) AS x UNWIND range(1, 50) AS y WITH count(x + y) AS n MERGE (:Made {name: 'slow'})"
    write(files, 4, "slow", slow)
    killed = process(files, neo4j_address)
    assert killed.stdout is not None
    for _ in range(4):
        assert (await asyncio.to_thread(killed.stdout.readline)).strip() == "begins"
    killed.send_signal(signal.SIGKILL)
    await asyncio.to_thread(killed.wait)
    killed.stdout.close()
    write(files, 4, "slow", "MERGE (:Made {name: 'quick'})")
    applied = await Migrator(unmigrated, files, patience=60.0).migrate()
    assert [one.number for one in applied] == [4]
    assert "quick" in await made(unmigrated)


async def test_a_lock_that_another_holds_is_waited_for_and_then_named(unmigrated: Database, files: Path):
    await unmigrated.execute(
        "MERGE (l:Lock {name: 'migrations'}) SET l.owner = 'elsewhere:1', "
        "l.expiresAt = datetime.realtime() + duration({seconds: 60})"
    )
    with pytest.raises(MigrationRefused, match="elsewhere:1"):
        await Migrator(unmigrated, files, patience=0.5).migrate()
