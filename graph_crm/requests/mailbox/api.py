"""The mutations of the mailbox. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.requests.mailbox.intake import MailIntake
from graph_crm.requests.mailbox.types import Mail

SERVE = "serve_requests"
"""The permission of everything here."""
Request = Info[RequestContext, None]


async def _mail(info: Any, mail_id: str) -> Mail:
    return cast(Mail, await info.context.fetch("Mail", mail_id, info))


@strawberry.type
class MailMutations:
    """What people do with mails that were set aside."""

    @mutation("Handle a mail that was set aside all the same; once, whoever says so.", permission=SERVE)
    async def reopen_mail(
        self,
        info: Request,
        id: strawberry.ID,  # noqa: A002 - GraphQL's own word
        number: str | None = None,
    ) -> Mail:
        """As a new request, or in the request ``number``."""
        await info.context.service(MailIntake).reopen(id, by=info.context.caller.subject, number=number)
        return await _mail(info, id)

    @mutation("Leave a mail that was set aside at that.", permission=SERVE)
    async def dismiss_mail(self, info: Request, id: strawberry.ID) -> Mail:  # noqa: A002 - GraphQL's own word
        """Nothing comes of it; it can still be reopened."""
        await info.context.service(MailIntake).dismiss(id, by=info.context.caller.subject)
        return await _mail(info, id)
