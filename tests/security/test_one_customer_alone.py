"""Whether one customer is seen is looked at for that one: no list of all of the employee's customers is made for it."""

from __future__ import annotations

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from graph_crm.api.schema import platform_schema
from graph_crm.graph.compiler import Compiler
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

EMPLOYEES = [Role.AGENT, Role.RELATIONSHIP_MANAGER]


def statement(role: Role, text: str) -> str:
    """The statement of the one root field of ``text``."""
    schema = platform_schema()
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    sight = Sights().of(Caller("anna", role))
    compiler = Compiler(schema.registry, {}, {}, limits=schema.limits, sight=sight)
    return compiler.root(schema.registry.roots[field.name.value], [field]).text


@pytest.mark.parametrize("role", EMPLOYEES)
def test_one_customer_is_asked_about_alone(role: Role) -> None:
    text = statement(role, '{ party(id: "1") { displayName segment agreements(first: 5) { nodes { status } } } }')
    assert "mine" not in text
    assert "WHEN n1clear THEN n1.segment" in text
    assert "WHERE n1clear" in text, "what hangs on the customer is seen where the customer is"


@pytest.mark.parametrize("role", EMPLOYEES)
def test_what_looks_at_other_customers_has_the_list_and_uses_it_for_the_first_one_too(role: Role) -> None:
    text = statement(role, '{ party(id: "1") { segment relationships(first: 5) { nodes { segment } } } }')
    assert text.startswith("WITH COLLECT {")
    assert "n1.id IN mine AS n1clear" in text


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.ANALYST, Role.CUSTOMER])
def test_who_has_no_list_of_customers_has_none_to_leave_out(role: Role) -> None:
    text = statement(role, '{ party(id: "1") { displayName } }')
    assert text.startswith("MATCH (n1:Party")
    assert "clear" not in text
