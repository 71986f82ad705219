"""Mails that come at the wrong moment, from the wrong people or from a server that is ill: nothing of them is lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from letters import letter
from mail_office import PostOffice

from graph_crm.errors import ConfigurationError, DatabaseTimeout, StatementFailed
from graph_crm.requests.attachments.store import StorageUnavailable
from graph_crm.requests.mailbox import polling
from graph_crm.requests.mailbox.intake import MOST_TRIES, MailIntake, Receipt
from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.mailbox.polling import Mailbox, MailboxUnavailable, MailPoller
from graph_crm.requests.mailbox.wording import without_quotes

STRANGER = "somebody@elsewhere.example"
SAYS = b"Authentication-Results: "
CARRIED = "MATCH (:RequestEntry)-[:CARRIES]->(a:Attachment) RETURN count(a) AS n"


async def grow_old(office: PostOffice) -> None:
    """Two days go by."""
    await office.database.execute("MATCH (a:Attachment) SET a.waitingSince = a.waitingSince - duration({days: 2})")
    await office.database.execute("MATCH (s:StoredFile) SET s.idleSince = s.idleSince - duration({days: 2})")
    await office.database.execute("MATCH (m:MailReceived) SET m.takenAt = m.takenAt - duration({days: 2})")


@pytest.mark.lts
async def test_a_mail_that_waits_for_a_person_keeps_its_documents(office: PostOffice) -> None:
    waits = await office.take(letter(sender=STRANGER, List_Id="<a.example>", documents={"a.pdf": b"%PDF-1.7 x"}))
    assert waits.state is MailState.SET_ASIDE
    await grow_old(office)
    await office.attachments.tidy()
    assert (await office.intake.reopen(waits.id, by="eva")).state is MailState.OPENED
    assert await office.one(CARRIED) == {"n": 1}


@pytest.mark.lts
async def test_documents_of_a_mail_that_is_kept_no_longer_go(office: PostOffice) -> None:
    waits = await office.take(letter(sender=STRANGER, List_Id="<a.example>", documents={"a.pdf": b"%PDF-1.7 x"}))
    await office.intake.dismiss(waits.id, by="eva")
    await office.database.execute("MATCH (m:MailReceived) SET m.keepUntil = datetime('2020-01-01T00:00:00Z')")
    assert await office.archive.tidy() == 1
    await grow_old(office)
    await office.attachments.tidy()
    assert await office.count("Attachment") == 0


@pytest.mark.lts
async def test_documents_that_could_not_be_stored_are_made_from_the_original(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_arguments: Any, **_more: Any) -> Any:
        raise RuntimeError("nobody foresaw it")

    with monkeypatch.context() as patched:
        patched.setattr(office.attachments, "prepare", fails)
        kept = await office.take(letter(sender=STRANGER, documents={"a.pdf": b"%PDF-1.7 x"}))
    assert kept.reason is MailReason.FAULT
    assert (await office.intake.reopen(kept.id, by="eva")).state is MailState.OPENED
    assert await office.one(CARRIED) == {"n": 1}


@pytest.mark.lts
async def test_two_mails_under_one_message_id_at_the_same_moment_are_two_requests(office: PostOffice) -> None:
    first, second = letter("The first."), letter("The second.", subject="Another", documents={"b.pdf": b"%PDF-1.7 b"})

    class Late(MailIntake):
        """Reads a mail while another process takes the one with the same Message-ID."""

        async def _read(self, raw: bytes, **more: Any) -> Any:
            self.__class__._read = MailIntake._read  # type: ignore[method-assign]
            receipts.append(await office.take(first))
            return await super()._read(raw, **more)

    receipts: list[Receipt] = []
    late = Late(office.database, office.service, office.attachments, office.policy)
    receipts.append(await late.take(second))
    assert [one.state for one in receipts] == [MailState.OPENED, MailState.OPENED]
    assert not any(one.repeated for one in receipts)
    said = [(await office.said(str(one.number)))[0][1] for one in receipts]
    assert said == ["The first.", "The second."]
    assert await office.one(CARRIED) == {"n": 1}
    assert (await office.take(second)).number == receipts[1].number


@pytest.mark.lts
@pytest.mark.parametrize("name", ["Your account is locked, see https://evil.example", "Call 555 123", "evil.example"])
async def test_the_bank_does_not_send_a_strangers_words_to_somebody_else(office: PostOffice, name: str) -> None:
    await office.take(letter(sender=f'"{name}" <{STRANGER}>'))
    told = await office.one("MATCH (d:Delivery {template: 'request_acknowledged'}) RETURN d.variables AS v, d.to AS to")
    assert told["to"] == STRANGER
    assert name not in told["v"]


@pytest.mark.lts
async def test_a_stranger_is_addressed_by_what_is_a_name(office: PostOffice) -> None:
    await office.take(letter(sender=f"Dr. Anne-Marie O'Neil <{STRANGER}>"))
    told = await office.one("MATCH (d:Delivery {template: 'request_acknowledged'}) RETURN d.variables AS v")
    assert "Dr. Anne-Marie O'Neil" in told["v"]


@pytest.mark.lts
@pytest.mark.parametrize("name", ["***", "=?utf-8?q?=F0=9F=98=80?="])
async def test_a_sender_whose_name_is_none_has_a_request_all_the_same(office: PostOffice, name: str) -> None:
    assert (await office.take(letter(sender=f"{name} <{STRANGER}>"))).state is MailState.OPENED


@pytest.mark.lts
async def test_beyond_a_number_strangers_are_taken_and_not_acknowledged(office: PostOffice) -> None:
    strict = PostOffice(office.database, office.folder, most_strangers=2)
    mails = [letter(sender=f"v{number}@x.example", message_id=f"<{number}@x.example>") for number in range(5)]
    receipts = await asyncio.gather(*map(strict.take, mails))
    receipts.append(await strict.take(letter(sender="anna@mail.example")))
    assert {one.state for one in receipts} == {MailState.OPENED}
    told = await office.database.read(
        "MATCH (d:Delivery {template: 'request_acknowledged'}) RETURN d.partyId AS party, count(*) AS n"
    )
    assert {row["party"]: row["n"] for row in told} == {None: 2, "anna": 1}


@pytest.mark.lts
@pytest.mark.parametrize(
    "verdicts",
    [
        SAYS + b"mx.bank.example; dkim=none\r\n" + SAYS + b"mx.bank.example; dmarc=fail\r\n",
        SAYS + b"MX.Bank.example;\r\n\tdmarc = fail\r\n",
        SAYS + b"other.bank.example; arc=none\r\n" + SAYS + b"mx.bank.example; dmarc=fail\r\n",
    ],
)
async def test_the_trusted_server_may_say_it_in_any_of_its_headers(office: PostOffice, verdicts: bytes) -> None:
    receipt = await office.take(verdicts + letter(sender="anna@mail.example"))
    assert receipt.reason is MailReason.FORGED


@pytest.mark.lts
async def test_mails_that_can_not_be_resumed_hold_up_no_other(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "ill", "well"):
        await office.take(letter(sender=STRANGER, message_id=f"<{name}@x.example>", subject=name))
    await office.database.execute("MATCH (m:MailReceived) SET m.state = 'TAKEN'")
    real = office.intake._material

    async def material(mail_id: str) -> Any:
        if mail_id.startswith("<gone"):
            raise StorageUnavailable("its file is gone")
        if mail_id.startswith("<ill"):
            raise RuntimeError("nobody foresaw it")
        return await real(mail_id)

    monkeypatch.setattr(office.intake, "_material", material)
    await grow_old(office)
    assert await office.intake.resume() == 3
    states = {name: (await office.mail(f"<{name}@x.example>"))["state"] for name in ("gone", "ill", "well")}
    assert states == {"gone": "TAKEN", "ill": "SET_ASIDE", "well": "OPENED"}
    assert await office.intake.resume() == 0, "it went to the end of the line"
    await office.database.execute("MATCH (m:MailReceived) SET m.tries = $n", {"n": MOST_TRIES})
    await grow_old(office)
    assert await office.intake.resume() == 1
    assert (await office.mail("<gone@x.example>"))["reason"] == "FAULT"


def test_quotes_are_cut_off_in_the_time_that_reading_them_takes() -> None:
    begun = time.perf_counter()
    assert without_quotes(">" * 990 + "\n" + ("> " * 495 + "\n") * 18 + "word").endswith("word")
    assert time.perf_counter() - begun < 1
    assert without_quotes("Yes.\n\nThe bank wrote:\n> Is it?\n>\n\n") == "Yes."
    assert without_quotes("> only\n> quotes") == "> only\n> quotes"


class _Mails(MailIntake):
    """An intake that only notes what it is given."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def take(self, raw: bytes, **_more: Any) -> Receipt:
        if raw == b"slow":
            raise DatabaseTimeout("too slow")
        self.mails.append(raw)
        return Receipt(f"<{len(self.mails)}>", MailState.OPENED)


