"""The closed lists of words of this slice, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Where a message stands.",
    QUEUED="It waits for its time, or for another attempt.",
    SENDING="It is being handed over; whether it went is not known yet.",
    SENT="The channel took it.",
    PRESENTED="It was shown on a screen.",
    DELIVERED="The channel says that it arrived.",
    BOUNCED="The channel says that it can't arrive.",
    FAILED="It could not be handed over, on no channel that is allowed.",
    CANCELLED="It must not or need not be sent any more.",
    EXPIRED="Its time was over before it could be sent.",
)
class DeliveryState(StrEnum):
    """Where a message stands."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    PRESENTED = "PRESENTED"
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
