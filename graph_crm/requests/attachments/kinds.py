"""The closed lists of words of this room, as GraphQL shows them and the graph stores them."""

from __future__ import annotations

from enum import StrEnum

from graph_crm.graph.mapping import word_list


@word_list(
    "Whether a document may be opened.",
    UNSCANNED="No scanner looked at it: what came from outside is for staff only.",
    SCANNING="A scanner has not answered yet, or failed: nobody may open it.",
    CLEAN="Every scanner let it pass.",
    REFUSED="It is of a kind that is not taken, too large, or a scanner refused it: nobody may open it.",
)
class AttachmentState(StrEnum):
    """Whether a document may be opened."""

    UNSCANNED = "UNSCANNED"
    SCANNING = "SCANNING"
    CLEAN = "CLEAN"
    REFUSED = "REFUSED"