class _Client:
    """A mailbox with some mails, of which some can't be had."""

    def __init__(self, mails: dict[int, bytes | Exception]) -> None:
        self.unread = mails
        self.asked: list[int] = []

    def search(self, _criteria: str) -> list[int]:
        return list(self.unread)

    def fetch(self, uids: list[int], parts: list[str]) -> dict[int, dict[bytes, Any]]:
        (uid,) = uids
        mail = self.unread[uid]
        if parts == ["RFC822.SIZE"]:
            return {uid: {b"RFC822.SIZE": 4}}
        self.asked.append(uid)
        if isinstance(mail, Exception):
            raise mail
        return {uid: {b"BODY[]": mail}}

    def add_flags(self, uids: list[int], _flags: list[bytes]) -> None:
        del self.unread[uids[0]]

    def logout(self) -> None:
        pass


class _Poller(MailPoller):
    def __init__(self, intake: MailIntake, client: _Client) -> None:
        super().__init__(intake, Mailbox(host="x", user="bank", password="secret"))
        self.client: Any = client

    def _connected(self) -> Any:
        return self.client


async def test_a_mail_that_the_server_does_not_hand_out_holds_up_no_other() -> None:
    intake = _Mails()
    client = _Client({1: IMAPClientError("NO [SERVERBUG]"), 2: b"slow", 3: b"good"})
    poller = _Poller(intake, client)
    assert await poller.poll() == 1
    assert intake.mails == [b"good"]
    client.unread[4] = b"next"
    client.asked.clear()
    assert await poller.poll() == 1
    assert client.asked == [4, 1, 2], "what failed before comes last"
    with pytest.raises(DatabaseTimeout):
        await poller.poll()


