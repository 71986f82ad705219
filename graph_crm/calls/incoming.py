"""Customers who call: none is lost, whatever a switchboard tells, repeats or forgets.

Each signal is kept as a fact under the lock of its call (`graph_crm.calls.facts`); what follows - a call back, a
service request, the contact - is done by the worker, so that signals are taken in fast and in any order. A call ends as
answered, as a call back, or as a request; what a switchboard never ends, a timer does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson

from graph_crm.calls import incoming_cypher as cypher
from graph_crm.calls.call_list import CALLBACK_PRIORITY, SERVICE, CallList, callback_class
from graph_crm.calls.facts import CallFacts, Said
from graph_crm.calls.kinds import CallEnd, CallState
from graph_crm.contacts import ledger
from graph_crm.errors import InvalidInput
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.parties.contact_points import phone
from graph_crm.rules.snapshot import ticked

SETTLE = "call.settle"
"""The topic of the outbox under which what follows from a call is done; its payload is ``{callId}``."""
GRACE = dt.timedelta(seconds=5)
"""Somebody may have answered at the moment at which the customer hung up: so long another signal is waited for."""
LATE_ARRIVAL = dt.timedelta(minutes=2)
"""So long the signal that a call came in may be behind the others: only it tells the number."""
SILENT_AFTER = dt.timedelta(minutes=30)
"""A call that waits, and of which nothing was heard for so long, is over."""
LONGEST_TALK = dt.timedelta(hours=3)
"""A talk whose end nobody told is over after so long."""
CLOSE_EVERY = 30.0
"""Seconds between two looks for calls of which nothing is heard any more."""
IN_TIME = 20.0
"""Seconds within which a call should be answered."""
NUMBER_LIMIT = 40
_BATCH = 200
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Effect: TypeAlias = Callable[[Transaction], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRequest:
    """A call that becomes a service request."""

    call_id: str
    text: str
    party_id: str | None
    number: str | None


OpenRequest: TypeAlias = Callable[[CallRequest], Awaitable[str]]
"""Opens a service request for a call, once however often it is asked; its number."""
TellCaller: TypeAlias = Callable[[str, CallRequest], Awaitable[None]]
"""Tells the request of that number who called, where that became known later; once however often it is asked."""
Remember: TypeAlias = Callable[[str, str, CallFacts], Awaitable[None]]
"""Keeps a call that is over (its id, the customer, what is known of it) as what the customer did; once for each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueNumbers:
    """How a queue of calls stands, and what became of the calls of a period; seconds are of waiting."""

    waiting: int
    longest: float | None
    talking: int
    calls: int
    answered: int
    abandoned: int
    callbacks: int
    requests: int
    p50: float | None
    p95: float | None
    in_time: int

    @property
    def service_level(self) -> float | None:
        """The share, 0 to 1, of the calls that were answered in time, of all that were answered or given up."""
        over = self.answered + self.abandoned
        return self.in_time / over if over else None


