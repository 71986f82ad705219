"""What becomes of a request: answered, asked back, handed over, closed, opened again; everybody is told once."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from desk_bank import DAY, HOUR, MONDAY, DeskBank

from graph_crm.errors import IdempotencyKeyReused, InvalidInput, NotFound, RequestClosed, VersionConflict
from graph_crm.requests.kinds import RequestOutcome, RequestStatus

pytestmark = pytest.mark.lts


async def test_an_answer_is_one_step_and_the_customer_is_told_by_the_preferred_way(desk: DeskBank) -> None:
    number = (await desk.open()).number
    desk.time.pass_by(HOUR)
    changed = await desk.service.answer(number, "It works again.", by="eva", version=1)
    assert (changed.status, changed.version) == (RequestStatus.ANSWERED, 2)
    assert (await desk.log(number))[-1] == "ANSWERED"
    (told,) = await desk.told(number, "request_answered")
    assert (told["partyId"], told["channel"]) == ("anna", None)
    assert (told["variables"]["answer"], told["variables"]["owner"]) == ("It works again.", "Eva Nowak")
    # It is off her desk, and nothing is left to warn of: the next look closes it after two weeks.
    assert (await desk.request(number)).get("openOwnerId") is None
    assert await desk.planned(number) == [MONDAY + HOUR + 14 * DAY]


async def test_an_answer_with_close_is_one_change(desk: DeskBank) -> None:
    number = (await desk.open()).number
    changed = await desk.service.answer(number, "Done.", by="eva", close=True)
    assert (changed.status, changed.version) == (RequestStatus.CLOSED, 2)
    assert (await desk.log(number))[-2:] == ["ANSWERED", "CLOSED"]
    assert (await desk.request(number))["outcome"] == "SOLVED"
    assert await desk.planned(number) == []


async def test_the_same_answer_sent_twice_is_told_once(desk: DeskBank) -> None:
    number = (await desk.open()).number
    answers = await asyncio.gather(*[desk.service.answer(number, "Yes.", by="eva", key="a") for _ in range(8)])
    assert {one.version for one in answers} == {2}
    assert [one.repeated for one in answers].count(False) == 1
    assert len(await desk.told(number, "request_answered")) == 1
    with pytest.raises(IdempotencyKeyReused):
        await desk.service.answer(number, "No.", by="eva", key="a")


async def test_of_two_who_answer_the_same_version_one_is_told_to_read_again(desk: DeskBank) -> None:
    number = (await desk.open()).number
    results = await asyncio.gather(
        *[desk.service.answer(number, f"I say {who}.", by=who, version=1) for who in ("eva", "jan")],
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["Changed", "VersionConflict"]
    assert len(await desk.told(number, "request_answered")) == 1


async def test_while_the_customer_is_to_answer_the_clock_stands_still(desk: DeskBank) -> None:
    opened = await desk.open()
    desk.time.pass_by(HOUR)
    await desk.service.wait_for_customer(opened.number, "Which card?", by="eva")
    (told,) = await desk.told(opened.number, "request_question")
    assert told["variables"]["question"] == "Which card?"
    desk.time.pass_by(DAY)
    changed = await desk.service.customer_wrote(opened.number, "The blue one.")
    assert changed.status is RequestStatus.ASSIGNED
    assert (await desk.log(opened.number))[-3:] == ["WAITING", "CUSTOMER_WROTE", "RESUMED"]
    due = dt.datetime.fromtimestamp((await desk.request(opened.number))["due"] / 1000, dt.UTC)
    assert due == opened.due + DAY  # ten working hours later: the whole Tuesday that the customer took
    assert [one["to"] for one in await desk.told(opened.number, "request_customer_wrote")] == ["eva@bank.example"]


async def test_who_writes_after_the_answer_has_the_request_on_the_desk_again(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.answer(number, "Done.", by="eva")
    changed = await desk.service.customer_wrote(number, "It is not.")
    assert changed.status is RequestStatus.ASSIGNED
    assert (await desk.request(number))["openOwnerId"] == "eva"


async def test_a_closed_request_is_opened_again_by_who_writes_in_time_and_not_later(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.close(number, RequestOutcome.SOLVED, by="eva")
    desk.time.pass_by(29 * DAY)
    changed = await desk.service.customer_wrote(number, "Not solved!")
    assert changed.status is RequestStatus.REOPENED
    assert (await desk.log(number))[-2:] == ["CUSTOMER_WROTE", "REOPENED"]
    await desk.service.close(number, RequestOutcome.SOLVED, by="eva")
    desk.time.pass_by(31 * DAY)
    with pytest.raises(RequestClosed):
        await desk.service.customer_wrote(number, "Again.")


async def test_nothing_can_be_done_with_a_closed_request_but_to_open_it_again(desk: DeskBank) -> None:
    number = (await desk.open()).number
    service = desk.service
    closed = await service.close(number, RequestOutcome.SOLVED, by="eva")
    assert (await service.close(number, RequestOutcome.SOLVED, by="eva")).repeated
    for work in (
        service.answer(number, "x", by="eva"),
        service.wait_for_customer(number, "x", by="eva"),
        service.assign(number, "jan", by="eva"),
        service.escalate(number, "x", by="eva"),
        service.sort(number, "LOAN", by="eva"),
        service.resume(number, by="eva"),
        service.close(number, RequestOutcome.DECLINED, by="eva"),
    ):
        with pytest.raises(RequestClosed):
            await work
    await service.note(number, "It was easy.", by="eva")
    reopened = await service.reopen(number, "A mistake.", by="eva")
    assert (reopened.status, reopened.version) == (RequestStatus.REOPENED, closed.version + 2)
    assert (await service.reopen(number, "A mistake.", by="eva")).repeated


async def test_a_request_is_handed_over_and_the_new_owner_is_told(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.assign(number, "jan", by="sofia", reason="He knows the customer.")
    assert await desk.owner(number) == "jan"
    assert [one["to"] for one in await desk.told(number, "request_assigned")] == [
        "eva@bank.example",
        "jan@bank.example",
    ]
    assert (await desk.service.assign(number, "jan", by="sofia")).repeated
    with pytest.raises(InvalidInput):
        await desk.service.assign(number, "nobody", by="sofia")


async def test_without_a_name_routing_finds_somebody_else(desk: DeskBank) -> None:
    number = (await desk.open()).number
    assert await desk.owner(number) == "eva"
    await desk.service.assign(number, None, by="eva")
    assert await desk.owner(number) == "jan"


async def test_the_desk_of_who_leaves_is_given_to_others(desk: DeskBank) -> None:
    numbers = [(await desk.open(text)).number for text in ("one", "two", "three")]
    done = (await desk.open("four")).number
    await desk.service.answer(done, "Yes.", by="eva")
    before = [await desk.owner(number) for number in numbers]
    assert await desk.service.hand_over("eva", by="boss") == before.count("eva") > 0
    assert "eva" not in [await desk.owner(number) for number in numbers]
    assert await desk.owner(done) == "eva"
    assert await desk.service.hand_over("eva", by="boss") == 0


async def test_what_nobody_else_can_take_stays_with_who_has_it(desk: DeskBank) -> None:
    number = (await desk.open()).number
    for other in ("jan", "ola", "sofia", "simon"):
        await desk.staff.record_absence(other, MONDAY - DAY, MONDAY + DAY, by="boss")
    before, log = await desk.request(number), await desk.log(number)
    assert (await desk.service.assign(number, None, by="eva")).repeated
    assert await desk.service.hand_over("eva", by="boss") == 0
    assert await desk.owner(number) == "eva"
    assert (await desk.request(number), await desk.log(number)) == (before, log)


async def test_while_the_clock_stands_still_nothing_is_due_and_the_desk_has_it_last(desk: DeskBank) -> None:
    urgent = (await desk.open("Stolen!", category="CARD_LOST", key="1")).number
    usual = [(await desk.open(text, contact=None)).number for text in ("a", "b", "c", "d")]
    mine = [number for number in usual if await desk.owner(number) == "eva"]
    if await desk.owner(urgent) != "eva":
        await desk.service.assign(urgent, "eva", by="sofia")
    assert (await desk.service.queue_of("eva"))[0] == (await desk.request(urgent))["id"]
    await desk.service.wait_for_customer(urgent, "Which card?", by="eva")
    assert (await desk.request(urgent))["due"] is None
    queue = await desk.service.queue_of("eva")
    assert (len(queue), queue[-1]) == (len(mine) + 1, (await desk.request(urgent))["id"])
    await desk.service.customer_wrote(urgent, "The blue one.")
    due = (await desk.request(urgent))["due"]
    assert due is not None
    await desk.service.answer(urgent, "Blocked.", by="eva", close=True)
    assert (await desk.request(urgent))["due"] is None
    again = await desk.open("Stolen!", category="CARD_LOST", key="1")
    assert (again.number, again.repeated) == (urgent, True)
    assert again.due.timestamp() * 1000 == due  # what was promised when it came in; no time has passed here


async def test_who_is_away_gets_nothing(desk: DeskBank) -> None:
    await desk.staff.record_absence("eva", MONDAY - DAY, MONDAY + 700 * DAY, by="boss")
    number = (await desk.open()).number
    assert await desk.owner(number) == "jan"
    with pytest.raises(InvalidInput) as error:
        await desk.service.assign(number, "eva", by="sofia")
    assert error.value.details["field"] == "employeeId"
    assert await desk.owner(number) == "jan"


async def test_a_customer_who_writes_while_the_owner_is_away_is_heard_by_somebody_else(desk: DeskBank) -> None:
    number = (await desk.open()).number
    assert await desk.owner(number) == "eva"
    await desk.staff.record_absence("eva", MONDAY, MONDAY + 700 * DAY, by="boss")
    await desk.service.customer_wrote(number, "Hello?")
    assert await desk.owner(number) == "jan"


async def test_an_escalated_request_is_the_supervisors_and_pressing(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.escalate(number, "The customer is furious.", by="eva")
    assert await desk.owner(number) == "sofia"
    stored = await desk.request(number)
    assert (stored["priority"], (await desk.log(number))[-1]) == ("HIGH", "ESCALATED")


async def test_a_sorted_request_goes_to_the_team_of_its_category_with_its_targets(desk: DeskBank) -> None:
    opened = await desk.open("A loan?", category=None)
    desk.time.pass_by(HOUR)
    changed = await desk.service.sort(opened.number, "LOAN", by="simon")
    assert changed.status is RequestStatus.ASSIGNED
    stored = await desk.request(opened.number)
    assert (stored["category"], stored["sortedBy"], stored["team"]) == ("LOAN", "PERSON", "LOANS")
    assert await desk.owner(opened.number) == "ola"
    # Forty business hours from the opening, not from the sorting.
    due = dt.datetime.fromtimestamp(stored["due"] / 1000, dt.UTC)
    assert due == desk.desk.calendar("PL").after(MONDAY, 40 * HOUR)
    assert (await desk.service.sort(opened.number, "LOAN", by="simon")).repeated


async def test_a_complaint_is_closed_with_an_outcome(desk: DeskBank) -> None:
    number = (await desk.open(category="COMPLAINT_FEES")).number
    with pytest.raises(InvalidInput) as error:
        await desk.service.answer(number, "Sorry.", by="eva", close=True)
    assert error.value.details["field"] == "outcome"
    await desk.service.answer(
        number, "Sorry.", by="eva", close=True, outcome=RequestOutcome.UPHELD, root_cause="FEES_AND_RATES"
    )
    stored = await desk.request(number)
    assert (stored["outcome"], stored["rootCause"]) == ("UPHELD", "FEES_AND_RATES")


async def test_notes_are_not_for_the_customer(desk: DeskBank) -> None:
    number = (await desk.open("Hello.")).number
    await desk.service.note(number, "Difficult.", by="eva")
    await desk.service.answer(number, "Dear Anna.", by="eva")
    rows = await desk.database.read(
        "MATCH (:ServiceRequest {number: $number})-[:LOGGED]->(e) WHERE e.visible RETURN e.text AS text ORDER BY e.seq",
        {"number": number},
    )
    assert [row["text"] for row in rows] == ["Hello.", "Dear Anna."]


async def test_changes_at_once_are_made_one_after_the_other_and_none_is_lost(desk: DeskBank) -> None:
    number = (await desk.open()).number
    work = [desk.service.note(number, f"Note {n}", by="eva") for n in range(10)]
    work += [desk.service.customer_wrote(number, f"Word {n}") for n in range(10)]
    work += [desk.service.assign(number, who, by="sofia") for who in ("jan", "ola", "eva", "sofia")]
    await asyncio.gather(*work)
    log = await desk.log(number)
    assert (log.count("NOTE"), log.count("CUSTOMER_WROTE")) == (10, 10)
    owner = await desk.owner(number)  # exactly one, and the property agrees
    assert owner == (await desk.request(number))["openOwnerId"]
    assert len(await desk.planned(number)) == 1
    assert len(await desk.looks()) == 1, "looks that were planned before are taken back"


@pytest.mark.parametrize("number", ["", "R-0000-0001", "nonsense", "x" * 500])
async def test_an_unknown_number_is_not_found(desk: DeskBank, number: str) -> None:
    with pytest.raises(NotFound):
        await desk.service.note(number, "x", by="eva")


async def test_a_stale_version_changes_nothing(desk: DeskBank) -> None:
    number = (await desk.open()).number
    await desk.service.note(number, "x", by="eva")
    with pytest.raises(VersionConflict):
        await desk.service.answer(number, "y", by="eva", version=1)
    assert "ANSWERED" not in await desk.log(number)
