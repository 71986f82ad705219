"""Making two parties one, and two again.

What tells that there are two goes in one transaction, with everything that is open: from then on nothing finds the
merged party, and what was planned for it is the kept one's. A long history is moved by a worker in short transactions,
each of which takes what is still there, so it may be cut anywhere and begun again; until it is done the bank contacts
neither of the two (`Party.merging`, `contacts.suppression`), so that no limit counts half of a history.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from graph_crm import logs, snapshots
from graph_crm.consent.pending import cancel
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.limits import limits
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.suppression import suppression
from graph_crm.errors import CrmError, NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.merging import comparing, consents, cypher, ties
from graph_crm.merging.comparing import Conflict, Side
from graph_crm.merging.kinds import MergeSide, MergeState
from graph_crm.parties import checks, merged
from graph_crm.parties import cypher as parties
from graph_crm.parties.commands import index_text
from graph_crm.parties.service import lock_parties, new_id, state_of
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.snapshot import Snapshot

TOPIC: Final = "parties.merge"
BATCH: Final = 1_000
"""Relationships of one step."""
AT_ONCE: Final = 4
"""Steps in the transaction that begins: who has less than so many thousand records is moved in it."""
SECONDS: Final = 60.0
_BACK: Final = frozenset({MergeState.UNDOING, MergeState.UNDONE})
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

log = logs.get(__name__)


class MergeConflict(CrmError):
    """The two parties say different things, and nobody said whose word holds; nothing was written."""

    code = "MERGE_CONFLICT"


class MergeRefused(CrmError):
    """The two can't be merged, or the merge can't be taken back; nothing was written."""

    code = "MERGE_REFUSED"


@dataclass(frozen=True)
class Preview:
    """What a merge would meet: every conflict, and what the kept party would take because it had none."""

    kept: str
    merged: str
    conflicts: tuple[Conflict, ...]
    takes: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """How far a merge is, and what speaks against taking it back."""

    id: str
    kept: str
    merged: str
    at: dt.datetime
    by: str
    reason: str
    state: MergeState
    done_at: dt.datetime | None
    stayed: tuple[str, ...]
    """After it was taken back: what was changed since at the kept party, and stayed so."""
    against: tuple[str, ...]


class MergeService:
    """Merges and separates parties. ``policy``: the contact policy of now. ``batch``: relationships of one step."""

    def __init__(
        self, database: Database, policy: Callable[[], ContactPolicy], *, batch: int = BATCH, at_once: int = AT_ONCE
    ) -> None:
        self._database = database
        self._policy = policy
        self._batch = batch
        self._at_once = at_once

    async def preview(self, keep: str, merge: str) -> Preview:
        """What `merge` of the two would meet; nothing is written. Raises: InvalidInput, NotFound, MergeRefused."""
        kept, other = await self._sides(self._database.read, keep, merge)
        found = (*comparing.conflicts(kept, other), *consents.conflicts(kept, other))
        return Preview(keep, merge, found, tuple(comparing.taken(kept, other, {})))

    async def merge(
        self,
        keep: str,
        merge: str,
        *,
        choices: Mapping[str, MergeSide],
        reason: str,
        by: str,
        idempotency_key: str | None = None,
    ) -> Written:
        """Make the party ``merge`` one with ``keep``; answers with the merge, related to the kept party.

        ``choices``: by the name of a conflict whose word holds. Raises: MergeConflict with all that is not answered,
        MergeRefused, NotFound, PartyMerged, InvalidInput.
        """
        why = checks.text("reason", reason)

        async def work(tx: Transaction) -> Written:
            locked = await ledger.lock_parties(tx, [keep, merge])
            await self._lock(tx, keep, merge)
            kept, other = await self._sides(tx.run, keep, merge)
            found = (*comparing.conflicts(kept, other), *consents.conflicts(kept, other))
            _answered(found, choices)
            if locked is None:
                raise _unknown("keep")
            identifier = new_id("merge")
            await self._begin(tx, identifier, (kept, other), choices, {"reason": why, "by": by})
            await self._settle(tx, keep, locked.now)
            return Written(identifier, related=(keep, merge))

        command = {"keep": keep, "merge": merge, "choices": choices, "reason": reason}
        written = await write_once(self._database, "mergeParties", idempotency_key, command, work)
        log.info("parties_merged", merge=written.id)
        return written

    async def _lock(self, tx: Transaction, keep: str, merge: str) -> None:
        try:
            await lock_parties(tx, {keep: "keep", merge: "merge"})
        except NotFound as error:
            gone = await merged.led(tx.run, [keep, merge])
            for field, identifier in (("keep", keep), ("merge", merge)):
                if identifier in gone:
                    raise merged.told(field, gone[identifier]) from error
            raise

    async def _sides(self, read: snapshots.Reader, keep: str, merge: str) -> tuple[Side, Side]:
        if keep == merge:
            raise checks.refuse("merge", "is the same party as keep", "Name two parties.")
        rows = await read(cypher.SIDES, {"ids": [keep, merge], "names": list(comparing.PROPERTIES)})
        found = {row["id"]: _side(row) for row in rows}
        gone = {} if len(found) > 1 else await merged.led(read, [keep, merge])
        for field, identifier in (("keep", keep), ("merge", merge)):
            if identifier in gone:
                raise merged.told(field, gone[identifier])
            if identifier not in found:
                raise _unknown(field)
        kept, other = found[keep], found[merge]
        if kept.organization != other.organization:
            raise MergeRefused("A person and an organisation are not one.", hint="Tie them with relateParties.")
        for field, side in (("keep", kept), ("merge", other)):
            if side.erased:
                raise MergeRefused(f"{field}: the party was erased.", hint="Nobody is known there any more.")
            if side.merging:
                raise MergeRefused(f"{field}: a merge of this party is under way.", hint="Wait until it is DONE.")
        return kept, other

    async def _begin(
        self,
        tx: Transaction,
        identifier: str,
        sides: tuple[Side, Side],
        choices: Mapping[str, MergeSide],
        told: Mapping[str, str],
    ) -> None:
        kept, other = sides
        names = {"merge": identifier, "kept": kept.id, "merged": other.id}
        own = (await tx.run(cypher.TIES_OF, {"id": kept.id}), await tx.run(cypher.TIES_OF, {"id": other.id}))
        take = comparing.taken(kept, other, choices)
        await tx.run(
            cypher.BEGIN,
            {
                **names,
                **told,
                "take": take,
                "chosen": [f"{field}={side.value}" for field, side in sorted(choices.items())],
                "identifiers": list(dict.fromkeys([*kept.identifiers, *other.identifiers, other.id])),
                "alias": f"party-{uuid.uuid4().hex[:12]}",
                "change": new_id("change"),
                "fields": ["mergedFrom", *(name for name in take if name not in comparing.DERIVED)],
            },
        )
        await tx.run(cypher.SET_ASIDE, {**names, "rows": ties.aside(kept.id, *own, choices)})
        await tx.run(cypher.MOVE_WORK, _work(other.id, kept.id, names))
        done = False
        for _ in range(self._at_once):
            if done := await self._move(tx, names):
                break
        points = comparing.preferred(kept, other, choices)
        await tx.run(cypher.PREFER, {**names, "points": sorted(points.items())})
        added = consents.needed(kept, other, choices)
        rows = [{**row, "id": f"consent:{identifier}:{index}"} for index, row in enumerate(added)]
        if rows:
            await tx.run(cypher.ADD_CONSENTS, {**names, "rows": rows})
        await _index(tx, [kept.id])
        await self._go_on(tx, identifier, kept.id, MergeState.DONE, done=done)

    async def _go_on(self, tx: Transaction, identifier: str, kept: str, end: MergeState, *, done: bool) -> None:
        """End it here, or leave the rest to a worker; what slips in at the old place is fetched by a worker anyway."""
        if done:
            await tx.run(cypher.FINISH, {"merge": identifier, "state": end.value})
        key = f"{TOPIC}:{identifier}:{end.value}"
        await outbox.put(tx, TOPIC, kept, {"mergeId": identifier}, key)

    async def _settle(self, tx: Transaction, keep: str, now: dt.datetime) -> None:
        """Cancel what waits for either of them and is forbidden to both together, and slots that break a limit."""
        policy = self._policy()

        def against(customer: Snapshot, approach: Approach) -> Finding | None:
            said = (gate(customer, approach, policy) for gate in (permission, suppression, cool_off))
            return next((one for one in said if not one.allowed and one.code != "PARTY_MERGING"), None)

        memory = memory_of(policy)
        await cancel(tx, against, now, party_id=keep, needs=policy.needs, memory=memory)
        milliseconds = round(now.timestamp() * 1000)
        slots = await tx.run(cypher.HELD_SLOTS, {"kept": keep, "now": milliseconds})
        if not slots:
            return
        (customer,) = await snapshots.load(tx.run, [keep], now=now, needs=policy.needs, memory=memory)
        for slot in slots:
            touches = tuple(one for one in customer.touches if one.id != slot["id"])
            without = replace(customer, touches=touches)
            found = limits(without, _approach(slot), policy)
            if not found.allowed:
                asked = {"id": slot["id"], "now": milliseconds, "reason": found.reason}
                await tx.run(cypher.GIVE_BACK, asked)
                customer = without

    async def _move(self, tx: Transaction, names: Mapping[str, str]) -> bool:
        """One step; whether nothing was left for it."""
        statements = (cypher.MOVE_OUT, cypher.MOVE_IN, *map(cypher.move_loose, cypher.LOOSE))
        return await self._step(tx, statements, names)

    async def _step(self, tx: Transaction, statements: Sequence[str], names: Mapping[str, str]) -> bool:
        left = self._batch
        for statement in statements:
            (row,) = await tx.run(statement, {**names, "most": left})
            left -= row["moved"]
            if left <= 0:
                return False
        return True

    async def carry_on(self, entry: OutboxEntry) -> None:
        """Move what is left (an outside handler of topic `TOPIC`); safe to be cut and begun again."""
        await self.finish(str(entry.payload["mergeId"]))

    async def finish(self, identifier: str) -> None:
        """Move what is left of a merge, or of taking it back, to its end."""
        while not await self._database.write(lambda tx: self._further(tx, identifier), timeout=SECONDS):
            pass
        while not await self._database.write(lambda tx: self._end(tx, identifier), timeout=SECONDS):
            pass

    async def _further(self, tx: Transaction, identifier: str) -> bool:
        """One step; whether nothing was left for it."""
        found = await self._under_way(tx, identifier)
        return found is None or await self._left(tx, *found)

    async def _end(self, tx: Transaction, identifier: str) -> bool:
        """End it where nothing is left; whether it is ended. What was moved late counts against what is planned."""
        rows = await tx.run(cypher.MERGE, {"merge": identifier})
        locked = await ledger.lock_parties(tx, [rows[0]["kept"], rows[0]["merged"]]) if rows else None
        found = await self._under_way(tx, identifier)
        if found is None:
            return True
        state, names = found
        if not await self._left(tx, state, names):
            return False
        back = state in _BACK
        if not back and locked is not None:
            await self._settle(tx, names["kept"], locked.now)
        end = MergeState.UNDONE if back else MergeState.DONE
        if state is not end:
            await tx.run(cypher.FINISH, {"merge": identifier, "state": end.value})
        return True

    @staticmethod
    async def _under_way(tx: Transaction, identifier: str) -> tuple[MergeState, dict[str, str]] | None:
        """How far a merge is, under its lock, and what its statements are given; None: there is none."""
        rows = await tx.run(cypher.LOCK, {"merge": identifier})
        if not rows:
            return None
        return MergeState(rows[0]["state"]), {"merge": identifier, "kept": rows[0]["kept"], "merged": rows[0]["merged"]}

    async def _left(self, tx: Transaction, state: MergeState, names: Mapping[str, str]) -> bool:
        return await (self._back(tx, names) if state in _BACK else self._move(tx, names))

    async def standing(self, identifier: str) -> Standing:
        """How far a merge is. Raises: NotFound."""
        rows = await self._database.read(cypher.MERGE, {"merge": identifier})
        if not rows:
            raise NotFound("id: there is no such merge", hint="Read mergedFrom of the kept party.", field="id")
        return _told(rows[0])

    async def unmerge(self, identifier: str, *, reason: str, by: str, idempotency_key: str | None = None) -> Written:
        """Make the two that were merged two again; answers with the merge, related to both parties.

        Everything goes back to where it came from; what came since stays with the kept party. Raises: MergeRefused
        with all reasons, NotFound.
        """
        why = checks.text("reason", reason)

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.MERGE, {"merge": identifier})
            if not rows:
                raise NotFound("id: there is no such merge", hint="Read mergedFrom of the kept party.", field="id")
            kept, other = rows[0]["kept"], rows[0]["merged"]
            keys = (await tx.run(cypher.LEDGERS, {"kept": kept, "merged": other}))[0]["keys"]
            await ledger.lock(tx, keys)
            await tx.run(parties.LOCK_PARTIES, {"ids": [kept]})
            await tx.run(cypher.LOCK, {"merge": identifier})
            found = _told((await tx.run(cypher.MERGE, {"merge": identifier}))[0])
            if found.against:
                raise MergeRefused(
                    f"The merge can't be taken back: {'; '.join(found.against)}.",
                    hint="Take back what came later first.",
                    reasons=list(found.against),
                )
            names = {"merge": identifier, "kept": kept, "merged": other}
            await tx.run(cypher.UNDO, {**names, "reason": why, "by": by, "change": new_id("change")})
            for statement in (*cypher.FOR_BOTH, *cypher.ASIDE_BACK):
                await tx.run(statement, names)
            await tx.run(cypher.WORK_BACK, _work(kept, other, names))
            done = False
            for _ in range(self._at_once):
                if done := await self._back(tx, names):
                    break
            await _index(tx, [kept, other])
            await self._go_on(tx, identifier, kept, MergeState.UNDONE, done=done)
            return Written(identifier, related=(kept, other))

        command = {"id": identifier, "reason": reason}
        return await write_once(self._database, "unmergeParties", idempotency_key, command, work)

    async def _back(self, tx: Transaction, names: Mapping[str, str]) -> bool:
        statements = (cypher.BACK_OUT, cypher.BACK_IN, *map(cypher.loose_back, cypher.LOOSE))
        return await self._step(tx, statements, names)


def _answered(found: Sequence[Conflict], choices: Mapping[str, MergeSide]) -> None:
    unknown = sorted(choices.keys() - {one.field for one in found})
    if unknown:
        raise checks.refuse("choices", f"{unknown[0][:80]} is no conflict", "Ask mergePreview which there are.")
    left = [one for one in found if one.must_answer and one.field not in choices]
    if left:
        raise MergeConflict(
            f"The two parties say different things: {', '.join(one.field for one in left)}.",
            hint="Ask mergePreview for both sides, and answer each in choices.",
            conflicts=[one.field for one in left],
        )


def _side(row: Row) -> Side:
    return Side(
        id=row["id"],
        organization=row["organization"],
        version=row["version"],
        properties=dict(row["properties"]),
        identifiers=tuple(row["identifiers"] or ()),
        preferred=dict(row["preferred"]),
        households=dict(row["households"]),
        erased=row["erased"],
        merging=row["merging"],
        consents=row["consents"],
    )


async def _index(tx: Transaction, ids: Sequence[str]) -> None:
    """What the search finds the parties by."""
    for row in await tx.run(parties.LOCK_PARTIES, {"ids": sorted(ids)}):
        state = state_of(row)
        text = index_text(state.id, state.properties, state.contact_points)
        await tx.run(cypher.SEARCH_TEXT, {"id": state.id, "text": text})


def _work(source: str, target: str, names: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of moving work: as it stands in payloads, an id is a JSON text."""
    quoted = {"fromText": orjson.dumps(source).decode(), "toText": orjson.dumps(target).decode()}
    return {**names, **quoted, "from": source, "to": target}


