"""The query that sums up interest. It holds no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import query
from graph_crm.interest.kinds import InterestGroup
from graph_crm.interest.service import InterestService, InterestTotal


@strawberry.type(name="ProductInterest", description="What customers looked at in a period, of one group.")
class ProductInterest:
    """What customers looked at in a period, of one group."""

    key: str | None = strawberry.field(
        description="The product, family, day, month, segment or channel; null: not known."
    )
    views: int = strawberry.field(description="How often pages were looked at.")
    customers: int = strawberry.field(description="How many customers showed interest, each counted once.")
    started: int | None = strawberry.field(
        description="Applications begun; null by channel, where only views are counted."
    )
    abandoned: int | None = strawberry.field(description="Applications left unfinished; null by channel.")

    @classmethod
    def of(cls, total: InterestTotal) -> ProductInterest:
        """A total as GraphQL shows it."""
        return cls(
            key=total.key,
            views=total.views,
            customers=total.customers,
            started=total.started,
            abandoned=total.abandoned,
        )


@strawberry.type
class InterestQueries:
    """What customers look at."""

    @query(
        "What customers looked at in a period: views, customers, applications; the largest group first, groups of time"
        " in their order.",
        permission="insight",
    )
    async def product_interest(
        self,
        info: Info[RequestContext, None],
        from_: Annotated[dt.date, strawberry.argument(name="from", description="The first day, in UTC.")],
        to: Annotated[dt.date, strawberry.argument(description="The last day, in UTC.")],
        group_by: Annotated[
            InterestGroup, strawberry.argument(description="By what it is summed up.")
        ] = InterestGroup.PRODUCT,
        product_code: Annotated[str | None, strawberry.argument(description="Only this product or service.")] = None,
        family_code: Annotated[str | None, strawberry.argument(description="Only products of this family.")] = None,
        first: Annotated[int, strawberry.argument(description="So many groups at most.")] = 100,
    ) -> list[ProductInterest]:
        """Sum up the interest of a period."""
        found = await info.context.service(InterestService).totals(
            from_, to, group_by, product=product_code, family=family_code, first=first
        )
        return [ProductInterest.of(one) for one in found]
