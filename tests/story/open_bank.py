"""A bank of real processes over this run's Neo4j, with a mail server and an SMS gateway that keep what they get."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session
from gateway_server import GatewayServer

from graph_crm.resources import folder
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue

SECRET = "a-secret-of-more-than-thirty-two-characters"
CALLBACKS = "another-secret-of-more-than-thirty-two"
PATIENCE = 60.0
"""Seconds after which something that should have happened has not; the machine may be busy."""


def policy_for_any_hour() -> str:
    """The shipped contact policy, but this bank may call whenever the tests run."""
    shipped = (folder("seed") / "contact_policy.toml").read_text("utf-8")
    at_any_hour = {
        'from = "09:00"': 'from = "00:00"',
        'until = "20:00"': 'until = "24:00"',
        '"SAT"]': '"SAT", "SUN"]',
        "public_holidays = false": "public_holidays = true",
    }
    for written, open_always in at_any_hour.items():
        assert written in shipped
        shipped = shipped.replace(written, open_always)
    return shipped


@dataclass
class MailServer:
    """A real SMTP server: what it took, by recipient."""

    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        mail = message_from_bytes(envelope.content or b"", policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [one for one in self.mails if address in str(one["To"])]


@dataclass
class Bank:
    """What people and machines do with the bank."""

    url: str
    mail_port: int
    post: MailServer
    sms: GatewayServer

    def ask(self, query: str, role: Role = Role.SERVICE, subject: str = "story", **variables: Any) -> Any:
        token = issue(SECRET, role, subject=subject)
        answer = httpx.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def upload(self, name: str, content: bytes, subject: str) -> str:
        """An employee uploads a document; its id."""
        token = issue(SECRET, Role.AGENT, subject=subject)
        answer = httpx.post(
            f"{self.url}/attachments",
            params={"name": name},
            content=content,
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
        )
        assert answer.is_success, answer.text
        identifier: str = answer.json()["id"]
        return identifier

    def mail(self, sender: str, subject: str, text: str) -> None:
        """A customer writes to the bank."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, "service@bank.example", subject
        mail["Message-ID"] = f"<{time.time_ns()}@mail.example>"
        mail.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.mail_port) as server:
            server.send_message(mail)

    @staticmethod
    def until(found: Callable[[], Any], what: str) -> Any:
        """What ``found`` answers once it answers something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if answer := found():
                return answer
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {PATIENCE:g} s")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def listens(port: int, processes: list[subprocess.Popen[bytes]], log: Path) -> bool:
    assert all(process.poll() is None for process in processes), log.read_text("utf-8")
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
