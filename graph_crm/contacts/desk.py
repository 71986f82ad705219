"""The contact desk: who wants to contact a customer holds a slot first, then says that it was used or not.

The desk reads what was contacted and held, and judges by the contact policy; a no is final and costs no lock. For a yes
it locks all ledgers of the customer and holds the slot only where nobody wrote under them since it read their versions;
otherwise it begins again, and after some turns reads and judges under the lock. So a limit holds however many ask at
once, and locks are held for two statements. A slot that nobody used or gave back frees itself when its time to live is
over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from graph_crm import snapshots
from graph_crm.contacts import cypher, ledger
from graph_crm.contacts.approach import POINT_KIND, Approach, Finding, Override, points_for
from graph_crm.contacts.calendar import open_until
from graph_crm.contacts.gates import Gates
from graph_crm.contacts.judging import Earliest, earliest, judge
from graph_crm.contacts.kinds import ActionClass, ContactDirection, ReservationState
from graph_crm.contacts.overrides import overrides_of, shipped
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import (
    TIME_TO_LIVE,
    Refused,
    Reserved,
    Slot,
    Wanted,
    checked,
    key_reused,
    no_party,
    not_open,
    properties_of,
    require_open_offer,
    require_soon,
    same_slot,
)
from graph_crm.errors import AlreadyExists, DatabaseBusy, InvalidInput, NotFound, ReservationGone
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.rules.snapshot import OUTCOMES, PartyFacts, Snapshot, ticked

BATCH = 50
"""So many slots that ran out are marked in one statement."""
QUICK_TURNS = 12
"""So often a customer is judged before the lock; when rivals were quicker each time, under the lock, which then waits
for this process and is what slows others most."""
TURNS = QUICK_TURNS + 3
"""Under the lock only a new household or contact point can be in the way; so often is never needed."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_POINT_WORD: Mapping[str | None, str] = {"PHONE": "phone", "EMAIL": "e-mail address", "PUSH": "device"}

Clock: TypeAlias = Callable[[], dt.datetime]
KeptOut: TypeAlias = Callable[[PartyFacts], bool]
Policy: TypeAlias = Callable[[], ContactPolicy]


