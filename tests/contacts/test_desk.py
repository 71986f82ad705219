"""What the contact desk promises: one slot for one right to contact, however many ask and whatever breaks."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter

import pytest
from street import DAY, MINUTE, NOON, TICK, Desk, build, person, policy

from graph_crm.contacts import ledger
from graph_crm.contacts.desk import QUICK_TURNS, ContactDesk, _Moved
from graph_crm.contacts.kinds import Channel, ContactDirection, ReservationState
from graph_crm.contacts.service import ContactService, NewInteraction
from graph_crm.contacts.slots import Refused, Reserved, Slot
from graph_crm.errors import (
    CrmError,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    ReservationGone,
    ReservationNotOpen,
)
from graph_crm.graph.database import Database
from graph_crm.parties.commands import NewContactPoint, NewMember, PersonDetails
from graph_crm.parties.households import HouseholdService
from graph_crm.parties.kinds import ContactPointKind, HouseholdRole
from graph_crm.parties.service import PartyService
from graph_crm.rules.limits import ContactLimit

pytestmark = pytest.mark.lts

HOUSEHOLD = ContactLimit(name="household_call", count=1, days=10, channels=("PHONE",), scope="household")
POINT = ContactLimit(name="point_call", count=1, days=10, channels=("PHONE",), scope="contact_point")


@pytest.fixture
async def desk(empty_database: Database) -> Desk:
    await build(empty_database, person("ada"), person("ben"))
    return Desk(empty_database)


async def contacts(database: Database, party: str = "ada") -> list[str]:
    rows = await database.read("MATCH (:Party {id: $id})-[:HAD]->(i:Interaction) RETURN i.id AS id", {"id": party})
    return [row["id"] for row in rows]


async def states(database: Database) -> Counter[str]:
    rows = await database.read("MATCH (r:Reservation) RETURN r.state AS state")
    return Counter(row["state"] for row in rows)


# One slot


async def test_a_slot_names_when_and_where_to_call(desk: Desk) -> None:
    held = await desk.held("ada", product_code="CARD")
    assert (held.at, held.until) == (NOON, NOON + 15 * MINUTE)
    assert held.point == "PHONE:ada"
    assert held.state is ReservationState.HELD


async def test_a_second_call_is_refused_with_the_rule_and_the_first_allowed_instant(desk: Desk) -> None:
    held = await desk.held("ada")
    made = NOON + 5 * MINUTE
    desk.time.now = made
    await desk.confirm(held.id)
    desk.time.pass_by(DAY)
    refused = await desk.refused("ada")
    assert [(one.gate, one.code) for one in refused.findings] == [("contact_limits", "CONTACT_LIMIT")]
    assert refused.findings[0].numbers["limit"] == "call"
    assert refused.earliest.at == made + 10 * DAY
    desk.time.now = made + 10 * DAY - TICK
    await desk.refused("ada")
    desk.time.now = made + 10 * DAY
    await desk.held("ada")


async def test_a_slot_that_is_held_counts_before_the_contact_is_made(desk: Desk) -> None:
    await desk.held("ada")
    await desk.refused("ada")
    await desk.held("ben")


async def test_a_contact_that_was_recorded_counts_and_is_never_refused(desk: Desk, database: Database) -> None:
    held = await desk.held("ada")
    service = ContactService(database, now=desk.time)
    call = NewInteraction(
        party_id="ada", channel=Channel.PHONE, direction=ContactDirection.OUTBOUND, purpose="OFFER", point="PHONE:ada"
    )
    await service.record(call)
    await service.record(call)
    await desk.release(held.id, "called past the desk")
    refused = await desk.refused("ada")
    assert refused.earliest.at == NOON + 10 * DAY


@pytest.mark.parametrize("tasks", [2, 16])
async def test_of_many_tasks_for_one_slot_one_gets_it(desk: Desk, database: Database, tasks: int) -> None:
    answers = await asyncio.gather(*[desk.call("ada") for _ in range(tasks)])
    assert sum(isinstance(one, Reserved) for one in answers) == 1
    assert all(one.findings for one in answers if isinstance(one, Refused))
    assert await states(database) == {"HELD": 1}


async def test_a_limit_of_three_gives_three_slots_to_sixteen_tasks(desk: Desk) -> None:
    desk.used = policy(ContactLimit(name="calls", count=3, days=10, channels=("PHONE",)))
    answers = await asyncio.gather(*[desk.call("ada") for _ in range(16)])
    assert sum(isinstance(one, Reserved) for one in answers) == 3


async def test_other_channels_of_a_limit_share_it(desk: Desk) -> None:
    desk.used = policy(ContactLimit(name="messages", count=1, days=10, channels=("PHONE", "SMS")))
    answers = await asyncio.gather(*[desk.reserve("ada", channel) for channel in ("PHONE", "SMS") * 4])
    assert sum(isinstance(one, Reserved) for one in answers) == 1


async def test_what_is_not_promotional_skips_limits_and_what_is_mandatory_skips_all(desk: Desk) -> None:
    await desk.held("ada")
    await desk.held("ada", action_class="TRANSACTIONAL")
    await desk.held("ada", action_class="MANDATORY")
    await desk.refused("ada", purpose="SURVEY")


@pytest.mark.parametrize("action_class", ["TRANSACTIONAL", "MANDATORY"])
@pytest.mark.parametrize("purpose", ["MARKETING", "PARTNERS"])
async def test_who_wants_to_sell_can_not_call_it_something_that_skips_the_limits(
    desk: Desk, action_class: str, purpose: str
) -> None:
    with pytest.raises(InvalidInput, match="actionClass"):
        await desk.call("ada", action_class=action_class, purpose=purpose)


async def test_who_wants_to_call_can_not_say_that_the_customer_calls(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="direction"):
        await desk.call("ada", direction="INBOUND")


@pytest.mark.parametrize("action_class", ["TRANSACTIONAL", "MANDATORY"])
async def test_an_offer_that_is_promotion_can_not_be_brought_as_anything_else(
    desk: Desk, empty_database: Database, action_class: str
) -> None:
    await empty_database.execute("CREATE (:Offer {id: 'o', partyId: 'ada', status: 'WAITING', productCode: 'CARD'})")
    with pytest.raises(InvalidInput, match="actionClass"):
        await desk.call("ada", offer_id="o", action_class=action_class)
    await desk.held("ada", offer_id="o")


async def test_nobody_promotes_by_hand_to_the_control_group(empty_database: Database) -> None:
    await build(empty_database, person("ada", households=["home"]), person("ben"))
    desk = ContactDesk(empty_database, policy, clock=lambda: NOON, kept_out=lambda party: "home" in party.control_units)
    found = await desk.reserve("ada", "PHONE")
    assert isinstance(found, Refused)
    assert [(one.gate, one.code) for one in found.findings] == [("control_group", "IN_CONTROL_GROUP")]
    assert (await desk.earliest("ada", "PHONE"))[1].at is None
    assert isinstance(await desk.reserve("ada", "PHONE", action_class="TRANSACTIONAL"), Reserved)
    assert isinstance(await desk.reserve("ben", "PHONE"), Reserved)


async def test_while_a_plugin_can_not_say_its_limits_nothing_is_promoted(desk: Desk) -> None:
    desk.used = policy().with_limits([], unknown=["careful"])
    (against,) = (await desk.refused("ada")).findings
    assert (against.gate, against.code) == ("contact_limits", "LIMITS_UNKNOWN")
    await desk.held("ada", action_class="TRANSACTIONAL")


async def test_a_slot_held_by_a_clock_that_is_fast_is_seen_at_once(desk: Desk, database: Database) -> None:
    desk.used = policy(ContactLimit(name="calls", count=1, days=10))
    fast = dt.datetime.now(dt.UTC) + 5 * MINUTE
    slot = Slot(party_id="ada", channel="PHONE", at=fast, until=fast + MINUTE, point="PHONE:ada")
    await database.write(lambda tx: desk.hold(tx, [slot], now=fast))
    answer = await ContactDesk(database, lambda: desk.used).reserve("ada", "PHONE")
    assert isinstance(answer, Refused)


# Households and shared phones


async def test_a_household_limit_binds_all_members_together(empty_database: Database) -> None:
    await build(empty_database, *[person(name, households=["h"]) for name in "abcd"], person("z"))
    desk = Desk(empty_database, policy(HOUSEHOLD))
    answers = await asyncio.gather(*[desk.call(name) for name in "abcd" * 4])
    assert sum(isinstance(one, Reserved) for one in answers) == 1
    await desk.held("z")


async def test_a_shared_phone_is_called_once_whoever_is_called(empty_database: Database) -> None:
    await build(empty_database, person("a", phones=["1"]), person("b", phones=["1"]), person("c", phones=["2"]))
    desk = Desk(empty_database, policy(POINT))
    answers = await asyncio.gather(*[desk.call(name) for name in "ab" * 6])
    assert sum(isinstance(one, Reserved) for one in answers) == 1
    await desk.held("c")


async def test_where_the_shared_phone_is_used_up_the_own_one_is_taken(empty_database: Database) -> None:
    await build(empty_database, person("a", phones=["1"]), person("b", phones=["1", "2"]))
    desk = Desk(empty_database, policy(POINT))
    assert (await desk.held("a")).point == "PHONE:1"
    assert (await desk.held("b")).point == "PHONE:2"
    refused = await desk.refused("b", point="PHONE:1")
    assert refused.findings[0].numbers["limit"] == "point_call"


async def test_crossed_households_and_phones_never_block_each_other_for_good(empty_database: Database) -> None:
    """Everybody shares something with the next one, so that every order of locks is tried."""
    people = [
        person(f"p{n}", phones=[str(n), str((n + 1) % 12)], households=[f"h{n}", f"h{(n + 1) % 12}"]) for n in range(12)
    ]
    await build(empty_database, *people)
    desk = Desk(empty_database, policy(ContactLimit(name="calls", count=1_000, days=10)))
    before = empty_database.retries
    answers = await asyncio.gather(*[desk.call(f"p{n % 12}") for n in range(120)])
    assert sum(isinstance(one, Reserved) for one in answers) == 120
    assert empty_database.retries - before <= 12, "only the first locks, which make the ledgers, may collide"


async def test_who_joins_a_household_while_locks_are_taken_is_judged_as_a_member(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(empty_database, person("a", households=["h"]), person("b"))
    desk = Desk(empty_database, policy(HOUSEHOLD))
    await desk.held("a")
    look = desk._look

    async def look_and_join(*asked: object) -> object:
        answer = await look(*asked)  # type: ignore[arg-type]
        monkeypatch.setattr(desk, "_look", look)
        await empty_database.execute(
            "MATCH (p:Party {id: 'b'}), (h:Household {id: 'h'}) MERGE (p)-[m:MEMBER_OF {id: 'late'}]->(h)"
            " SET m.since = date('2026-01-01')"
        )
        return answer

    monkeypatch.setattr(desk, "_look", look_and_join)
    refused = await desk.refused("b")
    assert refused.findings[0].numbers["limit"] == "household_call"


async def test_a_new_household_or_contact_point_is_noticed_by_whoever_reserves_meanwhile(
    desk: Desk, database: Database
) -> None:
    people = PartyService(database)
    await people.create_person(PersonDetails(given_name="Eva"), id="eva")
    await database.write(lambda tx: ledger.lock_parties(tx, ["eva"]))
    versions = "MATCH (l:ContactLedger {key: 'party:eva'}) RETURN l.version AS version"
    before = (await database.read(versions))[0]["version"]
    await HouseholdService(database).create("Home", members=[NewMember(party_id="eva", role=HouseholdRole.HEAD)])
    assert (await database.read(versions))[0]["version"] == before + 1
    phone = NewContactPoint(kind=ContactPointKind.PHONE, value="+420 602 123 456")
    await people.add_contact_point("eva", phone)
    assert (await database.read(versions))[0]["version"] == before + 2


# The same key


async def test_a_key_gets_one_slot_whoever_repeats_it(desk: Desk, database: Database) -> None:
    answers = await asyncio.gather(*[desk.call("ada", key="k") for _ in range(16)])
    assert len({one.id for one in answers if isinstance(one, Reserved)}) == 1
    assert all(isinstance(one, Reserved) for one in answers)
    assert await states(database) == {"HELD": 1}


async def test_a_key_answers_with_what_became_of_its_slot(desk: Desk) -> None:
    held = await desk.held("ada", key="k")
    await desk.release(held.id, "nobody at home")
    again = await desk.held("ada", key="k")
    assert (again.id, again.state) == (held.id, ReservationState.RELEASED)


async def test_a_key_that_stands_for_another_slot_is_refused(desk: Desk) -> None:
    await desk.held("ada", key="k")
    for party, more in [("ada", {"product_code": "CARD"}), ("ben", {}), ("ada", {"action_class": "MANDATORY"})]:
        with pytest.raises(IdempotencyKeyReused):
            await desk.call(party, key="k", **more)


# Confirm, release, run out


async def test_a_contact_that_was_made_is_recorded_once_with_all_of_its_slot(desk: Desk, database: Database) -> None:
    held = await desk.held("ada", product_code="CARD")
    desk.time.pass_by(MINUTE)
    ids = await asyncio.gather(*[desk.confirm(held.id, note="spoke for a while") for _ in range(8)])
    assert len(set(ids)) == 1
    desk.time.pass_by(DAY)
    assert await desk.confirm(held.id) == ids[0], "said again later, it is the same contact"
    rows = await database.read(
        "MATCH (p:Party)-[:HAD]->(i:Interaction)<-[:BECAME]-(r:Reservation)<-[:RESERVED]-(p)"
        " RETURN p.id AS party, i {.*, at: i.at.epochMillis} AS made, r {.state, .interactionId} AS slot"
    )
    assert len(rows) == 1
    assert rows[0]["slot"] == {"state": "CONFIRMED", "interactionId": ids[0]}
    assert rows[0]["made"] == {
        "id": ids[0],
        "at": int((NOON + MINUTE).timestamp() * 1000),
        "channel": "PHONE",
        "direction": "OUTBOUND",
        "actionClass": "PROMOTIONAL",
        "purpose": "MARKETING",
        "productCode": "CARD",
        "pointKey": "PHONE:ada",
        "reservationId": held.id,
        "note": "spoke for a while",
    }


@pytest.mark.parametrize(
    ("after", "gone"),
    [(-TICK, False), (dt.timedelta(), True), (TICK, True), (DAY, True)],
)
async def test_a_slot_lasts_up_to_the_end_of_its_time_to_live(
    desk: Desk, database: Database, after: dt.timedelta, *, gone: bool
) -> None:
    held = await desk.held("ada", ttl=MINUTE)
    desk.time.now = held.until + after
    if gone:
        with pytest.raises(ReservationGone) as refused:
            await desk.confirm(held.id)
        assert refused.value.hint
        assert await contacts(database) == []
        await desk.held("ada")
    else:
        await desk.refused("ada")
        await desk.confirm(held.id)


async def test_a_slot_that_ran_out_is_confirmed_or_given_to_another_never_both(desk: Desk) -> None:
    """Whoever comes first at the very end: the limit holds."""
    held = await desk.held("ada", ttl=MINUTE)
    desk.time.now = held.until
    answers = await asyncio.gather(desk.confirm(held.id), *[desk.call("ada") for _ in range(4)], return_exceptions=True)
    assert isinstance(answers[0], ReservationGone)
    assert sum(isinstance(one, Reserved) for one in answers) == 1


async def test_a_contact_before_the_slot_begins_is_not_confirmed(desk: Desk) -> None:
    held = await desk.held("ada", at=NOON + DAY)
    with pytest.raises(ReservationNotOpen):
        await desk.confirm(held.id)
    desk.time.now = NOON + DAY
    with pytest.raises(ReservationNotOpen):
        await desk.confirm(held.id, at=NOON + DAY - MINUTE)
    assert await desk.confirm(held.id)


async def test_two_slots_of_one_limit_must_be_apart_at_their_nearest_instants(desk: Desk) -> None:
    """The first may become a contact as late as its end, the second as early as its beginning."""
    first = await desk.held("ada", ttl=60 * MINUTE)
    with_gap = first.until + 10 * DAY
    await desk.refused("ada", at=with_gap - TICK)
    await desk.held("ada", at=with_gap)


async def test_a_slot_in_the_future_binds_the_days_before_it(desk: Desk) -> None:
    await desk.held("ada", at=NOON + 5 * DAY)
    refused = await desk.refused("ada")
    assert refused.earliest.at == NOON + 15 * DAY + 15 * MINUTE


async def test_a_released_slot_is_free_at_once_and_release_is_said_as_often_as_you_like(
    desk: Desk, database: Database
) -> None:
    held = await desk.held("ada")
    assert await asyncio.gather(*[desk.release(held.id, "nobody at home") for _ in range(4)]) == ["RELEASED"] * 4
    again = await desk.held("ada")
    with pytest.raises(ReservationGone):
        await desk.confirm(held.id)
    await desk.confirm(again.id)
    with pytest.raises(ReservationGone):
        await desk.release(again.id, "too late")
    assert await states(database) == {"RELEASED": 1, "CONFIRMED": 1}


async def test_confirm_and_release_at_once_leave_one_of_them(desk: Desk, database: Database) -> None:
    for _ in range(5):
        held = await desk.held("ada")
        answers = await asyncio.gather(desk.confirm(held.id), desk.release(held.id, "no"), return_exceptions=True)
        assert sum(isinstance(one, ReservationGone) for one in answers) == 1
        desk.time.pass_by(11 * DAY)
    made = await contacts(database)
    assert (await states(database))["CONFIRMED"] == len(made)


async def test_slots_that_ran_out_are_marked_and_their_offers_wait_again(desk: Desk, database: Database) -> None:
    await database.execute("CREATE (:Offer {id: 'o', partyId: 'ada', status: 'PROPOSED', productCode: 'CARD'})")
    first = await desk.held("ada", offer_id="o", ttl=MINUTE)
    await desk.held("ben", ttl=60 * MINUTE)
    assert (await database.read("MATCH (o:Offer) RETURN o.status AS s, o.pointKey AS p"))[0].data() == {
        "s": "RESERVED",
        "p": "PHONE:ada",
    }
    assert await desk.expire() == 0
    desk.time.now = first.until
    assert sum(await asyncio.gather(*[desk.expire() for _ in range(4)])) == 1
    assert await states(database) == {"EXPIRED": 1, "HELD": 1}
    rows = await database.read("MATCH (o:Offer) RETURN o.status AS status, o.notBefore.epochMillis AS at")
    assert rows[0].data() == {"status": "WAITING", "at": int(first.until.timestamp() * 1000)}
    assert await desk.expire() == 0


async def test_many_slots_that_ran_out_are_marked_batch_after_batch(empty_database: Database) -> None:
    people = [person(f"p{n}") for n in range(120)]
    await build(empty_database, *people)
    desk = Desk(empty_database)
    await asyncio.gather(*[desk.held(one["id"], ttl=MINUTE) for one in people])
    desk.time.pass_by(DAY)
    assert await desk.expire(most=70) == 70
    assert await desk.expire() == 50


async def test_an_offer_is_delivered_by_the_contact_of_its_slot(desk: Desk, database: Database) -> None:
    await database.execute(
        "UNWIND ['o', 'n'] AS id CREATE (:Offer {id: id, partyId: 'ada', status: 'WAITING', productCode: 'CARD'})"
    )
    held = await desk.held("ada", offer_id="o")
    with pytest.raises(InvalidInput, match="RESERVED"):
        await desk.call("ada", offer_id="o")
    with pytest.raises(NotFound):
        await desk.call("ben", offer_id="o")
    made = await desk.confirm(held.id)
    rows = await database.read(
        "MATCH (o:Offer {id: 'o'})-[:DELIVERED_AS]->(i:Interaction)<-[:BECAME]-(r)-[:FOR_OFFER]->(o)"
        " RETURN o.status AS status, i.id AS made, i.offerId AS offer, r.productCode AS product"
    )
    assert [row.data() for row in rows] == [{"status": "PRESENTED", "made": made, "offer": "o", "product": "CARD"}]
    desk.time.pass_by(11 * DAY)
    await desk.confirm((await desk.held("ada", offer_id="n")).id, outcome="NO_ANSWER")
    assert (await database.read("MATCH (o:Offer {id: 'n'}) RETURN o.status AS s"))[0]["s"] == "NO_ANSWER"


async def test_a_slot_ends_where_quiet_hours_begin(desk: Desk) -> None:
    desk.used = policy(times={"channels": ["PHONE", "SMS"], "from": "09:00", "until": "12:10"})
    held = await desk.held("ada")
    assert held.until == NOON + 10 * MINUTE
    desk.time.pass_by(10 * MINUTE)
    refused = await desk.refused("ben")
    assert refused.findings[-1].gate == "contact_times"
    assert refused.earliest.at == NOON + dt.timedelta(hours=21)


# Broken on the way


async def test_a_process_that_dies_before_the_slot_is_taken_leaves_neither_a_slot_nor_a_lock(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the customer is judged under the lock, in a transaction that stays open for a while."""

    async def overtaken(wanted: object) -> None:
        raise _Moved

    async def dying(*asked: object, **more: object) -> None:
        raise RuntimeError("the process is gone")

    with monkeypatch.context() as broken:
        broken.setattr(desk, "_quickly", overtaken)
        broken.setattr(desk, "hold", dying)
        with pytest.raises(RuntimeError):
            await desk.call("ada")
    assert await states(database) == {}
    await asyncio.wait_for(desk.held("ada"), timeout=2)