class IncomingCalls:
    """Takes in what switchboards tell, and does what follows.

    ``open_request`` opens service requests; without it a call that needs one stays with the worker as failed work,
    until it is done again. ``tell_caller`` tells them who called, ``remember`` keeps calls as events and sessions.
    ``clock`` replaces the database's clock in tests.
    """

    def __init__(
        self,
        database: Database,
        call_list: CallList | None = None,
        *,
        open_request: OpenRequest | None = None,
        tell_caller: TellCaller | None = None,
        remember: Remember | None = None,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._list = call_list or CallList(database, clock=clock)
        self._open_request = open_request
        self._tell_caller = tell_caller
        self._remember = remember
        self._clock = clock

    async def arrived(
        self, call_id: str, *, number: str | None = None, queue: str | None = None, at: dt.datetime | None = None
    ) -> str:
        """A call came in; ``number`` None: withheld. Told again it is a sign of life. Its id.

        A number that nobody can read is kept as it came: the call counts, and a person sees it. Raises: InvalidInput.
        """
        name = None if queue is None else checks.text("queue", queue, checks.ID_LIMIT)
        said = (_number(number), name)
        return await self._hear(call_id, at, lambda moment: CallFacts(arrival=Said(moment, *said)))

    async def answered(self, call_id: str, *, agent: str, at: dt.datetime | None = None) -> str:
        """Somebody answered the call."""
        by = checks.text("agentId", agent, checks.ID_LIMIT)
        return await self._hear(call_id, at, lambda moment: CallFacts(answer=Said(moment, by)))

    async def abandoned(self, call_id: str, *, at: dt.datetime | None = None) -> str:
        """The customer hung up before anybody answered; the bank calls back."""
        return await self._hear(call_id, at, lambda moment: CallFacts(abandoned=Said(moment)))

    async def ended(
        self,
        call_id: str,
        *,
        outcome: CallEnd = CallEnd.SERVED,
        note: str | None = None,
        at: dt.datetime | None = None,
    ) -> str:
        """The talk is over. ``note`` is the text of the request, or what is to be said when the bank calls back."""
        end = checks.one_of("outcome", outcome, CallEnd)
        text = None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True)
        ends = partial(MappingProxyType[CallEnd, Said])
        return await self._hear(call_id, at, lambda moment: CallFacts(ends=ends({end: Said(moment, text)})))

    async def _hear(self, call_id: str, at: dt.datetime | None, signal: Callable[[dt.datetime], CallFacts]) -> str:
        identifier = checks.text("id", call_id, checks.ID_LIMIT)
        if at is not None and at.tzinfo is None:
            raise checks.refuse("at", "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")

        async def work(tx: Transaction) -> str:
            (row,) = await tx.run(cypher.HEAR, {"id": identifier, "now": self._now()})
            now = _instant(row["now"])
            moment = now if at is None else ticked(min(checks.instant("at", at, now), now))
            before = facts_of(row["call"])
            await self._keep(tx, row["call"], before, before.told(signal(moment)), now)
            return identifier

        return await self._database.write(work, idempotent=True)

    async def _keep(
        self, tx: Transaction, call: Mapping[str, Any], before: CallFacts, facts: CallFacts, now: dt.datetime
    ) -> None:
        """Write what is known now, and leave what follows to the worker."""
        identifier = call["id"]
        properties: dict[str, Any] = {"heardAt": now}
        if facts != before:
            version = call["version"] + 1
            properties |= {**_stored(facts), "state": _shown(facts, call).value, "version": version}
            await tx.run(cypher.WRITE, {"id": identifier, "properties": properties})
            if facts.number != before.number:
                point = f"PHONE:{facts.number}"
                await tx.run(cypher.CALLERS, {"id": identifier, "point": point, "day": now.date()})
            if facts.over or call["callbackId"] is not None:
                # Calls of one number follow one another: two of them ask for one call back.
                partition = f"caller:{facts.number or identifier}"
                later = now + GRACE if facts.hung_up and facts.silent is None else None
                if facts.arrival is None:  # who called is still to be told
                    later = now + LATE_ARRIVAL
                key = f"{SETTLE}:{identifier}:{version}"
                await outbox.put(tx, SETTLE, partition, {"callId": identifier}, key, not_before=later)
        else:
            await tx.run(cypher.WRITE, {"id": identifier, "properties": properties})

    async def settle(self, entry: OutboxEntry) -> Effect | None:
        """Do what follows from a call (topic `SETTLE`): a call back, a request, the contact. Safe to be repeated."""
        identifier = str(entry.payload["callId"])
        rows = await self._database.read(cypher.CALL, {"id": identifier})
        if not rows:
            return None
        call = rows[0]["call"]
        facts, party = facts_of(call), call["partyId"]
        # Opened already, by a worker that could not say so any more: what was told since is no reason for another one.
        request = call["requestId"] or rows[0]["opened"]
        told = facts.note or _nobody_answered(facts)
        asked = CallRequest(call_id=identifier, text=told, party_id=party, number=facts.number)
        if request is not None:
            if self._tell_caller is not None and facts.number is not None and call["requestNumber"] is None:
                await self._tell_caller(request, asked)
        elif facts.state is CallState.REQUEST:
            if self._open_request is None:
                raise InvalidInput("No service desk takes the call", hint="Start the worker with the service desk.")
            request = await self._open_request(asked)
        if party is not None and facts.over and self._remember is not None:
            await self._remember(identifier, party, facts)
        return partial(self._settled, identifier=identifier, party=party, opened=request, number=facts.number)

    async def _settled(
        self, tx: Transaction, *, identifier: str, party: str | None, opened: str | None, number: str | None
    ) -> None:
        """Write what follows. ``opened``: the request that there is, which was told of ``number``."""
        if party is not None:
            await ledger.lock_parties(tx, [party])
        (row,) = await tx.run(cypher.LOCKED, {"id": identifier, "now": self._now()})
        call, now = row["call"], _instant(row["now"])
        facts, request = facts_of(call), call["requestId"] or opened
        if facts.state is CallState.CALLBACK and request is None:
            entry = await self._callback(tx, call, facts)
            await tx.run(cypher.CALL_BACK, {"id": identifier, "entry": entry})
        elif call["callbackId"] is not None:
            await tx.run(cypher.NOT_CALLED_BACK, {"id": identifier})
        if facts.answer is not None and facts.over and facts.begun is not None:
            if facts.state is CallState.ENDED and facts.number is not None:
                at = (facts.begun - _EPOCH) // dt.timedelta(milliseconds=1)
                await tx.run(cypher.CALLED_AGAIN, {"number": facts.number, "at": at})
            if party is not None and call["partyId"] == party:
                contact = {"at": min(facts.begun, now), "note": facts.note, "outcome": facts.state.value}
                talked = {"id": identifier, "party": party, "interaction": f"interaction:call:{identifier}"}
                await tx.run(cypher.TALKED, {**talked, "properties": contact})
        # A request that was opened is there, whatever is told later.
        state = CallState.REQUEST if request is not None else facts.state
        done = {"state": state.value, "requestId": request, "settledAt": now}
        if request is not None and number is not None:
            done["requestNumber"] = number
        await tx.run(cypher.WRITE, {"id": identifier, "properties": done})

    async def _callback(self, tx: Transaction, call: Mapping[str, Any], facts: CallFacts) -> str:
        """The entry of the call list by which the caller is called back: one for a number, however often it called."""
        if call["callbackId"] is not None:
            return str(call["callbackId"])
        rows = await tx.run(cypher.OPEN_CALLBACK, {"number": facts.number})
        if rows:
            return str(rows[0]["id"])
        return await self._list.put(
            tx,
            f"callback:{call['id']}",
            {
                **callback_class(),
                "partyId": call["partyId"],
                "to": facts.number,
                "pointKey": f"PHONE:{facts.number}",
                "template": "call_back",
                "queue": facts.queue or SERVICE,
                "priority": CALLBACK_PRIORITY,
                "callId": call["id"],
                "callbackNumber": facts.number,
                "note": facts.note,
                "reasons": [_why(facts)],
            },
        )

    async def close_silent(self) -> int:
        """End the calls of which nothing is heard any more; how many. What waited is called back."""
        states = [
            {"state": state.value, "milliseconds": round(after.total_seconds() * 1000)}
            for state, after in ((CallState.WAITING, SILENT_AFTER), (CallState.ANSWERED, LONGEST_TALK))
        ]
        closed = 0
        while True:
            rows = await self._database.read(cypher.SILENT, {"states": states, "now": self._now(), "most": _BATCH})
            done = 0
            for row in rows:
                after = dt.timedelta(milliseconds=row["milliseconds"])
                done += await self._database.write(partial(self._silence, identifier=row["id"], after=after))
            closed += done
            if not done:
                return closed

    async def _silence(self, tx: Transaction, *, identifier: str, after: dt.timedelta) -> bool:
        (row,) = await tx.run(cypher.LOCKED, {"id": identifier, "now": self._now()})
        call, now = row["call"], _instant(row["now"])
        facts = facts_of(call)
        if facts.over or _instant(call["heardAt"]) > now - after:
            return False  # somebody told something meanwhile
        await self._keep(tx, call, facts, replace(facts, silent=now), now)
        return True

    async def numbers(
        self,
        queue: str | None = None,
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        within: float = IN_TIME,
    ) -> QueueNumbers:
        """How a queue (all of them) stands now, and what became of the calls of a period, the last 24 hours."""
        period = {"since": None if since is None else ticked(since), "until": None if until is None else ticked(until)}
        (row,) = await self._database.read(
            cypher.QUEUE, {"queue": queue, "now": self._now(), "within": within, **period}
        )
        return QueueNumbers(**{name: row[name] for name in row.keys() if name != "inTime"}, in_time=row["inTime"])  # noqa: SIM118 - a row iterates over its values

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {
            "calls.close_silent": (CLOSE_EVERY, self.close_silent),
            "calls.list_expire": (CLOSE_EVERY, self._list.expire),
        }

    def _now(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())


