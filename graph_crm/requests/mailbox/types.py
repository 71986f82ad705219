"""The GraphQL type of mails that came in, and where they live in the graph."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import Root, graph, many, one, prop
from graph_crm.requests.attachments.types import Attachment
from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.types import ServiceRequest


@graph.node(label="MailReceived")
class Mail:
    """A mail that came in; as it came it is read with GET /mails/{id}."""

    id: strawberry.ID = prop("Its Message-ID, or a digest of it where it has none.", order=True)
    state: MailState = prop("What became of it.")
    reason: MailReason | None = prop("Why it was set aside.")
    at: dt.datetime = prop("When it came.", order=True)
    sender: str | None = prop("The address that it says it comes from.")
    subject: str | None = prop("Its subject.", filter=False)
    bytes: int = prop("Its size.")
    number: str | None = prop("Number of the request that it became or joined.")
    settled_at: dt.datetime | None = prop("When it was handled.")
    settled_by: str | None = prop("Who handled it; null: the platform.")
    keep_until: dt.datetime | None = prop("Until when it is kept as it came; null: it is kept no longer.")
    request: ServiceRequest | None = one("The request that it became or joined.", "BECAME", ServiceRequest)
    attachments: Attachment = many("The documents that it brought.", "BROUGHT", Attachment)


graph.root(Root(name="mail", node=Mail, description="The mail with this identifier; null when there is none."))
graph.root(
    Root(name="mails", node=Mail, page=True, order="AT_DESC", description="Mails that came in, the latest first.")
)
graph.root(
    Root(
        name="mailSetAside",
        node=Mail,
        page=True,
        start="MATCH ({n}:MailReceived {state: 'SET_ASIDE'}) WHERE {n}.at IS NOT NULL WITH {n}, {n}.at AS {e}",
        rank="{e} DESC",
        description="Mails that wait for a person, the latest first.",
    )
)
