"""The mutations of complaints. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.errors import InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.inputs import KEY
from graph_crm.requests.complaints.service import ComplaintService, Description
from graph_crm.requests.complaints.survey import SurveyService
from graph_crm.requests.complaints.types import SurveyAnswer
from graph_crm.requests.kinds import Severity
from graph_crm.requests.types import ServiceRequest

Request = Info[RequestContext, None]


@strawberry.input(description="What was found out about an open complaint; what is left out stays.")
class DescribeComplaintInput:
    """What was found out about a complaint."""

    number: str = strawberry.field(description="Number of the complaint.")
    reason: str = strawberry.field(description="How it is known; kept in the log with your name.")
    severity: Severity | None = strawberry.field(default=None, description="How serious it is.")
    product_code: str | None = strawberry.field(default=None, description="The product that it is about.")
    employee_id: strawberry.ID | None = strawberry.field(default=None, description="An employee whom it is about.")
    version: int | None = strawberry.field(
        default=None, description="The version that you read; the change is refused when the complaint has moved on."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="How well a complaint was dealt with: by the token of the link, or by the own number.")
class AnswerSurveyInput:
    """How well a complaint was dealt with."""

    score: int = strawberry.field(description="1 (very bad) to 5 (very good).")
    text: str | None = strawberry.field(default=None, description="What the customer adds.")
    token: str | None = strawberry.field(default=None, description="The token of the link that the bank sent.")
    number: str | None = strawberry.field(
        default=None, description="Number of an own complaint, for a customer who is logged in."
    )


@strawberry.type
class ComplaintMutations:
    """Working on complaints, and what customers say afterwards."""

    @mutation(
        "Keep what was found out about a complaint: how serious it is, which product and which employee it is about.",
        permission="serve_requests",
    )
    async def describe_complaint(self, info: Request, input: DescribeComplaintInput) -> ServiceRequest:  # noqa: A002 - the schema's word
        """Describe a complaint and answer with it."""
        written = await info.context.service(ComplaintService).describe(
            input.number,
            Description(
                reason=input.reason,
                severity=input.severity,
                product_code=input.product_code,
                employee_id=None if input.employee_id is None else str(input.employee_id),
            ),
            by=info.context.caller.subject,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(ServiceRequest, await info.context.fetch("ServiceRequest", written.id, info))

    @mutation(
        "Say how well a complaint was dealt with, once after each closing; the same answer again changes nothing.",
        permission="own_requests",
    )
    async def answer_survey(self, info: Request, input: AnswerSurveyInput) -> SurveyAnswer:  # noqa: A002 - the schema's word
        """Keep the answer and answer with it."""
        service = info.context.service(SurveyService)
        if (input.token is None) == (input.number is None):
            raise InvalidInput("token, number: send one of both.", hint="The link holds the token.", field="token")
        if input.token is not None:
            written = await service.answer(input.token, input.score, input.text)
        else:
            written = await service.answer_own(input.number or "", input.score, input.text, info.context.caller)
        return cast(SurveyAnswer, await info.context.fetch("SurveyAnswer", written.id, info))
