"""Failed work as operators reach it: over GraphQL with the right to operate, and by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.graph.outbox import NewEntry, Outbox, put_many
from graph_crm.security.roles import Caller, Role

FAILED = (
    "query ($topic: String, $first: Int) {"
    " failedWork(topic: $topic, first: $first) { id topic partition payload state attempts error retriedBy } }"
)
RETRY = "mutation ($id: ID!) { retryWork(id: $id) { id state attempts retriedBy retries } }"


COMMANDS = """
import json, sys
from typer.testing import CliRunner
from graph_crm.cli import app

told = []
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, ["outbox", *arguments])
    told.append(str(result.exception) if result.exception else result.stdout)
print(json.dumps(told))
"""
"""All of them in one process: starting one takes longer than what it does."""


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    """Two entries that failed."""
    outbox = Outbox(empty_database, max_attempts=1)
    entries = [NewEntry("decide", "anna", {"eventId": "e1"}, "d1"), NewEntry("send", "m", {}, "s1")]
    await empty_database.write(lambda tx: put_many(tx, entries))
    for entry in await outbox.lease(9, "w", 30, ["decide", "send"]):
        await outbox.fail(entry, "RuntimeError: no")
    return empty_database


async def ask(database: Database, role: Role, query: str, **variables: Any) -> dict[str, Any]:
    executor = Executor(platform_schema(), database)
    return await executor.execute(Request(query, Caller("jana", role), variables))


async def test_an_administrator_sees_what_failed_and_has_it_done_again(bank: Database):
    answer = await ask(bank, Role.ADMINISTRATOR, FAILED, topic="decide", first=5)
    (found,) = answer["data"]["failedWork"]
    assert found == {
        "id": "d1",
        "topic": "decide",
        "partition": "anna",
        "payload": {"eventId": "e1"},
        "state": "FAILED",
        "attempts": 1,
        "error": "RuntimeError: no",
        "retriedBy": None,
    }
    for _ in range(2):
        again = await ask(bank, Role.ADMINISTRATOR, RETRY, id="d1")
        assert again["data"]["retryWork"] == {
            "id": "d1", "state": "PENDING", "attempts": 0, "retriedBy": "jana", "retries": 1,
        }  # fmt: skip
    assert len((await ask(bank, Role.ADMINISTRATOR, FAILED))["data"]["failedWork"]) == 1


@pytest.mark.parametrize("role", [Role.AGENT, Role.MARKETER, Role.AUDITOR, Role.SERVICE, Role.CUSTOMER])
async def test_nobody_else_may(bank: Database, role: Role):
    for query, variables in ((FAILED, {}), (RETRY, {"id": "d1"})):
        caller = Caller("x", role, "anna" if role is Role.CUSTOMER else None)
        answer = await Executor(platform_schema(), bank).execute(Request(query, caller, variables))
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(("query", "variables", "code"), [
    (FAILED, {"first": 0}, "BAD_USER_INPUT"),
    (FAILED, {"first": 1001}, "BAD_USER_INPUT"),
    (RETRY, {"id": "nothing"}, "NOT_FOUND"),
])  # fmt: skip
async def test_what_can_not_be_asked_is_told(bank: Database, query: str, variables: dict[str, Any], code: str):
    answer = await ask(bank, Role.ADMINISTRATOR, query, **variables)
    assert answer["errors"][0]["extensions"]["code"] == code


@pytest.mark.usefixtures("bank")
def test_the_command_counts_lists_shows_and_does_again(neo4j_address: tuple[str, str], tmp_path: Path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    environment = {
        **kept,
        "GRAPH_CRM_DATA_DIR": str(tmp_path),
        "NEO4J_URI": neo4j_address[0],
        "NEO4J_PASSWORD": neo4j_address[1],
        "COLUMNS": "200",
    }

    asked = [["failed", "--json"], ["show", "d1"], ["retry", "d1"], ["retry", "--all"], ["counts", "--json"], ["retry"]]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(asked)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed, shown, one, every, counted, wrong = json.loads(done.stdout)
    assert {each["id"] for each in json.loads(listed)} == {"d1", "s1"}
    assert "RuntimeError: no" in shown
    assert one == "d1 is PENDING.\n"
    assert every == "1 to be done again.\n"
    assert json.loads(counted)["failed"] == {}
    states = {each["state"]: each["entries"] for each in json.loads(counted)["backlog"]}
    assert states == {"PENDING": 2, "LEASED": 0, "FAILED": 0}
    assert "Say what is to be done again" in wrong
