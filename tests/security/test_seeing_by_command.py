"""What commands show goes by the same matrix: as the role that is named sees it."""

from __future__ import annotations

import pytest

from graph_crm.cli.decisions import _as_seen
from graph_crm.cli.seeing import Seeing
from graph_crm.errors import InvalidInput, NotFound
from graph_crm.security.roles import Role

pytestmark = pytest.mark.lts


@pytest.mark.parametrize("role", [Role.AGENT, Role.RELATIONSHIP_MANAGER, Role.CUSTOMER])
def test_a_command_is_no_employee_and_no_customer(role: Role) -> None:
    with pytest.raises(InvalidInput) as refused:
        Seeing(role)
    assert "marketer, rule_author, analyst, service, auditor, administrator" in (refused.value.hint or "")


async def test_records_of_the_protected_are_left_out_for_who_explores(bank) -> None:
    keys = ["joint", "alone", "hidden", "nothing"]
    found = await Seeing(Role.ANALYST).records(bank.database, "Agreement", "id", keys)
    assert found == {"joint", "alone"}
    assert await Seeing(Role.ADMINISTRATOR).records(bank.database, "Agreement", "id", keys) == set(keys)
    await Seeing(Role.ANALYST).require(bank.database, "Agreement", "id", "joint")
    with pytest.raises(NotFound):
        await Seeing(Role.ANALYST).require(bank.database, "Agreement", "id", "hidden")


def test_hidden_and_masked_fields_are_left_empty() -> None:
    request = {"number": "R-1", "subject": "My card", "customer": "Anna", "contact": "anna@example.org"}
    assert Seeing(Role.ADMINISTRATOR).shown("ServiceRequest", request, customer="party") == request
    seen = Seeing(Role.MARKETER).shown("ServiceRequest", request, customer="party")
    assert seen == {"number": "R-1", "subject": None, "customer": None, "contact": None}


@pytest.mark.parametrize(("role", "shown"), [(Role.ADMINISTRATOR, "PHONE:+420602123442"), (Role.ANALYST, None)])
def test_a_decision_in_words_spells_out_no_phone_for_who_may_not_read_it(role: Role, shown: str | None) -> None:
    told = {"trace": [{"ways": [{"channel": "PHONE", "point": "PHONE:+420602123442"}]}]}
    assert _as_seen(told, Seeing(role)) == {"trace": [{"ways": [{"channel": "PHONE", "point": shown}]}]}
