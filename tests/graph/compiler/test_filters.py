"""Every operator of every property means what the documentation says, nulls included."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type
from random_queries import Filters, Writer
from reference import Reference, money
from small_bank import Bank

from graph_crm.api.schema import MappedSchema
from graph_crm.graph.compiler.filters import operators
from graph_crm.graph.compiler.scalars import money_to_show, money_to_store
from graph_crm.graph.mapping import EdgeMapping, NodeMapping, Relation, Scalar

pytestmark = pytest.mark.lts


def conditions(bank: Bank, spec: Scalar) -> list[dict[str, Any]]:
    """Each operator of a property with a value that something has, and the empty lists."""
    made: list[dict[str, Any]] = []
    values = Filters.values(bank, spec)
    middle = values[len(values) // 2]
    for name in operators(spec):
        if name == "isNull":
            made += [{name: True}, {name: False}]
        elif name in {"in", "notIn", "hasAny"}:
            made += [{name: []}, {name: [middle]}, {name: values[0]}, {name: values}]
        elif name in {"contains", "startsWith"}:
            made += [{name: ""}, {name: middle[:2].upper()}, {name: middle[1:3]}]
        else:
            made += [{name: middle}]
    return made


async def compare(ask, reference: Reference, root: str, key: str, wheres: list[dict[str, Any]]) -> None:
    """All filters, twelve a request, each under `not`: a filter that leaves something unknown shows there."""
    for start in range(0, len(wheres), 12):
        parts = []
        for place, where in enumerate(wheres[start : start + 12]):
            writer = Writer(reference.schema, lambda _: 1)  # no variables
            field = reference.schema.query_type.fields[root]  # type: ignore[union-attr]
            arguments = writer.arguments(field, {"where": {"not": where}, "first": 100})
            parts.append(f"r{place}: {root}{arguments} {{ nodes {{ {key} }} }}")
        document = "{ " + " ".join(parts) + " }"
        response = await ask(document)
        assert response.get("data") == reference.answer(document), (response.get("errors"), document)


def properties(mapping: NodeMapping | EdgeMapping) -> list[Scalar]:
    return [spec for spec in mapping.fields.values() if isinstance(spec, Scalar) and spec.filter]


@pytest.mark.parametrize("root", ["parties", "agreements"])
async def test_every_operator_of_every_property(bank: Bank, reference: Reference, schema: MappedSchema, ask, root: str):
    mapping = schema.registry.of(schema.registry.roots[root].node)
    wheres = [{spec.name: each} for spec in properties(mapping) for each in conditions(bank, spec)]
    seen, some_of_each = set(), []
    for where in wheres:  # one property of each type with all its operators is enough; of the others one operator
        ((name, condition),) = where.items()
        kind = (str(mapping.scalar(name).type), mapping.scalar(name).text, *condition)
        if kind not in seen or name in {"city", "amount", "openedOn", "createdAt", "identifiers", "displayName"}:
            seen.add(kind)
            some_of_each.append(where)
    await compare(ask, reference, root, mapping.key, some_of_each)


@pytest.mark.parametrize(
    ("node", "page"), [("Party", "agreements"), ("Party", "relationships"), ("Decision", "offers")]
)
async def test_every_operator_of_every_property_of_a_relationship(
    bank: Bank, reference: Reference, schema: MappedSchema, ask, node: str, page: str
):
    spec = schema.registry.nodes[node].fields[page]
    assert isinstance(spec, Relation)
    assert spec.edge
    edge = schema.registry.edges[spec.edge]
    wheres = [
        {page: {"some": {"edge": {each.name: condition}}}}
        for each in properties(edge)
        for condition in conditions(bank, each)[:6]
    ]
    await compare(ask, reference, {"Party": "parties", "Decision": "decisions"}[node], "id", wheres)


async def test_some_none_and_every(bank: Bank, reference: Reference, ask):
    inner: list[dict[str, Any]] = [
        {},
        {"amount": {"gt": 0}},
        {"not": {"amount": {"gt": 0}}},
        {"amount": {"ne": "1234.50"}},
        {"edge": {"until": {"isNull": True}}},
        {"edge": {"since": {"lt": "2019-06-01"}}, "familyCode": {"eq": "LOAN"}},
        {"product": {"family": {"code": {"eq": "CARD"}}}},
        {"holders": {"every": {"edge": {"role": {"eq": "OWNER"}}}}},
        {"or": []},
    ]
    wheres = [{"agreements": {quantifier: each}} for each in inner for quantifier in ("some", "none", "every")]
    await compare(ask, reference, "parties", "id", wheres)


async def test_unknown_is_no_and_its_negation_is_yes(ask, bank: Bank):
    """Written out for the reader: p3, p6 and o3 have no city."""
    nobody = {"p3", "p6", "o3"}
    everybody = {node.props["id"] for node in bank.labelled("Party")}

    async def found(where: str) -> set[str]:
        response = await ask(f"{{ parties(where: {where}) {{ nodes {{ id }} }} }}")
        return {node["id"] for node in response["data"]["parties"]["nodes"]}

    assert await found('{city: {eq: "Praha"}}') == {"p1", "p2", "o1"}
    assert await found('{city: {ne: "Praha"}}') == everybody - {"p1", "p2", "o1"}
    assert nobody <= await found('{city: {notIn: ["Praha"]}}')
    assert nobody <= await found('{not: {city: {in: ["Praha"]}}}')
    assert not nobody & await found('{not: {not: {city: {eq: "Praha"}}}}')
    assert not nobody & await found('{city: {in: ["Praha", "Brno"]}}')
    assert await found("{city: {in: []}}") == set()
    assert await found("{city: {notIn: []}}") == everybody
    assert await found("{or: []}") == set()
    assert await found("{and: []}") == everybody
    assert await found("{not: {}}") == set()
    assert await found("{city: {}}") == everybody
    assert await found("{person: {}}") == {node.props["id"] for node in bank.labelled("Person")}
    assert await found("{not: {person: {sex: {eq: MALE}}}}") == everybody - {"p2"}


def test_every_property_that_can_be_filtered_has_its_operators_in_the_schema(
    schema: MappedSchema, reference: Reference
):
    for mapping in schema.registry.nodes.values():
        made = reference.schema.type_map.get(f"{mapping.name}Filter")
        if made is None:
            continue  # reached by relationships with properties only: its filters are named after those
        assert isinstance(made, GraphQLInputObjectType)
        for spec in properties(mapping):
            kind = get_named_type(made.fields[spec.name].type)
            assert isinstance(kind, GraphQLInputObjectType)
            assert tuple(kind.fields) == operators(spec)


@pytest.mark.parametrize("hundredths", [0, 1, -1, 99, -100, 10**15, 123456])
def test_amounts_go_in_and_out_unchanged(hundredths: int):
    assert money_to_store(money_to_show(hundredths)) == hundredths
    assert money_to_show(hundredths) == money(hundredths)
