"""An idempotency key is its caller's own: no other caller gets the answer, or a conflict, for sending the same text."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from graph_crm.api.execution import Executor, Request
from graph_crm.api.own_keys import KEY, takes_key
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

CREATE = "mutation ($input: CreatePersonInput!) { createPerson(input: $input) { id displayName } }"
DESK, BRANCH = Caller("desk-1", Role.SERVICE), Caller("branch-7", Role.SERVICE)


@pytest.fixture
def executor(empty_database: Database) -> Executor:
    return Executor(platform_schema(), empty_database)


async def created(executor: Executor, caller: Caller, name: str, key: str) -> dict[str, Any]:
    """The answer to who makes a person of this name with this key."""
    return await executor.execute(Request(CREATE, caller, {"input": {"givenName": name, KEY: key}}))


async def test_two_callers_with_one_key_do_not_meet(executor: Executor) -> None:
    desk, branch = [await created(executor, caller, "Ada", "k1") for caller in (DESK, BRANCH)]
    ids = [answer["data"]["createPerson"]["id"] for answer in (desk, branch)]
    assert len(set(ids)) == 2, "each has a person of its own"
    assert [await created(executor, caller, "Ada", "k1") for caller in (DESK, BRANCH)] == [desk, branch]


async def test_another_input_under_the_key_of_another_caller_is_no_conflict(executor: Executor) -> None:
    await created(executor, DESK, "Ada", "k1")
    assert (await created(executor, BRANCH, "Bea", "k1"))["data"]["createPerson"]["displayName"] == "Bea"
    refused = await created(executor, DESK, "Bea", "k1")
    assert refused["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("key", ["", "a\nb", "k" * 200])
async def test_a_key_that_is_none_is_refused_by_its_name(executor: Executor, key: str) -> None:
    refused = await created(executor, DESK, "Ada", key)
    (error,) = refused["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", KEY)
    assert refused["data"] == {"createPerson": None}


def test_no_mutation_takes_a_key_where_it_would_not_be_made_the_callers_own() -> None:
    mutations = platform_schema().core.mutation_type
    assert mutations is not None
    with_keys = {
        name
        for name, field in mutations.fields.items()
        if KEY in field.args or any(deep(get_named_type(argument.type)) for argument in field.args.values())
    }
    assert len(with_keys) > 40
    assert {name for name, field in mutations.fields.items() if takes_key(field)} == with_keys


def deep(kind: Any, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a key stands in the input, at any depth."""
    if not isinstance(kind, GraphQLInputObjectType) or kind.name in seen:
        return False
    return KEY in kind.fields or any(
        deep(get_named_type(field.type), seen | {kind.name}) for field in kind.fields.values()
    )
