"""The query of sorting: what the classifier proposes to the person who sorts."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from graph_crm.errors import InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import query
from graph_crm.parties import checks
from graph_crm.requests.sorting.folding import asked
from graph_crm.requests.sorting.service import SortingService

MOST = 10


@strawberry.type(description="A category that a text may belong to.")
class CategoryProposal:
    """A category that a text may belong to."""

    category: strawberry.ID = strawberry.field(description="Code of the category.")
    confidence: float = strawberry.field(description="How sure the classifier is, 0 to 1.")


@strawberry.type
class SortingQueries:
    """What the classifier says."""

    @query("The categories that a text most likely belongs to, the likeliest first.", permission="serve_requests")
    async def category_proposals(
        self, info: Info[RequestContext, None], text: str, subject: str = "", first: int = 3
    ) -> list[CategoryProposal]:
        """For the person who sorts: the classifier alone, without rules and threshold."""
        if not 1 <= first <= MOST:
            raise InvalidInput(f"first: 1 to {MOST}.", hint="Three are enough for most.", field="first")
        words = asked(subject[: checks.TEXT_LIMIT], checks.text("text", text, 50_000, lines=True))
        found = await info.context.service(SortingService).proposals(words, first)
        return [CategoryProposal(category=strawberry.ID(one.category), confidence=one.confidence) for one in found]