async def test_a_connection_that_is_gone_is_no_fault_of_the_mail() -> None:
    poller = _Poller(_Mails(), _Client({1: IMAPClientAbortError("bye"), 2: b"good"}))
    with pytest.raises(MailboxUnavailable):
        await poller.poll()


async def test_a_login_that_is_refused_for_a_while_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, *_arguments: Any, **_more: Any) -> None:
            pass

        def login(self, _user: str, _password: str) -> None:
            raise LoginError(said)

        def logout(self) -> None:
            pass

    monkeypatch.setattr(polling, "IMAPClient", Refusing)
    poller = MailPoller(_Mails(), Mailbox(host="x", user="bank", password="secret", tls=False))
    said = "[UNAVAILABLE] Temporary authentication failure."
    with pytest.raises(MailboxUnavailable):
        await poller.poll()
    said = "[AUTHENTICATIONFAILED] Authentication failed."
    with pytest.raises(ConfigurationError):
        await poller.poll()


async def test_after_a_good_look_nothing_ends_the_poller() -> None:
    outcomes: list[int | Exception] = [1, ConfigurationError("refused"), StatementFailed("a fault"), ValueError("?"), 1]

    class Scripted(MailPoller):
        async def poll(self) -> int:
            outcome = outcomes.pop(0)
            if not outcomes:
                stopping.set()
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    stopping, pauses = asyncio.Event(), list[float]()
    poller = Scripted(_Mails(), Mailbox(host="x", user="bank", password="secret"))
    await poller.keep(stopping, every=7.0, pause=pause)
    assert pauses == [7.0, 2.0, 4.0, 8.0, 7.0]
    outcomes.append(ConfigurationError("wrong from the beginning"))
    stopping.clear()
    with pytest.raises(ConfigurationError):
        await poller.keep(stopping, every=7.0, pause=pause)
