"""The customer 360 as roles that do not see everybody ask it: the statements are committed, they run, one each.

After a wanted change write them anew with
``GRAPH_CRM_UPDATE_SNAPSHOTS=1 pytest tests/graph/compiler/test_shapes_of_roles.py`` and read the difference.
"""

from __future__ import annotations

import json

import pytest
from shapes import SHAPES
from test_shapes import SNAPSHOTS, UPDATE, laid_out

from graph_crm.api.execution import Executor, Request
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
QUERY, VARIABLES = SHAPES["party_360"]
CALLERS = [Caller("eva", Role.AGENT), Caller("rita", Role.RELATIONSHIP_MANAGER), Caller("ada", Role.MARKETER)]
SEEN_BY_MARKETERS = (
    QUERY.replace("birthDate", "familyName")
    .replace("status balance product", "status product")
    .replace("type payload", "type")
)


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.role.value)
async def test_the_customer_360_of_a_role_is_one_statement_as_committed(
    database: Database, bank, executor: Executor, caller: Caller
) -> None:
    query = SEEN_BY_MARKETERS if caller.role is Role.MARKETER else QUERY
    with database.counting() as sent:
        response = await executor.execute(Request(query, caller, VARIABLES))
    assert "errors" not in response, response
    assert response["data"]["party"]["id"] == VARIABLES["id"]
    (statement,) = sent.statements
    given = json.dumps(VARIABLES, ensure_ascii=False)
    told = f"# party 360, {caller.role}\n\nVariables: `{given}`\n\n```cypher\n{laid_out(statement)}\n```\n"
    file = SNAPSHOTS / "roles" / f"party_360_{caller.role}.md"
    if UPDATE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("caller", CALLERS[:2], ids=lambda caller: caller.role.value)
async def test_callers_of_a_role_share_its_statement(
    database: Database, bank, executor: Executor, caller: Caller
) -> None:
    """Who asks is a parameter, so that the database plans once."""
    with database.counting() as sent:
        for subject in (caller.subject, "somebody else"):
            await executor.execute(Request(QUERY, Caller(subject, caller.role), VARIABLES))
    assert len(set(sent.statements)) == 1
    assert caller.subject not in sent.statements[0]
