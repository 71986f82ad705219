"""The queries and mutations of merging. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import Annotated, cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.merging.candidates import LIKELY, MergeCandidates
from graph_crm.merging.kinds import LikenessReason, MergeSide
from graph_crm.merging.service import MergeService
from graph_crm.merging.types import Merge
from graph_crm.parties import checks

Request = Info[RequestContext, None]
PRIVACY = "privacy"
KEY = "A key of your choice: the same request sent again with it has its effect once and gets the same answer."
PartyArgument = Annotated[strawberry.ID, strawberry.argument(description="The party.")]
KeepArgument = Annotated[strawberry.ID, strawberry.argument(description="The party that would be kept.")]
MergedArgument = Annotated[strawberry.ID, strawberry.argument(description="The party that would be merged into it.")]


@strawberry.type(description="Where two parties say different things.")
class MergeConflict:
    """Where two parties say different things."""

    field: str = strawberry.field(description="What it is about; answer it under this name.")
    kept: str | None = strawberry.field(description="What the kept party says.")
    merged: str | None = strawberry.field(description="What the merged party says.")
    must_answer: bool = strawberry.field(
        description="Whether it has to be answered; of consents the stricter holds where nobody does."
    )


@strawberry.type(description="What a merge would meet.")
class MergePreview:
    """What a merge would meet."""

    keep_id: strawberry.ID = strawberry.field(description="The party that would be kept.")
    merged_id: strawberry.ID = strawberry.field(description="The party that would be merged into it.")
    conflicts: list[MergeConflict] = strawberry.field(description="Where the two say different things.")
    takes: list[str] = strawberry.field(description="What the kept party takes because it had none.")


@strawberry.type(description="A party that may be the same person or organisation.")
class MergeCandidate:
    """A party that may be the same."""

    party_id: strawberry.ID = strawberry.field(description="The other party.")
    display_name: str = strawberry.field(description="Its name.")
    score: float = strawberry.field(description="How much speaks for it, from 0 to 1; no probability.")
    reasons: list[LikenessReason] = strawberry.field(description="What speaks for it, and against it.")


@strawberry.input(description="Whose word holds in one conflict.")
class MergeChoiceInput:
    """Whose word holds in one conflict."""

    field: str = strawberry.field(description="The conflict, as mergePreview names it.")
    take: MergeSide = strawberry.field(description="Whose word holds.")


@strawberry.input(description="Two parties that are one.")
class MergePartiesInput:
    """Two parties that are one."""

    keep_id: strawberry.ID = strawberry.field(description="The party that is kept.")
    merged_id: strawberry.ID = strawberry.field(description="The party that is merged into it.")
    choices: list[MergeChoiceInput] = strawberry.field(
        default_factory=list, description="An answer to every conflict; an unanswered one refuses (MERGE_CONFLICT)."
    )
    reason: str = strawberry.field(description="Why they are one.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A merge that is to be taken back.")
class UnmergePartiesInput:
    """A merge that is to be taken back."""

    merge_id: strawberry.ID = strawberry.field(description="The merge.")
    reason: str = strawberry.field(description="Why they are two.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type
class MergeMutations:
    """Making two parties one, and two again."""

    @mutation(
        "Make two parties one: everything of the merged one moves to the kept one, and its id leads there. What the two"
        " say differently has to be answered. It can be taken back with unmergeParties.",
        permission=PRIVACY,
    )
    async def merge_parties(self, info: Request, input: MergePartiesInput) -> Merge:  # noqa: A002 - the schema's word
        """Merge and answer with the merge."""
        choices = {one.field: one.take for one in input.choices}
        if len(choices) < len(input.choices):
            raise checks.refuse("choices", "answers a conflict twice", "Answer each conflict once.")
        written = await info.context.service(MergeService).merge(
            input.keep_id,
            input.merged_id,
            choices=choices,
            reason=input.reason,
            by=info.context.caller.subject,
            idempotency_key=input.idempotency_key,
        )
        return cast(Merge, await info.context.fetch("Merge", written.id, info))

    @mutation(
        "Make the two parties of a merge two again: everything goes back to where it came from, what came since stays"
        " with the kept party and is told in stayed. MERGE_REFUSED tells everything that speaks against it.",
        permission=PRIVACY,
    )
    async def unmerge_parties(self, info: Request, input: UnmergePartiesInput) -> Merge:  # noqa: A002 - the schema's word
        """Take a merge back and answer with it."""
        written = await info.context.service(MergeService).unmerge(
            input.merge_id,
            reason=input.reason,
            by=info.context.caller.subject,
            idempotency_key=input.idempotency_key,
        )
        return cast(Merge, await info.context.fetch("Merge", written.id, info))


@strawberry.type
class MergeQueries:
    """What can be asked before a merge."""

    @query("Which parties may be one with this one, the likeliest first.", permission=PRIVACY)
    async def merge_candidates(
        self,
        info: Request,
        party_id: PartyArgument,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")] = 20,
        at_least: Annotated[float, strawberry.argument(description="Only from this score on.")] = LIKELY,
    ) -> list[MergeCandidate]:
        """The candidates of one party."""
        found = await info.context.service(MergeCandidates).of(party_id, first=first, at_least=at_least)
        if info.context.audit is not None:
            await info.context.audit.also_shown(info.field_name, str(info.path.key), [one.other_id for one in found])
        return [
            MergeCandidate(
                party_id=strawberry.ID(one.other_id),
                display_name=one.other_name,
                score=one.score,
                reasons=list(one.reasons),
            )
            for one in found
        ]

    @query("What a merge of two parties would meet; nothing is written.", permission=PRIVACY)
    async def merge_preview(self, info: Request, keep_id: KeepArgument, merged_id: MergedArgument) -> MergePreview:
        """Every conflict, and what would be taken."""
        found = await info.context.service(MergeService).preview(keep_id, merged_id)
        return MergePreview(
            keep_id=keep_id,
            merged_id=merged_id,
            conflicts=[
                MergeConflict(field=one.field, kept=one.kept, merged=one.merged, must_answer=one.must_answer)
                for one in found.conflicts
            ],
            takes=list(found.takes),
        )
