"""Sending: what goes, what does not, and what is known afterwards."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Sequence

import pytest
from post_office import DAY, HOUR, MAIL, MINUTE, Bureau, Gateway, PostOffice, open_policy

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.protection import ProtectionService
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.delivery.channels.mail import MailChannel, MailServer
from graph_crm.delivery.moving_on import UNDELIVERED
from graph_crm.errors import Forbidden, InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import Bounced, Enclosed, Outgoing, Refused, TryLater
from graph_crm.rules.limits import ContactLimit

pytestmark = pytest.mark.lts

NOON = dt.datetime(2046, 11, 23, 11, 0, tzinfo=dt.UTC)  # ahead of the outbox's clock: what waits is due when woken
NIGHT = dt.datetime(2046, 11, 23, 22, 30, tzinfo=dt.UTC)  # 23:30 in Prague, after whatever the test says now


def mailed(office: PostOffice) -> MailChannel:
    return MailChannel(
        MailServer(host="127.0.0.1", port=office.port, tls="none", sender="Your bank <service@bank.example>")
    )


async def test_a_mail_is_handed_to_the_mail_server_and_is_a_contact_from_then_on(empty_database: Database) -> None:
    async with PostOffice().open() as office:
        channel = mailed(office)
        bureau = await Bureau(empty_database, channel).people("anna")
        identifier = await bureau.tell(variables={"number": "R-1", "owner": "Eva"})
        await bureau.work()
        await channel.close()
    (mail,) = office.mails
    assert (mail["To"], mail["Subject"]) == ("anna@example.com", "We have received your request R-1")
    assert "Dear Anna," in mail.get_content()
    told = await bureau.one(identifier)
    assert (told["state"], told["channel"], told["pointKey"], told["attempts"]) == ("SENT", "EMAIL", MAIL, 1)
    assert f"<{told['providerId']}>" == mail["Message-ID"]
    row = await bureau.row("MATCH (:Party {id: 'anna'})-[:HAD]->(i)<-[:BECAME]-(d:Delivery) RETURN i, d.id AS id")
    assert (row["id"], row["i"]["channel"], row["i"]["actionClass"]) == (identifier, "EMAIL", "TRANSACTIONAL")


async def test_a_message_queued_again_under_its_key_is_sent_once(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    first = await bureau.tell(key="same")
    assert await bureau.tell(key="same") == first
    await bureau.work()
    assert await bureau.tell(key="same") == first
    await bureau.work()
    assert len(gateway.given) == 1


async def test_who_is_no_customer_is_told_at_the_address_and_asked_for_nothing(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = Bureau(empty_database, gateway)
    identifier = await bureau.tell(None, to="stranger@example.com")
    await bureau.work()
    assert [one.to for one in gateway.given] == ["stranger@example.com"]
    assert (await bureau.one(identifier))["state"] == "SENT"


@pytest.mark.parametrize(
    ("party", "clock"),
    [
        pytest.param({}, "07:00", id="a customer, by the own clock"),
        pytest.param({"timeZone": None}, "14:00", id="a customer whose time zone nobody knows"),
        pytest.param(None, "14:00", id="an employee or a stranger"),
    ],
)
async def test_instants_are_told_by_the_recipients_clock_or_else_by_that_of_the_message(
    empty_database: Database, party: dict[str, str | None] | None, clock: str
) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    await empty_database.execute(
        "MATCH (p:Party) SET p.timeZone = 'America/New_York', p += $party", {"party": party or {}}
    )
    variables = {"number": "R-1", "due": "2026-11-23T12:00:00+00:00", "zone": "Europe/Kyiv"}
    to = {"to": "eva@bank.example"} if party is None else {}
    await bureau.tell(None if party is None else "anna", variables=variables, **to)
    await bureau.work()
    (given,) = gateway.given
    assert f"23 November 2026, {clock}." in given.text


async def test_an_offer_in_a_slot_is_presented_when_the_channel_took_it(empty_database: Database) -> None:
    gateway = Gateway("EMAIL", subject=True, html=True, idempotent=True)
    bureau = await Bureau(empty_database, gateway).people("anna")
    slot = await bureau.offer()
    await bureau.work()
    (given,) = gateway.given
    assert (given.promotional, given.subject) == (True, "Small loan: an offer for you")
    assert given.unsubscribe is not None
    assert given.unsubscribe in given.text
    row = await bureau.row(
        "MATCH (r:Reservation {id: $id})-[:FOR_OFFER]->(o), (r)-[:BECAME]->(i)<-[:DELIVERED_AS]-(o)"
        " MATCH (d:Delivery)-[:BECAME]->(i) RETURN r.state AS slot, o.status AS offer, d.state AS state",
        id=slot,
    )
    assert (row["slot"], row["offer"], row["state"]) == ("CONFIRMED", "PRESENTED", "SENT")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("MATCH (c:Consent) DETACH DELETE c", "CONSENT_UNKNOWN"),
        ("MATCH (p:Party) SET p.vulnerable = true", "VULNERABLE"),
        ("MATCH (c:ContactPoint {kind: 'EMAIL'}) SET c.blocked = true", "POINT_BLOCKED"),
        (
            "MATCH (p:Party) CREATE (p)-[:DID]->(:Event {id: 'e', type: 'complaint', at: datetime.realtime()})",
            "COMPLAINT_OPEN",
        ),
        ("MATCH (o:Offer) SET o.status = 'REJECTED'", "OFFER_ENDED"),
        ("MATCH (r:Reservation) SET r.state = 'RELEASED'", "RESERVATION_GONE"),
    ],
)
async def test_what_came_since_the_slot_was_held_is_looked_at_again_when_it_is_sent(
    empty_database: Database, what: str, reason: str
) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    await bureau.offer()
    assert await bureau.worker.outbox.due(["offer.reserved"])
    entry, *_ = await bureau.worker.outbox.lease(1, "test", 60, ["offer.reserved"])

    async def place(tx):  # type: ignore[no-untyped-def]
        await bureau.worker.outbox.complete(tx, entry)
        await bureau.parts.placing.place(tx, entry)

    await empty_database.write(place)
    await empty_database.execute(what)
    await bureau.work()
    (told,) = await bureau.all()
    assert (told["state"], told["stateReason"]) == ("CANCELLED", reason)
    assert told["diagnostic"]
    assert gateway.given == []


async def test_quiet_hours_keep_a_message_until_the_morning(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway, policy=open_policy(night=True), now=NIGHT).people("anna")
    identifier = await bureau.tell(channel=Channel.EMAIL)
    await bureau.work()
    told = await bureau.one(identifier)
    morning = dt.datetime(2046, 11, 24, 8, 0, tzinfo=dt.UTC)  # 9:00 in Prague
    assert (told["state"], told["stateReason"], told["notBefore"].to_native()) == ("QUEUED", "QUIET_HOURS", morning)
    bureau.time = morning
    await bureau.wake()
    await bureau.work()
    assert (await bureau.one(identifier))["state"] == "SENT"


async def test_a_message_whose_time_is_over_is_not_sent(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    identifier = await bureau.tell(expires_at=dt.datetime.now(dt.UTC) - DAY)
    await bureau.work()
    assert (await bureau.one(identifier))["state"] == "EXPIRED"
    assert gateway.given == []


async def test_promotion_without_a_slot_gets_one_and_limits_hold_however_many_are_queued(
    empty_database: Database,
) -> None:
    gateway = Gateway("EMAIL", idempotent=True)
    policy = open_policy(ContactLimit(name="mails", count=2, days=30))
    bureau = await Bureau(empty_database, gateway, policy=policy).people("anna")
    sent = [await bureau.promote(key=f"p{number}") for number in range(6)]
    await bureau.work()
    states = sorted([(one["state"], one.get("stateReason")) for one in await bureau.all()])
    assert states == [("CANCELLED", "CONTACT_LIMIT")] * 4 + [("SENT", None)] * 2
    assert len(gateway.given) == 2
    row = await bureau.row("MATCH (r:Reservation) RETURN collect(r.state) AS states")
    assert row["states"] == ["CONFIRMED"] * 2
    assert len(sent) == 6


async def test_a_channel_that_is_down_is_tried_for_a_day_and_then_another_way_is_taken(
    empty_database: Database,
) -> None:
    mail, text = Gateway("EMAIL"), Gateway("SMS")
    mail.failure = TryLater("the server is down")
    bureau = await Bureau(empty_database, mail, text, attempts=2, now=NOON).people("anna")
    identifier = await bureau.tell()
    await bureau.work()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"], told["attempts"]) == ("QUEUED", "TRY_LATER", 1)
    assert text.given == []
    bureau.time = NOON + DAY
    await bureau.wake()
    await bureau.work()
    first, second = await bureau.all()
    assert (first["state"], first["stateReason"], first["diagnostic"]) == ("FAILED", "TRY_LATER", "the server is down")
    assert (second["state"], second["channel"]) == ("SENT", "SMS")
    row = await bureau.row("MATCH (a:Delivery)-[:REPLACES]->(b) RETURN a.channel AS new, b.id AS old")
    assert (row["new"], row["old"]) == ("SMS", identifier)
    assert [one.text for one in text.given] == ["Your request R-1 arrived."], "an SMS carries the short part"


async def test_a_mail_server_that_is_away_for_a_night_loses_no_message(empty_database: Database) -> None:
    mail, text = Gateway("EMAIL"), Gateway("SMS")
    bureau = await Bureau(empty_database, mail, text, attempts=2, now=NOON).people("anna")
    customer, stranger = await bureau.tell(), await bureau.tell(None, to="stranger@example.com")
    mail.failure = TryLater("connection refused")
    for hours in range(8):
        bureau.time = NOON + hours * HOUR
        await bureau.wake()
        await bureau.work()
    waits = [one["notBefore"] - bureau.time for one in await bureau.all()]
    assert await empty_database.read("MATCH (d:Delivery {state: 'QUEUED'}) RETURN d.id AS id") != []
    assert all(one <= 1.25 * 15 * MINUTE for one in waits), "and when it is back, nobody waits long"
    mail.failure = None
    await bureau.wake()
    await bureau.work()
    assert [(await bureau.one(one))["state"] for one in (customer, stranger)] == ["SENT", "SENT"]
    assert text.given == []


async def test_of_what_nobody_knows_whether_it_went_attempts_are_counted_and_of_nothing_else(
    empty_database: Database,
) -> None:
    mail = Gateway("EMAIL")
    bureau = await Bureau(empty_database, mail, attempts=2, now=NOON).people("anna")
    identifier = await bureau.tell()
    for failure, state in (
        (TryLater("down"), "QUEUED"),
        (TryLater("down"), "QUEUED"),
        (OSError("cut"), "QUEUED"),
        (OSError("cut"), "FAILED"),
    ):
        mail.failure = failure
        await bureau.wake()
        await bureau.work()
        assert (await bureau.one(identifier))["state"] == state
    assert (await bureau.one(identifier))["stateReason"] == "OUTCOME_UNKNOWN"


async def test_an_offer_goes_another_way_before_its_slot_is_over(empty_database: Database) -> None:
    mail, text = Gateway("EMAIL"), Gateway("SMS", idempotent=True)
    mail.failure = TryLater("the server is down")
    bureau = await Bureau(empty_database, mail, text, now=NOON).people("anna")
    await bureau.offer(channels=("EMAIL", "SMS"))
    for later in (0 * DAY, 0 * DAY, DAY - MINUTE / 10, DAY - MINUTE / 10):
        bureau.time = NOON + later
        await bureau.wake()
        await bureau.work()
    row = await bureau.row("MATCH (o:Offer) RETURN o.status AS status, o.channel AS channel")
    assert (row["status"], row["channel"]) == ("PRESENTED", "SMS")


async def test_a_promotional_mail_whose_answer_was_lost_is_not_sent_again(empty_database: Database) -> None:
    async with PostOffice().open() as office:
        office.hangs_up = True
        channel = mailed(office)
        bureau = await Bureau(empty_database, channel).people("anna")
        identifier = await bureau.promote()
        await bureau.work()
        await bureau.wake()
        await bureau.work()
        await channel.close()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"], len(office.mails)) == ("SENT", "OUTCOME_UNKNOWN", 1)


async def test_ways_of_a_message_with_a_long_key_are_told_apart(empty_database: Database) -> None:
    mail, text, letter = Gateway("EMAIL"), Gateway("SMS"), Gateway("LETTER")
    mail.failure = text.failure = Refused("not this one")
    bureau = await Bureau(empty_database, mail, text, letter).people("anna")
    await bureau.tell(key="k" * 495)
    await bureau.work()
    assert [(one["channel"], one["state"]) for one in await bureau.all()] == [
        ("EMAIL", "FAILED"),
        ("SMS", "FAILED"),
        ("LETTER", "SENT"),
    ]


async def test_a_bounce_marks_the_address_and_the_message_goes_another_way(empty_database: Database) -> None:
    async with PostOffice().open() as office:
        office.refuse["anna@example.com"] = "550 5.1.1 no such user"
        text = Gateway("SMS")
        channel = mailed(office)
        bureau = await Bureau(empty_database, channel, text).people("anna")
        await bureau.tell()
        await bureau.work()
        await channel.close()
    first, second = await bureau.all()
    assert (first["state"], first["diagnostic"]) == ("BOUNCED", "550 5.1.1 no such user")
    assert (second["state"], second["channel"], len(text.given)) == ("SENT", "SMS", 1)
    row = await bureau.row("MATCH (c:ContactPoint {valueKey: $p}) RETURN c.blocked AS b, c.blockedReason AS r", p=MAIL)
    assert (row["b"], row["r"]) == (True, "BOUNCED")
    refused = await bureau.desk.reserve("anna", "EMAIL")
    assert [one.code for one in refused.findings] == ["POINT_BLOCKED"]  # type: ignore[union-attr]


async def test_an_offer_whose_mail_bounces_goes_to_the_next_channel_of_its_rule(empty_database: Database) -> None:
    mail, text = Gateway("EMAIL"), Gateway("SMS", idempotent=True)
    mail.failure = Bounced("550 no such user")
    bureau = await Bureau(empty_database, mail, text).people("anna")
    slot = await bureau.offer(channels=("EMAIL", "SMS"))
    await bureau.work()
    first, second = await bureau.all()
    assert (first["state"], second["state"], second["channel"]) == ("BOUNCED", "SENT", "SMS")
    row = await bureau.row("MATCH (o:Offer) RETURN o.status AS status, o.channel AS channel")
    assert (row["status"], row["channel"]) == ("PRESENTED", "SMS")
    row = await bureau.row("MATCH (r:Reservation {id: $id}) RETURN r.state AS state", id=slot)
    assert row["state"] == "RELEASED"


async def test_an_offer_that_no_channel_takes_is_taken_back(empty_database: Database) -> None:
    mail = Gateway("EMAIL")
    mail.failure = Refused("554 policy")
    bureau = await Bureau(empty_database, mail).people("anna")
    await bureau.offer()
    await bureau.work()
    row = await bureau.row("MATCH (o:Offer) RETURN o.status AS status, o.statusReason AS reason")
    assert (row["status"], row["reason"]) == ("CANCELLED", "REFUSED")


async def test_a_channel_that_is_not_set_up_fails_the_message_and_says_what_to_set(empty_database: Database) -> None:
    bureau = await Bureau(empty_database).people("anna")
    identifier = await bureau.tell(channel=Channel.EMAIL)
    slot = await bureau.offer()
    await bureau.work()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"]) == ("FAILED", "CHANNEL_NOT_SET_UP")
    assert "GRAPH_CRM_SMTP_HOST" in told["diagnostic"]
    row = await bureau.row(
        "MATCH (r:Reservation {id: $id})-[:FOR_OFFER]->(o) RETURN r.state AS r, o.status AS o", id=slot
    )
    assert (row["r"], row["o"]) == ("HELD", "RESERVED"), "another system of the bank may still make the contact"


async def test_what_has_no_way_to_the_customer_is_told_to_those_who_answer_for_the_request(
    empty_database: Database,
) -> None:
    await empty_database.execute("CREATE (:ServiceRequest {id: 'r1', number: 'R-1'})")
    bureau = await Bureau(empty_database, Gateway("PUSH")).people("anna")
    identifier = await bureau.tell(request_id="r1")
    await bureau.work()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"]) == ("FAILED", "NO_WAY")
    row = await bureau.row("MATCH (e:OutboxEntry {topic: $topic}) RETURN e.payload AS told", topic=UNDELIVERED)
    assert json.loads(row["told"]) == {
        "number": "R-1",
        "template": "request_acknowledged",
        "reason": "NO_WAY",
        "deliveryId": identifier,
    }


async def test_a_missing_variable_fails_the_message_by_its_name(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna")
    identifier = await bureau.tell(variables={})
    await bureau.work()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"]) == ("FAILED", "TEMPLATE")
    assert "the variable number is missing" in told["diagnostic"]
    assert gateway.given == []


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("promotional", [True, False])
async def test_what_was_being_sent_when_its_worker_died(
    empty_database: Database, *, idempotent: bool, promotional: bool
) -> None:
    gateway = Gateway("EMAIL", idempotent=idempotent)

    async def die(message: Outgoing) -> None:
        gateway.given.append(message)
        raise asyncio.CancelledError  # as if the process were gone: nothing is written

    gateway.before = die
    bureau = await Bureau(empty_database, gateway).people("anna")
    identifier = await (bureau.promote() if promotional else bureau.tell())
    (entry,) = await bureau.worker.outbox.lease(1, "dead", 60, ["delivery.due"])
    with pytest.raises(asyncio.CancelledError):
        await bureau.parts.sending.due(entry)
    assert (await bureau.one(identifier))["state"] == "SENDING"

    gateway.before = None
    await bureau.worker.outbox.release([entry])
    await bureau.work()
    told = await bureau.one(identifier)
    assert told["state"] == "SENT"
    repeated = idempotent or not promotional
    assert [one.key for one in gateway.given] == [identifier] * (2 if repeated else 1)
    assert told.get("stateReason") == (None if repeated else "CRASHED_WHILE_SENDING")
    row = await bureau.row("MATCH (:Party {id: 'anna'})-[:HAD]->(i:Interaction) RETURN count(i) AS n")
    assert row["n"] == 1, "it counts for the limits, once"
    if promotional:
        assert (await bureau.row("MATCH (r:Reservation) RETURN r.state AS s"))["s"] == "CONFIRMED"


async def test_a_mail_whose_answer_was_lost_is_repeated_under_the_same_message_id(empty_database: Database) -> None:
    async with PostOffice().open() as office:
        office.hangs_up = True
        channel = mailed(office)
        bureau = await Bureau(empty_database, channel).people("anna")
        identifier = await bureau.tell()
        await bureau.work()
        told = await bureau.one(identifier)
        assert (told["state"], told["stateReason"]) == ("QUEUED", "OUTCOME_UNKNOWN")
        office.hangs_up = False
        await bureau.wake()
        await bureau.work()
        await channel.close()
    assert (await bureau.one(identifier))["state"] == "SENT"
    first, second = office.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_withdrawal_cancels_what_is_queued_in_its_own_transaction(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway).people("anna", "jan")
    mine, other = await bureau.promote("anna"), await bureau.promote("jan")
    service = await bureau.tell("anna")
    await ConsentService(empty_database).withdraw("anna", Purpose.MARKETING)
    told = await bureau.one(mine)
    assert (told["state"], told["stateReason"]) == ("CANCELLED", "CONSENT_WITHDRAWN")
    assert [(await bureau.one(one))["state"] for one in (other, service)] == ["QUEUED", "QUEUED"]


async def test_whoever_is_flagged_for_care_gets_no_promotion_that_is_queued(empty_database: Database) -> None:
    bureau = await Bureau(empty_database, Gateway("EMAIL")).people("anna")
    mine = await bureau.promote()
    await ProtectionService(empty_database).flag_vulnerability("anna", "special care")
    assert (await bureau.one(mine))["state"] == "CANCELLED"


async def test_nothing_is_sent_after_a_withdrawal_that_was_committed_before_sending_began(
    empty_database: Database,
) -> None:
    """200 customers withdraw while their mails are sent: who got one was being sent to before the withdrawal."""
    gateway = Gateway("EMAIL", idempotent=True)
    people = [f"p{number}" for number in range(200)]
    bureau = await Bureau(empty_database, gateway).people(*people)
    for start in range(0, 200, 50):
        await asyncio.gather(*[bureau.promote(one, key=one) for one in people[start : start + 50]])
    consents = ConsentService(empty_database)
    place = asyncio.Semaphore(16)

    async def withdraw(person: str) -> None:
        async with place:
            statement = Statement(purpose=Purpose.MARKETING, status=ConsentStatus.WITHDRAWN)
            await consents.record(person, [statement])

    working = asyncio.create_task(bureau.work())
    await asyncio.gather(*map(withdraw, people))
    await working
    await bureau.work()
    rows = await empty_database.read(
        "MATCH (d:Delivery)<-[:WAS_SENT]-(p:Party)-[:GAVE]->(c:Consent {status: 'WITHDRAWN'})"
        " RETURN d.state AS state, d.sendingAt AS began, c.at AS withdrawn"
    )
    assert len(rows) == 200
    assert {row["state"] for row in rows} <= {"SENT", "CANCELLED"}
    for row in rows:
        assert (row["state"] == "CANCELLED") == (row["began"] is None)
        assert row["began"] is None or row["began"] <= row["withdrawn"]
    assert len(gateway.given) == sum(row["state"] == "SENT" for row in rows)


async def test_what_goes_with_a_message_is_read_when_it_is_sent(empty_database: Database) -> None:
    gateway = Gateway("EMAIL", attachments=True)
    bureau = await Bureau(empty_database, gateway).people("anna")
    missing, scanned = await bureau.tell(attachments=("gone",)), await bureau.tell(key="b", attachments=("new",))
    ready = await bureau.tell(key="c", attachments=("a", "b"))
    refused = await bureau.tell(key="d", attachments=("bad",))

    async def read(ids: Sequence[str]) -> list[Enclosed]:
        if "gone" in ids:
            raise NotFound("There is no such document.")
        if "new" in ids:
            raise Forbidden("A scanner has not answered yet.")
        if "bad" in ids:
            raise InvalidInput("The document was refused: a virus.")
        return [Enclosed(f"{one}.pdf", "application/pdf", one.encode()) for one in ids]

    bureau.parts.sending.read_attachments = read
    await bureau.work()
    (given,) = gateway.given
    assert (given.id, [(one.name, one.content) for one in given.attachments]) == (
        ready,
        [("a.pdf", b"a"), ("b.pdf", b"b")],
    )
    assert (await bureau.one(missing))["stateReason"] == "ATTACHMENT"
    told = await bureau.one(refused)
    assert (told["state"], told["stateReason"]) == ("FAILED", "ATTACHMENT")
    assert told["diagnostic"] == "The document was refused: a virus."
    told = await bureau.one(scanned)
    assert (told["state"], told["stateReason"]) == ("QUEUED", "TRY_LATER")


async def test_what_may_have_gone_already_is_not_taken_back_by_a_withdrawal_but_not_repeated_either(
    empty_database: Database,
) -> None:
    gateway = Gateway("EMAIL", idempotent=True)
    gateway.failure = OSError("the line is cut")
    bureau = await Bureau(empty_database, gateway).people("anna")
    identifier = await bureau.promote()
    await bureau.work()
    assert (await bureau.one(identifier))["stateReason"] == "OUTCOME_UNKNOWN"
    await ConsentService(empty_database).withdraw("anna", Purpose.MARKETING)
    assert (await bureau.one(identifier))["state"] == "QUEUED"
    gateway.failure = None
    await bureau.wake()
    await bureau.work()
    told = await bureau.one(identifier)
    assert (told["state"], told["stateReason"]) == ("SENT", "CRASHED_WHILE_SENDING")
    assert gateway.given == []
    row = await bureau.row("MATCH (:Party {id: 'anna'})-[:HAD]->(i) RETURN count(i) AS n")
    assert row["n"] == 1, "it counts: nobody knows that it did not go"


async def test_the_control_group_gets_no_promotion_and_every_service(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway, kept_out=True).people("anna")
    promotion, service = await bureau.promote(), await bureau.tell()
    await bureau.work()
    assert (await bureau.one(promotion))["stateReason"] == "IN_CONTROL_GROUP"
    assert (await bureau.one(service))["state"] == "SENT"


async def test_the_law_is_told_even_to_who_refused_everything_at_an_address_that_works(
    empty_database: Database,
) -> None:
    gateway = Gateway("EMAIL")
    bureau = await Bureau(empty_database, gateway, policy=open_policy(night=True), now=NIGHT).people("anna")
    consents = ConsentService(empty_database)
    await consents.withdraw("anna")
    refused = await bureau.tell(channel=Channel.EMAIL)
    demanded = await bureau.tell(key="law", channel=Channel.EMAIL, action_class=ActionClass.MANDATORY)
    await bureau.work()
    assert (await bureau.one(refused))["stateReason"] == "CONSENT_WITHDRAWN"
    assert (await bureau.one(demanded))["state"] == "SENT", "at night, too"
