"""The closed lists of words of this slice, as GraphQL shows them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "By what interest is summed up.",
    PRODUCT="By product or service.",
    FAMILY="By family of products.",
    DAY="By day (UTC).",
    MONTH="By month (UTC).",
    SEGMENT="By the segment that the customer has today.",
    CHANNEL="By the channel of the look.",
)
class InterestGroup(StrEnum):
    """By what interest is summed up."""

    PRODUCT = "PRODUCT"
    FAMILY = "FAMILY"
    DAY = "DAY"
    MONTH = "MONTH"
    SEGMENT = "SEGMENT"
    CHANNEL = "CHANNEL"