@dataclass(frozen=True, slots=True)
class _Situation:
    """What is known beside the customer when a slot is asked for."""

    versions: Mapping[str, int]
    now: dt.datetime
    held: Sequence[Any] | None
    product: str | None
    family: str | None
    overrides: tuple[Override, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to contact the customer that every gate allows."""

    situation: _Situation
    approach: Approach
    households: tuple[str, ...]
    overrides: tuple[str, ...]

    def slot(self, wanted: Wanted) -> Slot:
        """The slot to hold."""
        approach = self.approach
        return Slot(
            party_id=wanted.party_id,
            channel=approach.channel,
            at=approach.at,
            until=approach.end,
            action_class=approach.action_class,
            purpose=wanted.purpose.value,
            direction=approach.direction,
            product=approach.product,
            point=approach.point,
            households=self.households,
            offer_id=wanted.offer_id,
            key=wanted.key,
            overrides=self.overrides,
        )


class _Moved(Exception):
    """Somebody wrote under the customer's ledgers, or changed which there are: begin again."""


REACHED = ("PRESENTED", "NO_ANSWER")
"""What confirming a contact may say of an offer: the customer heard it, or nobody was there."""


class ContactDesk:
    """The use cases of contact slots.

    ``policy`` is asked anew each time, so that a changed policy holds at once; without it the shipped one. ``clock``
    replaces the database's clock in tests; it must stand still during a call, because it is read before the locks.
    ``kept_out``: whom nothing is promoted to, the control group; nobody when not given.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy = shipped,
        *,
        clock: Clock | None = None,
        kept_out: KeptOut | None = None,
    ) -> None:
        self._database = database
        self._kept_out = kept_out
        self._policy = policy
        self._clock = clock
        self._gates = Gates()

    async def reserve(
        self,
        party_id: str,
        channel: str,
        *,
        action_class: str = ActionClass.PROMOTIONAL,
        purpose: str | None = None,
        product_code: str | None = None,
        direction: str = ContactDirection.OUTBOUND,
        point: str | None = None,
        at: dt.datetime | None = None,
        ttl: dt.timedelta = TIME_TO_LIVE,
        key: str | None = None,
        offer_id: str | None = None,
    ) -> Reserved | Refused:
        """Hold a slot to contact the customer from ``at`` (now) for ``ttl``, or say why not.

        Without ``point`` the customer's first contact point that may be used is chosen. ``purpose`` is what fits the
        class when it is not given. A call with a ``key`` that came before answers with the slot of then.

        Raises: NotFound for an unknown party, product or offer; InvalidInput; IdempotencyKeyReused.
        """
        wanted = checked(
            party_id, channel, action_class, purpose, product_code, direction, point, at, ttl, key, offer_id
        )
        for turn in range(TURNS):
            try:
                return await (self._quickly(wanted) if turn < QUICK_TURNS else self._surely(wanted))
            except _Moved:
                continue
            except AlreadyExists as error:
                # The unique key was taken by a slot of another customer, whose ledgers are not ours.
                raise key_reused() from error
        raise DatabaseBusy(
            "The customer's household or contact points change again and again", hint="Repeat the request"
        )

    async def _quickly(self, wanted: Wanted) -> Reserved | Refused:
        """Judge first, then lock."""
        found = await self._look(self._database.read, wanted)
        if not isinstance(found, _Way):
            return found

        slot = found.slot(wanted)
        (row,) = self._rows([slot], found.situation.now)
        versions = sorted(found.situation.versions.items())
        async with self._gates.passed(found.situation.versions):
            taken = await self._database.execute(
                cypher.TAKE,
                {"party": wanted.party_id, "ledgers": versions, "row": row},
                repeat=True,
                idempotent=wanted.key is not None,
            )
        if not taken:
            raise _Moved
        return _reserved(row["id"], slot)

    async def _surely(self, wanted: Wanted) -> Reserved | Refused:
        """Lock first, then judge."""

        async def work(tx: Transaction) -> Reserved | Refused:
            locked = await ledger.lock_parties(tx, [wanted.party_id])
            found = await self._look(tx.run, wanted)
            if not isinstance(found, _Way):
                return found
            if locked is None or locked.versions != found.situation.versions:
                raise _Moved
            slot = found.slot(wanted)
            (identifier,) = await self.hold(tx, [slot], now=found.situation.now)
            return _reserved(identifier, slot)

        return await self._database.write(work, idempotent=wanted.key is not None)

    async def _look(self, read: snapshots.Reader, wanted: Wanted) -> Reserved | Refused | _Way:
        """Judge by what is committed: the slot of the same key, the reasons against one, or the way to take."""
        situation = await self._situation(read, wanted)
        if situation.held is not None:
            return same_slot(situation.held, wanted)
        snapshot = await self._snapshot(read, wanted.party_id, situation.now)
        if control := self._control(snapshot, wanted):
            return Refused((control,), Earliest(None, control), situation.now)
        policy = self._policy()
        ways = self._ways(snapshot, situation, wanted)
        refusals: tuple[Finding, ...] = ()
        for whole in ways:
            way = _within_hours(snapshot, whole, policy)
            findings = judge(snapshot, way, policy, situation.overrides)
            against = tuple(one for one in findings if not one.allowed)
            if not against:
                overrides = {one for finding in findings for one in finding.overrides}
                return _Way(situation, way, households_of(snapshot), tuple(sorted(overrides)))
            refusals = refusals or against
        if wanted.key is not None and (again := await read(cypher.BY_KEY, {"key": wanted.key})):
            # The slot in the way is the one of this very key, held since the situation was read.
            return same_slot(again[0]["held"], wanted)
        return Refused(refusals, self._first(snapshot, ways, situation.overrides), situation.now)

    async def hold(self, tx: Transaction, slots: Sequence[Slot], *, now: dt.datetime) -> list[str]:
        """Hold slots in the caller's transaction; their ids, in order.

        The caller holds the ledgers of all these customers and has judged at ``now``, in one of the two orders that
        `graph_crm.contacts.ledger` allows. Raises AlreadyExists where a key is taken, NotFound, InvalidInput where an
        offer can't be delivered any more.
        """
        rows = self._rows(slots, now)
        found = await tx.run(cypher.HOLD, {"rows": rows})
        if found[0]["held"] != len(rows):
            raise no_party()
        if found[0]["offers"] != sum(slot.offer_id is not None for slot in slots):
            raise InvalidInput("offerId: the offer fell away meanwhile", hint="Read it again.", field="offerId")
        return [row["id"] for row in rows]

    def _rows(self, slots: Sequence[Slot], now: dt.datetime) -> list[dict[str, Any]]:
        version = self._policy().version
        ids = [new_id("reservation") for _ in slots]
        return [
            {
                "id": identifier,
                "partyId": slot.party_id,
                "offerId": slot.offer_id,
                "properties": properties_of(slot, now, version) | {"key": slot.key or identifier},
            }
            for identifier, slot in zip(ids, slots, strict=True)
        ]

    async def confirm(
        self, reservation_id: str, *, at: dt.datetime | None = None, outcome: str | None = None, note: str | None = None
    ) -> str:
        """Say that the contact was made; the id of its interaction, the same however often it is said.

        ``at``: when it was made, within the slot and not in the future; now when not given. ``outcome``: a word of
        `rules.snapshot.OUTCOMES`, for example NO_ANSWER.

        Raises: NotFound; ReservationGone where the slot ran out, or was given back; ReservationNotOpen before it
        begins; InvalidInput for an answer to the offer that the slot is held for: `recordResponse` takes that.
        """
        if outcome is not None and outcome not in OUTCOMES:
            raise checks.refuse("outcome", "is not known", f"Use one of: {', '.join(OUTCOMES)}.")
        said = None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True)
        if outcome is not None and outcome not in REACHED:
            rows = await self._database.read(cypher.OFFER_OF, {"id": reservation_id})
            if rows and rows[0]["offer"] is not None:
                raise checks.refuse(
                    "outcome",
                    "is an answer to the offer",
                    f"Confirm with {' or '.join(REACHED)}, or with none, and send the answer with recordResponse.",
                )
        if at is not None:
            checks.instant("at", at, self._now() or checks.utc_now())
        identifier = interaction_id(reservation_id)
        rows = await self._database.execute(
            cypher.CONFIRM,
            {
                "ids": [reservation_id],
                "interactionId": identifier,
                "now": self._now(),
                "at": None if at is None else ticked(at),
                "properties": {"outcome": outcome, "note": said},
                "offerStatus": "NO_ANSWER" if outcome == "NO_ANSWER" else "PRESENTED",
            },
            repeat=True,
            idempotent=True,
        )
        if not rows:
            raise _no_reservation()
        if not rows[0]["open"]:
            held = rows[0]["held"]
            if held[3] == ReservationState.CONFIRMED and held[13] is not None:
                return str(held[13])
            raise not_open(held, _instant(rows[0]["now"]))
        return identifier

    async def release(self, reservation_id: str, reason: str) -> ReservationState:
        """Give a slot back because the contact was not made; what it is then. Again and again is the same as once.

        A slot that ran out or fell away stays what it is. Raises: NotFound; ReservationGone where the contact was
        made.
        """
        said = checks.text("reason", reason)

        if await self._end(cypher.RELEASE, [reservation_id], ReservationState.RELEASED, said):
            return ReservationState.RELEASED
        rows = await self._database.read(cypher.RESERVATION, {"id": reservation_id})
        if not rows:
            raise _no_reservation()
        state = ReservationState(rows[0]["held"][3])
        if state is ReservationState.CONFIRMED:
            raise ReservationGone(
                "The contact was made; its slot can't be given back",
                hint="Record what the customer said as the outcome.",
                state=state.value,
            )
        return state

    async def expire(self, *, most: int | None = None) -> int:
        """Mark slots whose time to live is over and let their offers wait for another; how many.

        Nothing depends on it: a slot that ran out has stopped counting by itself. ``most`` bounds one call.
        """
        done = 0
        while most is None or done < most:
            size = BATCH if most is None else min(BATCH, most - done)
            rows = await self._database.read(cypher.RUN_OUT, {"now": self._now(), "most": size})
            if not rows:
                break
            ids = sorted(row["id"] for row in rows)
            done += await self._end(cypher.EXPIRE, ids, ReservationState.EXPIRED, "nobody confirmed it in time")
        return done

    async def _end(self, statement: str, ids: Sequence[str], state: ReservationState, reason: str) -> int:
        parameters = {
            "ids": ids,
            "now": self._now(),
            "state": state.value,
            "reason": reason,
            "offerReason": f"SLOT_{state.value}",
        }
        return len(await self._database.execute(statement, parameters, repeat=True, idempotent=True))

    async def earliest(
        self,
        party_id: str,
        channel: str,
        *,
        product_code: str | None = None,
        action_class: str = ActionClass.PROMOTIONAL,
        purpose: str | None = None,
        point: str | None = None,
    ) -> tuple[dt.datetime, Earliest]:
        """When the bank may contact the customer first, and which rule says so, with the instant of the question.

        Nothing is held: when the instant comes, another may have been quicker. Raises: NotFound, InvalidInput.
        """
        wanted = checked(
            party_id,
            channel,
            action_class,
            purpose,
            product_code,
            ContactDirection.OUTBOUND,
            point,
            None,
            dt.timedelta(),
            None,
            None,
        )
        situation = await self._situation(self._database.read, wanted)
        snapshot = await self._snapshot(self._database.read, party_id, situation.now)
        if control := self._control(snapshot, wanted):
            return situation.now, Earliest(None, control)
        ways = self._ways(snapshot, situation, wanted)
        return situation.now, self._first(snapshot, ways, situation.overrides)

    # What the answers are made of

    async def _situation(self, read: snapshots.Reader, wanted: Wanted) -> _Situation:
        parameters = {
            "party": wanted.party_id,
            "now": self._now(),
            "key": wanted.key,
            "product": wanted.product,
            "offer": wanted.offer_id,
        }
        row = (await read(cypher.SITUATION, parameters))[0]
        if not row["versions"]:
            raise no_party()
        now = _instant(row["now"])
        held = row["held"][0] if row["held"] else None
        product = row["product"][0] if row["product"] else (wanted.product, None)
        if wanted.product is not None and not row["product"]:
            raise NotFound(
                "productCode: there is no such product", hint="Use a code that products lists.", field="productCode"
            )
        if wanted.offer_id is not None and held is None:
            require_open_offer(row["offer"], wanted)
            product = row["offer"][0][2:4]
        return _Situation(
            versions=dict(row["versions"]),
            now=now,
            held=held,
            product=product[0],
            family=product[1],
            overrides=overrides_of(row["overrides"]),
        )

    async def _snapshot(self, read: snapshots.Reader, party_id: str, now: dt.datetime) -> Snapshot:
        policy = self._policy()
        found = await snapshots.load(read, [party_id], now=now, needs=policy.needs, memory=memory_of(policy))
        if not found:
            raise no_party()
        return found[0]

    def _ways(self, snapshot: Snapshot, situation: _Situation, wanted: Wanted) -> list[Approach]:
        """The ways to contact the customer that are tried, the best first."""
        if wanted.at is not None:
            require_soon(wanted.at, situation.now)
        points: list[str | None]
        if wanted.point is not None:
            points = [wanted.point]
            kind = POINT_KIND.get(wanted.channel.value)
            if wanted.point not in {one.key for one in points_for(snapshot, wanted.channel.value)}:
                raise checks.refuse(
                    "pointKey",
                    f"is no {_POINT_WORD.get(kind, 'contact point')} of the customer in use",
                    "Use the id of one of the customer's contact points, or leave it out.",
                )
        else:
            points = [one.key for one in points_for(snapshot, wanted.channel.value)] or [None]
        return [wanted.approach(situation.now, situation.product, situation.family, point) for point in points]

    def _control(self, snapshot: Snapshot, wanted: Wanted) -> Finding | None:
        """Why nothing is promoted to the customer at all; None: it may be."""
        if self._kept_out is None or wanted.action_class is not ActionClass.PROMOTIONAL:
            return None
        reason = "the customer's household is in the control group"
        found = Finding(False, "IN_CONTROL_GROUP", reason, evidence=(snapshot.id,), gate="control_group")
        return found if self._kept_out(snapshot.party) else None

    def _first(self, snapshot: Snapshot, ways: Sequence[Approach], overrides: Sequence[Override]) -> Earliest:
        """The earliest of all ways; where none is foreseeable, what the first way says."""
        policy = self._policy()
        found = [earliest(snapshot, way, policy, overrides) for way in ways]
        possible = [one for one in found if one.at is not None]
        return min(possible, key=lambda one: one.at or dt.datetime.max.replace(tzinfo=dt.UTC)) if possible else found[0]

    def _now(self) -> dt.datetime | None:
        """The clock of the tests; None: the database reads its own."""
        return None if self._clock is None else ticked(self._clock())


def memory_of(policy: ContactPolicy) -> snapshots.Memory:
    """What of the customers' past the contact policy must see."""
    scopes = {limit.scope for limit in policy.limits}
    return snapshots.Memory(
        touches=policy.touches_memory,
        answers=policy.answers_memory,
        household="household" in scopes,
        points="contact_point" in scopes,
    )


def _within_hours(snapshot: Snapshot, way: Approach, policy: ContactPolicy) -> Approach:
    """The same way, ending where quiet hours begin: a slot does not reach into the night."""
    closes = open_until(snapshot, way, policy)
    return way if closes is None or not way.at < closes < way.end else replace(way, until=closes)


def households_of(snapshot: Snapshot) -> tuple[str, ...]:
    """The households of a customer as the snapshot shows it."""
    return () if snapshot.party.household is None else (snapshot.party.household,)


def interaction_id(reservation_id: str) -> str:
    """The interaction that a slot becomes; one slot, one contact, whatever is repeated."""
    return "interaction:" + reservation_id.removeprefix("reservation:")


def _reserved(identifier: str, slot: Slot) -> Reserved:
    return Reserved(identifier, slot.party_id, slot.at, slot.until, slot.point, ReservationState.HELD, slot.overrides)


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def _no_reservation() -> NotFound:
    return NotFound("There is no such reservation", hint="Use the id that reserveContact answered.", field="id")
