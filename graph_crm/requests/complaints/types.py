"""What complaints add to the GraphQL types of requests, and where it lives in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import Root, graph, many, one, prop
from graph_crm.requests.types import ServiceRequest
from graph_crm.staff.types import Employee


@graph.node(label="SurveyAnswer")
class SurveyAnswer:
    """How well a complaint was dealt with, in the customer's words; it is never changed."""

    id: strawberry.ID = prop("Identifier of the answer.", order=True)
    number: str = prop("Number of the complaint.")
    score: int = prop("1 (very bad) to 5 (very good).", order=True)
    text: str | None = prop("What the customer added.", filter=False)
    at: dt.datetime = prop("When.", order=True)
    by: str | None = prop("customer: by the link; else who was logged in.")
    category: str | None = prop("Code of the category that the complaint had then.")
    round: int = prop("Which closing it is about: 0 for the first, 1 after it was taken up again once.")
    request: ServiceRequest | None = one("The complaint.", "RATED_BY", ServiceRequest, direction="in")


@graph.extend(ServiceRequest)
class _Complaint:
    severity_reasons: list[str] | None = prop("Why a complaint is as serious as it is, in English.", filter=False)
    severity_by: str | None = prop("RULE, or PERSON where an employee said how serious it is.")
    root_cause_text: str | None = prop("What was found out, in words; the customer does not see it.", filter=False)
    survey_score: int | None = prop("How well the complaint was dealt with, 1 to 5, as the customer said last.")
    ratings: SurveyAnswer = many(
        "What the customer said of how it was dealt with, the latest first.", "RATED_BY", SurveyAnswer, order="AT_DESC"
    )
    concerns: Employee = many("The employees whom a complaint is about.", "CONCERNS", Employee)


@graph.extend(Employee)
class _ComplainedAbout:
    complaints: ServiceRequest = many(
        "The complaints about the employee, the latest first.",
        "CONCERNS",
        ServiceRequest,
        direction="in",
        order="OPENED_AT_DESC",
    )


graph.root(
    Root(
        name="surveyAnswers",
        node=SurveyAnswer,
        page=True,
        order="AT_DESC",
        description="How customers say their complaints were dealt with, the latest first.",
    )
)
