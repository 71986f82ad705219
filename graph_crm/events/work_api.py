"""What operators see of work that failed, and having it done again. No business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.failed_work import FailedWork, Work
from graph_crm.graph.mutation import mutation, query


@strawberry.type(description="A piece of work of the platform: what follows an event, a response, a message.")
class WorkItem:
    """A piece of work as operators see it."""

    id: strawberry.ID = strawberry.field(description="Its identifier.")
    topic: str = strawberry.field(description="What is to be done, for example event.recorded.")
    partition: str = strawberry.field(description="What it is about, done one after the other: a customer, a message.")
    payload: JSON = strawberry.field(description="What is given to whoever does it: identifiers, as a rule.")
    state: str = strawberry.field(description="PENDING, LEASED (somebody works on it), DONE or FAILED.")
    attempts: int = strawberry.field(description="How often it was tried.")
    error: str | None = strawberry.field(description="What the last attempt ended with.")
    put_at: dt.datetime = strawberry.field(description="When it was put, or the time that it was put for.")
    due_at: dt.datetime = strawberry.field(description="When it is tried next, or was tried last.")
    first_failed_at: dt.datetime | None = strawberry.field(description="When an attempt failed first.")
    failed_at: dt.datetime | None = strawberry.field(description="When an attempt failed last.")
    retried_by: str | None = strawberry.field(description="Who had it done again last.")
    retried_at: dt.datetime | None = strawberry.field(description="When that was.")
    retries: int = strawberry.field(description="How often somebody had it done again.")

    @classmethod
    def of(cls, work: Work) -> Self:
        """As the service tells it."""
        return cls(
            id=strawberry.ID(work.id),
            topic=work.topic,
            partition=work.partition,
            payload=JSON(dict(work.payload)),
            state=work.state,
            attempts=work.attempts,
            error=work.error,
            put_at=work.put_at,
            due_at=work.due_at,
            first_failed_at=work.first_failed_at,
            failed_at=work.failed_at,
            retried_by=work.retried_by,
            retried_at=work.retried_at,
            retries=work.retries,
        )


@strawberry.type
class WorkQueries:
    """Work that failed."""

    @query("Work that was set aside after its last attempt, what failed last first.", permission="operate")
    async def failed_work(self, info: Info[Any, None], topic: str | None = None, first: int = 50) -> list[WorkItem]:
        """What is set aside."""
        context: RequestContext = info.context
        return [WorkItem.of(one) for one in await context.service(FailedWork).failed(topic=topic, most=first)]


@strawberry.type
class WorkMutations:
    """Having work done again."""

    @mutation(
        "Have work that was set aside done again, with all its attempts; who asked for it is kept. Work in another "
        "state stays as it is.",
        permission="operate",
    )
    async def retry_work(self, info: Info[Any, None], id: strawberry.ID) -> WorkItem:  # noqa: A002 - GraphQL's word
        """Put it back, and answer with it."""
        context: RequestContext = info.context
        return WorkItem.of(await context.service(FailedWork).retry(str(id), by=context.caller.subject))
