"""The use cases of households: people who live together, for as long as they do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks, cypher
from graph_crm.parties.commands import NewMember
from graph_crm.parties.kinds import HouseholdRole
from graph_crm.parties.names import name_key
from graph_crm.parties.service import lock_parties, new_id, require_active
from graph_crm.parties.writes import Written, expect_version, write_once

MEMBERS_LIMIT = 50
"""Members of one household: more is an organisation."""


class HouseholdService:
    """The use cases of households. A change of its members counts as a change of the household."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    def _today(self) -> dt.date:
        return self._now().date()

    async def create(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        members: Sequence[NewMember] = (),
        source: str | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Store a new household with its members."""
        identifier = new_id("household") if id is None else checks.identifier("id", id)
        stored = checks.name("name", name)
        if len(members) > MEMBERS_LIMIT:
            raise checks.refuse("members", "has too many entries", f"Send at most {MEMBERS_LIMIT}.")
        if len({member.party_id for member in members}) < len(members):
            raise checks.refuse("members", "names a party twice", "Name each member once.")
        properties = {
            "name": stored,
            "nameKey": name_key(stored),
            "source": None if source is None else checks.text("source", source),
        }

        async def work(tx: Transaction) -> Written:
            parameters = {"id": identifier, "properties": properties, "now": self._now()}
            rows = await tx.run(cypher.CREATE_HOUSEHOLD, parameters)
            if rows[0]["version"] != 1:
                raise AlreadyExists("id: a household with this id exists", hint="Send another id.", field="id")
            for member in sorted(members, key=lambda each: each.party_id):
                await self._add(tx, identifier, member)
            return Written(identifier)

        command = {"id": id, "name": name, "members": members, "source": source}
        return await write_once(self._database, "createHousehold", idempotency_key, command, work)

    async def _lock(self, tx: Transaction, household_id: str, version: int | None) -> Row:
        rows = await tx.run(cypher.LOCK_HOUSEHOLD, {"id": household_id})
        if not rows:
            raise NotFound("householdId: there is no such household", hint="Read households of a member.")
        expect_version(rows[0]["version"], version, "household")
        return rows[0]

    async def _add(self, tx: Transaction, household_id: str, member: NewMember) -> None:
        since = self._today() if member.since is None else checks.date("since", member.since)
        states = await lock_parties(tx, {member.party_id: "partyId"})
        require_active(states[member.party_id], "partyId")
        place = {"partyId": member.party_id, "id": household_id}
        if await tx.run(cypher.OPEN_MEMBERSHIP, {**place, "since": since}):
            raise AlreadyExists(
                "partyId: the party is a member of the household in this time",
                hint="End the membership first, or send a later since.",
                field="partyId",
            )
        await tx.run(
            cypher.ADD_MEMBER,
            {
                **place,
                "membershipId": new_id("membership"),
                "role": checks.one_of("role", member.role, HouseholdRole).value,
                "since": since,
                "source": None if member.source is None else checks.text("source", member.source),
            },
        )

    async def add_member(
        self,
        household_id: str,
        member: NewMember,
        *,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Take a party into the household."""
        checks.version(version)

        async def work(tx: Transaction) -> Written:
            household = await self._lock(tx, household_id, version)
            self._require_open(household)
            await self._add(tx, household_id, member)
            return await self._changed(tx, household_id, household["version"] + 1)

        command = {"id": household_id, "member": member, "version": version}
        return await write_once(self._database, "addHouseholdMember", idempotency_key, command, work)

    async def end_membership(
        self,
        household_id: str,
        party_id: str,
        *,
        until: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """The party is no longer a member from ``until`` (today) on."""
        checks.version(version)
        last = self._today() if until is None else checks.date("until", until)

        async def work(tx: Transaction) -> Written:
            household = await self._lock(tx, household_id, version)
            rows = await tx.run(cypher.MEMBERSHIP, {"id": household_id, "partyId": party_id})
            if not rows:
                raise NotFound(
                    "partyId: the party is no member of the household now",
                    hint="Read members of the household.",
                    field="partyId",
                )
            if rows[0]["since"]:
                checks.period(dt.date.fromisoformat(rows[0]["since"]), last)
            place = {"id": household_id, "partyId": party_id}
            await tx.run(cypher.END_MEMBERSHIP, {**place, "membershipId": rows[0]["id"], "until": last})
            return await self._changed(tx, household_id, household["version"] + 1)

        command = {"id": household_id, "partyId": party_id, "until": until, "version": version}
        return await write_once(self._database, "endHouseholdMembership", idempotency_key, command, work)

    async def rename(
        self, household_id: str, name: str, *, version: int | None = None, idempotency_key: str | None = None
    ) -> Written:
        """Give the household another name."""
        checks.version(version)
        stored = checks.name("name", name)

        async def work(tx: Transaction) -> Written:
            household = await self._lock(tx, household_id, version)
            names = {"name": stored, "nameKey": name_key(stored)}
            return await self._changed(tx, household_id, household["version"] + 1, names)

        command = {"id": household_id, "name": name, "version": version}
        return await write_once(self._database, "updateHousehold", idempotency_key, command, work)

    async def end(
        self,
        household_id: str,
        *,
        ended_on: dt.date | None = None,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """The household is no more from ``ended_on`` (today) on; its open memberships end that day."""
        checks.version(version)
        day = self._today() if ended_on is None else checks.past_date("endedOn", ended_on, self._today())

        async def work(tx: Transaction) -> Written:
            household = await self._lock(tx, household_id, version)
            self._require_open(household)
            await tx.run(cypher.END_ALL_MEMBERSHIPS, {"id": household_id, "until": day})
            return await self._changed(tx, household_id, household["version"] + 1, {"endedOn": day})

        command = {"id": household_id, "endedOn": ended_on, "version": version}
        return await write_once(self._database, "endHousehold", idempotency_key, command, work)

    def _require_open(self, household: Row) -> None:
        if household["endedOn"]:
            raise checks.refuse("householdId", "names a household that has ended", "Create a new one.")

    async def _changed(
        self, tx: Transaction, household_id: str, version: int, properties: Mapping[str, object] | None = None
    ) -> Written:
        parameters = {"id": household_id, "properties": properties or {}, "version": version, "now": self._now()}
        await tx.run(cypher.CHANGE_HOUSEHOLD, parameters)
        return Written(household_id, version)
