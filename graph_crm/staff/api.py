"""The mutations of employees and their absences."""

from __future__ import annotations

import datetime as dt
from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.portfolio import Portfolios
from graph_crm.staff.service import EmployeeDetails, StaffService
from graph_crm.staff.types import Employee

RUN = "run_desk"
"""The permission of changing who works at the desk."""
MANAGE = "manage_access"
"""The permission of changing who may see whom."""


@strawberry.input(description="Somebody of the bank who answers customers; what is left out is what it says here.")
class EmployeeInput:
    """An employee as a front end sends one."""

    id: strawberry.ID = strawberry.field(description="The subject of the employee's token.")
    display_name: str = strawberry.field(description="The name as customers read it.")
    email: str | None = strawberry.field(default=None, description="Where mails about requests go to.")
    phone: str | None = strawberry.field(default=None, description="Phone at work.")
    team: str | None = strawberry.field(default=None, description="Code of the team, for example CARDS.")
    role: EmployeeRole = strawberry.field(default=EmployeeRole.AGENT, description="What the employee does.")
    skills: list[str] = strawberry.field(default_factory=list, description="Codes, for example LOANS.")
    languages: list[str] = strawberry.field(default_factory=list, description="ISO 639-1 codes.")
    capacity: int = strawberry.field(
        default=20, description="Open requests that are a full load; 0: gets none by routing."
    )
    active: bool = strawberry.field(default=True, description="Whether the employee works here.")
    version: int | None = strawberry.field(
        default=None, description="The version that you read; 0: it must be somebody new; left out: whatever it is."
    )

    def details(self) -> EmployeeDetails:
        """The same in the words of the service."""
        given = {name: value for name, value in vars(self).items() if name != "version"}
        return EmployeeDetails(**{**given, "id": str(self.id)})


@strawberry.type
class StaffMutations:
    """Who works at the desk, and when."""

    @mutation("Create an employee, or change everything about one.", permission=RUN)
    async def save_employee(
        self,
        info: Info[RequestContext, None],
        input: EmployeeInput,  # noqa: A002 - the schema's word
    ) -> Employee:
        """Save an employee and answer with it."""
        await info.context.service(StaffService).save(input.details(), version=input.version)
        return cast(Employee, await info.context.fetch("Employee", input.id, info))

    @mutation("Keep that an employee is away: nothing new is given to who is away.", permission=RUN)
    async def record_absence(
        self,
        info: Info[RequestContext, None],
        employee_id: strawberry.ID,
        since: dt.datetime,
        until: dt.datetime,
        reason: str | None = None,
        id: strawberry.ID | None = None,  # noqa: A002 - the schema's word
    ) -> Employee:
        """Record an absence and answer with the employee."""
        await info.context.service(StaffService).record_absence(
            employee_id, since, until, by=info.context.caller.subject, reason=reason, id=id
        )
        return cast(Employee, await info.context.fetch("Employee", employee_id, info))

    @mutation(
        "Give customers to an employee to look after, who then sees them in full; all of them or none.",
        permission=MANAGE,
    )
    async def assign_portfolio(
        self, info: Info[RequestContext, None], employee_id: strawberry.ID, party_ids: list[strawberry.ID]
    ) -> Employee:
        """Give customers to an employee and answer with the employee."""
        given = [str(each) for each in party_ids]
        await info.context.service(Portfolios).assign(str(employee_id), given, by=info.context.caller.subject)
        return cast(Employee, await info.context.fetch("Employee", employee_id, info))

    @mutation("Take customers from an employee who looked after them.", permission=MANAGE)
    async def end_portfolio(
        self, info: Info[RequestContext, None], employee_id: strawberry.ID, party_ids: list[strawberry.ID]
    ) -> Employee:
        """Take customers from an employee and answer with the employee."""
        taken = [str(each) for each in party_ids]
        await info.context.service(Portfolios).end(str(employee_id), taken, by=info.context.caller.subject)
        return cast(Employee, await info.context.fetch("Employee", employee_id, info))

    @mutation("End an absence now, or at an instant: the employee is back.", permission=RUN)
    async def end_absence(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        at: dt.datetime | None = None,
    ) -> Employee:
        """End an absence and answer with the employee."""
        employee = await info.context.service(StaffService).end_absence(id, at)
        return cast(Employee, await info.context.fetch("Employee", employee, info))
