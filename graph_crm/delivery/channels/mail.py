"""E-mail by your mail server (SMTP). The same message has the same Message-ID however often it is handed over."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, localtime, parseaddr
from typing import Any, Final, Literal, NoReturn

import aiosmtplib
from aiosmtplib.errors import (
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from email_validator import EmailNotValidError, validate_email

from graph_crm.delivery.message_ids import message_id, thread_id
from graph_crm.delivery.status_codes import SENDER_REFUSED, WRONG_ADDRESS
from graph_crm.rules.delivery import (
    Bounced,
    Capability,
    ChannelLimits,
    DeliveryChannel,
    Outgoing,
    Refused,
    Sent,
    TryLater,
)

CONNECT_SECONDS: Final = 10.0
COMMAND_SECONDS: Final = 15.0
RESET_SECONDS: Final = 2.0
"""A kept connection that answers no sooner is closed."""
GREETING_SECONDS: Final = 25.0
"""Until the mail itself is handed over; the channel's limit leaves it as long as a command may take."""
KEPT_OPEN: Final = 8
"""Connections that are kept for the next mail."""
KINDS_OF_HEADERS: Final = 100
_FIVE: Final = 500


class _Headers(HeaderRegistry):
    """The library's headers; it would make a class of its own for each header of each mail."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        found = self._classes.get(name.lower())
        if found is None:
            found = super().__getitem__(name)
            if len(self._classes) < KINDS_OF_HEADERS:
                self._classes[name.lower()] = found
        return found


SMTP_POLICY: Final = SMTP.clone(header_factory=_Headers())


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """How your mail server is reached, and who writes."""

    host: str
    sender: str
    """For example Your bank <service@bank.example>."""
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    reply_to: str | None = None
    trust: ssl.SSLContext | None = field(default=None, repr=False)
    """Whom to trust instead of the machine's certificates, for tests."""


class MailChannel(DeliveryChannel):
    """Sends mails one by one over connections that it keeps open."""

    name = "smtp"
    channel = "EMAIL"
    # The Message-ID stays the same, but neither SMTP nor most mailboxes drop a second mail for it.
    capability = Capability(subject=True, html=True, attachments=True)
    limits = ChannelLimits(at_once=KEPT_OPEN, seconds=40.0)

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._sender = parseaddr(server.sender)[1]
        self._domain = self._sender.rpartition("@")[2] or "localhost"
        self._open: list[aiosmtplib.SMTP] = []

    async def send(self, message: Outgoing) -> Sent:
        """Hand the mail to the server. Raises Bounced, Refused, TryLater; anything else: it is not known."""
        to, smtputf8 = mailbox(message.to)
        mail = composed(message, to, self._server, self._domain)
        content = mail.as_bytes(policy=SMTP_POLICY.clone(utf8=True) if smtputf8 else SMTP_POLICY)
        client = await self._greeted(to, smtputf8=smtputf8)
        try:
            try:
                await client.data(content)
            except SMTPResponseException as error:  # the server said no: it did not take it
                _refused(error)
        except BaseException:
            self._drop(client)
            raise
        self._keep(client)
        return Sent(provider_id=mail["Message-ID"].strip("<>"))

    async def _greeted(self, to: str, *, smtputf8: bool) -> aiosmtplib.SMTP:
        """A connection that waits for the mail to ``to``. Until here nothing went: what fails is tried later."""
        client: aiosmtplib.SMTP | None = None
        encoding, options = ("utf-8", ["SMTPUTF8", "BODY=8BITMIME"]) if smtputf8 else ("ascii", [])
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                client = await self._ready(smtputf8=smtputf8)
                await client.mail(self._sender, options=options, encoding=encoding)
                await client.rcpt(to, encoding=encoding)
        except BaseException as error:
            if client is not None:
                self._drop(client)
            match error:
                case SMTPRecipientRefused():
                    _recipient_refused(error)
                case SMTPResponseException():
                    _refused(error)
                case SMTPException() | OSError():  # TimeoutError is one
                    raise TryLater(f"The mail server is gone: {error}") from error
            raise
        return client

    async def _ready(self, *, smtputf8: bool) -> aiosmtplib.SMTP:
        """A connection that answers: one that was kept, or a new one."""
        while self._open:
            client = self._open.pop()
            try:
                await client.rset(timeout=RESET_SECONDS)
            except BaseException as error:
                self._drop(client)
                if not isinstance(error, SMTPException | OSError):  # cancelled: nobody else closes it
                    raise
                continue
            break
        else:
            client = await self._connect()
        if smtputf8 and not client.supports_extension("smtputf8"):
            self._keep(client)
            raise Refused("The mail server can't write to addresses in other letters (SMTPUTF8)")
        return client

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=server.trust,
            timeout=COMMAND_SECONDS,
        )
        try:
            await client.connect(timeout=CONNECT_SECONDS)
            await client.ehlo()
            if server.user is not None:
                await client.login(server.user, server.password or "")
        except BaseException as error:
            self._drop(client)
            if isinstance(error, SMTPException | OSError):
                raise TryLater(f"The mail server can't be used: {type(error).__name__}: {error}") from error
            raise
        return client

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        if len(self._open) < KEPT_OPEN and client.is_connected:
            self._open.append(client)
        else:
            self._drop(client)

    @staticmethod
    def _drop(client: aiosmtplib.SMTP) -> None:
        client.close()

    async def close(self) -> None:
        """Say goodbye on every connection."""
        while self._open:
            client = self._open.pop()
            with suppress(SMTPException, OSError, TimeoutError, asyncio.CancelledError):
                await client.quit()


