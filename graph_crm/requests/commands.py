"""What the service of requests is given and what it answers: for the mailbox, the calls, the pages and the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.database import Transaction
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestPriority, RequestStatus, SortedBy

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class NewRequest:
    """What a customer asks. Who is no customer is named by ``contact``: a mail address, or a phone number as +420...

    ``contact`` of a customer is the address that was used now: the acknowledgement goes there where it is one of the
    customer's contact points, else by the preferred way.
    """

    text: str
    channel: Channel
    subject: str | None = None
    """One line; the beginning of the text when not given."""
    party_id: str | None = None
    contact: str | None = None
    name: str | None = None
    """How somebody who is no customer is addressed."""
    source: str | None = None
    """Where exactly it came from: web_form, social, the name of a system."""
    category: str | None = None
    """A code of `seed/service_desk.toml`, where the sender knows it; otherwise it is sorted."""
    kind: RequestKind | None = None
    """What the category says when not given."""
    language: str | None = None
    """ISO 639-1; the customer's, else the desk's own when not given."""
    country: str | None = None
    """Whose business hours hold, ISO 3166 alpha-2; the customer's, else the desk's own when not given."""
    priority: RequestPriority | None = None
    product_code: str | None = None
    agreement_id: str | None = None
    event_id: str | None = None
    interaction_id: str | None = None
    call_id: str | None = None
    attachments: Sequence[str] = ()
    """Identifiers of stored attachments."""
    acknowledge: bool = True
    """False for what must not be answered by a machine: automatic replies, bounces."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The employee who answers for a request, as the customer may know it."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A request that is in the graph: everything that the customer is told."""

    id: str
    number: str
    owner: Owner | None
    """None only where nobody at all is at work: then it waits for the first who comes."""
    due: dt.datetime
    """Until when it is to be answered, in UTC."""
    status: RequestStatus
    category: str | None
    repeated: bool = False
    """Whether it had been opened before under the same key."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A request after a change."""

    id: str
    number: str
    version: int
    status: RequestStatus
    repeated: bool = False
    """Whether this very change had been made before: nothing was done."""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """Which category a text belongs to; None: a person has to say. ``confidence`` from 0 to 1."""

    category: str | None
    confidence: float | None = None
    by: SortedBy = SortedBy.NONE


Sorter: TypeAlias = Callable[[str, str, str | None], Sorted]
"""(subject, text, language) -> category: rules and classifier of the sorting room. Pure, and done within a ms."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What happened to a request, told in the transaction in which it does.

    ``entry`` is one of OPENED, CUSTOMER_WROTE, ANSWERED, CLOSED, REOPENED, SORTED, BREACHED.
    """

    entry: EntryKind
    entry_id: str
    request_id: str
    number: str
    kind: RequestKind
    at: dt.datetime
    """In UTC, whole milliseconds."""
    party_id: str | None = None
    category: str | None = None
    owner_id: str | None = None
    product_code: str | None = None
    subject: str | None = None
    text: str | None = None
    language: str | None = None
    by: str | None = None
    outcome: RequestOutcome | None = None
    articles: Sequence[str] = ()
    """Articles of the knowledge base that the answer rests on."""
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


Effect: TypeAlias = Callable[[Transaction, Happening], Awaitable[None]]
"""What else follows from what happens to a request, in the same transaction: events of complaints, solved articles."""
