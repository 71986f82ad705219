"""A mailbox that is read by IMAP: each mail is marked as read, or moved, only after it is safe.

The library speaks IMAP in a thread of its own; one mail is in memory at a time. What breaks in between is read again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from graph_crm import logs
from graph_crm.errors import ConfigurationError, CrmError, DatabaseUnavailable
from graph_crm.requests.attachments.store import StorageUnavailable
from graph_crm.requests.mailbox.intake import MailIntake
from graph_crm.requests.mailbox.kinds import MailReason

CONNECT_SECONDS: Final = 20.0
FIRST_PAUSE: Final = 2.0
LAST_PAUSE: Final = 300.0
MOST_AT_ONCE: Final = 500
"""Mails of one look; the others come at the next, which follows at once."""
_BODY: Final = b"BODY[]"
_HEADER: Final = b"BODY[HEADER]"
_PASSING_CODES: Final = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")
"""Why a server refuses a login that is right (RFC 5530)."""
_BROKEN = (IMAPClientError, OSError, ssl.SSLError)

T = TypeVar("T")
log = logs.get(__name__)


class MailboxUnavailable(CrmError):
    """The mailbox can't be read now."""

    code = "MAILBOX_UNAVAILABLE"
    http_status = 503


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """Where mails are fetched from."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 993
    tls: bool = True
    folder: str = "INBOX"
    done_folder: str | None = None
    """Where mails that are safe are moved to; None: they are marked as read and stay."""
    largest: int = 25_000_000
    """Bytes; of larger ones only the headers are read, and they are set aside."""


class MailPoller:
    """Fetches what is unread from a mailbox, mail by mail."""

    def __init__(self, intake: MailIntake, mailbox: Mailbox, *, trust: ssl.SSLContext | None = None) -> None:
        self._intake = intake
        self._mailbox = mailbox
        self._trust = trust
        self._put_off: set[int] = set()

    async def poll(self) -> int:
        """Take in what is unread now; how many mails.

        A mail that can't be had or taken stays unread and comes last at the next look: it holds up no other.

        Raises: MailboxUnavailable, ConfigurationError where the mailbox refuses the user or has no such folder,
        DatabaseUnavailable, StorageUnavailable; what the intake raised last where not one mail could be taken.
        """
        client = await self._do(self._connected)
        try:
            found: set[int] = set(await self._do(lambda: client.search("UNSEEN")))
            self._put_off &= found
            taken, failed = 0, None
            for uid in sorted(found, key=lambda one: (one in self._put_off, one))[:MOST_AT_ONCE]:
                try:
                    await self._one(client, uid)
                except (MailboxUnavailable, DatabaseUnavailable, StorageUnavailable, OSError):
                    raise
                except Exception as error:  # whatever it is, it is this mail's
                    log.exception("mail_not_taken", uid=uid, error=type(error).__name__)
                    self._put_off.add(uid)
                    failed = error if isinstance(error, CrmError) else failed
                else:
                    self._put_off.discard(uid)
                    taken += 1
            if failed is not None and not taken:
                raise failed
            return taken
        finally:
            await asyncio.to_thread(_leave, client)

    async def keep(
        self, stopping: asyncio.Event, *, every: float, pause: Callable[[float], Awaitable[None]] | None = None
    ) -> None:
        """Poll every ``every`` seconds until ``stopping`` is set; after failures later and later.

        Raises ConfigurationError before the first good look: what was right once is not wrong for good.
        """

        async def rest(seconds: float) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stopping.wait()

        wait = pause or rest
        failures, good = 0, False
        while not stopping.is_set():
            try:
                taken = await self.poll()
            except Exception as error:  # whatever it is, the receiver in the same process must go on
                if isinstance(error, ConfigurationError) and not good:
                    raise
                failures += 1
                known = isinstance(error, CrmError)
                log.warning(
                    "mailbox_not_read", code=getattr(error, "code", None), problem=str(error), exc_info=not known
                )
                await wait(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LAST_PAUSE))
                continue
            failures, good = 0, True
            if taken < MOST_AT_ONCE:
                await wait(every)

    async def _one(self, client: IMAPClient, uid: int) -> None:
        try:
            raw, large = await asyncio.to_thread(self._fetch, client, uid)
        except (IMAPClientAbortError, OSError) as error:
            raise _unavailable(error) from error
        if raw is None:
            return  # somebody else took it away meanwhile
        receipt = await self._intake.take(raw, trouble=MailReason.TOO_LARGE if large else None)
        log.info("mail_taken", state=receipt.state.value, reason=receipt.reason, number=receipt.number)
        await self._do(lambda: self._done(client, uid))

    def _connected(self) -> IMAPClient:
        box = self._mailbox
        context = (self._trust or ssl.create_default_context()) if box.tls else None
        client = IMAPClient(box.host, port=box.port, ssl=box.tls, ssl_context=context, timeout=CONNECT_SECONDS)
        try:
            try:
                client.login(box.user, box.password)
            except LoginError as error:
                if any(code in str(error).upper() for code in _PASSING_CODES):
                    raise
                raise ConfigurationError(
                    "The mailbox refuses the user or the password.",
                    hint="Correct GRAPH_CRM_IMAP_USER and GRAPH_CRM_IMAP_PASSWORD.",
                ) from error
            for name in (box.folder, box.done_folder):
                _check_folder(client, name)
            client.select_folder(box.folder)
        except BaseException:
            _leave(client)
            raise
        return client

    def _fetch(self, client: IMAPClient, uid: int) -> tuple[bytes | None, bool]:
        """The mail, or its headers alone where it is too large."""
        size = client.fetch([uid], ["RFC822.SIZE"]).get(uid, {}).get(b"RFC822.SIZE")
        if size is None:
            return None, False
        large = size > self._mailbox.largest
        part = "BODY.PEEK[HEADER]" if large else "BODY.PEEK[]"
        found: dict[Any, Any] = client.fetch([uid], [part]).get(uid, {})
        content = found.get(_HEADER if large else _BODY)
        return (content if isinstance(content, bytes) else None), large

    def _done(self, client: IMAPClient, uid: int) -> None:
        client.add_flags([uid], [SEEN])
        folder = self._mailbox.done_folder
        if folder is None:
            return
        if client.has_capability("MOVE"):
            client.move([uid], folder)
        else:
            client.copy([uid], folder)
            client.delete_messages([uid])
            client.expunge([uid]) if client.has_capability("UIDPLUS") else client.expunge()

    async def _do(self, work: Callable[[], T]) -> T:
        with _said():
            return await asyncio.to_thread(work)


@contextmanager
def _said() -> Iterator[None]:
    """What the library raises, in the platform's words."""
    try:
        yield
    except _BROKEN as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> MailboxUnavailable:
    return MailboxUnavailable(
        f"The mailbox can't be read now: {type(error).__name__}.",
        hint="Check GRAPH_CRM_IMAP_HOST, its port and whether it wants TLS.",
    )


def _check_folder(client: IMAPClient, name: str | None) -> None:
    if name is not None and not client.folder_exists(name):
        raise ConfigurationError(
            f"The mailbox has no folder {name!r}.",
            hint="Make it, or correct GRAPH_CRM_IMAP_FOLDER or GRAPH_CRM_IMAP_DONE_FOLDER.",
        )


def _leave(client: IMAPClient) -> None:
    with suppress(*_BROKEN):
        client.logout()
