"""What time does to requests: one warning and one breach a clock, whatever is delivered twice, too late, or in vain."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from desk_bank import DAY, HOUR, MONDAY, DeskBank, build

from graph_crm.errors import RequestClosed
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database
from graph_crm.requests.commands import Changed
from graph_crm.requests.kinds import RequestOutcome, RequestStatus
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

PLUGIN = """
from graph_crm.rules import hookimpl
from graph_crm.rules.requests import BreachAction

@hookimpl
def request_breached(breaches):
    return [
        BreachAction(
            request=one.request.id, note=f"{one.clock} of {one.number} missed", priority="URGENT",
            tell=["head@bank.example"],
        )
        for one in breaches
    ]
"""
BROKEN = """
from graph_crm.rules import hookimpl

@hookimpl
def request_breached(breaches):
    raise RuntimeError("no")
"""


def book(folder: Path, **plugins: str) -> RuleBook:
    for name, text in plugins.items():
        (folder / f"{name}.py").write_text(text)
    return RuleBook.load([folder], installed=False)


async def test_a_target_that_comes_near_is_told_to_the_owner_once(desk: DeskBank) -> None:
    opened = await desk.open()  # first response until 14:00, resolution until Tuesday 16:00, Warsaw time
    assert await desk.planned(opened.number) == [MONDAY + 3 * HOUR]
    desk.time.pass_by(3 * HOUR)
    await desk.look(opened.number)
    (told,) = await desk.told(opened.number, "request_warning")
    assert (told["to"], told["variables"]["breached"]) == ("eva@bank.example", False)
    assert (await desk.log(opened.number))[-1] == "WARNED"
    assert await desk.planned(opened.number) == [MONDAY + 4 * HOUR]
    await desk.look(opened.number)  # nothing to say yet
    assert (await desk.log(opened.number)).count("WARNED") == 1
    assert await desk.owner(opened.number) == "eva"


async def test_a_missed_target_puts_the_request_before_the_supervisor(desk: DeskBank) -> None:
    number = (await desk.open()).number
    desk.time.pass_by(4 * HOUR)
    await desk.look(number)
    assert await desk.owner(number) == "sofia"
    assert (await desk.log(number))[-2:] == ["BREACHED", "ESCALATED"]
    (told,) = await desk.told(number, "request_warning")
    assert (told["to"], told["variables"]["breached"], told["variables"]["owner"]) == (
        "sofia@bank.example",
        True,
        "Eva Nowak",
    )
    assert (await desk.request(number))["priority"] == "HIGH"
    assert len(await desk.planned(number)) == 1, "the resolution is still to be watched"


async def test_a_look_that_is_delivered_twice_or_at_once_breaches_once(desk: DeskBank) -> None:
    number = (await desk.open()).number
    row = await desk.one("MATCH (r:ServiceRequest) RETURN r.id AS id, r.clockKey AS key")
    desk.time.pass_by(4 * HOUR)
    await asyncio.gather(*[desk.look_at(row["id"], row["key"]) for _ in range(6)])
    log = await desk.log(number)
    assert (log.count("BREACHED"), log.count("ESCALATED")) == (1, 1)
    assert len(await desk.told(number, "request_warning")) == 1


async def test_a_stale_look_does_nothing(desk: DeskBank) -> None:
    number = (await desk.open()).number
    row = await desk.one("MATCH (r:ServiceRequest) RETURN r.id AS id, r.clockKey AS key")
    desk.time.pass_by(2 * HOUR)
    await desk.service.wait_for_customer(number, "Which card?", by="eva")
    desk.time.pass_by(5 * DAY)
    before = await desk.log(number)
    await desk.look_at(row["id"], row["key"])
    assert await desk.log(number) == before
    assert row["key"] not in await desk.looks(), "the look that was planned is taken back"


async def test_an_answer_in_time_means_no_breach(desk: DeskBank) -> None:
    number = (await desk.open()).number
    desk.time.pass_by(2 * HOUR)
    await desk.service.answer(number, "Done.", by="eva")
    desk.time.pass_by(2 * DAY)
    await desk.look(number)
    assert "BREACHED" not in await desk.log(number)


async def test_the_clock_of_a_request_that_waited_breaches_later_by_that_time(desk: DeskBank) -> None:
    opened = await desk.open()
    await desk.service.wait_for_customer(opened.number, "Which card?", by="eva")
    desk.time.pass_by(DAY)
    await desk.service.customer_wrote(opened.number, "The blue one.")
    desk.time.now = opened.due
    await desk.look(opened.number)
    assert "BREACHED" not in await desk.log(opened.number)
    desk.time.now = opened.due + DAY
    await desk.look(opened.number)
    assert (await desk.log(opened.number)).count("BREACHED") == 1


async def test_an_answered_request_is_closed_by_itself(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.answer(number, "Done.", by="eva")
    desk.time.pass_by(14 * DAY)
    await desk.look(number)
    stored = await desk.request(number)
    assert (stored["status"], stored["outcome"]) == ("CLOSED", "SOLVED")
    assert await desk.planned(number) == []


async def test_a_question_that_the_customer_never_answers_ends_the_request(desk: DeskBank) -> None:
    number = (await desk.open(category="COMPLAINT_FEES")).number
    await desk.service.wait_for_customer(number, "Which fee?", by="sofia")
    desk.time.pass_by(30 * DAY)
    await desk.look(number)
    stored = await desk.request(number)
    assert (stored["status"], stored["outcome"]) == ("CLOSED", "NO_ANSWER")


async def test_a_reopened_request_is_warned_of_anew(desk: DeskBank) -> None:
    number = (await desk.open()).number
    desk.time.pass_by(2 * DAY)
    await desk.look(number)
    assert (await desk.log(number)).count("BREACHED") == 2  # both clocks
    await desk.service.close(number, RequestOutcome.SOLVED, by="sofia")
    await desk.service.reopen(number, "It is not.", by="sofia")
    desk.time.pass_by(2 * DAY)
    await desk.look(number)
    log = await desk.log(number)
    assert log.count("BREACHED") == 3  # the resolution of the second round


async def test_plugins_say_what_else_follows_a_breach(empty_database: Database, tmp_path: Path) -> None:
    desk = await build(empty_database, book=book(tmp_path, a_broken=BROKEN, b_head=PLUGIN))
    number = (await desk.open()).number
    desk.time.pass_by(4 * HOUR)
    await desk.look(number)
    assert (await desk.log(number))[-3:] == ["BREACHED", "ESCALATED", "NOTE"]
    assert (await desk.request(number))["priority"] == "URGENT"
    assert {one["to"] for one in await desk.told(number, "request_warning")} == {
        "sofia@bank.example",
        "head@bank.example",
    }


async def test_without_a_supervisor_at_work_a_breach_is_logged_all_the_same(desk: DeskBank) -> None:
    for one in ("sofia", "simon"):
        await desk.staff.record_absence(one, MONDAY - DAY, MONDAY + 700 * DAY, by="boss")
    number = (await desk.open()).number
    desk.time.pass_by(4 * HOUR)
    await desk.look(number)
    assert (await desk.log(number))[-2:] == ["BREACHED", "ESCALATED"]
    assert await desk.owner(number) == "eva"


async def test_one_that_can_not_be_given_out_keeps_no_other_back(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await build(empty_database)
    for one in ("eva", "jan", "ola", "sofia", "simon"):
        await desk.staff.record_absence(one, MONDAY - DAY, MONDAY + HOUR, by="boss")
    first, second = [(await desk.open(text)).number for text in ("one", "two")]
    assert await desk.owner(first) is await desk.owner(second) is None
    desk.time.pass_by(2 * HOUR)
    assign = desk.service.assign

    async def closed_meanwhile(number: str, *given: Any, **more: Any) -> Changed:
        if number == first:
            raise RequestClosed("The request is closed.")
        return await assign(number, *given, **more)

    monkeypatch.setattr(desk.service, "assign", closed_meanwhile)
    assert await desk.alarms.give_out() == 1
    assert await desk.owner(second) is not None


async def test_what_was_late_before_it_was_sorted_is_warned_of_again_with_its_own_target(desk: DeskBank) -> None:
    number = (await desk.open("A loan?", category=None)).number  # first response until 14:00
    desk.time.pass_by(4 * HOUR)
    await desk.look(number)
    assert (await desk.log(number)).count("BREACHED") == 1
    await desk.service.sort(number, "LOAN", by="simon")  # first response within eight hours, until 18:00
    desk.time.pass_by(2 * HOUR)
    assert await desk.planned(number) == [desk.time.now]
    await desk.look(number)
    desk.time.pass_by(2 * HOUR)
    await desk.look(number)
    assert [one for one in await desk.log(number) if one in {"WARNED", "BREACHED"}] == [
        "BREACHED",
        "WARNED",
        "BREACHED",
    ]


async def test_the_worker_takes_the_look_when_it_is_due(empty_database: Database) -> None:
    desk = await build(empty_database)
    desk.time.now = dt.datetime.now(dt.UTC) - 30 * DAY
    number = (await desk.open()).number  # everything about it is long over by the database's clock
    later = (await desk.open("Later.", key="later")).number
    await desk.service.answer(later, "Done.", by="eva")
    desk.time.now = dt.datetime.now(dt.UTC)
    worker = Worker(desk.database, desk.alarms.topics())
    await worker.drain()
    assert (await desk.log(number)).count("BREACHED") == 2
    assert (await desk.request(later))["status"] == RequestStatus.CLOSED.value
    done = await desk.one("MATCH (e:OutboxEntry {topic: 'request.alarm'}) RETURN collect(DISTINCT e.state) AS states")
    assert done["states"] == ["DONE"]
