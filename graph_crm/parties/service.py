"""The use cases of parties: made, changed, ended; reached by contact points; tied to each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from graph_crm.audit.acting import SYSTEM, current
from graph_crm.errors import AlreadyExists, CrmError, NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks, cypher
from graph_crm.parties.commands import (
    CheckedContactPoint,
    NewContactPoint,
    NewTie,
    OrganizationDetails,
    PartyDetails,
    PartyState,
    PersonDetails,
    changes,
    check_contact_point,
    check_contact_points,
    closes,
    index_text,
    kind_of,
    merged,
    region,
)
from graph_crm.parties.contact_points import contact_value
from graph_crm.parties.kinds import ContactPointKind, PartyKind, PartyStatus, TieKind
from graph_crm.parties.ties import TIES, check_labels, check_tie
from graph_crm.parties.writes import Written, expect_version, tell_closed, write_once

CONTACT_POINTS_LIMIT = 50
"""Contact points in use of one party: more is a mistake, and would make its record slow."""


MADE_OF_OTHERS = frozenset({"nameKey", "searchText"})
"""Properties that follow from others: that they change says nothing."""


class PartyErased(CrmError):
    """The party was erased: nothing is known of it any more, and nothing is to be known again."""

    code = "PARTY_ERASED"


def new_id(prefix: str) -> str:
    """A fresh identifier such as `party:9f0c...`."""
    return f"{prefix}:{uuid4().hex}"


def state_of(row: Row) -> PartyState:
    """A row of `LOCK_PARTIES` with its dates as dates."""
    properties = {key: value for key, value in row["properties"].items() if value is not None}
    for day in ("birthDate", "deceasedOn", "endedOn"):
        if day in properties:
            properties[day] = dt.date.fromisoformat(properties[day])
    kind = PartyKind.ORGANIZATION if "Organization" in row["labels"] else PartyKind.PERSON
    return PartyState(row["id"], kind, row["version"], properties, tuple(row["points"]))


async def lock_parties(tx: Transaction, fields: Mapping[str, str]) -> dict[str, PartyState]:
    """Lock parties in the order of their ids and read them, by id.

    ``fields`` maps each id to the field that named it; raises `NotFound` for the first that does not exist.
    """
    rows = await tx.run(cypher.LOCK_PARTIES, {"ids": sorted(fields)})
    states = {row["id"]: state_of(row) for row in rows}
    for identifier, field in fields.items():
        if identifier not in states:
            raise NotFound(
                f"{field}: there is no such party", hint="Look the party up with searchParties.", field=field
            )
    return states


def require_kept(state: PartyState, field: str) -> None:
    """Refuse to write down again who somebody was that was erased."""
    if state.properties.get("erasedAt") is not None:
        raise PartyErased(
            f"{field}: names a party that was erased",
            hint="Who comes back is a new party, under a new id.",
            field=field,
        )


def require_active(state: PartyState, field: str) -> None:
    """Refuse new business with a party that has ended."""
    require_kept(state, field)
    if state.properties.get("status") == PartyStatus.ENDED:
        raise checks.refuse(field, "names a party that has ended", "Name a party whose status is ACTIVE.")


def noted_change(changed: Iterable[str], *, points: bool, reason: str | None = None) -> list[dict[str, Any]]:
    """What `Party.changes` keeps of one change: the names of the fields, who made it and why; nothing for none.

    ``points``: whether contact points changed as well.
    """
    fields = [name for name in sorted(changed) if name not in MADE_OF_OTHERS] + ["contactPoints"] * points
    if not fields:
        return []
    who = (acting.actor if (acting := current()) is not None else SYSTEM).subject
    return [{"id": new_id("change"), "fields": fields, "reason": reason, "by": who}]


async def attach_contact_points(
    tx: Transaction, points_of: Mapping[str, Sequence[CheckedContactPoint]], now: dt.datetime
) -> None:
    """Attach contact points to locked parties (by id), in the order of their keys."""
    rows = [
        {**point.parameters(new_id("reach")), "partyId": party_id}
        for party_id, points in points_of.items()
        for point in points
    ]
    if not rows:
        return
    rows.sort(key=lambda row: (row["key"], row["partyId"]))
    await tx.run(cypher.ADD_CONTACT_POINTS, {"points": rows, "now": now})
    preferred = [row for row in rows if row["preferred"]]
    if preferred:
        await tx.run(cypher.PREFER_CONTACT_POINTS, {"points": preferred})


class PartyService:
    """The use cases of persons and organisations. Every method is one transaction and raises `CrmError` only."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> dt.date:
        return self._now().date()

    async def create_person(
        self,
        details: PersonDetails,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        contact_points: Sequence[NewContactPoint] = (),
        idempotency_key: str | None = None,
    ) -> Written:
        """Store a new person; the id is made up when the caller has none."""
        return await self._create(details, id, contact_points, idempotency_key)

    async def create_organization(
        self,
        details: OrganizationDetails,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        contact_points: Sequence[NewContactPoint] = (),
        idempotency_key: str | None = None,
    ) -> Written:
        """Store a new organisation; the id is made up when the caller has none."""
        return await self._create(details, id, contact_points, idempotency_key)

    async def _create(
        self, details: PartyDetails, party_id: str | None, contact_points: Sequence[NewContactPoint], key: str | None
    ) -> Written:
        kind = kind_of(details)
        identifier = new_id("party") if party_id is None else checks.identifier("id", party_id)
        asked = {name: value for name, value in changes(details, self._today()).items() if value is not None}
        properties = merged(kind, {}, asked)
        points = self._points(contact_points, properties.get("country"))
        known = [{"kind": point.value.kind, "value": point.value.value} for point in points]
        properties["searchText"] = index_text(identifier, properties, known)

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(
                cypher.CREATE_PARTY,
                {"id": identifier, "label": kind.label, "properties": properties, "now": self._now()},
            )
            if rows[0]["version"] != 1 or rows[0]["merged"]:
                raise AlreadyExists(
                    "id: a party with this id exists", hint="Update it, or send another id.", field="id"
                )
            await attach_contact_points(tx, {identifier: points}, self._now())
            return Written(identifier, 1)

        command = {"id": party_id, "details": details, "contactPoints": contact_points}
        return await write_once(self._database, "createParty", key, command, work)

    def _points(self, contact_points: Sequence[NewContactPoint], country: str | None) -> list[CheckedContactPoint]:
        if len(contact_points) > CONTACT_POINTS_LIMIT:
            raise checks.refuse("contactPoints", "has too many entries", f"Send at most {CONTACT_POINTS_LIMIT}.")
        checked = check_contact_points(contact_points, country, self._today())
        return list({point.value.key: point for point in checked}.values())

    async def update_person(
        self,
        id: str,  # noqa: A002 - the name of the property
        details: PersonDetails,
        *,
        reason: str | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Change what the details give; the rest stays. Who changed what, and why (``reason``), is kept.

        Raises `VersionConflict` when ``version`` is not current.
        """
        return await self._update(id, details, reason, version, idempotency_key)

    async def update_organization(
        self,
        id: str,  # noqa: A002 - the name of the property
        details: OrganizationDetails,
        *,
        reason: str | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Change what the details give; the rest stays. Who changed what, and why (``reason``), is kept.

        Raises `VersionConflict` when ``version`` is not current.
        """
        return await self._update(id, details, reason, version, idempotency_key)

    async def _update(
        self, party_id: str, details: PartyDetails, reason: str | None, version: int | None, key: str | None
    ) -> Written:
        checks.version(version)
        why = None if reason is None else checks.text("reason", reason)
        kind = kind_of(details)
        asked = changes(details, self._today())

        async def work(tx: Transaction) -> Written:
            state = (await lock_parties(tx, {party_id: "id"}))[party_id]
            expect_version(state.version, version, "party")
            if state.kind is not kind:
                raise checks.refuse("id", f"is not of a {kind.label.lower()}", "Use the mutation of the other kind.")
            require_kept(state, "id")
            return await self._change(tx, state, merged(kind, state.properties, asked), reason=why)

        command = {"id": party_id, "version": version, "details": details}
        return await write_once(self._database, "updateParty", key, command, work)

    async def _change(
        self,
        tx: Transaction,
        state: PartyState,
        properties: Mapping[str, Any],
        points: Sequence[Mapping[str, Any]] | None = None,
        *,
        reason: str | None = None,
    ) -> Written:
        """Write properties under the lock, with the search text that follows from them and the contact points.

        Which of them changed is kept with who did it and why.

        Where the party or a contact point of it is closed by that, the work that follows is left in the outbox.
        """
        stored = {**state.properties, **properties}
        text = index_text(state.id, stored, state.contact_points if points is None else points)
        version = state.version + 1
        changed = [name for name, value in sorted(properties.items()) if state.properties.get(name) != value]
        await tx.run(
            cypher.CHANGE_PARTY,
            {
                "id": state.id,
                "properties": {**properties, "searchText": text},
                "version": version,
                "now": self._now(),
                "changes": noted_change(changed, points=points is not None, reason=reason),
            },
        )
        if closes(state.properties, stored) or (points is not None and len(points) < len(state.contact_points)):
            await tell_closed(tx, state.id, version)
        return Written(state.id, version)

    async def end_party(
        self,
        id: str,  # noqa: A002 - the name of the property
        *,
        ended_on: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """The bank stops dealing with the party: status ENDED, open ties, memberships and contact points end that day.

        Agreements are settled on their own. PARENT_OF and REFERRED stay: they are facts of the past.
        """
        checks.version(version)
        day = self._today() if ended_on is None else checks.past_date("endedOn", ended_on, self._today())

        async def work(tx: Transaction) -> Written:
            state = (await lock_parties(tx, {id: "id"}))[id]
            expect_version(state.version, version, "party")
            require_kept(state, "id")
            if state.properties.get("status") == PartyStatus.ENDED:
                raise checks.refuse("id", "names a party that has ended already", "There is nothing left to do.")
            await tx.run(cypher.END_OPEN_TIES, {"id": id, "until": day})
            return await self._change(tx, state, {"status": PartyStatus.ENDED.value, "endedOn": day}, ())

        command = {"id": id, "endedOn": ended_on, "version": version}
        return await write_once(self._database, "endParty", idempotency_key, command, work)

    async def add_contact_point(
        self,
        party_id: str,
        point: NewContactPoint,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Attach a phone or an e-mail; another party's same phone is the same node. Counts as a change of the party."""
        checks.version(version)

        async def work(tx: Transaction) -> Written:
            state = (await lock_parties(tx, {party_id: "partyId"}))[party_id]
            expect_version(state.version, version, "party")
            require_active(state, "partyId")
            checked = check_contact_point(point, region(state.properties.get("country")), self._today())
            if state.has(checked.value.key):
                raise AlreadyExists(
                    "value: the party has this contact point", hint="Remove it first to change it.", field="value"
                )
            if len(state.contact_points) >= CONTACT_POINTS_LIMIT:
                raise checks.refuse("value", "is one too many", "Remove contact points that are no longer in use.")
            await attach_contact_points(tx, {party_id: [checked]}, self._now())
            added = {"kind": checked.value.kind, "value": checked.value.value}
            return await self._change(tx, state, {}, [*state.contact_points, added])

        command = {"partyId": party_id, "point": point, "version": version}
        return await write_once(self._database, "addContactPoint", idempotency_key, command, work)

    async def remove_contact_point(
        self,
        party_id: str,
        kind: ContactPointKind,
        value: str,
        *,
        until: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """The party no longer uses the contact point from ``until`` (today) on; what was stays readable as of then."""
        checks.version(version)
        last = self._today() if until is None else checks.past_date("until", until, self._today())

        async def work(tx: Transaction) -> Written:
            state = (await lock_parties(tx, {party_id: "partyId"}))[party_id]
            expect_version(state.version, version, "party")
            key = contact_value(kind, value, region(state.properties.get("country"))).key
            if not state.has(key):
                raise NotFound(
                    "value: the party has no such contact point in use",
                    hint="Read contactPoints of the party.",
                    field="value",
                )
            await tx.run(cypher.END_CONTACT_POINT, {"id": party_id, "key": key, "until": last})
            left = [point for point in state.contact_points if point["key"] != key]
            return await self._change(tx, state, {}, left)

        command = {"partyId": party_id, "kind": kind, "value": value, "until": until, "version": version}
        return await write_once(self._database, "removeContactPoint", idempotency_key, command, work)

    async def relate(self, tie: NewTie, *, idempotency_key: str | None = None) -> Written:
        """Tie two parties; returns the id of the tie, related to the two.

        Refuses a second tie of the kind between the two in the same time: a change is an end and a new beginning.
        """
        kind = checks.one_of("kind", tie.kind, TieKind)
        since = self._today() if tie.since is None else checks.date("since", tie.since)
        until = None if tie.until is None else checks.date("until", tie.until)
        check_tie(kind, (tie.from_id, tie.to_id), (since, until), tie.share)
        properties = {
            "since": since,
            "until": until,
            "share": tie.share,
            "note": None if tie.note is None else checks.text("note", tie.note, checks.NOTE_LIMIT, lines=True),
            "source": None if tie.source is None else checks.text("source", tie.source),
        }
        identifier = new_id("tie")

        async def work(tx: Transaction) -> Written:
            states = await lock_parties(tx, {tie.from_id: "fromId", tie.to_id: "toId"})
            start, end = states[tie.from_id], states[tie.to_id]
            check_labels(kind, start.kind.label, end.kind.label)
            if until is None and TIES[kind].ends_with_party:
                require_active(start, "fromId")
                require_active(end, "toId")
            between = {"from": tie.from_id, "to": tie.to_id}
            for row in await tx.run(cypher.OVERLAPPING_TIE[kind], {**between, "since": since, "until": until}):
                if row["reverse"]:
                    raise checks.refuse("fromId", "names a child of toId", "Swap the two parties, or check them.")
                raise AlreadyExists(
                    f"kind: there is a {kind.value} between the two in this time",
                    hint="End it first with endRelationship, or send another since.",
                    field="kind",
                    relationshipId=row["id"],
                )
            await tx.run(cypher.CREATE_TIE[kind], {**between, "id": identifier, "properties": properties})
            return Written(identifier, related=(tie.from_id, tie.to_id))

        return await write_once(self._database, "relateParties", idempotency_key, tie, work)

    async def end_tie(
        self, tie_id: str, *, until: dt.date | None = None, idempotency_key: str | None = None
    ) -> Written:
        """End a tie: it holds no longer from ``until`` (today) on.

        Ending it again on the same day changes nothing; on another day it is refused.
        """
        last = self._today() if until is None else checks.date("until", until)

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.LOCK_TIE, {"id": tie_id})
            if not rows:
                raise NotFound("relationshipId: there is no such tie", hint="Read relationships of one of the parties.")
            row = rows[0]
            if row["until"] not in {None, last.isoformat()}:
                raise checks.refuse("relationshipId", "names a tie that has ended", "There is nothing left to do.")
            if row["since"]:
                checks.period(dt.date.fromisoformat(row["since"]), last)
            await tx.run(cypher.END_TIE[TieKind(row["kind"])], {"id": tie_id, "until": last})
            return Written(tie_id, related=(row["fromId"], row["toId"]))

        command = {"id": tie_id, "until": until}
        return await write_once(self._database, "endRelationship", idempotency_key, command, work)
