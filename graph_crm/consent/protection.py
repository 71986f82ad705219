"""Protecting customers: special care, contact points that nobody may use, complaints, collections, refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import partial

from graph_crm.consent import cypher
from graph_crm.consent.pending import cancel
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.overrides import shipped
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import COLLECTIONS, COMPLAINT, ContactPolicy
from graph_crm.contacts.suppression import closed, suppression
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.snapshot import Snapshot

_CARE = Finding(False, "VULNERABLE", "the customer needs special care: no promotion")
_BLOCKED = Finding(False, "POINT_BLOCKED", "the contact point is blocked")


class ProtectionService:
    """Flags and blocks. Every method is one transaction; what is pending and forbidden by it is cancelled there."""

    def __init__(self, database: Database, policy: Callable[[], ContactPolicy] = shipped) -> None:
        self._database = database
        self._policy = policy

    async def flag_vulnerability(self, party_id: str, reason: str, *, idempotency_key: str | None = None) -> Written:
        """The bank must treat the party with special care: from now on nothing is promoted to it.

        ``reason`` is what the employee wrote. Flagged again, the first day stays and the reason is the new one.
        """
        stored = checks.text("reason", reason)
        command = {"partyId": party_id, "reason": reason}
        return await self._flag(party_id, stored, "flagVulnerability", command, idempotency_key)

    async def clear_vulnerability(self, party_id: str, *, idempotency_key: str | None = None) -> Written:
        """The party needs no special care any more."""
        return await self._flag(party_id, None, "clearVulnerability", {"partyId": party_id}, idempotency_key)

    async def _flag(self, party_id: str, reason: str | None, scope: str, command: object, key: str | None) -> Written:
        async def work(tx: Transaction) -> Written:
            locked = await ledger.lock(tx, ledger.keys(party_id))
            asked = {"partyId": party_id, "vulnerable": reason is not None, "reason": reason, "now": locked.now}
            rows = await tx.run(cypher.FLAG, asked)
            if not rows:
                raise NotFound(
                    "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
                )
            if reason is not None:
                await cancel(tx, _promotion, locked.now, party_id=party_id)
            return Written(party_id, rows[0]["version"])

        return await write_once(self._database, scope, key, command, work)

    async def close(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Cancel what waits for a party that ended, died or was blocked, or at a contact point that it gave up.

        That is recorded by a slice below this one: the outbox brings it here (topic `parties.writes.CLOSED`). Until
        it arrives every gate that judges the party says no already.
        """
        party_id = entry.partition_key
        locked = await ledger.lock(tx, ledger.keys(party_id))
        await cancel(tx, closed, locked.now, party_id=party_id)

    @staticmethod
    def concerned(entry: OutboxEntry) -> bool:
        """Whether the event of ``entry`` speaks against promotion: a complaint, or a contact of collections."""
        return entry.payload.get("type") in (COMPLAINT, COLLECTIONS)

    async def heed(self, tx: Transaction, entry: OutboxEntry) -> None:
        """`heed_many` for one event, with its own lock."""
        if self.concerned(entry):
            locked = await ledger.lock_parties(tx, [entry.partition_key])
            if locked is not None:
                await self.heed_many(tx, [entry], locked)

    async def heed_many(self, tx: Transaction, entries: Iterable[OutboxEntry], locked: ledger.Locked) -> None:
        """Cancel the promotion that waits for customers who complained, or with whom collections spoke.

        The event is recorded by a slice below this one: the outbox brings it here (topic `events.service.RECORDED`).
        Until it arrives every new question about the customer is answered with no. Other events change nothing. The
        caller holds the ledgers of all these customers.
        """
        policy = self._policy()

        def suppressed(customer: Snapshot, approach: Approach) -> Finding | None:
            return suppression(customer, approach, policy) if approach.promotional else None

        for party_id in sorted({entry.partition_key for entry in entries if self.concerned(entry)}):
            await cancel(tx, suppressed, locked.now, party_id=party_id, needs=policy.needs)

    async def heed_refusal(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Cancel the promotion that waits for a customer who refused something, where the rest forbids it.

        The response itself has settled its own product; its family, and everything after repeated refusals, is settled
        here (topic `decisions.offers.responses.RECORDED`). Other responses change nothing.
        """
        party_id = entry.payload.get("partyId")
        if entry.payload.get("outcome") != "REJECTED" or not isinstance(party_id, str):
            return
        locked = await ledger.lock_parties(tx, [party_id])
        if locked is None:
            return
        policy = self._policy()

        def resting(customer: Snapshot, approach: Approach) -> Finding | None:
            return cool_off(customer, approach, policy)

        await cancel(tx, resting, locked.now, party_id=party_id, memory=memory_of(policy))

    async def look_again(self) -> int:
        """Cancel the slots that what happened since they were held speaks against; how many.

        Most of that is heeded when it is recorded. What comes another way - an agreement that falls into arrears, a
        refusal that an employee wrote down, an import - is found here; a timer of the workers asks.
        """
        rows = await self._database.read(cypher.HAVE_SLOTS)
        cancelled = 0
        for row in rows:
            cancelled += await self._database.write(partial(self._again, party_id=row["party"]), idempotent=True)
        return cancelled

    async def _again(self, tx: Transaction, *, party_id: str) -> int:
        locked = await ledger.lock_parties(tx, [party_id])
        if locked is None:
            return 0
        policy = self._policy()

        def against(customer: Snapshot, approach: Approach) -> Finding | None:
            said = (gate(customer, approach, policy) for gate in (permission, suppression, cool_off))
            return next((finding for finding in said if not finding.allowed), None)

        memory = memory_of(policy)
        done = await cancel(tx, against, locked.now, party_id=party_id, needs=policy.needs, memory=memory)
        return len(done.reservations)

    async def block_contact_point(self, point_key: str, reason: str, *, idempotency_key: str | None = None) -> Written:
        """Nobody may be contacted here from now on, for example because somebody else answers the phone.

        What the law demands is not cancelled.
        """
        stored = checks.text("reason", reason)
        command = {"pointKey": point_key, "reason": reason}
        return await self._block(point_key, stored, "blockContactPoint", command, idempotency_key)

    async def unblock_contact_point(self, point_key: str, *, idempotency_key: str | None = None) -> Written:
        """The contact point may be used again."""
        return await self._block(point_key, None, "unblockContactPoint", {"pointKey": point_key}, idempotency_key)

    async def _block(self, point_key: str, reason: str | None, scope: str, command: object, key: str | None) -> Written:
        checks.text("pointKey", point_key)

        async def work(tx: Transaction) -> Written:
            locked = await ledger.lock(tx, [ledger.point_key(point_key)])
            if not await mark_point(tx, point_key, reason, locked.now):
                raise NotFound(
                    "pointKey: there is no such contact point",
                    hint="Use the id of one of a party's contactPoints.",
                    field="pointKey",
                )
            return Written(point_key)

        return await write_once(self._database, scope, key, command, work)


async def mark_point(tx: Transaction, point_key: str, reason: str | None, now: dt.datetime) -> bool:
    """Block a contact point for ``reason``, or open it again (None); whether there is one. Its ledger must be held.

    What waits there, for whomever, and is not demanded by the law is cancelled.
    """
    asked = {"point": point_key, "blocked": reason is not None, "reason": reason, "now": now}
    if not await tx.run(cypher.BLOCK, asked):
        return False
    if reason is not None:

        def blocked(_customer: Snapshot, approach: Approach) -> Finding | None:
            return _BLOCKED if approach.point == point_key and not approach.mandatory else None

        await cancel(tx, blocked, now, points=[point_key])
    return True


def _promotion(_customer: Snapshot, approach: Approach) -> Finding | None:
    return _CARE if approach.promotional else None