def _approach(slot: Row) -> Approach:
    return Approach(
        slot["channel"],
        at=_EPOCH + dt.timedelta(milliseconds=slot["at"]),
        until=_EPOCH + dt.timedelta(milliseconds=slot["until"]),
        direction=slot["direction"] or "OUTBOUND",
        action_class=slot["actionClass"] or "PROMOTIONAL",
        purpose=slot["purpose"],
        product=slot["product"],
        family=slot["family"],
        point=slot["point"],
    )


def _told(row: Row) -> Standing:
    against = []
    state = MergeState(row["state"])
    if state is not MergeState.DONE:
        against.append({"MOVING": "it is still under way", "UNDOING": "it is being taken back"}.get(state, "it was"))
    if not row["standing"]:
        against.append("the kept party was merged away" if row["keptMerged"] else "the kept party was erased")
    if row["gone"] and row["mergedErased"]:
        against.append("the merged party was erased")
    if row["later"]:
        against.append(f"later merges into the same party stand on it: {', '.join(row['later'])}")
    return Standing(
        id=row["id"],
        kept=row["kept"],
        merged=row["merged"],
        at=_EPOCH + dt.timedelta(milliseconds=row["at"]),
        by=row["by"],
        reason=row["reason"],
        state=state,
        done_at=None if row["doneAt"] is None else _EPOCH + dt.timedelta(milliseconds=row["doneAt"]),
        stayed=tuple(row["stayed"] or ()),
        against=tuple(against),
    )


def _unknown(field: str) -> NotFound:
    return NotFound(f"{field}: there is no such party", hint="Look the party up with searchParties.", field=field)
