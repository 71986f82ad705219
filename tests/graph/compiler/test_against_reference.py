"""Any query answers what a plain Python walk over the same bank answers."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_queries import Documents, Filters, Writer
from reference import Reference
from small_bank import Bank

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import MappedSchema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
CALLER = Caller("test", Role.ADMINISTRATOR)
THOROUGH = int(os.environ.get("GRAPH_CRM_TEST_THOROUGH", "1"))
"""How many times as many examples as usual; Neo4j plans each new statement, which is what takes the time."""
# The same examples in every run: drawn anew, hypothesis now and then takes its own generation for inconsistent.
SOME = settings(max_examples=12 * THOROUGH, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


async def agree(executor: Executor, reference: Reference, document: str, variables: dict[str, Any]) -> None:
    response = await executor.execute(Request(document, CALLER, variables))
    assert "errors" not in response, (response, document, variables)
    expected = reference.answer(document, variables)
    # As text: the order of the fields counts too.
    assert json.dumps(response["data"], indent=1) == json.dumps(expected, indent=1), (document, variables)


@SOME
@given(data=st.data())
async def test_a_filter_and_an_ordering_find_what_python_finds(
    bank: Bank, reference: Reference, executor: Executor, schema: MappedSchema, data: st.DataObject
):
    filters = Filters(schema.registry, bank)
    roots = [root for root in schema.registry.roots.values() if root.page and not root.start]
    writer, parts = Writer(reference.schema, data.draw), []
    for place in range(4):  # four at once: planning in Neo4j is what takes the time
        root = data.draw(st.sampled_from(roots))
        mapping = schema.registry.of(root.node)
        field = reference.schema.query_type.fields[root.name]  # type: ignore[union-attr]
        arguments = writer.arguments(
            field,
            {
                "where": filters.where(data.draw, mapping, None),
                "orderBy": filters.order(data.draw, mapping, None),
                "first": 100,
            },
        )
        parts.append(f"r{place}: {root.name}{arguments} {{ totalCount nodes {{ {mapping.key} }} }}")
    await agree(executor, reference, writer.document(" ".join(parts)), writer.variables)


@settings(SOME, max_examples=20 * THOROUGH)
@given(data=st.data())
async def test_a_random_document_answers_as_the_specification_says(
    bank: Bank, reference: Reference, executor: Executor, schema: MappedSchema, database: Database, data: st.DataObject
):
    documents = Documents(reference.schema, schema.registry, Filters(schema.registry, bank))
    document, variables = documents.make(data.draw)
    with database.counting() as sent:
        await agree(executor, reference, document, variables)
    assert len(sent) == len(reference.answer(document, variables)), "one statement per root field"
