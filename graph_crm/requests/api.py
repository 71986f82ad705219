"""The mutations and queries of service requests. They hold no business logic: a service does the work."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import Forbidden
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties.inputs import KEY
from graph_crm.requests.commands import Changed, NewRequest, Opened
from graph_crm.requests.kinds import RequestKind, RequestOutcome, RequestPriority, RequestStatus
from graph_crm.requests.service import RequestService
from graph_crm.requests.types import ServiceRequest
from graph_crm.security.roles import Caller, Permission, Role

OWN = "own_requests"
"""The permission of asking, following and answering; a customer only the own requests."""
SERVE = "serve_requests"
"""The permission of answering for the bank."""
VERSION = "The version that you read: refused where it is another by now."


@strawberry.input(description="What a customer asks or complains about.")
class OpenRequestInput:
    """A request as a front end sends it."""

    text: str = strawberry.field(description="What the customer wants, in the customer's words.")
    channel: Channel = strawberry.field(description="Where it comes from.")
    subject: str | None = strawberry.field(default=None, description="One line; the beginning of the text if left out.")
    party_id: strawberry.ID | None = strawberry.field(
        default=None, description="The customer; with a customer's own token left out, or the same."
    )
    contact: str | None = strawberry.field(
        default=None, description="Mail address or phone number (+420...) that was used, or of who is no customer."
    )
    name: str | None = strawberry.field(default=None, description="How who is no customer is addressed.")
    source: str | None = strawberry.field(
        default=None, description="Where exactly it comes from, for example web_form or social."
    )
    category: str | None = strawberry.field(
        default=None, description="Code of the category, where it is known; it is found from the text otherwise."
    )
    kind: RequestKind | None = strawberry.field(default=None, description="What the category says if left out.")
    language: str | None = strawberry.field(default=None, description="The customer's language if left out.")
    country: str | None = strawberry.field(default=None, description="The customer's country if left out.")
    priority: RequestPriority | None = strawberry.field(
        default=None, description="What the category says if left out; only staff may say it."
    )
    product_code: strawberry.ID | None = strawberry.field(default=None, description="The product that it is about.")
    agreement_id: strawberry.ID | None = strawberry.field(default=None, description="The agreement that it is about.")
    event_id: strawberry.ID | None = strawberry.field(default=None, description="The event that it came from.")
    interaction_id: strawberry.ID | None = strawberry.field(default=None, description="The contact that it came from.")
    call_id: strawberry.ID | None = strawberry.field(default=None, description="The call that it came from.")
    attachments: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Identifiers of documents that were stored for it."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self, caller: Caller) -> NewRequest:
        """The same in the words of the service, as this caller may say it. Raises Forbidden."""
        given = {name: value for name, value in vars(self).items() if name != "idempotency_key"}
        if not caller.may(Permission.SERVE_REQUESTS):
            if self.party_id not in (None, caller.party_id):
                raise Forbidden("A customer may ask in the own name only.", hint="Leave partyId out.", field="partyId")
            for field in ("priority", "event_id", "interaction_id", "call_id"):
                if given[field] is not None:
                    raise Forbidden(f"Only staff may say {field}.", hint="Leave it out.", field=field)
            given["party_id"] = caller.party_id
        return NewRequest(**given)


@strawberry.type(description="The employee who answers for a request, as the customer may know it.")
class RequestOwner:
    """Who answers for a request."""

    id: strawberry.ID = strawberry.field(description="Identifier of the employee.")
    name: str = strawberry.field(description="The employee's name.")


@strawberry.type(description="A request that the bank has taken in: what the customer is told at once.")
class OpenedRequest:
    """A request that was taken in."""

    id: strawberry.ID = strawberry.field(description="Identifier of the request.")
    number: str = strawberry.field(description="The number that the customer knows it by.")
    owner: RequestOwner | None = strawberry.field(
        description="Who answers for it; null: nobody is at work, the first who comes will get it."
    )
    due: dt.datetime = strawberry.field(description="Until when it is to be answered.")
    status: RequestStatus = strawberry.field(description="Where it stands.")
    category: str | None = strawberry.field(description="Code of the category; null: a person will find it.")
    repeated: bool = strawberry.field(description="Whether it had been opened before under the same key.")

    @strawberry.field(description="The request with all that hangs on it.")  # type: ignore[untyped-decorator]  # strawberry's own
    async def request(self, info: Info[RequestContext, None]) -> ServiceRequest:
        """The request, by one statement for the whole selection."""
        return cast(ServiceRequest, await info.context.fetch("ServiceRequest", self.id, info))

    @classmethod
    def of(cls, opened: Opened) -> OpenedRequest:
        """What the service says, as GraphQL shows it."""
        owner = opened.owner
        return cls(
            id=strawberry.ID(opened.id),
            number=opened.number,
            owner=None if owner is None else RequestOwner(id=strawberry.ID(owner.id), name=owner.name),
            due=opened.due,
            status=opened.status,
            category=opened.category,
            repeated=opened.repeated,
        )


@strawberry.input(description="An answer to a customer.")
class AnswerRequestInput:
    """An answer as a front end sends it."""

    number: str = strawberry.field(description="The number of the request.")
    text: str = strawberry.field(description="The answer, in words for the customer.")
    attachments: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Identifiers of documents that go with it."
    )
    articles: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Articles of the knowledge base that it rests on."
    )
    close: bool = strawberry.field(default=False, description="Whether the request is done with it.")
    outcome: RequestOutcome | None = strawberry.field(
        default=None, description="With close: how it ended; SOLVED if left out. A complaint needs one."
    )
    root_cause: str | None = strawberry.field(default=None, description="With close: what caused a complaint.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


def _by(info: Info[RequestContext, None]) -> str:
    return str(info.context.caller.subject)


async def _shown(info: Info[RequestContext, None], changed: Changed) -> ServiceRequest:
    return cast(ServiceRequest, await info.context.fetch("ServiceRequest", changed.id, info))


@strawberry.type
class RequestMutations:
    """What customers and employees do with requests."""

    @mutation(
        "Ask or complain: answers at once with the number, who answers for it and until when; the acknowledgement is"
        " on its way.",
        permission=OWN,
    )
    async def open_request(
        self,
        info: Info[RequestContext, None],
        input: OpenRequestInput,  # noqa: A002 - the schema's word
    ) -> OpenedRequest:
        """Open a request and answer with it."""
        command = input.command(info.context.caller)
        opened = await info.context.service(RequestService).open(command, key=input.idempotency_key, by=_by(info))
        return OpenedRequest.of(opened)

    @mutation("Write something more to a request, as the customer or for the customer.", permission=OWN)
    async def write_to_request(
        self,
        info: Info[RequestContext, None],
        number: str,
        text: str,
        attachments: list[strawberry.ID] | None = None,
        idempotency_key: str | None = None,
    ) -> ServiceRequest:
        """Add the customer's words and answer with the request."""
        service = info.context.service(RequestService)
        await service.allowed(number, info.context.caller)
        changed = await service.customer_wrote(
            number,
            text,
            attachments=attachments or (),
            key=idempotency_key,
            by=_by(info),
            paced=info.context.caller.role is Role.CUSTOMER,
        )
        return await _shown(info, changed)

    @mutation(
        "Answer a customer, in one step: the answer is in the log, the customer is told by the preferred way, the"
        " clocks stand still; with close the request is done.",
        permission=SERVE,
    )
    async def answer_request(
        self,
        info: Info[RequestContext, None],
        input: AnswerRequestInput,  # noqa: A002 - the schema's word
    ) -> ServiceRequest:
        """Answer a request and answer with it."""
        changed = await info.context.service(RequestService).answer(
            input.number,
            input.text,
            by=_by(info),
            attachments=input.attachments,
            articles=input.articles,
            close=input.close,
            outcome=input.outcome,
            root_cause=input.root_cause,
            version=input.version,
            key=input.idempotency_key,
        )
        return await _shown(info, changed)

    @mutation("Write something down that the customer does not see.", permission=SERVE)
    async def note_on_request(
        self, info: Info[RequestContext, None], number: str, text: str, idempotency_key: str | None = None
    ) -> ServiceRequest:
        """Add a note and answer with the request."""
        service = info.context.service(RequestService)
        return await _shown(info, await service.note(number, text, by=_by(info), key=idempotency_key))

    @mutation("Make an employee responsible; without one, whoever routing finds.", permission=SERVE)
    async def assign_request(
        self,
        info: Info[RequestContext, None],
        number: str,
        employee_id: strawberry.ID | None = None,
        reason: str | None = None,
        version: int | None = None,
    ) -> ServiceRequest:
        """Assign or reassign a request and answer with it."""
        service = info.context.service(RequestService)
        changed = await service.assign(number, employee_id, by=_by(info), reason=reason, version=version)
        return await _shown(info, changed)

    @mutation(
        "Give everything on an employee's desk to others, for example before a long absence; how many were given.",
        permission="run_desk",
    )
    async def hand_over_requests(self, info: Info[RequestContext, None], employee_id: strawberry.ID) -> int:
        """Hand over and answer with the number."""
        return await info.context.service(RequestService).hand_over(employee_id, by=_by(info))

    @mutation("Put a request before the supervisor of its team.", permission=SERVE)
    async def escalate_request(
        self, info: Info[RequestContext, None], number: str, reason: str, version: int | None = None
    ) -> ServiceRequest:
        """Escalate a request and answer with it."""
        service = info.context.service(RequestService)
        return await _shown(info, await service.escalate(number, reason, by=_by(info), version=version))

    @mutation("Ask the customer something: the clocks stand still until an answer comes.", permission=SERVE)
    async def ask_customer(
        self,
        info: Info[RequestContext, None],
        number: str,
        question: str,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> ServiceRequest:
        """Ask back and answer with the request."""
        service = info.context.service(RequestService)
        changed = await service.wait_for_customer(number, question, by=_by(info), version=version, key=idempotency_key)
        return await _shown(info, changed)

    @mutation("Let the clocks run again though the customer did not write.", permission=SERVE)
    async def resume_request(
        self, info: Info[RequestContext, None], number: str, version: int | None = None
    ) -> ServiceRequest:
        """Resume a request and answer with it."""
        service = info.context.service(RequestService)
        return await _shown(info, await service.resume(number, by=_by(info), version=version))

    @mutation("Close a request; a complaint with its outcome and what caused it.", permission=SERVE)
    async def close_request(
        self,
        info: Info[RequestContext, None],
        number: str,
        outcome: RequestOutcome,
        root_cause: str | None = None,
        text: str | None = None,
        articles: list[strawberry.ID] | None = None,
        version: int | None = None,
    ) -> ServiceRequest:
        """Close a request and answer with it."""
        changed = await info.context.service(RequestService).close(
            number,
            outcome,
            by=_by(info),
            root_cause=root_cause,
            text=text,
            articles=articles or (),
            version=version,
        )
        return await _shown(info, changed)

    @mutation("Open a closed request again: the resolution begins anew.", permission=SERVE)
    async def reopen_request(
        self, info: Info[RequestContext, None], number: str, reason: str, version: int | None = None
    ) -> ServiceRequest:
        """Reopen a request and answer with it."""
        service = info.context.service(RequestService)
        return await _shown(info, await service.reopen(number, reason, by=_by(info), version=version))

    @mutation("Put a request into a category; an owner is found in the team of that category.", permission=SERVE)
    async def sort_request(
        self, info: Info[RequestContext, None], number: str, category: str, version: int | None = None
    ) -> ServiceRequest:
        """Sort a request and answer with it."""
        service = info.context.service(RequestService)
        return await _shown(info, await service.sort(number, category, by=_by(info), version=version))


@strawberry.type(description="A kind of request, as the desk is set up.")
class RequestCategory:
    """A kind of request."""

    code: str = strawberry.field(description="Code of the category.")
    name: str = strawberry.field(description="What customers call it, in the language that was asked for.")
    kind: RequestKind = strawberry.field(description="Request or complaint.")
    team: str = strawberry.field(description="Code of the team that answers.")
    first_response_hours: float = strawberry.field(description="Business hours until the first reaction.")
    resolution_hours: float = strawberry.field(description="Business hours until the answer.")


@strawberry.type
class RequestQueries:
    """What can be asked about requests where the caller decides what is shown."""

    @query("The request with this number; a customer only an own one.", permission=OWN)
    async def request(self, info: Info[RequestContext, None], number: str) -> ServiceRequest:
        """A request by its number."""
        identifier = await info.context.service(RequestService).allowed(number, info.context.caller)
        return cast(ServiceRequest, await info.context.fetch("ServiceRequest", identifier, info))

    @query("What the caller asked the bank, the latest first; for customers.", permission=OWN)
    async def my_requests(
        self, info: Info[RequestContext, None], status: list[RequestStatus] | None = None, first: int = 20
    ) -> list[ServiceRequest]:
        """The caller's own requests."""
        party = info.context.caller.party_id
        if party is None:
            raise Forbidden("The token names no customer.", hint="Staff ask requests, or myQueue.")
        found = await info.context.service(RequestService).of_party(party, statuses=status, first=first)
        return await _all(info, found)

    @query("What the caller has to work on, the most pressing first; for employees.", permission=SERVE)
    async def my_queue(self, info: Info[RequestContext, None], first: int = 50) -> list[ServiceRequest]:
        """The caller's queue."""
        found = await info.context.service(RequestService).queue_of(_by(info), first=first)
        return await _all(info, found)

    @query("The categories of requests, as the desk is set up.", permission=OWN)
    async def request_categories(
        self, info: Info[RequestContext, None], language: str | None = None
    ) -> list[RequestCategory]:
        """The categories with their targets."""
        return [
            RequestCategory(
                code=one.code,
                name=one.name(language),
                kind=one.kind,
                team=one.team,
                first_response_hours=one.first_response_hours,
                resolution_hours=one.resolution_hours,
            )
            for one in info.context.service(RequestService).desk.categories
        ]


async def _all(info: Info[RequestContext, None], ids: list[str]) -> list[ServiceRequest]:
    fetch = info.context.fetch
    return list(await asyncio.gather(*(fetch("ServiceRequest", one, info) for one in ids)))
