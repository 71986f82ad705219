"""The GraphQL types of employees and their absences, and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import Root, computed, graph, many, prop
from graph_crm.parties.types import Party
from graph_crm.staff import cypher
from graph_crm.staff.kinds import EmployeeRole


@graph.node(label="Absence")
class Absence:
    """A time in which an employee is away: nothing new is given to who is away."""

    id: strawberry.ID = prop("Identifier of the absence.", order=True)
    since: dt.datetime = prop("First instant of it.", stored="from", order=True)
    until: dt.datetime = prop("First instant after it.", order=True)
    reason: str | None = prop("Why, for example HOLIDAY; nobody needs to say.", filter=False)


@graph.edge
class Portfolio:
    """That an employee looks after a customer, and since when."""

    since: dt.date | None = prop("First day of it.", order=True)


@graph.node(label="Employee")
class Employee:
    """Somebody of the bank who answers customers."""

    id: strawberry.ID = prop("Identifier of the employee: the subject of the employee's token.", order=True)
    display_name: str = prop("The name as customers read it.", order=True)
    email: str | None = prop("Where mails about requests go to.")
    phone: str | None = prop("Phone at work.")
    team: str | None = prop("Code of the team.")
    role: EmployeeRole = prop("What the employee does.")
    skills: list[str] | None = prop("Codes of what the employee can do, for example LOANS.", filter=True)
    languages: list[str] | None = prop("ISO 639-1 codes of the languages that the employee answers in.", filter=True)
    capacity: int = prop("Open requests that are a full load; 0: gets none by routing.", order=True)
    active: bool = prop("Whether the employee works here.")
    version: int | None = prop("Grows by one with each change; send it with an update.")
    open: int = computed("Requests that the employee is responsible for now.", cypher.OPEN_OF)
    away: bool = computed("Whether the employee is away now.", cypher.AWAY_NOW)
    absences: Absence = many("When the employee is away.", "ABSENT", Absence, order="SINCE_DESC")
    portfolio: Party = many("Customers whom the employee looks after.", "LOOKS_AFTER", Party, edge=Portfolio, fan=500)


@graph.extend(Party)
class _PartyManagers:
    managers: Employee = many(
        "Employees who look after the party.", "LOOKS_AFTER", Employee, direction="in", edge=Portfolio
    )


graph.root(
    Root(name="employee", node=Employee, description="The employee with this identifier; null when there is none.")
)
graph.root(Root(name="employees", node=Employee, page=True, description="Employees who answer customers."))
