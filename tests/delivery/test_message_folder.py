"""The folder for trying out: every message as a file that can be read, and nothing sent."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import stat
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from graph_crm.bootstrap import channels
from graph_crm.delivery.channels.book import Channels
from graph_crm.delivery.channels.folder import file_recipient, file_time, folder_channels
from graph_crm.rules.delivery import Bounced, DeliveryChannel, Enclosed, Outgoing, Refused, TryLater
from graph_crm.rules.manager import RuleBook
from graph_crm.settings import Settings, load


def ways(folder: Path, **more: Any) -> dict[str, DeliveryChannel]:
    return {one.channel: one for one in folder_channels(Settings(message_folder=folder, **more))}


def message(channel: str, to: str, **more: Any) -> Outgoing:
    given: dict[str, Any] = {"id": "delivery:1", "key": "k1", "channel": channel, "to": to, "text": "Dobrý den"}
    return Outgoing(**(given | more))


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_a_mail_is_kept_as_the_mail_server_would_get_it(tmp_path: Path):
    folder = tmp_path / "made" / "messages"
    sent = await ways(folder, mail_addresses=["service@bank.example"])["EMAIL"].send(
        message(
            "EMAIL",
            "anna@mail.example",
            subject="Your request R-1",
            html="<p>Dobrý den</p>",
            thread="R-1",
            attachments=(Enclosed("receipt.pdf", "application/pdf", b"%PDF"),),
        )
    )
    assert files(folder) == [sent.provider_id]
    assert str(sent.provider_id).endswith(".eml")
    assert "_EMAIL_anna@mail.example_" in str(sent.provider_id)
    mail = message_from_bytes((folder / str(sent.provider_id)).read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "service@bank.example",
        "anna@mail.example",
        "Your request R-1",
    )
    text = mail.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == "Dobrý den"
    assert [one.get_filename() for one in mail.iter_attachments()] == ["receipt.pdf"]
    assert not sent.delivered


async def test_text_and_push_messages_say_who_gets_them_and_what_they_read(tmp_path: Path):
    made = ways(tmp_path, sms_sender="Bank")
    text = await made["SMS"].send(message("SMS", "+420602123456", recipient="Anna\nNováková"))
    pushed = await made["PUSH"].send(message("PUSH", "a/device", key="k2", subject="Your bank"))
    assert (tmp_path / str(text.provider_id)).read_text("utf-8") == (
        "From: Bank\nTo: +420602123456\nParts: 1 in UCS-2\nCustomer: Anna Nováková\n\nDobrý den\n"
    )
    assert (tmp_path / str(pushed.provider_id)).read_text("utf-8") == (
        "Device: a/device\nTitle: Your bank\n\nDobrý den\n"
    )


async def test_a_letter_is_a_pdf_for_whoever_has_an_address(tmp_path: Path):
    channel = ways(tmp_path, letter_sender="Bank, Na Příkopě 1")["LETTER"]
    with pytest.raises(Refused, match="no postal address"):
        await channel.send(message("LETTER", "party:1"))
    sent = await channel.send(message("LETTER", "party:1", address=("Anna Nováková", "Dlouhá 1", "110 00 Praha")))
    read = PdfReader(io.BytesIO((tmp_path / str(sent.provider_id)).read_bytes())).pages[0].extract_text()
    assert "Anna Nováková\nDlouhá 1" in read
    assert files(tmp_path) == [sent.provider_id]


async def test_what_is_refused_elsewhere_is_refused_here(tmp_path: Path):
    made = ways(tmp_path)
    with pytest.raises(Bounced):
        await made["EMAIL"].send(message("EMAIL", "no address"))
    with pytest.raises(Refused, match="parts"):
        await made["SMS"].send(message("SMS", "+420602123456", text="ř" * 900))
    assert files(tmp_path) == []


async def test_a_repeat_writes_no_second_file_and_another_message_does(tmp_path: Path):
    channel = ways(tmp_path)["SMS"]
    first = await channel.send(message("SMS", "+420602123456"))
    again = await channel.send(message("SMS", "+420602123456", attempt=2))
    assert again == first
    assert files(tmp_path) == [first.provider_id]
    other = await channel.send(message("SMS", "+420602123456", key="k2", attempt=2))
    assert files(tmp_path) == sorted([str(first.provider_id), str(other.provider_id)])


async def test_many_at_once_are_all_there_and_none_by_half(tmp_path: Path):
    channel = ways(tmp_path)["SMS"]
    await asyncio.gather(*(channel.send(message("SMS", "+420602123456", key=f"k{number}")) for number in range(50)))
    assert len(files(tmp_path)) == 50
    assert all(name.endswith(".txt") for name in files(tmp_path))


async def test_a_folder_that_can_not_be_written_is_tried_again_later(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TryLater, match="can't be written"):
        await ways(tmp_path / "file" / "messages")["SMS"].send(message("SMS", "+420602123456"))


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are another thing there")
async def test_nobody_else_reads_what_customers_are_told(tmp_path: Path):
    sent = await ways(tmp_path / "messages")["SMS"].send(message("SMS", "+420602123456"))
    assert stat.S_IMODE((tmp_path / "messages").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "messages" / str(sent.provider_id)).stat().st_mode) == 0o600


@given(st.text(max_size=200))
def test_no_recipient_leads_out_of_the_folder(to: str):
    name = file_recipient(to)
    assert 0 < len(name) <= 60
    assert not name.startswith(".")
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>| \n\0')


@given(st.lists(st.integers(0, 4_000_000_000_000), max_size=5))
def test_names_in_order_are_messages_in_order(milliseconds: list[int]):
    ordered = [dt.datetime.fromtimestamp(one / 1000, dt.UTC) for one in sorted(milliseconds)]
    assert [file_time(one) for one in ordered] == sorted(file_time(one) for one in ordered)


def test_only_what_no_other_channel_carries_goes_into_the_folder(tmp_path: Path):
    nothing = RuleBook.load([], installed=False)
    own = {"smtp_host": "mail.example", "smtp_from": "service@bank.example", "letters": str(tmp_path / "print")}
    book = Channels(channels(Settings(message_folder=tmp_path, **own), nothing))  # type: ignore[arg-type]  # texts
    assert {word: one.name for word in book if (one := book.get(word))} == {
        "EMAIL": "smtp",
        "LETTER": "letter-pdf",
        "SMS": "folder",
        "PUSH": "folder",
    }
    assert list(Channels(channels(Settings(message_folder=None), nothing))) == []


def test_the_folder_of_the_settings_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPH_CRM_MESSAGE_FOLDER", "out")
    assert load().message_folder == tmp_path / "out"