def facts_of(call: Mapping[str, Any]) -> CallFacts:
    """The facts of a call as the graph holds it."""
    ends = {
        CallEnd(end): Said(_instant(at), note) for end, at, note in (orjson.loads(call["ends"]) if call["ends"] else ())
    }
    return CallFacts(
        arrival=_said(call["arrivedAt"], call["number"], call["queue"]),
        answer=_said(call["answeredAt"], call["agentId"]),
        abandoned=_said(call["abandonedAt"]),
        ends=MappingProxyType(ends),
        silent=None if call["silentAt"] is None else _instant(call["silentAt"]),
    )


def _stored(facts: CallFacts) -> dict[str, Any]:
    """The facts as the graph holds them, and what is asked of them often."""
    ends = [
        [end.value, (said.at - _EPOCH) // dt.timedelta(milliseconds=1), said.text]
        for end, said in sorted(facts.ends.items())
    ]
    return {
        "number": facts.number,
        "queue": facts.queue,
        "arrivedAt": None if facts.arrival is None else facts.arrival.at,
        "answeredAt": None if facts.answer is None else facts.answer.at,
        "agentId": None if facts.answer is None else facts.answer.text,
        "abandonedAt": None if facts.abandoned is None else facts.abandoned.at,
        "ends": orjson.dumps(ends).decode() if ends else None,
        "silentAt": facts.silent,
        "begunAt": facts.begun,
        "endedAt": facts.ended_at if facts.over else None,
        "outcome": None if facts.end is None else facts.end.value,
        "note": facts.note,
        "waitSeconds": facts.wait,
        "hungUp": facts.hung_up,
    }


def _shown(facts: CallFacts, call: Mapping[str, Any]) -> CallState:
    """Where the call stands while what follows is still to be done."""
    if call["requestId"] is not None:
        return CallState.REQUEST
    if facts.hung_up and call["callbackId"] is None:
        return CallState.ABANDONED
    return facts.state


def _said(at: int | None, *texts: str | None) -> Said | None:
    return None if at is None else Said(_instant(at), *texts)


def _number(typed: str | None) -> str | None:
    """A caller's number in E.164 where it can be read, else what the switchboard sent, made harmless."""
    if typed is None or not typed.strip():
        return None
    try:
        return phone(typed, None).value
    except InvalidInput:
        shown = "".join(one for one in typed if one.isprintable()).strip()[:NUMBER_LIMIT]
        return shown or None


def _why(facts: CallFacts) -> str:
    """Why somebody is called back, in words for the agent."""
    began = facts.begun
    when = "" if began is None else f" at {began.strftime('%Y-%m-%d %H:%M')} UTC"
    if facts.end is CallEnd.CALLBACK:
        return f"The customer called{when} and was promised a call back."
    waited = "" if facts.wait is None else f" and waited {round(facts.wait)} seconds"
    return f"The customer called{when}{waited}, and nobody answered."


def _nobody_answered(facts: CallFacts) -> str:
    queue = "" if facts.queue is None else f" in the queue {facts.queue}"
    return f"A call{queue} left nothing to call back. {_why(facts)}"


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
