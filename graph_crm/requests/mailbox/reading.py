"""Mails as they came, byte for byte, for as long as the bank keeps them."""

from __future__ import annotations

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database
from graph_crm.graph.timers import Work
from graph_crm.requests.attachments.store import FileStore
from graph_crm.requests.mailbox import cypher
from graph_crm.security.roles import Caller, Permission

TIDY_SECONDS = 3_600.0


class MailArchive:
    """Reads mails as they came, and lets go of those whose time is over."""

    def __init__(self, database: Database, files: FileStore | None = None) -> None:
        self._database = database
        self._files = files

    async def original(self, mail_id: str, caller: Caller) -> bytes:
        """The mail as it came, for staff who serve. Raises: Forbidden, NotFound, StorageUnavailable."""
        caller.require(Permission.SERVE_REQUESTS)
        rows = await self._database.read(cypher.MATERIAL, {"id": mail_id})
        if not rows or not rows[0]["files"] or self._files is None:
            raise NotFound("There is no such mail, or it is kept no longer.", hint="Look it up with mailSetAside.")
        return await self._files.read(rows[0]["files"][0])

    async def tidy(self) -> int:
        """Let go of mails that were kept long enough, and of what is known of their senders; how many mails."""
        gone = 0
        while count := (await self._database.write(lambda tx: tx.run(cypher.LET_GO)))[0]["count"]:
            gone += count
        while (await self._database.write(lambda tx: tx.run(cypher.FORGET_SENDERS)))[0]["count"]:
            pass
        return gone

    def timers(self) -> dict[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return {"mail.tidy": (TIDY_SECONDS, self.tidy)}
