"""Erasing a party: accounting and audit stay, and nobody is recognisable any more.

What tells at once who it was goes in one transaction, with everything that is on its way to the party. The rest is
work in the outbox: records are gone through label by label in short transactions, each of which only takes away what
is still there. So it may be cut anywhere and begun again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from graph_crm import logs
from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.kinds import AuditKind
from graph_crm.consent.pending import cancel
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach, Finding
from graph_crm.errors import CrmError, DatabaseBusy, NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.privacy import cypher
from graph_crm.privacy import erasure_cypher as statements
from graph_crm.privacy.inventory import Inventory, Node, inventory
from graph_crm.privacy.kinds import ErasureState, LegalBasis, Obstacle
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.requests.attachments.store import FileStore
from graph_crm.rules.snapshot import Snapshot

TOPIC: Final = "privacy.erase"
BATCH: Final = 500
"""Records of one transaction."""
SECONDS: Final = 120.0
"""One of its statements may take so long: some look through all outbox entries."""
SINCE_EVER: Final = 20 * 365 * 86_400.0
"""Files that nobody refers to since then are those that an erasure left."""
FIRST: Final = ("Attachment", "RequestEntry", "SurveyAnswer", "Delivery", "MailReceived")
"""They are found through a request: it is cleared after them."""
CLOSED: Final = ("CLOSED",)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

log = logs.get(__name__)


class ErasureRefused(CrmError):
    """Something speaks against erasing the party; nothing was written."""

    code = "ERASURE_REFUSED"


@dataclass(frozen=True)
class Against:
    """One thing that speaks against an erasure."""

    obstacle: Obstacle
    reason: str
    until: dt.date | None = None
    """The first day on which it no longer does; None: not known."""


@dataclass(frozen=True)
class Outlook:
    """What an erasure would meet: what speaks against it, and how many records of each sort there are."""

    party_id: str
    erased: bool
    against: tuple[Against, ...]
    records: Mapping[str, int]


@dataclass(frozen=True)
class ErasureStanding:
    """How far the erasure of a party is."""

    id: str
    party_id: str
    state: ErasureState
    at: dt.datetime
    done_at: dt.datetime | None
    basis: LegalBasis
    despite: tuple[Obstacle, ...]
    counts: Mapping[str, int]


class ErasureService:
    """Erases parties. ``clock`` replaces this machine's clock; the duties to keep are judged by the database's."""

    def __init__(
        self,
        database: Database,
        rules: PrivacyRules,
        *,
        files: FileStore | None = None,
        message_folder: Path | None = None,
        known: Inventory | None = None,
    ) -> None:
        self._database = database
        self._rules = rules
        self._files = files
        self._message_folder = message_folder
        self._inventory = known or inventory()

    async def outlook(self, party_id: str) -> Outlook:
        """What speaks against erasing the party now, and how much there is of it; nothing is written.

        Raises: NotFound.
        """
        row = await self._database.write(lambda tx: self._standing(tx, party_id), idempotent=True)
        values = (await self._database.read(cypher.OWN_VALUES, {"id": party_id}))[0]["values"]
        records = {}
        for label, node in self._inventory.nodes.items():
            if node.whose == "party" and (node.of or node.at):
                asked = {"id": party_id, "values": values}
                found = await self._database.read(cypher.count(node), asked, timeout=SECONDS)
                if found[0]["records"]:
                    records[label] = found[0]["records"]
        return Outlook(party_id, row["erased"], tuple(self._against(row)), records)

    async def standing(self, party_id: str) -> ErasureStanding | None:
        """How far the erasure of the party is; None: it was not erased."""
        rows = await self._database.read(statements.OF_PARTY, {"id": party_id})
        return _told(party_id, rows[0]) if rows else None

    async def erased(self, party_id: str) -> ErasureStanding:
        """How far the erasure of the party is. Raises: NotFound where it was not erased."""
        found = await self.standing(party_id)
        if found is None:
            raise NotFound("partyId: the party was not erased", hint="Erase it with eraseParty.", field="partyId")
        return found

    async def erase(
        self,
        party_id: str,
        *,
        basis: LegalBasis,
        reason: str,
        by: str,
        despite: Sequence[Obstacle] = (),
        idempotency_key: str | None = None,
    ) -> Written:
        """Erase the party: who it is is gone when this returns, the rest goes by a worker.

        ``despite`` names what speaks against it and was weighed. Erased again, nothing changes. ``reason`` is kept as
        proof and must not say who it was. Raises: ErasureRefused with all reasons, NotFound.
        """
        kept = checks.text("reason", reason)
        weighed = sorted({checks.one_of("despite", one, Obstacle) for one in despite})
        named = {"basis": checks.one_of("basis", basis, LegalBasis), "reason": kept, "by": by, "despite": weighed}

        async def work(tx: Transaction) -> Written:
            locked = await ledger.lock_parties(tx, [party_id])
            row = await self._standing(tx, party_id)
            if row["erased"] or locked is None:
                return Written(party_id, row["version"])
            if row["merging"]:
                raise DatabaseBusy("The party is being merged with another one", hint="Repeat the request")
            left = [one for one in self._against(row) if one.obstacle not in weighed]
            if left:
                raise ErasureRefused(
                    "The party can't be erased: " + "; ".join(one.reason for one in left) + ".",
                    hint="Settle it, or name in despite what was weighed.",
                    obstacles=[one.obstacle.value for one in left],
                )
            await self._begin(tx, party_id, locked.now, named)
            return Written(party_id, row["version"] + 1)

        command = {"partyId": party_id, "basis": basis, "reason": reason, "despite": weighed}
        return await write_once(self._database, "eraseParty", idempotency_key, command, work)

    async def _standing(self, tx: Transaction, party_id: str) -> Row:
        rows = await tx.run(statements.STANDING, {"id": party_id, "closed": list(CLOSED)})
        if not rows:
            raise NotFound(
                "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
            )
        return rows[0]

    def _against(self, row: Row) -> list[Against]:
        today = (_EPOCH + dt.timedelta(milliseconds=row["now"])).date()
        found = []
        for obstacle, name, word in (
            (Obstacle.OPEN_AGREEMENT, "agreements", "agreements are open"),
            (Obstacle.OPEN_COMPLAINT, "complaints", "complaints are open"),
            (Obstacle.OPEN_REQUEST, "requests", "requests are open"),
        ):
            if row[name]:
                found.append(Against(obstacle, f"{word}: {', '.join(row[name])}"))
        duties = (
            ("lastAgreement", self._rules.erasure.after_agreement_days, "agreement"),
            ("lastComplaint", self._rules.erasure.after_complaint_days, "complaint"),
        )
        for name, days, word in duties:
            if row[name] is not None:
                until = dt.date.fromisoformat(row[name]) + dt.timedelta(days=days)
                if today < until:
                    told = f"the last {word} was closed on {row[name]}, and who it was is to be kept until {until}"
                    found.append(Against(Obstacle.RETENTION_DUTY, told, until))
        return found

    async def _begin(self, tx: Transaction, party_id: str, now: dt.datetime, named: Mapping[str, Any]) -> None:
        """Everything that has to be at once: who it is is gone, and nothing is on its way to it any more."""
        identifier = erasure_id(party_id)
        await cancel(tx, _over, now, party_id=party_id)
        asked = {"id": party_id, "now": now, "own": TOPIC}
        values = (await tx.run(cypher.OWN_VALUES, asked))[0]["values"]
        lines = [party_id, f"privacy.export:{party_id}"]
        lines += (await tx.run(statements.CLOSE_OPEN_REQUESTS, asked))[0]["lines"]
        lines += (await tx.run(statements.CANCEL_MESSAGES, asked))[0]["lines"]
        await tx.run(statements.TAKE_COPIES_BACK, asked)
        await tx.run(statements.END_OPEN_SESSIONS, asked)
        await tx.run(statements.FORGET_LINES, {**asked, "lines": lines})
        await tx.run(statements.MARK, {**asked, **named, "erasure": identifier, "values": values})
        party = self._inventory.nodes["Party"]
        await tx.run(cypher.clear(party), {"id": party_id, "values": [], "most": 1, "instead": dict(party.instead)})
        told = {"basis": str(named["basis"]), "despite": ",".join(named["despite"])}
        record(tx, Entry(AuditKind.PRIVACY, "party.erased", [party_id], details=told))
        await outbox.put(tx, TOPIC, identifier, {"erasureId": identifier}, f"{TOPIC}:{identifier}:{now.isoformat()}")

    async def carry_on(self, entry: OutboxEntry) -> None:
        """Go through everything that is left (an outside handler of topic `TOPIC`); safe to be cut and begun again."""
        await self.finish(str(entry.payload["erasureId"]))

    async def finish(self, identifier: str) -> dict[str, int]:
        """Take away what is left of an erased party, or came in since; what went, by sort of record."""
        rows = await self._database.read(statements.ERASURE, {"erasure": identifier})
        if not rows:
            return {}
        party_id = rows[0]["party"]
        values = rows[0]["values"] or []
        known = {"id": party_id, "values": values, "most": BATCH, "own": TOPIC, "erasure": identifier}
        await self._remove_message_files(known)
        await self._forget_work(known)
        nodes = self._inventory.nodes
        later = [name for name in nodes if name not in FIRST]
        for label in (*FIRST, *later):
            node = nodes[label]
            if node.whose == "party" and node.erase in {"clear", "delete"} and (node.of or node.at):
                await self._erase_all(label, node, known)
        for label, statement in (
            ("Household", statements.LEAVE_HOUSEHOLDS),
            ("ContactPoint", statements.FORGET_MERGED_TIES),
            ("tie", statements.FORGET_TIES_SET_ASIDE),
            ("ContactPoint", statements.LEAVE_CONTACT_POINTS),
            ("Call", statements.LEAVE_CALLS),
            ("tie", cypher.delete_ties(self._personal_ties())),
            ("tie", statements.STAFF_TIES),
        ):
            await self._run(statement, known, label)
        if self._files is not None:
            await self._files.tidy(SINCE_EVER)
        done = await self._database.write(lambda tx: tx.run(statements.DONE, known), idempotent=True)
        counts: dict[str, int] = orjson.loads(done[0]["counts"] or "{}")
        log.info("party_erased", party_id=party_id, records=sum(counts.values()))
        return counts

    def _personal_ties(self) -> list[str]:
        return sorted(name for name, tie in self._inventory.ties.items() if tie.erase == "delete")

    async def _run(self, statement: str, parameters: Mapping[str, Any], label: str | None = None) -> int:
        """Run one step; what it took away is counted with the erasure in the same transaction."""

        async def step(tx: Transaction) -> int:
            rows = await tx.run(statement, parameters)
            gone = int(rows[0]["records"]) if rows else 0
            if gone and label is not None:
                (row,) = await tx.run(statements.LOCK, parameters)
                counts = orjson.loads(row["counts"] or "{}")
                counts[label] = counts.get(label, 0) + gone
                await tx.run(statements.COUNT, {**parameters, "counts": orjson.dumps(counts).decode()})
            return gone

        return await self._database.write(step, timeout=SECONDS)

    async def _erase_all(self, label: str, node: Node, known: Mapping[str, Any]) -> None:
        statement = cypher.delete(node) if node.erase == "delete" else cypher.clear(node)
        while await self._run(statement, {**known, "instead": dict(node.instead)}, label) == BATCH:
            pass

    async def _forget_work(self, known: Mapping[str, Any]) -> None:
        """Remove from the outbox what is about the party or its records, and what repeated writes would answer."""
        for node in self._inventory.nodes.values():
            if not node.partitions:
                continue
            asked = {**known, "after": ""}
            statement = cypher.forget_work(node)
            while True:
                (row,) = await self._database.write(
                    lambda tx, statement=statement, asked=asked: tx.run(statement, asked),  # type: ignore[misc]
                    timeout=SECONDS,
                    idempotent=True,
                )
                if row["records"] < BATCH:
                    break
                asked["after"] = row["place"]
        quoted = orjson.dumps(known["id"]).decode()
        names = [quoted, *known["values"]]
        while await self._run(statements.FORGET_WORK, {**known, "known": names}) == BATCH:
            pass
        ids = (await self._database.read(statements.IDS, known, timeout=SECONDS))[0]["ids"]
        asked = {**known, "quoted": quoted, "ids": ids, "known": known["values"]}
        while await self._run(statements.FORGET_ANSWERS, asked) == BATCH:
            pass

    async def _remove_message_files(self, known: Mapping[str, Any]) -> None:
        """Messages that were put into a folder instead of being sent bear the address in their names."""
        if self._message_folder is None:
            return
        rows = await self._database.read(cypher.names_of(self._inventory.nodes["Delivery"], "providerId"), known)
        await asyncio.to_thread(_unlink, self._message_folder, rows[0]["names"])

    async def look_again(self) -> int:
        """Take away what came in late about parties that were erased of late; how many records."""
        asked = {"days": self._rules.erasure.look_again_days}
        late = 0
        for row in await self._database.read(statements.LATELY, asked):
            before = (await self._database.read(statements.ERASURE, {"erasure": row["id"]}))[0]["counts"]
            after = await self.finish(row["id"])
            late += sum(after.values()) - sum(orjson.loads(before or "{}").values())
        return late


def erasure_id(party_id: str) -> str:
    """The identifier of the erasure of a party: there is one."""
    return f"erasure:{party_id}"


def _over(customer: Snapshot, _approach: Approach) -> Finding:
    return Finding(False, "PARTY_ENDED", "the bank no longer deals with the customer", evidence=(customer.id,))


def _unlink(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if "/" not in name and "\\" not in name and name not in {"", ".", ".."}:
            (folder / name).unlink(missing_ok=True)


def _told(party_id: str, row: Row) -> ErasureStanding:
    return ErasureStanding(
        id=row["id"],
        party_id=party_id,
        state=ErasureState(row["state"]),
        at=_EPOCH + dt.timedelta(milliseconds=row["at"]),
        done_at=None if row["doneAt"] is None else _EPOCH + dt.timedelta(milliseconds=row["doneAt"]),
        basis=LegalBasis(row["basis"]),
        despite=tuple(Obstacle(one) for one in row["despite"] or ()),
        counts=orjson.loads(row["counts"] or "{}"),
    )
