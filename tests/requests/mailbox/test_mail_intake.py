"""What becomes of a mail: a request, a part of one, or something that a person looks at; once, and never nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from desk_bank import DAY
from letters import bounce_of, letter
from mail_office import PostOffice

from graph_crm.errors import CrmError, DatabaseUnavailable, Forbidden, InvalidInput, NotFound
from graph_crm.requests.commands import Opened
from graph_crm.requests.kinds import RequestOutcome
from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.service import RequestService
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
ANNA = "Anna <Anna@Mail.example>"
STRANGER = "somebody@elsewhere.example"
AGENT = Caller("eva", Role.AGENT)


async def deliveries(office: PostOffice) -> list[dict[str, Any]]:
    rows = await office.database.read("MATCH (d:Delivery) RETURN d {.*} AS d ORDER BY d.key")
    return [row["d"] for row in rows]


async def test_a_customers_mail_opens_a_request_that_is_acknowledged(office: PostOffice) -> None:
    receipt = await office.take(letter("Where is my card?", sender=ANNA))
    assert (receipt.state, receipt.repeated) == (MailState.OPENED, False)
    request = await office.one(
        "MATCH (p:Party)-[:ASKED]->(r:ServiceRequest {number: $number}) "
        "RETURN p.id AS party, r.channel AS channel, r.source AS source, r.subject AS subject, r.contact AS contact",
        number=receipt.number,
    )
    assert request == {
        "party": "anna",
        "channel": "EMAIL",
        "source": "mail",
        "subject": "My card",
        "contact": "anna@mail.example",
    }
    assert await office.said(str(receipt.number)) == [("OPENED", "Where is my card?")]
    assert "request_acknowledged" in {one["template"] for one in await deliveries(office)}
    assert (await office.mail("<1@customers.example>"))["state"] == "OPENED"


async def test_a_stranger_is_answered_at_the_address_and_is_no_customer(office: PostOffice) -> None:
    receipt = await office.take(letter(sender=f"Petr Pan <{STRANGER}>"))
    request = await office.one("MATCH (r:ServiceRequest {number: $n}) RETURN r {.*} AS r", n=receipt.number)
    assert request["r"].get("partyId") is None
    assert request["r"]["contact"] == STRANGER


async def test_an_address_that_two_share_is_nobodys_until_a_person_decides(office: PostOffice) -> None:
    receipt = await office.take(letter(sender="home@mail.example"))
    request = await office.one("MATCH (r:ServiceRequest {number: $n}) RETURN r {.*} AS r", n=receipt.number)
    assert receipt.state is MailState.OPENED
    assert request["r"].get("partyId") is None


async def test_an_address_that_is_no_longer_the_customers_is_a_strangers(office: PostOffice) -> None:
    receipt = await office.take(letter(sender="old@mail.example"))
    request = await office.one("MATCH (r:ServiceRequest {number: $n}) RETURN r {.*} AS r", n=receipt.number)
    assert request["r"].get("partyId") is None


async def test_a_mail_that_comes_again_changes_nothing(office: PostOffice) -> None:
    first = await office.take(letter(sender=ANNA))
    for raw in (letter(sender=ANNA), b"Received: from relay.example\r\n" + letter(sender=ANNA)):
        again = await office.take(raw)
        assert (again.number, again.repeated) == (first.number, True)
    assert await office.count("ServiceRequest") == 1


async def test_the_same_mail_at_once_in_several_processes_is_one_request(office: PostOffice) -> None:
    raw = letter(sender=ANNA, documents={"a.pdf": b"%PDF-1.7 x"})
    receipts = await asyncio.gather(*(office.another().take(raw) for _ in range(6)))
    assert len({one.number for one in receipts}) == 1
    assert await office.count("ServiceRequest") == 1
    assert await office.count("Attachment") == 1


async def test_another_mail_under_the_same_message_id_is_not_lost(office: PostOffice) -> None:
    first = await office.take(letter(sender=ANNA))
    second = await office.take(letter(sender=ANNA, subject="Something else"))
    assert first.number != second.number
    again = await office.take(letter(sender=ANNA, subject="Something else"))
    assert (again.number, again.repeated) == (second.number, True)


async def opened(office: PostOffice, **more: Any) -> Opened:
    return await office.open(**more)


async def test_a_mail_with_the_number_joins_the_request_without_what_it_quotes(office: PostOffice) -> None:
    request = await opened(office)
    text = f"It is the blue one.\n\nOn 23 Nov 2026, the bank wrote:\n> Your request {request.number}\n"
    receipt = await office.take(letter(text, sender=ANNA, subject=f"Re: [{request.number.lower()}] your card"))
    assert (receipt.state, receipt.number) == (MailState.JOINED, request.number)
    assert (await office.said(request.number))[-1] == ("CUSTOMER_WROTE", "It is the blue one.")
    assert await office.count("ServiceRequest") == 1


async def test_a_mail_in_the_thread_joins_without_a_number(office: PostOffice) -> None:
    first = await office.take(letter(sender=ANNA))
    follow = letter("And the PIN?", sender=ANNA, message_id="<2@customers.example>", References="<1@customers.example>")
    assert (await office.take(follow)).number == first.number
    ours = letter(
        "Thanks.",
        sender=ANNA,
        message_id="<3@customers.example>",
        subject="Re: answer",
        In_Reply_To=f"<thread.{first.number}@bank.example>",
    )
    assert (await office.take(ours)).number == first.number


async def test_a_stranger_who_knows_the_number_does_not_get_into_the_request(office: PostOffice) -> None:
    request = await opened(office)
    receipt = await office.take(letter("Send the PIN to me.", sender=STRANGER, subject=request.number))
    assert (receipt.state, receipt.reason) == (MailState.SET_ASIDE, MailReason.STRANGER)
    assert len(await office.said(request.number)) == 1
    assert await office.count("ServiceRequest") == 1


async def test_a_request_of_a_stranger_is_joined_from_the_same_address_only(office: PostOffice) -> None:
    request = await opened(office, party_id=None, contact=STRANGER)
    joined = await office.take(letter(sender=STRANGER, subject=request.number))
    assert joined.state is MailState.JOINED
    other = await office.take(letter(sender=ANNA, subject=request.number, message_id="<2@customers.example>"))
    assert other.reason is MailReason.STRANGER


async def test_a_number_that_nobody_knows_opens_a_new_request(office: PostOffice) -> None:
    assert (await office.take(letter(sender=ANNA, subject="R-AAAA-AAAA"))).state is MailState.OPENED


async def test_an_answer_long_after_closing_opens_a_new_request(office: PostOffice) -> None:
    request = await opened(office)
    await office.service.close(request.number, RequestOutcome.SOLVED, by="eva")
    office.time.pass_by(DAY * 31)
    receipt = await office.take(letter(sender=ANNA, subject=f"Re: {request.number}"))
    assert receipt.state is MailState.OPENED
    assert receipt.number != request.number


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (letter(Auto_Submitted="auto-replied"), MailReason.AUTO_REPLY),
        (letter(List_Id="<news.shop.example>"), MailReason.BULK),
        (letter(sender="Bank <service@bank.example>"), MailReason.OWN_MAIL),
        (letter(sender="eva@bank.example"), MailReason.FROM_EMPLOYEE),
        (letter(sender="nobody"), MailReason.NO_SENDER),
        (letter("", subject=""), MailReason.EMPTY),
        (letter(Authentication_Results="mx.bank.example; dmarc=fail header.from=customers.example"), MailReason.FORGED),
        (b"From: MAILER-DAEMON@x.example\r\nReturn-Path: <>\r\n\r\nfailed", MailReason.BOUNCE_UNCLEAR),
        (b"From: a@customers.example\r\n" + b"X: y\r\n" * 60_000 + b"\r\nx", MailReason.TOO_COMPLEX),
        (b"\x00\xff\xfe", MailReason.NO_SENDER),
        (b"", MailReason.NO_SENDER),
    ],
    ids=lambda value: value.value if isinstance(value, MailReason) else "",
)
async def test_what_is_no_request_is_set_aside_and_told_to_nobody(
    office: PostOffice, raw: bytes, reason: MailReason
) -> None:
    receipt = await office.take(raw)
    assert (receipt.state, receipt.reason) == (MailState.SET_ASIDE, reason)
    assert await office.count("ServiceRequest") == 0
    assert await deliveries(office) == []
    assert await office.archive.original(receipt.id, AGENT) == raw  # and nothing of it is lost


async def test_a_verdict_of_a_server_that_is_not_the_banks_means_nothing(office: PostOffice) -> None:
    raw = letter(sender=ANNA, Authentication_Results="mx.evil.example; dmarc=fail")
    assert (await office.take(raw)).state is MailState.OPENED


async def test_a_bounce_is_told_to_the_delivery_and_never_acknowledged(office: PostOffice) -> None:
    receipt = await office.take(bounce_of("<delivery.7@bank.example>"), null_sender=True)
    assert receipt.state is MailState.BOUNCE
    entry = await office.one(
        "MATCH (e:OutboxEntry {topic: 'delivery.bounced'}) RETURN e.payload AS payload, e.partitionKey AS partition"
    )
    assert orjson.loads(entry["payload"]) == {
        "messageId": "delivery.7@bank.example",
        "diagnostic": "smtp; 550 no such user",
        "permanent": True,
        "failed": True,
    }
    await office.take(bounce_of("<delivery.7@bank.example>"), null_sender=True)
    assert await office.count("OutboxEntry") == 1
    assert await deliveries(office) == []


async def test_two_machines_that_answer_each_other_come_to_an_end(office: PostOffice) -> None:
    strict = PostOffice(office.database, office.folder, most_an_hour=3)
    receipts = [
        await strict.take(letter(sender=STRANGER, message_id=f"<{number}@x.example>", subject=f"Number {number}"))
        for number in range(5)
    ]
    assert [one.reason for one in receipts] == [None, None, None, MailReason.TOO_MANY, MailReason.TOO_MANY]
    assert (await strict.take(letter(sender=ANNA))).state is MailState.OPENED  # nothing else suffers


async def test_the_limit_of_a_sender_holds_when_mails_come_at_once(office: PostOffice) -> None:
    strict = PostOffice(office.database, office.folder, most_an_hour=5)
    mails = [letter(sender=STRANGER, message_id=f"<{number}@x.example>") for number in range(12)]
    receipts = await asyncio.gather(*map(strict.take, mails))
    assert sum(one.state is MailState.OPENED for one in receipts) == 5


async def test_documents_come_with_the_request_and_bad_ones_stay_visible(office: PostOffice) -> None:
    documents = {
        "../../etc/passwd": b"%PDF-1.7 a",
        "invoice\u202efdp.exe": b"MZ\x90\x00" + b"\x00" * 50,
        "x" * 300 + ".png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
        "large.pdf": b"%PDF-1.7" + b"x" * 200_000,
    }
    receipt = await office.take(letter(sender=ANNA, documents=documents))
    rows = await office.database.read(
        "MATCH (:ServiceRequest {number: $n})-[:LOGGED]->(:RequestEntry {kind: 'OPENED'})-[:CARRIES]->(a:Attachment) "
        "RETURN a.name AS name, a.state AS state, a.storedAt AS storedAt",
        {"n": receipt.number},
    )
    found = {row["name"]: row["state"] for row in rows}
    assert found == {
        "passwd": "UNSCANNED",
        "invoicefdp.exe": "REFUSED",
        "x" * 116 + ".png": "UNSCANNED",
        "large.pdf": "REFUSED",
    }
    assert all(row["storedAt"] is None for row in rows if row["state"] == "REFUSED")


class _Cut(RequestService):
    """A service whose process dies: before the request is stored, or after it was and before anybody knew."""

    def __init__(self, office: PostOffice, *, after: bool, error: BaseException) -> None:
        super().__init__(office.database, office.desk, roster=office.roster, clock=office.time)
        self._after = after
        self._error = error

    async def open(self, *arguments: Any, **more: Any) -> Opened:
        if self._after:
            await super().open(*arguments, **more)
        raise self._error


@pytest.mark.parametrize("after", [False, True])
async def test_a_mail_whose_handling_is_cut_off_becomes_one_request_all_the_same(
    office: PostOffice, *, after: bool
) -> None:
    dying = office.another(requests=_Cut(office, after=after, error=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        await dying.take(letter(sender=ANNA, documents={"a.pdf": b"%PDF-1.7 x"}))
    assert (await office.mail("<1@customers.example>"))["state"] == "TAKEN"
    assert await office.intake.resume() == 0  # too young: it may be in other hands
    await office.database.execute("MATCH (m:MailReceived) SET m.takenAt = m.takenAt - duration({minutes: 3})")
    assert await office.intake.resume() == 1
    assert (await office.mail("<1@customers.example>"))["state"] == "OPENED"
    assert (await office.take(letter(sender=ANNA, documents={"a.pdf": b"%PDF-1.7 x"}))).repeated
    assert await office.count("ServiceRequest") == 1
    carried = await office.one("MATCH (:RequestEntry)-[c:CARRIES]->(:Attachment) RETURN count(c) AS n")
    assert carried == {"n": 1}


async def test_the_sender_who_sends_again_after_a_crash_gets_the_first_request(office: PostOffice) -> None:
    with pytest.raises(KeyboardInterrupt):
        await office.another(requests=_Cut(office, after=True, error=KeyboardInterrupt())).take(letter(sender=ANNA))
    # Meanwhile the address became somebody else's too: what was decided stays.
    await office.database.execute(
        "MATCH (p:Party {id: 'ben'}), (c:ContactPoint {valueKey: 'EMAIL:anna@mail.example'}) "
        "CREATE (p)-[:REACHABLE_AT {id: 'r9'}]->(c)"
    )
    assert (await office.take(letter(sender=ANNA))).state is MailState.OPENED
    assert await office.count("ServiceRequest") == 1


async def test_while_the_database_is_away_the_sender_is_told_to_come_again(office: PostOffice) -> None:
    away = office.another(requests=_Cut(office, after=False, error=DatabaseUnavailable("away")))
    with pytest.raises(DatabaseUnavailable):
        await away.take(letter(sender=ANNA))
    assert (await office.take(letter(sender=ANNA))).state is MailState.OPENED


@pytest.mark.parametrize("error", [RuntimeError("nobody foresaw it"), CrmError("not this one")])
async def test_a_mail_that_the_platform_fails_at_is_set_aside_and_the_others_go_on(
    office: PostOffice, error: Exception
) -> None:
    broken = office.another(requests=_Cut(office, after=False, error=error))
    receipt = await broken.take(letter(sender=ANNA))
    assert (receipt.state, receipt.reason) == (MailState.SET_ASIDE, MailReason.FAULT)
    reopened = await office.intake.reopen(receipt.id, by="eva")
    assert reopened.state is MailState.OPENED


async def test_a_mail_that_can_not_even_be_stored_as_it_is_is_kept_all_the_same(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_arguments: Any, **_more: Any) -> Any:
        raise RuntimeError("nobody foresaw it")

    with monkeypatch.context() as patched:
        patched.setattr(office.attachments, "prepare", fails)
        receipt = await office.take(letter(sender=ANNA))
    assert (receipt.state, receipt.reason) == (MailState.SET_ASIDE, MailReason.FAULT)
    assert await office.archive.original(receipt.id, AGENT) == letter(sender=ANNA)
    assert (await office.take(letter(sender=ANNA, message_id="<2@x.example>"))).state is MailState.OPENED


async def test_a_person_opens_or_joins_what_was_set_aside_once(office: PostOffice) -> None:
    request = await opened(office)
    stranger = await office.take(letter(sender=STRANGER, subject=request.number))
    joined = await office.intake.reopen(stranger.id, by="eva", number=request.number.lower())
    assert (joined.state, joined.number) == (MailState.JOINED, request.number)
    with pytest.raises(InvalidInput):
        await office.intake.reopen(stranger.id, by="eva")
    assert (await office.mail(stranger.id))["settledBy"] == "eva"
    with pytest.raises(NotFound):
        await office.intake.reopen(stranger.id, by="eva", number="R-AAAA-AAAA")


async def test_what_a_machine_sent_is_not_acknowledged_though_a_person_opens_it(office: PostOffice) -> None:
    machine = await office.take(letter(sender=STRANGER, Auto_Submitted="auto-generated"))
    receipt = await office.intake.reopen(machine.id, by="eva")
    assert receipt.state is MailState.OPENED
    assert [one for one in await deliveries(office) if one["template"] == "request_acknowledged"] == []


async def test_two_people_who_open_the_same_mail_open_one_request(office: PostOffice) -> None:
    machine = await office.take(letter(sender=ANNA, Auto_Submitted="auto-generated"))
    answers = await asyncio.gather(
        *(office.another().reopen(machine.id, by=f"agent{number}") for number in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in answers) == 1
    assert await office.count("ServiceRequest") == 1


async def test_a_mail_that_is_dismissed_leaves_the_list_and_can_come_back(office: PostOffice) -> None:
    bulk = await office.take(letter(List_Id="<news.shop.example>"))
    assert (await office.intake.dismiss(bulk.id, by="eva")).state is MailState.DISMISSED
    assert (await office.intake.dismiss(bulk.id, by="eva")).state is MailState.DISMISSED
    assert (await office.intake.reopen(bulk.id, by="eva")).state is MailState.OPENED
    with pytest.raises(InvalidInput):
        await office.intake.dismiss(bulk.id, by="eva")


async def test_a_mail_that_can_not_be_read_is_opened_by_hand(office: PostOffice) -> None:
    bomb = b"From: a@customers.example\r\n" + b"X: y\r\n" * 60_000 + b"\r\nx"
    receipt = await office.take(bomb)
    with pytest.raises(InvalidInput, match="can't read"):
        await office.intake.reopen(receipt.id, by="eva")
    assert (await office.mail(receipt.id))["state"] == "SET_ASIDE"


async def test_a_mail_is_kept_as_it_came_for_as_long_as_the_bank_says(office: PostOffice) -> None:
    receipt = await office.take(letter(sender=ANNA))
    assert await office.archive.original(receipt.id, AGENT) == letter(sender=ANNA)
    with pytest.raises(Forbidden):
        await office.archive.original(receipt.id, Caller("a", Role.CUSTOMER, "anna"))
    assert await office.archive.tidy() == 0
    await office.database.execute("MATCH (m:MailReceived) SET m.keepUntil = datetime('2020-01-01T00:00:00Z')")
    assert await office.archive.tidy() == 1
    with pytest.raises(NotFound):
        await office.archive.original(receipt.id, AGENT)
    await office.database.execute("MATCH (s:StoredFile) SET s.idleSince = datetime('2020-01-01T00:00:00Z')")
    assert await office.attachments.tidy() == 1
    assert [one for one in office.folder.rglob("*") if one.is_file()] == []
    assert (await office.take(letter(sender=ANNA))).repeated  # what it became is still known
