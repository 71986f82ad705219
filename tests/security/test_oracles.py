"""Nothing that a role may ask tells of what it may not see: what is hidden is changed, and every answer stays the same.

That covers filters, orderings, counts, cursors and searches alike, and those that nobody thought of when they were
written.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from strawberry.utils.str_converters import to_snake_case

from graph_crm.api.schema import platform_schema
from graph_crm.errors import Forbidden
from graph_crm.graph.compiler.filters import operators
from graph_crm.graph.mapping import Scalar
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

pytestmark = pytest.mark.lts
REGISTRY = platform_schema().registry
CALLERS = [
    Caller("anna", Role.CUSTOMER, "anna"),
    Caller("eva", Role.AGENT),
    Caller("rita", Role.RELATIONSHIP_MANAGER),
    Caller("m", Role.MARKETER),
    Caller("a", Role.ANALYST),
]
CHANGES = {
    # What of a customer outside of the caller's cases is not to be seen.
    Role.AGENT: """
        MATCH (p:Party {id: 'ben'})
        SET p.birthDate = date('1970-12-12'), p.segment = 'BRONZE', p.street = 'Else 9', p.vulnerable = null,
            p.identifiers = ['ZZ-1'], p.createdAt = datetime('1999-01-01T00:00:00Z')
        WITH p MATCH (p)-[:HOLDS]->(a:Agreement {id: 'alone'})
        SET a.balance = 5, a.productCode = 'LOAN', a.number = 'N'
        WITH p MATCH (p)-[:DID]->(e) SET e.type = 'logout', e.at = datetime('2012-01-01T00:00:00Z')
        WITH p MATCH (p)-[:REACHABLE_AT]->(c) SET c.value = '+420111222342', c.blocked = false
        CREATE (p)-[:DID]->(:Event {id: 'new', type: 'login', at: datetime('2030-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {id: 'new'}]->(:Agreement {id: 'new', productCode: 'CARD', familyCode: 'CARD', version: 1})
        WITH p MATCH (acme:Party {id: 'acme'}) CREATE (p)-[:REFERRED {id: 'tn'}]->(acme)
        """,
    # Who a protected customer is.
    Role.ANALYST: """
        MATCH (p:Party {id: 'vip'})
        SET p.id = 'zzz', p.displayName = 'Aaron', p.nameKey = 'anna aaron', p.searchText = 'anna nowak',
            p.city = 'Brno', p.segment = 'GOLD', p.birthDate = date('2001-01-01'), p.version = 99, p.country = 'PL'
        WITH p MATCH (p)-[t:PARENT_OF]->() SET t.id = 'aaa', t.note = 'x'
        WITH p MATCH (p)-[:HOLDS]->(a:Agreement {id: 'hidden'}) SET a.balance = 5, a.productCode = 'LOAN'
        WITH p MATCH (p)-[:DID]->(e) SET e.type = 'logout', e.at = datetime('2012-01-01T00:00:00Z')
        CREATE (p)-[:DID]->(:Event {id: 'new', type: 'login', at: datetime('2030-01-01T00:00:00Z')})
        CREATE (p)-[:HOLDS {id: 'new'}]->(:Agreement {id: 'new', productCode: 'CARD', familyCode: 'CARD', version: 1})
        """,
}
CHANGES |= {Role.RELATIONSHIP_MANAGER: CHANGES[Role.AGENT], Role.MARKETER: CHANGES[Role.ANALYST]}
CHANGES[Role.CUSTOMER] = CHANGES[Role.AGENT]
HIDDEN_FROM_EXPLORERS = "MATCH (p:Party {id: 'anna'}) SET p.birthDate = date('1901-01-01'), p.street = 'Else 1'"
WORDS: dict[str, list[str]] = {
    "date": ['"1990-02-02"', '"1960-06-06"'],
    "datetime": ['"2021-01-01T00:00:00Z"'],
    "bool": ["true"],
    "int": ["7"],
    "float": ["0.5"],
    "Decimal": ['"0.77"'],
}


def comparisons(kind: str, caller: Caller) -> list[str]:
    """Filters by every field of a type that the caller may filter by, with values that are there and that are not."""
    found = []
    sight = Sights().of(caller)
    for spec in REGISTRY.nodes[kind].fields.values():
        if not isinstance(spec, Scalar) or not spec.filter:
            continue
        try:
            sight.check_compared(kind, spec.name)
        except Forbidden:
            continue
        name = getattr(spec.type, "__name__", "str")
        there = {"id": ["vip", "ben"], "city": ["Ostrava"], "segment": ["PRIVATE", "SILVER"], "productCode": ["CARD"]}
        values = WORDS.get(name, [f'"{each}"' for each in there.get(spec.name, ["x"])])
        texts = name in {"str", "ID"} or name in WORDS
        for operator in operators(spec):
            if operator == "isNull":
                found.append(f"{spec.name}: {{isNull: true}}")
            elif texts and operator in {"eq", "ne", "gte"}:
                found += [f"{spec.name}: {{{operator}: {value}}}" for value in values[: 2 if operator == "eq" else 1]]
            elif operator in {"contains", "startsWith"}:
                found += [f'{spec.name}: {{{operator}: "{text}"}}' for text in ("V", "B")]
    return found


def orderings(kind: str, caller: Caller) -> list[str]:
    found = []
    sight = Sights().of(caller)
    for spec in REGISTRY.nodes[kind].fields.values():
        if isinstance(spec, Scalar) and spec.order:
            try:
                sight.check_compared(kind, spec.name)
            except Forbidden:
                continue
            found += [f"{to_snake_case(spec.name).upper()}_{way}" for way in ("ASC", "DESC")]
    return found


def documents(caller: Caller) -> list[str]:
    """What to ask: pages, counts and searches with every filter and ordering, along relations and at the root."""
    made = []
    own = caller.party_id or ("rose" if caller.role is Role.RELATIONSHIP_MANAGER else "anna")
    for field, kind in (("relationships", "Party"), ("relationships", "Person"), ("agreements", "Agreement")):
        if field == "relationships" and caller.role is Role.CUSTOMER:
            continue
        filters = comparisons(kind, caller)
        if kind == "Person":
            filters = [
                f"person: {{{each}}}" for each in filters if each.split(":")[0] in {"birthDate", "sex", "givenName"}
            ]
        for start in range(0, len(filters), 30):
            aliases = [
                f"a{place}: {field}(where: {{{each}}}) {{ totalCount }}"
                for place, each in enumerate(filters[start : start + 30])
            ]
            made.append(f'{{ party(id: "{own}") {{ {" ".join(aliases)} }} }}')
        if kind != "Person":
            aliases = [
                f"o{place}: {field}(orderBy: {each}) {{ nodes {{ id }} }}"
                for place, each in enumerate(orderings(kind, caller))
            ]
            made.append(f'{{ party(id: "{own}") {{ {" ".join(aliases)} }} }}')
    if caller.role is not Role.CUSTOMER:
        shown = "{ totalCount nodes { id displayName version segment } }"
        asked = ("", "(orderBy: CITY_DESC)", "(orderBy: CREATED_AT_ASC)", '(where: {segment: {ne: "GOLD"}})')
        made += [f"{{ parties{each} {shown} }}" for each in asked]
        number = '{value: {eq: "+420602123442"}}'
        known = [
            f"{{ parties(where: {{contactPoints: {{{how}: {number}}}}}) {{ totalCount }} }}" for how in ("some", "none")
        ]
        if caller.role in {Role.MARKETER, Role.ANALYST}:
            known = []  # refused: they see it masked
        phones = "{contactPoints: {some: {kind: {eq: PHONE}}}}"
        made += [
            "{ agreements(orderBy: ID_ASC) { totalCount nodes { id productCode } } }",
            '{ agreements(where: {productCode: {eq: "CARD"}}) { totalCount } }',
            "{ events { totalCount nodes { id type } } }",
            '{ searchParties(query: "anna nowak") { totalCount edges { score node { id } } } }',
            '{ searchParties(query: "ann") { edges { score node { id } } } }',
            '{ parties(where: {agreements: {none: {productCode: {eq: "CARD"}}}}) { totalCount nodes { id } } }',
            '{ parties(where: {not: {agreements: {every: {productCode: {eq: "LOAN"}}}}}) { totalCount nodes { id } } }',
            *known,
            f"{{ parties(where: {phones}) {{ nodes {{ contactPoints {{ nodes {{ value }} }} }} }} }}",
        ]
    return made


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.role.value)
async def test_what_is_hidden_changes_no_answer(bank, caller: Caller) -> None:
    asked = documents(caller)
    before = [await bank.ask(caller, each) for each in asked]
    everybody = await bank.ask(Role.SERVICE, "{ parties(orderBy: CREATED_AT_ASC) { nodes { id version segment } } }")
    stored = await bank.database.read(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock RETURN elementId(n) AS id, properties(n) AS properties"
    )
    ties = await bank.database.read("MATCH ()-[r]->() RETURN elementId(r) AS id, properties(r) AS properties")
    await bank.database.execute(CHANGES[caller.role])
    if caller.role in {Role.MARKETER, Role.ANALYST}:
        await bank.database.execute(HIDDEN_FROM_EXPLORERS)
    try:
        after = [await bank.ask(caller, each) for each in asked]
        assert everybody != await bank.ask(
            Role.SERVICE, "{ parties(orderBy: CREATED_AT_ASC) { nodes { id version segment } } }"
        )
        for document, first, second in zip(asked, before, after, strict=True):
            assert first == second, document
    finally:
        await bank.database.execute(
            "MATCH (n) WHERE n.id = 'new' DETACH DELETE n WITH count(*) AS gone MATCH ()-[r {id: 'tn'}]-() DELETE r"
        )
        rows: list[dict[str, Any]] = [{"id": row["id"], "properties": row["properties"]} for row in stored]
        await bank.database.execute(
            "UNWIND $rows AS row MATCH (n) WHERE elementId(n) = row.id SET n = row.properties", {"rows": rows}
        )
        rows = [{"id": row["id"], "properties": row["properties"]} for row in ties]
        await bank.database.execute(
            "UNWIND $rows AS row MATCH ()-[r]->() WHERE elementId(r) = row.id SET r = row.properties", {"rows": rows}
        )


async def test_a_cursor_of_one_page_is_never_the_same_text_twice(bank) -> None:
    """So that nobody compares what is sealed."""
    asked = "{ parties(first: 1) { edges { cursor } } }"
    texts = {(await bank.ask(CALLERS[1], asked))["parties"]["edges"][0]["cursor"] for _ in range(3)}
    assert len(texts) == 3
    assert len({len(base64.urlsafe_b64decode(text + "==")) for text in texts}) == 1
