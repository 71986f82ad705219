"""The GraphQL type of documents and where they live in the graph; their bytes come by GET /attachments/{id}."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import Root, graph, many, prop
from graph_crm.requests.attachments.kinds import AttachmentState
from graph_crm.requests.types import RequestEntry


@graph.node(label="Attachment")
class Attachment:
    """A document that came with a request or an answer; its bytes are read with GET /attachments/{id}."""

    id: strawberry.ID = prop("Identifier of the document.", order=True)
    name: str = prop("Its name, made harmless.", filter=False)
    media_type: str = prop("What it is, by its content: for example application/pdf.")
    bytes: int = prop("Its size.", order=True)
    sha256: str = prop("The SHA-256 digest of its content.")
    state: AttachmentState = prop("Whether it may be opened.")
    state_reason: str | None = prop("Why it was refused.", filter=False)
    from_outside: bool | None = prop("Whether a customer or a stranger sent it.")
    at: dt.datetime = prop("When it came.", order=True)
    entries: RequestEntry = many("The entry of a request that it came with.", "CARRIES", RequestEntry, direction="in")


@graph.extend(RequestEntry)
class _EntryAttachments:
    attachments: Attachment = many("The documents that came with it.", "CARRIES", Attachment)


graph.root(
    Root(name="attachment", node=Attachment, description="The document with this identifier; null when there is none.")
)
