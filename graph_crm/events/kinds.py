"""The closed lists of words of this slice, as GraphQL shows them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "What events are counted by.",
    TYPE="Each type of event.",
    CHANNEL="Each channel; events without one together.",
    DAY="Each day in UTC.",
    MONTH="Each month in UTC, named by its first day.",
)
class EventGroup(StrEnum):
    """What events are counted by."""

    TYPE = "TYPE"
    CHANNEL = "CHANNEL"
    DAY = "DAY"
    MONTH = "MONTH"
