"""E-mail by a real SMTP server: what a mail looks like, and what each answer of the server means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage

import pytest
from post_office import PostOffice

from graph_crm.delivery.channels import mail as mail_module
from graph_crm.delivery.channels.mail import MailChannel, MailServer
from graph_crm.delivery.message_ids import delivery_of, message_id, thread_id
from graph_crm.rules.delivery import Bounced, Enclosed, Outgoing, Refused, TryLater

SERVER = MailServer(host="127.0.0.1", tls="none", sender="Twój bank <service@bank.example>")
MAIL = Outgoing(id="delivery:1", key="delivery:1", channel="EMAIL", to="anna@example.com", text="Žluťoučký kůň")


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with PostOffice().open() as opened:
        yield opened


@pytest.fixture
async def channel(office: PostOffice) -> AsyncIterator[MailChannel]:
    made = MailChannel(replace(SERVER, port=office.port))
    yield made
    await made.close()


async def sent(channel: MailChannel, office: PostOffice, **more: object) -> EmailMessage:
    await channel.send(replace(MAIL, **more))  # type: ignore[arg-type]
    return office.mails[-1]


async def test_a_mail_has_text_page_and_files_in_every_language(office: PostOffice, channel: MailChannel) -> None:
    mail = await sent(
        channel,
        office,
        subject="Twoja pożyczka",
        html="<p>kůň</p>",
        language="cs",
        attachments=(Enclosed("účet č. 1.pdf", "application/pdf", b"%PDF-1"), Enclosed("x", "odd", b"?")),
    )
    assert (mail["From"], mail["Subject"]) == ("Twój bank <service@bank.example>", "Twoja pożyczka")
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().strip() == "Žluťoučký kůň"
    assert '<html lang="cs"><body><p>kůň</p>' in page.get_content()
    files = [(one.get_filename(), one.get_content_type(), one.get_content()) for one in mail.iter_attachments()]
    assert files == [
        ("účet č. 1.pdf", "application/pdf", b"%PDF-1"),
        ("x", "application/octet-stream", b"?"),
    ]


async def test_the_message_id_is_of_the_delivery_and_mails_of_a_thread_refer_to_it(
    office: PostOffice, channel: MailChannel
) -> None:
    first = await sent(channel, office, thread="R-7K2M-9QXC")
    second = await sent(channel, office, thread="R-7K2M-9QXC", attempt=2)
    assert first["Message-ID"] == second["Message-ID"] == f"<{message_id('delivery:1', 'bank.example')}>"
    assert first["References"] == f"<{thread_id('R-7K2M-9QXC', 'bank.example')}>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in first


async def test_a_promotional_mail_can_be_unsubscribed_with_one_click(office: PostOffice, channel: MailChannel) -> None:
    link = "https://bank.example/unsubscribe?k=" + "a" * 300
    mail = await sent(channel, office, promotional=True, unsubscribe=link)
    assert mail["List-Unsubscribe"] == f"<{link}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_nothing_can_be_written_into_the_head_of_a_mail(office: PostOffice, channel: MailChannel) -> None:
    mail = await sent(channel, office, subject="Hello\r\nBcc: everybody@example.com")
    assert mail["Subject"] == "Hello Bcc: everybody@example.com"
    assert mail["Bcc"] is None
    with pytest.raises(Bounced):
        await channel.send(replace(MAIL, to="anna@example.com\r\nRCPT TO:<everybody@example.com>"))
    assert len(office.mails) == 1


@pytest.mark.parametrize(
    ("to", "arrives"),
    [("anna@háčky.example", "anna@xn--hky-ela4t.example"), ("žofie@example.com", "žofie@example.com")],
)
async def test_addresses_in_other_letters_arrive(
    office: PostOffice, channel: MailChannel, to: str, arrives: str
) -> None:
    mail = await sent(channel, office, to=to)
    assert mail["To"].addresses[0].domain == arrives.partition("@")[2]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 no such user", Bounced),
        ("550 5.1.10 null MX", Bounced),
        ("550 unknown", Refused),
        ("553 bad address", Refused),
        ("553 5.1.8 sender address rejected", TryLater),
        ("550 5.2.1 disabled", Bounced),
        ("552 5.2.2 full", TryLater),
        ("550 5.7.1 blocked by policy", Refused),
        ("554 no", Refused),
        ("450 4.2.1 later", TryLater),
        ("421 4.3.2 closing", TryLater),
    ],
)
async def test_what_the_server_says_of_the_address(
    office: PostOffice, channel: MailChannel, answer: str, error: type[Exception]
) -> None:
    office.refuse["anna@example.com"] = answer
    with pytest.raises(error, match=answer.split(maxsplit=1)[0]):
        await channel.send(MAIL)
    office.refuse.clear()
    await channel.send(MAIL)
    assert len(office.mails) == 1, "the channel goes on"


@pytest.mark.parametrize(("answer", "error"), [("554 5.6.0 spam", Refused), ("452 4.3.1 no space", TryLater)])
async def test_what_the_server_says_of_the_mail(
    office: PostOffice, channel: MailChannel, answer: str, error: type[Exception]
) -> None:
    office.answer = answer
    with pytest.raises(error):
        await channel.send(MAIL)


async def test_a_server_that_is_not_there_is_tried_later() -> None:
    channel = MailChannel(replace(SERVER, port=1))
    with pytest.raises(TryLater, match="can't be used"):
        await channel.send(MAIL)


async def test_a_server_that_hangs_up_after_the_mail_leaves_open_whether_it_went(
    office: PostOffice, channel: MailChannel
) -> None:
    office.hangs_up = True
    with pytest.raises(Exception) as failed:  # noqa: PT011 - which one is the library's business
        await channel.send(MAIL)
    assert not isinstance(failed.value, Bounced | Refused | TryLater)
    assert len(office.mails) == 1


@pytest.mark.parametrize("given_up", ["by the channel", "by the platform"])
async def test_a_server_that_says_nothing_is_tried_later_and_its_connection_closed(
    monkeypatch: pytest.MonkeyPatch, given_up: str
) -> None:
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        closed.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        channel = MailChannel(replace(SERVER, port=server.sockets[0].getsockname()[1]))
        if given_up == "by the channel":
            monkeypatch.setattr(mail_module, "GREETING_SECONDS", 0.05)
            with pytest.raises(TryLater):
                await channel.send(MAIL)
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.send(MAIL), 0.05)
        await asyncio.wait_for(closed.wait(), 5)


def test_a_message_id_leads_back_to_its_delivery() -> None:
    assert delivery_of(message_id("delivery:0af1", "bank.example")) == "delivery:0af1"
    assert delivery_of(thread_id("R-7K2M-9QXC", "bank.example")) is None
    assert delivery_of("somebody@elsewhere.example") is None


async def test_connections_are_kept_and_replaced_when_the_server_closed_them(
    office: PostOffice, channel: MailChannel
) -> None:
    await channel.send(MAIL)
    (kept,) = channel._open
    await channel.send(MAIL)
    assert channel._open == [kept]
    kept.close()
    await channel.send(MAIL)
    assert channel._open != [kept]
    await asyncio.gather(*[channel.send(MAIL) for _ in range(20)])
    assert len(office.mails) == 23
    assert len(channel._open) <= 8


async def test_a_server_that_cant_speak_tls_gets_no_mail(office: PostOffice) -> None:
    channel = MailChannel(replace(SERVER, port=office.port, tls="starttls", trust=ssl.create_default_context()))
    with pytest.raises(TryLater):
        await channel.send(MAIL)
    assert office.mails == []
