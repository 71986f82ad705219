"""The query that shows the contact policy in force. It holds no business logic."""

from __future__ import annotations

import enum

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection
from graph_crm.contacts.overrides import OverrideService
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mapping import word_list
from graph_crm.graph.mutation import query
from graph_crm.rules.limits import ContactLimit


@word_list(
    "Whose contacts a limit counts together.",
    CUSTOMER="Those with the customer.",
    HOUSEHOLD="Those with anybody of the customer's household.",
    CONTACT_POINT="Those at the phone or address, whoever shares it.",
)
class LimitScope(enum.Enum):
    """Whose contacts a limit counts together."""

    CUSTOMER = "customer"
    HOUSEHOLD = "household"
    CONTACT_POINT = "contact_point"


@word_list(
    "What a limit counts.",
    CONTACTS="What reached somebody.",
    ATTEMPTS="Every try, a call that nobody answered included.",
)
class LimitCounts(enum.Enum):
    """What a limit counts."""

    CONTACTS = "contacts"
    ATTEMPTS = "attempts"


@strawberry.type(name="ContactLimit", description="At most so many contacts in any so many days.")
class ContactLimitType:
    """At most so many contacts in any so many days."""

    name: str = strawberry.field(description="Its name; findings and overrides name the limit by it.")
    count: int = strawberry.field(description="So many contacts are allowed.")
    days: float = strawberry.field(description="In any window of so many days of 24 hours.")
    scope: LimitScope = strawberry.field(description="Whose contacts are counted together.")
    channels: list[Channel] = strawberry.field(description="The channels that it counts; empty: all.")
    direction: ContactDirection | None = strawberry.field(
        description="OUTBOUND counts what the bank began; null: what the customer began, too."
    )
    classes: list[ActionClass] = strawberry.field(description="The kinds of business that it counts; empty: all.")
    purposes: list[str] = strawberry.field(description="The purposes that it counts; empty: all.")
    counts: LimitCounts = strawberry.field(description="Contacts, or attempts.")

    @classmethod
    def of(cls, limit: ContactLimit) -> ContactLimitType:
        """A limit as GraphQL shows it."""
        return cls(
            name=limit.name,
            count=limit.count,
            days=limit.days,
            scope=LimitScope(limit.scope),
            channels=[Channel(one) for one in limit.channels],
            direction=None if limit.direction is None else ContactDirection(limit.direction),
            classes=[ActionClass(one) for one in limit.classes],
            purposes=list(limit.purposes),
            counts=LimitCounts(limit.counts),
        )


@strawberry.type(name="ContactPolicy", description="The contact policy that the answering process works by.")
class ContactPolicyType:
    """The contact policy that the answering process works by."""

    version: str = strawberry.field(description="A digest of what it says; decisions and slots keep it.")
    limits: list[ContactLimitType] = strawberry.field(
        description="The limits of the file, then those of plugins. Overrides may shorten one for some time."
    )
    limits_unknown: list[str] = strawberry.field(
        description="Plugins that could not say their limits: while there is one, nothing is promoted."
    )

    @classmethod
    def of(cls, policy: ContactPolicy) -> ContactPolicyType:
        """A policy as GraphQL shows it."""
        return cls(
            version=policy.version,
            limits=[ContactLimitType.of(one) for one in policy.limits],
            limits_unknown=list(policy.limits_unknown),
        )


@strawberry.type
class ContactPolicyQueries:
    """The contact policy in force."""

    @query("The contact policy in force, with the limits of plugins: how often the bank may contact somebody.")
    async def contact_policy(self, info: Info[RequestContext, None]) -> ContactPolicyType:
        """Show the policy of this process."""
        return ContactPolicyType.of(info.context.service(OverrideService).policy)
