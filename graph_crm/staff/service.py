"""The use cases of employees: who answers customers, what they can do, and when they are away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from email_validator import EmailNotValidError, validate_email

from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import expect_version
from graph_crm.staff import cypher
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Roster

MOST_SKILLS = 50
LARGEST_CAPACITY = 10_000
LONGEST_ABSENCE = dt.timedelta(days=3 * 366)


@dataclass(frozen=True, kw_only=True)
class EmployeeDetails:
    """Somebody who answers customers. ``id`` is the subject of the employee's token."""

    id: str
    display_name: str
    email: str | None = None
    phone: str | None = None
    team: str | None = None
    role: EmployeeRole = EmployeeRole.AGENT
    skills: Sequence[str] = ()
    languages: Sequence[str] = ()
    capacity: int = 20
    """Open requests that are a full load; 0: gets none by routing."""
    active: bool = True


class StaffService:
    """Keeps employees and their absences. What changes here is known to routing within a second."""

    def __init__(self, database: Database, *, roster: Roster | None = None, clock: checks.Clock | None = None) -> None:
        self._database = database
        self._roster = roster
        self._clock = clock or checks.utc_now

    async def save(self, details: EmployeeDetails, *, version: int | None = None) -> int:
        """Create an employee, or change everything about one; the version afterwards.

        ``version`` is the one that the caller has seen, 0 for somebody new. Raises: InvalidInput, VersionConflict.
        """
        properties = checked(details)
        if version:
            checks.version(version)

        async def work(tx: Transaction) -> int:
            rows = await tx.run(cypher.SAVE, {"id": details.id, "properties": properties, "version": version})
            if not rows:
                expect_version((await tx.run(cypher.VERSION, {"id": details.id}))[0]["version"], version, "employee")
            return int(rows[0]["version"])

        saved = await self._database.write(work)
        self._changed()
        return saved

    async def save_all(self, people: Sequence[EmployeeDetails]) -> int:
        """Create or change many at once; how many. For imports and the demo bank."""
        rows = [{"id": one.id, "properties": checked(one)} for one in people]
        saved = await self._database.write(lambda tx: tx.run(cypher.SAVE_ALL, {"rows": rows}), idempotent=True)
        self._changed()
        return int(saved[0]["saved"])

    async def record_absence(
        self,
        employee_id: str,
        since: dt.datetime,
        until: dt.datetime,
        *,
        by: str,
        reason: str | None = None,
        id: str | None = None,  # noqa: A002 - the name of the property
    ) -> str:
        """Keep that somebody is away from ``since`` on and back at ``until``; the id of the absence.

        Raises: NotFound, InvalidInput, AlreadyExists where the id stands for another absence.
        """
        start, end = _instant("since", since), _instant("until", until)
        if not start < end <= start + LONGEST_ABSENCE:
            raise checks.refuse("until", "is not after since, or too far away", "Send an instant within three years.")
        identifier = new_id("absence") if id is None else checks.identifier("id", id)
        given = {
            "employee": employee_id,
            "id": identifier,
            "from": start,
            "until": end,
            "reason": None if reason is None else checks.text("reason", reason),
            "by": by,
        }
        rows = await self._database.write(lambda tx: tx.run(cypher.RECORD_ABSENCE, given), idempotent=True)
        if not rows:
            raise NotFound(
                "employeeId: nobody with this identifier works here", hint="See employees.", field="employeeId"
            )
        if not rows[0]["same"]:
            raise AlreadyExists("id: another absence has this id", hint="Send another id, or none.", field="id")
        self._changed()
        return identifier

    async def end_absence(self, absence_id: str, at: dt.datetime | None = None) -> str:
        """End an absence now, or at ``at``: the employee is back. The employee's id. Raises NotFound."""
        when = _instant("at", at) if at is not None else self._clock()
        rows = await self._database.write(
            lambda tx: tx.run(cypher.END_ABSENCE, {"id": absence_id, "at": when}), idempotent=True
        )
        if not rows:
            raise NotFound("id: there is no such absence", hint="See employee { absences }.", field="id")
        self._changed()
        return str(rows[0]["employee"])

    def _changed(self) -> None:
        if self._roster is not None:
            self._roster.forget()


def checked(details: EmployeeDetails) -> Mapping[str, Any]:
    """An employee as the graph holds one. Raises InvalidInput that names the field."""
    checks.identifier("id", details.id)
    if not 0 <= details.capacity <= LARGEST_CAPACITY:
        raise checks.refuse("capacity", "is out of range", f"Send 0 to {LARGEST_CAPACITY}.")
    if len(details.skills) > MOST_SKILLS or len(details.languages) > MOST_SKILLS:
        raise checks.refuse("skills", "are too many", f"Send at most {MOST_SKILLS}.")
    languages = [checks.language("languages", one).split("-")[0] for one in details.languages]
    return {
        "displayName": checks.name("displayName", details.display_name),
        "email": None if details.email is None else _email(details.email),
        "phone": None if details.phone is None else checks.text("phone", details.phone, 40),
        "team": None if details.team is None else checks.code("team", details.team),
        "role": checks.one_of("role", details.role, EmployeeRole).value,
        "skills": list(dict.fromkeys(checks.code("skills", one) for one in details.skills)),
        "languages": list(dict.fromkeys(languages)),
        "capacity": details.capacity,
        "active": details.active,
    }


def _email(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise checks.refuse("email", "is no mail address", "Send name@example.com.") from None


def _instant(field: str, value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        raise checks.refuse(field, "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    checks.date(field, value.date())
    stored = value.astimezone(dt.UTC)
    return stored.replace(microsecond=stored.microsecond // 1000 * 1000)