async def test_tasks_cancelled_in_the_middle_hold_up_nobody(desk: Desk, database: Database) -> None:
    desk.used = policy(ContactLimit(name="calls", count=1_000, days=10))
    running = [asyncio.create_task(desk.call("ada")) for _ in range(24)]
    await asyncio.sleep(0.05)
    for task in running[::2]:
        task.cancel()
    answers = await asyncio.gather(*running, return_exceptions=True)
    ended = [one for one in answers if not isinstance(one, asyncio.CancelledError)]
    assert all(isinstance(one, Reserved) for one in ended)
    await asyncio.wait_for(desk.held("ada"), timeout=5)


# Cost, and what is refused before anything is read


async def test_a_refusal_takes_two_reads_and_a_slot_one_statement_more(desk: Desk, database: Database) -> None:
    with database.counting() as counted:
        held = await desk.held("ada")
    assert len(counted) == 2 + 1
    with database.counting() as counted:
        await desk.refused("ada")
    assert len(counted) == 2
    with database.counting() as counted:
        await desk.confirm(held.id)
    assert len(counted) == 1
    with database.counting() as counted:
        await desk.earliest("ada", "PHONE")
    assert len(counted) == 2


async def test_when_rivals_are_quicker_each_time_the_customer_is_judged_under_the_lock(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, turns = desk._look, 0

    async def overtaken(read: object, wanted: object) -> object:
        nonlocal turns
        turns += 1
        answer = await look(read, wanted)  # type: ignore[arg-type]
        if read == database.read:
            await database.write(lambda tx: ledger.lock_parties(tx, ["ada"]))
        return answer

    monkeypatch.setattr(desk, "_look", overtaken)
    await desk.held("ada")
    assert turns == QUICK_TURNS + 1


async def test_a_refusal_changes_nothing(desk: Desk, database: Database) -> None:
    await desk.held("ada")
    versions = "MATCH (l:ContactLedger) RETURN l.key AS key, l.version AS version ORDER BY key"
    before = [row.data() for row in await database.read(versions)]
    await desk.refused("ada")
    assert [row.data() for row in await database.read(versions)] == before


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"party_id": "nobody"}, "partyId"),
        ({"product_code": "NONE"}, "productCode"),
        ({"channel": "PIGEON"}, "channel"),
        ({"action_class": "FUN"}, "actionClass"),
        ({"purpose": "FUN"}, "purpose"),
        ({"ttl": dt.timedelta(days=8)}, "minutes"),
        ({"ttl": -MINUTE}, "minutes"),
        ({"at": NOON - DAY}, "at"),
        ({"at": NOON + 200 * DAY}, "at"),
        ({"at": dt.datetime(2026, 3, 2)}, "at"),  # noqa: DTZ001 - without a zone on purpose
        ({"point": "PHONE:ben"}, "pointKey"),
        ({"offer_id": "none"}, "offerId"),
        ({"key": ""}, "idempotencyKey"),
    ],
)
async def test_what_can_not_be_reserved_is_refused_by_field(
    desk: Desk, database: Database, asked: dict[str, object], field: str
) -> None:
    with pytest.raises(CrmError) as refused:
        await desk.reserve(**{"party_id": "ada", "channel": "PHONE", **asked})  # type: ignore[arg-type]
    assert refused.value.details["field"] == field
    assert refused.value.hint
    assert await states(database) == {}


async def test_without_a_clock_of_its_own_the_desk_uses_the_database_s(desk: Desk, database: Database) -> None:
    plain = ContactDesk(database, lambda: desk.used)
    before = (await database.read("RETURN datetime.realtime().epochMillis AS now"))[0]["now"]
    held = await plain.reserve("ada", "PHONE")
    assert isinstance(held, Reserved)
    after = (await database.read("RETURN datetime.realtime().epochMillis AS now"))[0]["now"]
    assert before <= int(held.at.timestamp() * 1000) <= after
    assert await plain.confirm(held.id)
    with pytest.raises(NotFound):
        await plain.confirm("reservation:none")
