"""The queries of the analytics of requests. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Annotated

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import Forbidden
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import query
from graph_crm.requests.analytics.kinds import Dimension
from graph_crm.requests.analytics.measures import Summary, Tally
from graph_crm.requests.analytics.service import EVERYTHING, Analysis, Filter, Group, RequestAnalytics
from graph_crm.requests.kinds import RequestKind, RequestStatus, Severity
from graph_crm.security import touching
from graph_crm.security.matrix import Cell, matrix
from graph_crm.security.roles import Caller

Request = Info[RequestContext, None]
FROM = "The first day, in the time zone of the desk."
TO = "The last day; it counts, too."
WHERE = "Only requests that match all of this."
LANGUAGE = "Language of the names of categories, for example pl; English when left out."


@strawberry.input(description="Which requests are summed up; what is left out does not matter.")
class RequestAnalyticsFilter:
    """Which requests are summed up."""

    category: str | None = strawberry.field(default=None, description="Code of a category.")
    kind: RequestKind | None = strawberry.field(default=None, description="Requests or complaints.")
    product_code: str | None = strawberry.field(default=None, description="Code of a product that they are about.")
    party_id: strawberry.ID | None = strawberry.field(default=None, description="A customer.")
    channel: Channel | None = strawberry.field(default=None, description="Where they came from.")
    team: str | None = strawberry.field(default=None, description="Code of a team.")
    owner_id: strawberry.ID | None = strawberry.field(default=None, description="An employee.")
    severity: Severity | None = strawberry.field(default=None, description="How serious a complaint is.")
    status: RequestStatus | None = strawberry.field(default=None, description="Where they stand now.")

    def wanted(self) -> Filter:
        """The same in the words of the service."""
        return Filter(
            category=self.category,
            kind=self.kind,
            product=self.product_code,
            party=None if self.party_id is None else str(self.party_id),
            channel=None if self.channel is None else self.channel.value,
            team=self.team,
            owner=None if self.owner_id is None else str(self.owner_id),
            severity=None if self.severity is None else self.severity.value,
            status=self.status,
        )


@strawberry.type(
    description="How long something took, in minutes of business time; percentiles are by the nearest rank. Times of"
    " more than four hours are whole minutes."
)
class BusinessTimes:
    """How long something took."""

    count: int = strawberry.field(description="How many there are.")
    mean: float | None = strawberry.field(description="The mean; null where there are none.")
    p50: float | None = strawberry.field(description="Half of them took no longer.")
    p90: float | None = strawberry.field(description="Nine of ten took no longer.")
    p95: float | None = strawberry.field(description="Nineteen of twenty took no longer.")
    longest: float | None = strawberry.field(description="The longest.")

    @classmethod
    def of(cls, summary: Summary) -> BusinessTimes:
        """A summary of seconds as GraphQL shows it."""
        mean, p50, p90, p95, longest = (
            None if value is None else round(value / 60, 4)
            for value in (summary.mean, summary.p50, summary.p90, summary.p95, summary.longest)
        )
        return cls(count=summary.count, mean=mean, p50=p50, p90=p90, p95=p95, longest=longest)


@strawberry.type(description="What requests come to.")
class RequestSums:
    """What requests come to."""

    requests: int = strawberry.field(description="Requests that came in.")
    complaints: int = strawberry.field(description="Complaints among them.")
    open: int = strawberry.field(description="Those that are not closed now.")
    settled: int = strawberry.field(
        description="Those that were closed with something: not withdrawn, doubled, left unanswered or spam."
    )
    at_first_answer: int = strawberry.field(
        description="Of the settled ones, those where nobody had to write again after the first answer."
    )
    helped_by_articles: int = strawberry.field(description="Problems that articles solved before a request was sent.")
    first_contact_share: float | None = strawberry.field(
        description="The part of all settled problems that were settled at first contact, by an article or the first"
        " answer; 0 to 1."
    )
    reopened: int = strawberry.field(description="Those that were opened again.")
    breached: int = strawberry.field(description="Those that missed a target.")
    late_first_response: int = strawberry.field(description="Those whose first response came or is too late.")
    late_resolution: int = strawberry.field(description="Those whose answer came or is too late.")
    surveys: int = strawberry.field(description="Customers who said how their complaint was dealt with.")
    survey_score: float | None = strawberry.field(description="Their mean score, 1 to 5.")
    first_response: BusinessTimes = strawberry.field(description="Until the bank reacted first.")
    resolution: BusinessTimes = strawberry.field(
        description="Until the answer, without the time in which the customer was to answer."
    )

    @classmethod
    def of(cls, tally: Tally) -> RequestSums:
        """A tally as GraphQL shows it."""
        return cls(
            requests=tally.requests,
            complaints=tally.complaints,
            open=tally.open,
            settled=tally.settled,
            at_first_answer=tally.at_first_answer,
            helped_by_articles=tally.helped,
            first_contact_share=tally.first_contact_share,
            reopened=tally.reopened,
            breached=tally.breached,
            late_first_response=tally.late_first_response,
            late_resolution=tally.late_resolution,
            surveys=tally.surveys,
            survey_score=tally.survey_mean,
            first_response=BusinessTimes.of(tally.first_response.summary()),
            resolution=BusinessTimes.of(tally.resolution.summary()),
        )


@strawberry.type(description="One side of a group.")
class RequestGroupKey:
    """One side of a group."""

    dimension: Dimension = strawberry.field(description="By what.")
    key: str | None = strawberry.field(description="Its code, identifier or first day; null: not known.")
    name: str | None = strawberry.field(description="What people call it.")


@strawberry.type(description="What the requests of a group come to.")
class RequestGroup:
    """What the requests of a group come to."""

    keys: list[RequestGroupKey] = strawberry.field(description="What they have in common, in the order of groupBy.")
    sums: RequestSums = strawberry.field(description="What they come to.")

    @classmethod
    def of(cls, group: Group) -> RequestGroup:
        """A group as GraphQL shows it."""
        keys = [RequestGroupKey(dimension=one.dimension, key=one.key, name=one.name) for one in group.keys]
        return cls(keys=keys, sums=RequestSums.of(group.tally))


@strawberry.type(name="RequestAnalytics", description="What the requests of a period come to.")
class RequestAnalyticsType:
    """What the requests of a period come to."""

    time_zone: str = strawberry.field(description="The time zone in which days begin and end.")
    total: RequestSums = strawberry.field(description="All of them.")
    groups: list[RequestGroup] = strawberry.field(
        description="By what they have in common: the largest first, groups of time in their order."
    )
    more_groups: int = strawberry.field(description="Groups that are left out because only the first were asked for.")

    @classmethod
    def of(cls, found: Analysis) -> RequestAnalyticsType:
        """An analysis as GraphQL shows it."""
        return cls(
            time_zone=found.zone,
            total=RequestSums.of(found.total),
            groups=[RequestGroup.of(one) for one in found.groups],
            more_groups=found.more,
        )


@strawberry.type(description="What came, what went and what was left to do on a day.")
class RequestBacklogDay:
    """What came, what went and what was left to do on a day."""

    day: dt.date = strawberry.field(description="The day, in the time zone of the desk.")
    opened: int = strawberry.field(description="Requests that came in.")
    reopened: int = strawberry.field(description="Requests that were opened again.")
    closed: int = strawberry.field(description="Requests that were closed.")
    open: int = strawberry.field(description="Requests that were open at its end.")


@strawberry.type(description="Words that stand side by side in several requests.")
class AskedPhrase:
    """Words that stand side by side in several requests."""

    text: str = strawberry.field(description="The words, as they were said first; other forms of them count, too.")
    requests: int = strawberry.field(description="In how many requests.")


@strawberry.type(description="What many customers ask.")
class AskedQuestion:
    """What many customers ask."""

    category: str | None = strawberry.field(description="Code of the category; null: not sorted yet.")
    name: str = strawberry.field(description="What customers call it.")
    requests: int = strawberry.field(description="Requests of the period.")
    share: float = strawberry.field(description="Of all requests of the period, 0 to 1.")
    phrases: list[AskedPhrase] = strawberry.field(description="What its requests say most often.")


@strawberry.type
class RequestAnalyticsQueries:
    """What the service desk's work looks like in numbers."""

    @query(
        "What the requests of a period come to, in all and by what they have in common; up to three groupings, one of"
        " them by time.",
        permission="insight",
    )
    async def request_analytics(
        self,
        info: Request,
        from_: Annotated[dt.date, strawberry.argument(name="from", description=FROM)],
        to: Annotated[dt.date, strawberry.argument(description=TO)],
        filter: Annotated[RequestAnalyticsFilter | None, strawberry.argument(description=WHERE)] = None,  # noqa: A002 - the schema's word
        group_by: Annotated[list[Dimension] | None, strawberry.argument(description="By what to sum up.")] = None,
        first: Annotated[int, strawberry.argument(description="So many groups at most.")] = 100,
        language: Annotated[str | None, strawberry.argument(description=LANGUAGE)] = None,
    ) -> RequestAnalyticsType:
        """Sum up the requests of a period."""
        caller: Caller = info.context.caller
        if Dimension.CUSTOMER in (group_by or ()):
            _require_single(caller, "groupBy")
        _check_party(caller, filter)
        found = await info.context.service(RequestAnalytics).analyse(
            from_,
            to,
            tuple(group_by or ()),
            wanted=filter.wanted() if filter else EVERYTHING,
            most=first,
            language=language,
            seen=partial(touching.customers, info.context.database, caller),
        )
        return RequestAnalyticsType.of(found)

    @query("What came, what went and what was left to do, day by day, up to today.", permission="insight")
    async def request_backlog(
        self,
        info: Request,
        from_: Annotated[dt.date, strawberry.argument(name="from", description=FROM)],
        to: Annotated[dt.date, strawberry.argument(description=TO)],
        filter: Annotated[RequestAnalyticsFilter | None, strawberry.argument(description=WHERE)] = None,  # noqa: A002 - the schema's word
    ) -> list[RequestBacklogDay]:
        """The backlog of each day."""
        _check_party(info.context.caller, filter)
        wanted = filter.wanted() if filter else EVERYTHING
        found = await info.context.service(RequestAnalytics).backlog(from_, to, wanted=wanted)
        return [
            RequestBacklogDay(day=one.day, opened=one.opened, reopened=one.reopened, closed=one.closed, open=one.open)
            for one in found
        ]

    @query("What customers asked most in a period, and in which words.", permission="insight")
    async def most_asked_questions(
        self,
        info: Request,
        from_: Annotated[dt.date, strawberry.argument(name="from", description=FROM)],
        to: Annotated[dt.date, strawberry.argument(description=TO)],
        filter: Annotated[RequestAnalyticsFilter | None, strawberry.argument(description=WHERE)] = None,  # noqa: A002 - the schema's word
        first: Annotated[int, strawberry.argument(description="So many categories at most.")] = 10,
        phrases: Annotated[int, strawberry.argument(description="So many phrases of each at most.")] = 5,
        language: Annotated[str | None, strawberry.argument(description=LANGUAGE)] = None,
    ) -> list[AskedQuestion]:
        """The most frequent categories with their phrases."""
        wanted = filter.wanted() if filter else EVERYTHING
        found = await info.context.service(RequestAnalytics).most_asked(
            from_, to, wanted=wanted, most=first, phrases=phrases, language=language
        )
        return [
            AskedQuestion(
                category=one.category,
                name=one.name,
                requests=one.requests,
                share=one.share,
                phrases=[AskedPhrase(text=each.text, requests=each.requests) for each in one.phrases],
            )
            for one in found
        ]


def _check_party(caller: Caller, given: RequestAnalyticsFilter | None) -> None:
    if given is not None and given.party_id is not None:
        _require_single(caller, "filter.partyId")


def _require_single(caller: Caller, field: str) -> None:
    """Refuse numbers of single customers to who may not read a request of theirs: they would tell what is in it."""
    if matrix().cell(caller.role, "ServiceRequest", "rootCause") is not Cell.SEE:
        raise Forbidden(
            f"{field}: the role {caller.role} may not ask for the numbers of single customers.",
            hint="Ask for those of all of them.",
            field=field,
        )