def composed(message: Outgoing, to: str, server: MailServer, domain: str) -> EmailMessage:
    """The mail. The library refuses line breaks in headers, and encodes what is not ASCII."""
    mail = EmailMessage(policy=SMTP_POLICY)
    name, address = parseaddr(server.sender)
    mail["From"] = formataddr((name, address)) if not name else Address(display_name=name, addr_spec=address)
    mail["To"] = to
    mail["Subject"] = " ".join((message.subject or "").split())
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message_id(message.key, domain)}>"
    if server.reply_to:
        mail["Reply-To"] = server.reply_to
    if message.thread:
        mail["References"] = f"<{thread_id(message.thread, domain)}>"
        mail["X-Request-Number"] = message.thread
    # Machines that answer by themselves stay silent (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Precedence"] = "bulk"
    mail["Content-Language"] = message.language
    mail.set_content(message.text + "\n", cte="quoted-printable")
    if message.html:
        page = f'<!doctype html><html lang="{message.language}"><body>{message.html}</body></html>\n'
        mail.add_alternative(page, subtype="html", cte="quoted-printable")
    for one in message.attachments:
        kind = one.media_type if one.media_type.count("/") == 1 else "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(one.content, maintype=main, subtype=sub, filename=one.name)
    return mail


def mailbox(address: str) -> tuple[str, bool]:
    """The address as it is sent, its domain in ASCII, and whether it needs SMTPUTF8. Raises Bounced."""
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise Bounced(f"This is no e-mail address: {error}") from error
    if found.ascii_email:
        return found.ascii_email, False
    return f"{found.local_part}@{found.ascii_domain}", True


def _enhanced(text: str) -> str:
    """The enhanced status code of an answer (RFC 3463), for example 5.1.1; empty where there is none."""
    found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return found[1] if found else ""


def _told(error: SMTPResponseException) -> str:
    return f"{error.code} {' '.join(str(error.message).split())}"


def _recipient_refused(error: SMTPRecipientRefused) -> NoReturn:
    """Whether the address is wrong for good."""
    code = _enhanced(str(error.message))
    if error.code < _FIVE or code == "5.2.2":  # a full mailbox may be emptied
        raise TryLater(_told(error)) from error
    if code in SENDER_REFUSED:  # of ours: for every customer alike, until it is mended
        raise TryLater(_told(error)) from error
    if code in WRONG_ADDRESS:
        raise Bounced(_told(error)) from error
    raise Refused(_told(error)) from error


def _refused(error: SMTPResponseException) -> NoReturn:
    if error.code < _FIVE:
        raise TryLater(_told(error)) from error
    raise Refused(_told(error)) from error


def from_settings(
    host: str | None,
    port: int,
    tls: Literal["starttls", "tls", "none"],
    user: str | None,
    password: str | None,
    sender: str | None,
    reply_to: str | None,
) -> list[DeliveryChannel]:
    """The mail channel of these settings; none where no mail server is named."""
    if host is None or sender is None:
        return []
    return [
        MailChannel(
            MailServer(host=host, port=port, tls=tls, user=user, password=password, sender=sender, reply_to=reply_to)
        )
    ]
