"""The closed list of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What an employee of the service desk does.",
    AGENT="Answers what customers ask.",
    SPECIALIST="Answers what needs a skill that few have.",
    SUPERVISOR="Answers for a team: gets what nobody else can take and what comes too late.",
)
class EmployeeRole(StrEnum):
    """What an employee of the service desk does."""

    AGENT = "AGENT"
    SPECIALIST = "SPECIALIST"
    SUPERVISOR = "SUPERVISOR"
