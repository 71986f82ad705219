"""Files go by the same rows as queries, and what a query shows is noted for the audit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from graphql import FieldNode, OperationDefinitionNode, parse
from starlette.applications import Starlette

from graph_crm.api import files
from graph_crm.api.edge.rates import Rates
from graph_crm.api.platform import Platform
from graph_crm.api.schema import platform_schema
from graph_crm.graph.compiler import Compiler
from graph_crm.requests.attachments.service import AttachmentService
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import RoleSight, Sights
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

pytestmark = pytest.mark.lts
SECRET = "a secret of at least thirty-two characters"
MAKE = """
MATCH (p:Party {id: $party})-[:ASKED]->(r:ServiceRequest)
CREATE (r)-[:LOGGED]->(:RequestEntry {id: 'e ' + $id})-[:CARRIES]->(a:Attachment {id: $id})
SET a.name = 'a.pdf', a.state = 'CLEAN'
"""


class Kept(AttachmentService):
    """Documents without a storage: who gets as far as this may read."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    async def open(self, identifier: str, _caller: Caller) -> Any:
        self.opened.append(identifier)
        return type("Found", (), {"name": "a.pdf", "media_type": "application/pdf", "content": b"%PDF"})


async def test_a_document_is_opened_by_who_sees_its_customer(bank) -> None:
    for party, identifier in (("anna", "of anna"), ("ben", "of ben")):
        await bank.database.execute(MAKE, {"party": party, "id": identifier})
    await bank.database.execute("CREATE (:Attachment {id: 'just uploaded', uploadedBy: 'eva', state: 'CLEAN'})")
    platform = Platform(Settings(neo4j_uri=None), bank.database, Verifier(SECRET), RuleBook([]))
    kept = Kept()
    platform._services[AttachmentService] = kept
    transport = httpx.ASGITransport(Starlette(routes=files.routes(platform, Rates({}, 0))))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:

        async def status(role: Role, subject: str, identifier: str) -> int:
            token = issue(SECRET, role, subject=subject)
            answer = await client.get(f"/attachments/{identifier}", headers={"Authorization": f"Bearer {token}"})
            return answer.status_code

        assert await status(Role.AGENT, "eva", "of anna") == 200
        assert await status(Role.AGENT, "eva", "just uploaded") == 200
        for identifier in ("of ben", "nothing"):
            assert await status(Role.AGENT, "eva", identifier) == 404
            assert await status(Role.ANALYST, "ada", identifier) == 403
        assert await status(Role.AGENT, "ola", "just uploaded") == 404
        assert await status(Role.SERVICE, "core", "of ben") == 200
    assert kept.opened == ["of anna", "just uploaded", "of ben"]
    await bank.database.execute("MATCH (n:Attachment|RequestEntry) DETACH DELETE n")


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ('{ party(id: "anna") { displayName } }', {"anna"}),
        ('{ party(id: "nobody") { displayName } }', set()),
        ("{ parties(first: 2, orderBy: ID_ASC) { nodes { city } } }", {"acme", "anna"}),
        ('{ party(id: "anna") { relationships { nodes { displayName } } } }', {"anna", "ben", "vip"}),
        ('{ agreement(id: "joint") { balance } }', {"anna", "ben", "vip"}),
        ("{ movements: agreements { nodes { movements { nodes { amount } } } } }", {"anna", "ben", "vip"}),
        ("{ products { nodes { name } } }", set()),
        ("{ parties { totalCount } }", set()),
    ],
)
async def test_the_keys_of_the_customers_that_are_shown_are_noted(bank, query: str, keys: set[str]) -> None:
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    caller = Caller("x", Role.ADMINISTRATOR)
    sight: RoleSight = Sights(notes=True).of(caller)
    registry = platform_schema().registry
    statement = Compiler(registry, {}, {}, sight=sight).root(registry.roots[node.name.value], [node])
    seen: set[str] = set()
    bound = sight.bound(caller, statement.parameters.bind({}))
    rows = await bank.database.read(statement.text, bound)
    statement.shape(rows, {**bound, "seen": seen})
    assert seen == keys
    plain = Compiler(registry, {}, {}, sight=Sights().of(caller)).root(registry.roots[node.name.value], [node])
    unseen: dict[str, Any] = dict(plain.parameters.bind({}))
    plain.shape(await bank.database.read(plain.text, unseen), unseen)
    assert "seen" not in unseen
