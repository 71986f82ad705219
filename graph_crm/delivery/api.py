"""The queries and mutations of messages. They hold no business logic: services do the work."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.managing import Deliveries
from graph_crm.delivery.sending import DeliveryService
from graph_crm.delivery.types import Delivery
from graph_crm.errors import InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query


@strawberry.type(description="A message in words, as its recipient would read it.")
class TemplatePreview:
    """A template, rendered."""

    name: str = strawberry.field(description="Name of the template.")
    language: str = strawberry.field(description="The language that answered: English where there is no other.")
    description: str = strawberry.field(description="What the message is for.")
    subject: str | None = strawberry.field(description="The subject; null where the template has none.")
    text: str = strawberry.field(description="The text.")
    html: str | None = strawberry.field(description="The page that stands beside the text in a mail.")
    short: str | None = strawberry.field(description="The text for SMS and push; null: the text is used.")
    example: JSON = strawberry.field(description="The variables of the template, with the values of its example.")


@strawberry.type
class DeliveryQueries:
    """Questions about messages that no stored record answers."""

    @query(
        "A message in words, as its recipient would read it; without variables with those of the template's example."
        " Nothing is sent."
    )
    async def preview_template(
        self,
        info: Info[RequestContext, None],
        name: str,
        language: str | None = None,
        variables: JSON | None = None,
        time_zone: str | None = None,
    ) -> TemplatePreview:
        """Render a template."""
        template = info.context.service(DeliveryService).templates.get(name, language)
        given: Any = variables
        if given is not None and not isinstance(given, dict):
            raise InvalidInput("variables: is no object", hint='Send {"name": "value"}.', field="variables")
        done = template.render(template.example if given is None else given, zone=time_zone)
        return TemplatePreview(
            name=template.name,
            language=template.language,
            description=template.description,
            subject=done.subject,
            text=done.text,
            html=done.html,
            short=done.short,
            example=cast(JSON, dict(template.example)),
        )


@strawberry.type
class DeliveryMutations:
    """What people do about messages."""

    @mutation("Take a message back that has not begun to be sent.", permission="contact")
    async def cancel_delivery(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        reason: str,
    ) -> Delivery:
        """Cancel a message and answer with it."""
        by = getattr(info.context.caller, "subject", None)
        await info.context.service(Deliveries).cancel(id, reason, by=by)
        return cast(Delivery, await info.context.fetch("Delivery", id, info))

    @mutation(
        "Send what a message said once more, as a new one that replaces it; consent is asked again. Not for offers:"
        " a decision makes those anew.",
        permission="contact",
    )
    async def resend_delivery(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        channel: Channel | None = None,
        idempotency_key: str | None = None,
    ) -> Delivery:
        """Send a message again and answer with the new one."""
        written = await info.context.service(Deliveries).resend(id, channel=channel, idempotency_key=idempotency_key)
        return cast(Delivery, await info.context.fetch("Delivery", written.id, info))
