"""The subscriptions to requests. They hold no business logic: the feed does the work."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry
from strawberry.types import Info

from graph_crm.errors import Forbidden, InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import subscription
from graph_crm.requests.following import Change, News, RequestFeed
from graph_crm.requests.kinds import FROM_CUSTOMER, EntryKind, RequestStatus
from graph_crm.requests.numbers import parse
from graph_crm.requests.service import RequestService
from graph_crm.security.roles import Caller, Permission


@strawberry.type(description="What is new in the log of a request.")
class RequestNews:
    """What is new in the log of a request."""

    seq: int = strawberry.field(description="Its place in the log, from 1; follow on `after` it.")
    kind: EntryKind = strawberry.field(description="What happened.")
    at: dt.datetime = strawberry.field(description="When.")
    text: str | None = strawberry.field(description="What was written; null where nothing was.")
    from_customer: bool = strawberry.field(description="Whether the customer wrote it.")

    @classmethod
    def of(cls, news: News) -> RequestNews:
        """An entry as GraphQL shows it."""
        return cls(seq=news.seq, kind=news.kind, at=news.at, text=news.text, from_customer=news.kind in FROM_CUSTOMER)


@strawberry.type(description="How a request stands now that it changed.")
class RequestChange:
    """How a request stands now that it changed."""

    number: str = strawberry.field(description="The number of the request.")
    status: RequestStatus = strawberry.field(description="Where it stands now.")
    previous_status: RequestStatus | None = strawberry.field(
        description="Where it stood when it was told last; null: it was not told before."
    )
    owner: str | None = strawberry.field(description="The name of who answers for it.")
    resolution_due_at: dt.datetime | None = strawberry.field(
        description="Until when the bank wants to answer; null: it is the customer's turn, or answered."
    )
    version: int = strawberry.field(description="Grows by one with each change of the request.")
    news: list[RequestNews] = strawberry.field(
        description="What is new in its log, the first first; customers see what is for them."
    )

    @classmethod
    def of(cls, change: Change) -> RequestChange:
        """A change as GraphQL shows it."""
        state = change.state
        return cls(
            number=state.number,
            status=state.status,
            previous_status=change.before,
            owner=state.owner,
            resolution_due_at=state.due,
            version=state.version,
            news=[RequestNews.of(one) for one in change.news],
        )


@strawberry.type(name="Subscription")
class RequestSubscriptions:
    """Following requests."""

    @subscription(
        "How a request stands, then each change of it. Customers follow their own requests, staff any.",
        permission="own_requests",
    )
    async def request_changed(
        self,
        info: Info[RequestContext, None],
        number: Annotated[str, strawberry.argument(description="The number of the request.")],
        after: Annotated[
            int | None, strawberry.argument(description="Tell first what came after this place in its log.")
        ] = None,
    ) -> AsyncGenerator[RequestChange, None]:
        """Follow one request."""
        context, caller = info.context, _caller(info)
        await context.service(RequestService).allowed(number, caller)
        known = parse(number) or number
        feed = context.service(RequestFeed)
        async with aclosing(feed.follow_request(known, customer=_is_customer(caller), after=after)) as changes:
            async for change in changes:
                yield RequestChange.of(change)

    @subscription(
        "Each change of any request of the customer from now on, new ones included. Staff name the customer.",
        permission="own_requests",
    )
    async def my_requests(
        self,
        info: Info[RequestContext, None],
        party_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The customer, for staff; a customer's token names the customer."),
        ] = None,
    ) -> AsyncGenerator[RequestChange, None]:
        """Follow all requests of a customer."""
        caller = _caller(info)
        party = caller.party_id if party_id is None else str(party_id)
        if party is None:
            raise InvalidInput("partyId: is missing", hint="Name the customer.", field="partyId")
        if not caller.may_read_party(party):
            raise Forbidden("A customer may follow the own requests only.", hint="Leave partyId out.")
        feed = info.context.service(RequestFeed)
        async with aclosing(feed.follow_party(party, customer=_is_customer(caller))) as changes:
            async for change in changes:
                yield RequestChange.of(change)


def _caller(info: Info[RequestContext, None]) -> Caller:
    caller: Caller = info.context.caller
    return caller


def _is_customer(caller: Caller) -> bool:
    return not caller.may(Permission.SERVE_REQUESTS)
