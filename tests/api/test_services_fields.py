"""Fields that a service answers, beside mapped ones: the same limits; nothing is done whose answer can't be read."""

from __future__ import annotations

from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import MappedSchema
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

DESK = Caller("desk", Role.SERVICE)
STATE = 'consentState(partyId: "p1", purpose: PROFILING) { allowed }'
HOLD = 'reserveContact(input: {partyId: "p1", channel: PHONE}) { reserved reservation { id %s } }'


class Services:
    """Counts how often a service was asked for, and has none."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _service: type[Any]) -> Any:
        self.asked += 1
        raise InvalidInput("a service was asked for")


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def executor(schema: MappedSchema, database: Database, services: Services) -> Executor:
    return Executor(schema, database, services)


@pytest.mark.parametrize(
    "document",
    [
        f"{{ {' '.join(f'a{place}: {STATE}' for place in range(31))} }}",
        f"{{ {STATE} {' '.join(f'a{place}: __typename' for place in range(30))} }}",
        f"query {{ ...F }} fragment F on Query {{ {' '.join(f'a{place}: {STATE}' for place in range(31))} }}",
        f"mutation {{ {' '.join(f'a{place}: {HOLD % str()}' for place in range(31))} }}",
    ],
)
async def test_a_request_may_ask_for_so_much_at_once_and_no_more(
    executor: Executor, services: Services, document: str
) -> None:
    answer = await executor.execute(Request(document, DESK))
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["limit"]) == ("BAD_USER_INPUT", 30)
    assert services.asked == 0


@pytest.mark.parametrize(
    "below", ["parties(first: 1000000) { nodes { id } }", '... on Reservation { parties(after: "x") { nodes { id } } }']
)
async def test_a_change_whose_answer_can_not_be_read_is_not_made(
    executor: Executor, services: Services, below: str
) -> None:
    answer = await executor.execute(Request(f"mutation {{ {HOLD % below} }}", DESK))
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert services.asked == 0
