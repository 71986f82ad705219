"""A request in another category: its owner and how pressing it is, without losing what was made of it before."""

from __future__ import annotations

import pytest
from desk_bank import HOUR, DeskBank

from graph_crm.requests.kinds import RequestPriority
from graph_crm.staff.service import EmployeeDetails

pytestmark = pytest.mark.lts


async def priority(desk: DeskBank, number: str) -> str:
    return str((await desk.request(number))["priority"])


@pytest.mark.parametrize("category", ["LOAN", "CARD_LOST"])
async def test_what_was_made_pressing_stays_so_in_any_category(desk: DeskBank, category: str) -> None:
    number = (await desk.open()).number
    await desk.service.escalate(number, "The customer is furious.", by="eva")
    await desk.service.sort(number, category, by="sofia")
    assert await priority(desk, number) == {"LOAN": "HIGH", "CARD_LOST": "URGENT"}[category]


async def test_a_missed_target_keeps_it_pressing_though_its_category_was_more_so(desk: DeskBank) -> None:
    number = (await desk.open(category="CARD_LOST")).number
    desk.time.pass_by(HOUR)
    await desk.look(number)
    assert "BREACHED" in await desk.log(number)
    await desk.service.sort(number, "LOAN", by="sofia")
    assert await priority(desk, number) == "HIGH"


async def test_an_employee_who_said_that_it_is_pressing_is_not_overruled(desk: DeskBank) -> None:
    number = (await desk.open(priority=RequestPriority.HIGH)).number
    await desk.service.sort(number, "LOAN", by="sofia")
    assert await priority(desk, number) == "HIGH"


async def test_it_is_as_pressing_as_its_category_within_a_team_too(desk: DeskBank) -> None:
    number = (await desk.open()).number
    owner = await desk.owner(number)
    await desk.service.sort(number, "CARD_LOST", by="sofia")
    assert await priority(desk, number) == "URGENT"
    await desk.service.sort(number, "CARD", by="sofia")  # it was not lost after all
    assert (await priority(desk, number), await desk.owner(number)) == ("NORMAL", owner)


async def test_within_a_team_it_goes_to_who_has_the_skill(desk: DeskBank) -> None:
    paul = {"id": "paul", "display_name": "Paul", "email": "paul@bank.example", "team": "LOANS", "languages": ["pl"]}
    await desk.staff.save(EmployeeDetails(**paul, skills=["INSURANCE"]))  # type: ignore[arg-type]  # one of many kinds
    number = (await desk.open("Insure me.", category="INSURANCE")).number
    assert await desk.owner(number) == "paul"
    await desk.service.sort(number, "LOAN", by="paul")
    assert await desk.owner(number) == "ola"
    await desk.staff.save(EmployeeDetails(**paul, skills=["LOANS"]))  # type: ignore[arg-type]
    await desk.service.sort(number, "INSURANCE", by="ola")  # nobody has it: then it may stay
    assert await desk.owner(number) == "ola"
