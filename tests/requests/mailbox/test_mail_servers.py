"""Mails over real SMTP and real IMAP: accepted, marked or moved only after they are safe."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from imapclient import IMAPClient
from letters import letter
from mail_office import PostOffice

from graph_crm.errors import ConfigurationError, CrmError, DatabaseUnavailable
from graph_crm.requests.mailbox.intake import MailIntake, Receipt
from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.mailbox.parsing import identity
from graph_crm.requests.mailbox.polling import Mailbox, MailboxUnavailable, MailPoller
from graph_crm.requests.mailbox.receiver import MOST_CONNECTIONS, receiving

ADDRESS = "service@bank.example"
WATCHER: dict[int, IMAPClient] = {}


class _Recorder(MailIntake):
    """An intake that only notes what it is given, or says that it can't."""

    def __init__(self, error: Exception | None = None) -> None:
        self.mails: list[tuple[bytes, dict[str, Any]]] = []
        self.error = error

    async def take(self, raw: bytes, **more: Any) -> Receipt:
        if self.error is not None:
            raise self.error
        self.mails.append((raw, more))
        return Receipt(f"<{len(self.mails)}>", MailState.OPENED)


@asynccontextmanager
async def listening(intake: MailIntake, **more: Any) -> AsyncIterator[int]:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "addresses": [ADDRESS], "largest": 100_000, **more}
    async with receiving(intake, **given) as port:
        yield port


def handed_over(port: int, raw: bytes, *, to: str = ADDRESS, sender: str = "jana@customers.example") -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        server.sendmail(sender, [to], raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


async def send(port: int, raw: bytes, **more: Any) -> None:
    await asyncio.to_thread(handed_over, port, raw, **more)


async def test_what_is_accepted_is_what_was_sent() -> None:
    intake = _Recorder()
    raw = letter("a line\r\n.a line with a dot\r\n" + "x" * 20_000, documents={"a.bin": bytes(range(256))})
    async with listening(intake) as port:
        await send(port, raw)
    ((taken, more),) = intake.mails
    assert taken.replace(b"\r\n", b"\n").strip() == raw.replace(b"\r\n", b"\n").strip()
    assert more == {"null_sender": False}


async def test_a_mail_without_a_sender_is_told_apart() -> None:
    intake = _Recorder()
    async with listening(intake) as port:
        await send(port, letter(), sender="")
    assert intake.mails[0][1] == {"null_sender": True}


async def test_it_is_no_relay() -> None:
    intake = _Recorder()
    async with listening(intake) as port:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await send(port, letter(), to="somebody@elsewhere.example")
        await send(port, letter(), to="Service@BANK.example")
    assert len(intake.mails) == 1


async def test_a_mail_that_is_too_large_is_refused_for_good() -> None:
    intake = _Recorder()
    async with listening(intake, largest=1_000) as port:
        with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as refused:
            await send(port, letter("x" * 5_000))
    assert refused.value.smtp_code == 552
    assert intake.mails == []


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RuntimeError("nobody foresaw it")])
async def test_what_can_not_be_stored_is_to_be_sent_again(error: Exception) -> None:
    intake = _Recorder(error)
    async with listening(intake) as port:
        with pytest.raises(smtplib.SMTPDataError) as deferred:
            await send(port, letter())
        intake.error = None
        await send(port, letter())
    assert deferred.value.smtp_code == 451
    assert len(intake.mails) == 1


async def test_a_mail_that_is_cut_off_was_not_sent() -> None:
    intake = _Recorder()
    async with listening(intake) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for line in (b"EHLO x", b"MAIL FROM:<a@customers.example>", f"RCPT TO:<{ADDRESS}>".encode(), b"DATA"):
            await reader.readline()
            writer.write(line + b"\r\n")
        writer.write(b"Subject: half a ma")
        writer.close()
        await writer.wait_closed()
        await send(port, letter())
    assert len(intake.mails) == 1


async def test_too_many_connections_are_asked_to_come_again_and_the_others_go_on() -> None:
    intake = _Recorder()
    async with listening(intake) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS)]
        for reader, _ in held:
            assert (await reader.readline()).startswith(b"220")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"421")
        for _, each in [*held, (reader, writer)]:
            each.close()
            await each.wait_closed()
        await send(port, letter())
    assert len(intake.mails) == 1


async def test_at_the_end_what_is_being_handled_is_finished() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(_Recorder):
        async def take(self, raw: bytes, **more: Any) -> Receipt:
            begun.set()
            await go_on.wait()
            return await super().take(raw, **more)

    intake = Slow()
    block = listening(intake)
    port = await block.__aenter__()
    sending = asyncio.create_task(send(port, letter()))
    await begun.wait()
    ending = asyncio.create_task(block.__aexit__(None, None, None))
    go_on.set()
    await asyncio.gather(sending, ending)
    assert len(intake.mails) == 1


async def test_a_slow_line_is_not_cut_off_while_a_mail_comes_or_is_handled() -> None:
    idle = 0.4

    class Slow(_Recorder):
        async def take(self, raw: bytes, **more: Any) -> Receipt:
            await asyncio.sleep(idle * 1.5)
            return await super().take(raw, **more)

    intake = Slow()
    async with listening(intake, idle=idle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for line in (b"EHLO x", b"MAIL FROM:<a@customers.example>", f"RCPT TO:<{ADDRESS}>".encode(), b"DATA"):
            writer.write(line + b"\r\n")
        for _ in range(8):
            await asyncio.sleep(idle / 5)
            writer.write(b"Subject: a mail in pieces\r\n")
        writer.write(b"\r\nHello.\r\n.\r\nQUIT\r\n")
        answers = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"250 2.0.0 Accepted" in answers
    assert len(intake.mails) == 1


async def test_a_line_on_which_nothing_comes_is_closed_in_the_middle_of_a_mail() -> None:
    intake = _Recorder()
    async with listening(intake, idle=0.1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for line in (b"EHLO x", b"MAIL FROM:<a@customers.example>", f"RCPT TO:<{ADDRESS}>".encode(), b"DATA", b"half"):
            writer.write(line + b"\r\n")
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        await writer.wait_closed()
    assert intake.mails == []


async def test_it_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="No address"):
        async with listening(_Recorder(), addresses=[]):
            pass
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError, match="can't be had"):
            async with listening(_Recorder(), port=taken.getsockname()[1]):
                pass


