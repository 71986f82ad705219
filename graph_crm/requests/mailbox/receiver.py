"""The SMTP receiver: the bank's mail server hands mails over here, and each is accepted only after it is safe.

It is no relay: it takes mails for the bank's own addresses, and sends nothing on. Put it behind the bank's mail
server, which keeps out what is unwanted and repeats what is answered with 4xx.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from graph_crm import __version__, logs
from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.parties.contact_points import email
from graph_crm.requests.mailbox.intake import PASSING, MailIntake

IDLE_SECONDS: Final = 60.0
"""So long nothing may come; while a mail is being taken in the sender waits, whatever it takes."""
LONGEST_DATA: Final = 1_800.0
"""Seconds that the sender of one mail may take for it."""
MOST_CONNECTIONS: Final = 100
MOST_RECIPIENTS: Final = 20
AT_A_TIME: Final = 16
"""Mails that are handled at once; the others wait, their connections open."""
ACCEPTED: Final = "250 2.0.0 Accepted"
LATER: Final = "451 4.3.0 Can't be stored now: try again"
BUSY: Final = b"421 4.3.2 Too many connections: try again\r\n"

log = logs.get(__name__)
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells each command of each connection


class _Protocol(SMTP):
    """The protocol with lines as long as some programs write them, and a bound on the number of connections."""

    line_length_limit = 1_000_000

    def __init__(self, handler: MailHandler, live: set[_Protocol], **options: Any) -> None:
        super().__init__(handler, **options)
        self._live = live
        self._idle: float = options["timeout"]
        self._data_ends: float | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin, or say that there are too many."""
        if self not in self._live and len(self._live) >= MOST_CONNECTIONS:
            transport.write(BUSY)
            transport.close()
            return
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        if self in self._live:
            self._live.discard(self)
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """What comes of a mail is a sign of life: aiosmtpd itself counts from the command on."""
        super().data_received(data)
        if self._data_ends is not None:
            self._reset_timeout(max(0.001, min(self._idle, self._data_ends - self.loop.time())))

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the name that aiosmtpd looks for
        """Read a mail and have it handled."""
        self._data_ends = self.loop.time() + LONGEST_DATA
        try:
            await super().smtp_DATA(arg)
        finally:
            self._data_ends = None
            if self.transport is not None:
                self._reset_timeout()

    def wait(self) -> None:
        """The mail is here: from now on the sender waits for us."""
        self._data_ends = None
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def eof_received(self) -> bool | None:
        """The other side has said all."""
        return super().eof_received() if self in self._live else False

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What serves the connection."""
        return self._handler_coroutine


class MailHandler:
    """What aiosmtpd asks: who may be written to, and what becomes of a mail."""

    def __init__(self, intake: MailIntake, addresses: Collection[str]) -> None:
        self._intake = intake
        self._addresses = frozenset(addresses)
        self._slots = asyncio.Semaphore(AT_A_TIME)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the bank's own addresses only."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            known = email(address).value in self._addresses
        except (InvalidInput, UnicodeError):
            known = False
        if not known:
            return "550 5.1.1 There is no such address here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Accept after the commit; say 4xx where that is not possible now."""
        if isinstance(server, _Protocol):
            server.wait()
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode("utf-8", "surrogateescape")
        try:
            async with self._slots:
                receipt = await self._intake.take(raw, null_sender=envelope.mail_from in {None, "", "<>"})
        except PASSING as error:
            log.warning("mail_deferred", code=error.code)
            return LATER
        log.info("mail_taken", state=receipt.state.value, reason=receipt.reason, number=receipt.number)
        return ACCEPTED

    async def finish(self) -> None:
        """Wait for the mails that are being handled; nothing is handled after that."""
        for _ in range(AT_A_TIME):
            await self._slots.acquire()

    async def handle_exception(self, error: Exception) -> str:
        """What nobody foresaw: the sender's server keeps the mail and tries again."""
        log.error("mail_deferred", error=type(error).__name__, exc_info=error)
        return LATER


@asynccontextmanager
async def receiving(
    intake: MailIntake,
    *,
    host: str,
    port: int,
    addresses: Collection[str],
    largest: int,
    tls: ssl.SSLContext | None = None,
    idle: float = IDLE_SECONDS,
) -> AsyncIterator[int]:
    """Listen inside the block; gives the port. ``largest`` in bytes: larger mails are refused with 552.

    ``idle``: seconds after which a connection on which nothing comes is closed.

    At the end no new connection is taken, and mails that are being handled are finished.

    Raises ConfigurationError without addresses, and where the port can't be had.
    """
    if not addresses:
        raise ConfigurationError(
            "No address is set that mails are taken for.",
            hint='Set GRAPH_CRM_MAIL_ADDRESSES, for example ["service@bank.example"].',
        )
    handler = MailHandler(intake, [email(one).value for one in addresses])
    loop = asyncio.get_running_loop()
    live: set[_Protocol] = set()

    def protocol() -> _Protocol:
        return _Protocol(
            handler,
            live,
            data_size_limit=largest,
            enable_SMTPUTF8=True,
            hostname="graph-crm",
            ident=f"graph-crm {__version__}",
            timeout=idle,
            tls_context=tls,
            loop=loop,
        )

    try:
        server = await loop.create_server(protocol, host, port)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} on {host} for mails can't be had: {error.strerror or error}.",
            hint="GRAPH_CRM_MAIL_PORT names another.",
        ) from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await handler.finish()
        working = [task for one in live if (task := one.task) is not None]
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
