"""The closed list of words of this slice, as GraphQL shows them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "By what requests are summed up.",
    CATEGORY="By category; none: nobody has sorted them.",
    KIND="Requests and complaints.",
    DAY="By the day on which they came in, in the time zone of the desk.",
    WEEK="By the week in which they came in, named by its Monday.",
    MONTH="By the month in which they came in.",
    PRODUCT="By the product that they are about.",
    CUSTOMER="By customer; none: nobody whom the bank knows.",
    CHANNEL="By where they came from.",
    TEAM="By the team that answers for them.",
    OWNER="By the employee who answers for them.",
    SEVERITY="By how serious a complaint is.",
    ROOT_CAUSE="By what caused a complaint.",
)
class Dimension(StrEnum):
    """By what requests are summed up."""

    CATEGORY = "CATEGORY"
    KIND = "KIND"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    PRODUCT = "PRODUCT"
    CUSTOMER = "CUSTOMER"
    CHANNEL = "CHANNEL"
    TEAM = "TEAM"
    OWNER = "OWNER"
    SEVERITY = "SEVERITY"
    ROOT_CAUSE = "ROOT_CAUSE"


TIMES = (Dimension.DAY, Dimension.WEEK, Dimension.MONTH)
"""Groups of these stand in the order of time; of a request one of them at most is asked."""