@pytest.mark.lts
async def test_a_mail_over_smtp_is_a_request_when_it_is_accepted(office: PostOffice) -> None:
    async with listening(office.intake) as port:
        await send(port, letter(sender="anna@mail.example"))
        await send(port, letter(sender="anna@mail.example"))
    assert await office.count("ServiceRequest") == 1


@pytest.fixture(scope="module")
async def imap() -> AsyncIterator[int]:
    """The port of a real IMAP server (pymap)."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", "from pymap.main import main; main()", *options,
        "--demo-user", "bank", "--demo-password", "secret", stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    while True:
        assert process.returncode is None, "the IMAP server did not start"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        break
    yield port
    WATCHER.pop(port).logout()
    process.terminate()
    await process.wait()


def mailbox_of(port: int) -> IMAPClient:
    """A connection of the test's own; to log in takes long there."""
    if port not in WATCHER:
        WATCHER[port] = IMAPClient("127.0.0.1", port=port, ssl=False)
        WATCHER[port].login("bank", "secret")
    return WATCHER[port]


def mails(port: int, *raws: bytes) -> None:
    """Put mails into the mailbox, and nothing else."""
    client = mailbox_of(port)
    for folder in ("INBOX", "Done"):
        if not client.folder_exists(folder):
            client.create_folder(folder)
        client.select_folder(folder)
        if found := client.search():
            client.delete_messages(found)
            client.expunge()
    for raw in raws:
        client.append("INBOX", raw)


def unread(port: int, folder: str = "INBOX", criteria: str = "UNSEEN") -> int:
    client = mailbox_of(port)
    client.select_folder(folder, readonly=True)
    return len(client.search(criteria))


def poller(at: int, intake: MailIntake, **more: Any) -> MailPoller:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": at, "tls": False, "user": "bank", "password": "secret"}
    return MailPoller(intake, Mailbox(**{**given, **more}))


async def test_unread_mails_are_taken_once_and_marked_after_that(imap: int) -> None:
    mails(imap, letter(message_id="<1@x.example>"), letter(message_id="<2@x.example>"))
    intake = _Recorder()
    assert await poller(imap, intake).poll() == 2
    assert unread(imap) == 0
    assert await poller(imap, intake).poll() == 0
    assert [identity(raw).id for raw, _ in intake.mails] == ["<1@x.example>", "<2@x.example>"]


async def test_a_mail_that_could_not_be_stored_stays_unread(imap: int) -> None:
    mails(imap, letter())
    intake = _Recorder(DatabaseUnavailable("away"))
    with pytest.raises(DatabaseUnavailable):
        await poller(imap, intake).poll()
    assert unread(imap) == 1
    intake.error = None
    assert await poller(imap, intake).poll() == 1


async def test_what_is_safe_is_moved_where_the_bank_wants_it(imap: int) -> None:
    mails(imap, letter())
    assert await poller(imap, _Recorder(), done_folder="Done").poll() == 1
    assert (unread(imap, criteria="ALL"), unread(imap, "Done", "ALL")) == (0, 1)


async def test_of_a_mail_that_is_too_large_only_the_headers_are_read(imap: int) -> None:
    mails(imap, letter("x" * 50_000))
    intake = _Recorder()
    assert await poller(imap, intake, largest=10_000).poll() == 1
    ((raw, more),) = intake.mails
    assert more == {"trouble": MailReason.TOO_LARGE}
    assert b"Message-ID" in raw
    assert len(raw) < 2_000


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"password": "wrong"}, ConfigurationError),
        ({"folder": "Nowhere"}, ConfigurationError),
        ({"done_folder": "Nowhere"}, ConfigurationError),
        ({"port": 1}, MailboxUnavailable),
    ],
)
async def test_a_mailbox_that_can_not_be_read_says_why(imap: int, wrong: dict[str, Any], error: type[CrmError]) -> None:
    with pytest.raises(error):
        await poller(imap, _Recorder(), **wrong).poll()


async def test_the_poller_goes_on_after_an_outage_with_longer_and_longer_pauses(imap: int) -> None:
    mails(imap, letter())
    intake = _Recorder(DatabaseUnavailable("away"))
    pauses: list[float] = []
    stopping = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            intake.error = None
        if len(pauses) == 4:
            stopping.set()

    await poller(imap, intake).keep(stopping, every=7.0, pause=pause)
    assert pauses == [2.0, 4.0, 8.0, 7.0]
    assert len(intake.mails) == 1


@pytest.mark.lts
async def test_the_same_mail_by_smtp_and_by_imap_is_one_request(office: PostOffice, imap: int) -> None:
    mails(imap, b"Received: from mx.bank.example\r\n" + letter(sender="anna@mail.example"))
    async with listening(office.intake) as port:
        await send(port, letter(sender="anna@mail.example"))
    assert await poller(imap, office.intake).poll() == 1
    assert await office.count("ServiceRequest") == 1
