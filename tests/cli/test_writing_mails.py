"""A mail to the bank from the command line, and what the bank sent, read from the folder for trying out."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from typer.testing import CliRunner, Result

from graph_crm import cli
from graph_crm.cli.mailbox import MailNotTaken
from graph_crm.delivery.channels.folder import folder_channels
from graph_crm.errors import ConfigurationError
from graph_crm.rules.delivery import Outgoing
from graph_crm.settings import Settings


class Receiver:
    """A receiver of mails that knows one address."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address != "service@bank.example":
            return "550 5.1.1 There is no such address here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        assert isinstance(envelope.content, bytes)
        self.got.append(envelope.content)
        return "250 kept"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in list(os.environ):
        if name.startswith("GRAPH_CRM_") and not name.startswith("GRAPH_CRM_TEST_"):
            monkeypatch.delenv(name)
    made = Receiver()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    controller = Controller(made, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("GRAPH_CRM_MAIL_PORT", str(port))
    monkeypatch.setenv("GRAPH_CRM_MAIL_ADDRESSES", '["service@bank.example"]')
    yield made
    controller.stop()


def graph_crm(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def wrote(*more: str, sender: str = "anna@mail.example") -> Result:
    return graph_crm("mailbox", "write", "--from", sender, "--subject", "Poplatek", *more, "Chci své peníze zpět.")


def test_a_mail_arrives_as_a_customer_would_have_written_it(receiver: Receiver) -> None:
    done = wrote()
    assert done.exit_code == 0, done.output
    mail = message_from_bytes(receiver.got[0], policy=default)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("anna@mail.example", "service@bank.example", "Poplatek")
    assert mail["Message-ID"] in done.output
    assert mail["Auto-Submitted"] is None  # a person wrote it: it is answered
    assert mail.get_content().strip() == "Chci své peníze zpět."


def test_two_mails_are_two_mails(receiver: Receiver) -> None:
    wrote()
    wrote()
    first, second = (message_from_bytes(one) for one in receiver.got)
    assert first["Message-ID"] != second["Message-ID"]


def test_a_mail_that_is_not_accepted_says_why(receiver: Receiver) -> None:
    done = wrote("--to", "nobody@bank.example")
    assert done.exit_code == 1
    assert isinstance(done.exception, MailNotTaken)
    assert "550 5.1.1 There is no such address here" in done.exception.message
    assert not receiver.got


@pytest.mark.usefixtures("receiver")
def test_where_nobody_listens_the_hint_says_what_to_start() -> None:
    done = wrote("--port", "1")
    assert done.exit_code == 1
    assert isinstance(done.exception, MailNotTaken)
    assert done.exception.message == "Nobody takes mails at 127.0.0.1:1."
    assert "graph-crm mailbox receive" in str(done.exception.hint)


def test_what_is_no_address_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    done = wrote(sender="anna")
    assert done.exit_code == 2
    assert "--from: 'anna' is no e-mail address" in done.output
    assert not receiver.got


@pytest.mark.usefixtures("receiver")
def test_without_an_address_of_the_bank_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPH_CRM_MAIL_ADDRESSES")
    done = wrote()
    assert done.exit_code == 2
    assert "--to" in done.output


async def test_what_the_bank_sent_can_be_read(tmp_path: Path) -> None:
    ways = {one.channel: one for one in folder_channels(Settings(message_folder=tmp_path))}
    for number, (channel, to) in enumerate(
        [("EMAIL", "anna@mail.example"), ("SMS", "+420602123456"), ("EMAIL", "anna_b@mail.example")]
    ):
        text = f"Zpráva {number} s velmi dlouhým řádkem, který by se v mailu zalomil: {'x' * 80}"
        await ways[channel].send(
            Outgoing(id="d", key=f"k{number}", channel=channel, to=to, text=text, subject="Váš požadavek")
        )

    def read(*more: str) -> str:
        done = graph_crm("mailbox", "sent", "--folder", str(tmp_path), *more)
        assert done.exit_code == 0, done.output
        return done.output

    assert "To: anna@mail.example\nSubject: Váš požadavek\n\nZpráva 0" in read("--to", "anna@mail")
    assert "x" * 80 in read("--to", "anna@mail")
    assert "Zpráva 1" in read("--to", "+420602123456")
    assert "Zpráva 2" in read("--to", "anna_b")
    assert [number for number in "012" if f"Zpráva {number}" in read("--most", "3")] == ["0", "1", "2"]
    assert "Nothing in" in read("--to", "eva")


@pytest.mark.usefixtures("receiver")
def test_the_doctor_says_which_messages_reach_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPH_CRM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GRAPH_CRM_MESSAGE_FOLDER", str(tmp_path / "out"))
    monkeypatch.setenv("GRAPH_CRM_LETTERS", str(tmp_path / "print-shop"))
    found = {
        one["found"]: one for one in json.loads(graph_crm("doctor", "--json").stdout) if one["check"] == "messages"
    }
    (sent,) = (one for one in found.values() if one["state"] == "ok")
    (kept,) = (one for one in found.values() if one["state"] == "note")
    assert sent["found"].endswith("by LETTER")
    assert kept["found"] == f"EMAIL, SMS, PUSH are put into {tmp_path / 'out'}: such messages reach nobody"
    assert "GRAPH_CRM_MESSAGE_FOLDER" in kept["advice"]


@pytest.mark.usefixtures("receiver")
def test_without_a_folder_the_setting_is_named() -> None:
    done = graph_crm("mailbox", "sent")
    assert done.exit_code == 1
    assert isinstance(done.exception, ConfigurationError)
    assert "GRAPH_CRM_MESSAGE_FOLDER" in str(done.exception.hint)
