"""The GraphQL schema: the mapped types and root fields, and the queries and mutations of the slices."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, get_nullable_type, print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from graph_crm.api import own_keys, watching
from graph_crm.api.generated import GeneratedTypes
from graph_crm.api.meanings import meaning
from graph_crm.api.scalars import SCALARS
from graph_crm.audit.api import AuditQueries
from graph_crm.calls import types as calls
from graph_crm.calls.api import CallMutations, CallQueries
from graph_crm.consent import types as consent
from graph_crm.consent.api import ConsentMutations, ConsentQueries
from graph_crm.contacts import types as contacts
from graph_crm.contacts.api import ContactMutations, ContactQueries
from graph_crm.contacts.policy_api import ContactPolicyQueries
from graph_crm.decisions import types as decisions
from graph_crm.decisions.api import DecisionMutations, DecisionQueries
from graph_crm.decisions.authoring import types as rules
from graph_crm.decisions.authoring.api import RuleMutations, RuleQueries
from graph_crm.decisions.offers import types as responses
from graph_crm.decisions.offers.api import ResponseMutations
from graph_crm.delivery import types as deliveries
from graph_crm.delivery.api import DeliveryMutations, DeliveryQueries
from graph_crm.delivery.screens_api import ScreenMutations
from graph_crm.events.api import EventMutations, EventQueries
from graph_crm.events.work_api import WorkMutations, WorkQueries
from graph_crm.graph.compiler import Limits
from graph_crm.graph.mapping import Registry, graph
from graph_crm.interest import types as interest
from graph_crm.interest.api import InterestQueries
from graph_crm.merging import types as merging
from graph_crm.merging.api import MergeMutations, MergeQueries
from graph_crm.parties.api import PartyMutations
from graph_crm.parties.protecting_api import PartyProtectionMutations
from graph_crm.privacy import types as privacy
from graph_crm.privacy.api import PrivacyMutations, PrivacyQueries
from graph_crm.products.api import ProductMutations
from graph_crm.requests import types as requests
from graph_crm.requests.analytics.api import RequestAnalyticsQueries
from graph_crm.requests.api import RequestMutations, RequestQueries
from graph_crm.requests.complaints import types as complaints
from graph_crm.requests.complaints.api import ComplaintMutations
from graph_crm.requests.following_api import RequestSubscriptions
from graph_crm.requests.knowledge import types as knowledge
from graph_crm.requests.knowledge.api import KnowledgeMutations
from graph_crm.requests.mailbox import types as mails
from graph_crm.requests.mailbox.api import MailMutations
from graph_crm.requests.sorting.api import SortingQueries
from graph_crm.security.accounts.api import AccountMutations, AccountQueries
from graph_crm.sessions import types as sessions
from graph_crm.sessions.api import SessionMutations
from graph_crm.staff.api import StaffMutations

MUTATIONS = (
    PartyMutations,
    PartyProtectionMutations,
    ProductMutations,
    ContactMutations,
    EventMutations,
    SessionMutations,
    ResponseMutations,
    ConsentMutations,
    DecisionMutations,
    RuleMutations,
    KnowledgeMutations,
    ComplaintMutations,
    CallMutations,
    DeliveryMutations,
    ScreenMutations,
    RequestMutations,
    StaffMutations,
    MailMutations,
    WorkMutations,
    AccountMutations,
    PrivacyMutations,
    MergeMutations,
)
QUERIES = (
    ContactQueries,
    ContactPolicyQueries,
    ConsentQueries,
    DecisionQueries,
    RuleQueries,
    EventQueries,
    InterestQueries,
    CallQueries,
    DeliveryQueries,
    RequestQueries,
    RequestAnalyticsQueries,
    SortingQueries,
    WorkQueries,
    AccountQueries,
    PrivacyQueries,
    MergeQueries,
    AuditQueries,
)
"""Query fields that no mapping answers, but a service."""
SUBSCRIPTIONS = (RequestSubscriptions,)
"""What can be followed over a WebSocket."""
MAPPED = (
    contacts,
    decisions,
    responses,
    consent,
    rules,
    interest,
    knowledge,
    calls,
    sessions,
    requests,
    complaints,
    deliveries,
    mails,
    privacy,
    merging,
)
"""Imported for what they declare, and with them the slices that they build on."""


class MappedSchema:
    """A schema over a registry of mapped types, as Strawberry and graphql-core see it."""

    def __init__(
        self,
        registry: Registry,
        mutations: tuple[type, ...] = (),
        queries: tuple[type, ...] = (),
        subscriptions: tuple[type, ...] = (),
        *,
        limits: Limits | None = None,
    ) -> None:
        self.registry = registry
        self.limits = limits or Limits()
        generated = GeneratedTypes(registry, self.limits)
        generated.complete()
        self.strawberry = strawberry.Schema(
            query=_merged("Query", (generated.query(), *queries)),
            mutation=_merged("Mutation", mutations) if mutations else None,
            subscription=_merged("Subscription", subscriptions) if subscriptions else None,
            types=[node.cls for node in registry.nodes.values()],
            config=StrawberryConfig(scalar_map=SCALARS),
        )
        self.core: GraphQLSchema = self.strawberry._schema  # noqa: SLF001 - strawberry has no public name for it
        query = self.core.query_type
        if query:
            query.description = "Everything that can be read."
            for name in registry.roots:
                query.fields[name].resolve = _mapped
            _nullable(query, [name for name in query.fields if name not in registry.roots])
        if self.core.mutation_type:
            self.core.mutation_type.description = (
                "Everything that can be changed. Several in one request are made one after the other."
            )
            _nullable(self.core.mutation_type, self.core.mutation_type.fields)
        if self.core.subscription_type:
            self.core.subscription_type.description = "Everything that can be followed, over a WebSocket."
            _nullable(self.core.subscription_type, self.core.subscription_type.fields)
        own_keys.separate(self.core)
        watching.watch(self.core, registry.roots)

    def sdl(self) -> str:
        """The schema in GraphQL's schema definition language."""
        return print_schema(self.core).rstrip() + "\n"


def _merged(name: str, parts: tuple[type, ...]) -> type:
    return merge_types(name, parts) if len(parts) > 1 else parts[0]


def _nullable(root: GraphQLObjectType, names: Iterable[str]) -> None:
    """Make root fields nullable, and say of each argument what it means, or what its input type says.

    One that fails must not take its neighbours' answers with it, nor hide that a change before it was made.
    """
    for name in names:
        field = root.fields[name]
        field.type = get_nullable_type(field.type)
        for called, argument in field.args.items():
            said = argument.description or meaning(name, called)
            argument.description = said or get_named_type(argument.type).description


async def _mapped(_source: Any, info: Any, **_arguments: Any) -> Any:
    """A root field over the mapping, where graphql-core executes its neighbours."""
    return await info.context.root(info)


def platform_schema(largest_page: int = 100, default_page: int = 20) -> MappedSchema:
    """The schema of the platform with these page limits; built once."""
    return _built(largest_page, default_page)


@cache
def _built(largest_page: int, default_page: int) -> MappedSchema:
    return MappedSchema(
        graph, MUTATIONS, QUERIES, SUBSCRIPTIONS, limits=Limits(default_page=default_page, largest_page=largest_page)
    )


def sdl() -> str:
    """The platform's schema in GraphQL's schema definition language."""
    return platform_schema().sdl()
