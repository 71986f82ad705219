"""The queries of the audit: for auditors all of it, for customers who looked at their own data."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import strawberry
from strawberry.types import Info

from graph_crm.audit.entries import Record
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.trail import AuditTrail, Question
from graph_crm.errors import Forbidden, InvalidInput
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import query

MOST = 200
LONGEST = 200
_OF_CUSTOMERS = (AuditKind.READ, AuditKind.WRITE, AuditKind.DECISION, AuditKind.PRIVACY)
"""What a customer is told of."""

Request = Info[RequestContext, None]


@strawberry.type(description="One record of the audit: who did, saw or was refused what, when, from where and why.")
class AuditRecord:
    """One record."""

    id: strawberry.ID = strawberry.field(description="Its place: chain, entry, record.")
    cursor: str = strawberry.field(description="Give it as `after` to go on behind this record.")
    at: dt.datetime = strawberry.field(description="When it was.")
    kind: AuditKind = strawberry.field(description="What it is about.")
    what: str = strawberry.field(description="The mutation, query, command or page; of a refusal its code.")
    who: str = strawberry.field(description="The subject of the token, `cli:USER`, `system`, or `nobody`.")
    role: str = strawberry.field(description="The role at that time.")
    ids: list[strawberry.ID] = strawberry.field(
        description="The records that it is about; `#...` stands for what was no identifier."
    )
    times: int = strawberry.field(description="How often, where equal refusals were counted together.")
    operation: str | None = strawberry.field(description="The kind and the name of the operation.")
    document: str | None = strawberry.field(description="The beginning of the document's SHA-256.")
    fields: list[str] = strawberry.field(description="The fields that were shown, by type.")
    classes: list[str] = strawberry.field(description="The classes of data that were shown; the matrix names them.")
    reason: str | None = strawberry.field(description="Why, as the header X-Reason said.")
    address: str | None = strawberry.field(description="The network address that it came from.")
    agent: str | None = strawberry.field(description="The program at the other end, shortened.")


@strawberry.type(description="One time that the bank used data of a customer, as the customer is told.")
class AccessRecord:
    """One access."""

    cursor: str = strawberry.field(description="Give it as `after` to go on behind this record.")
    at: dt.datetime = strawberry.field(description="When it was.")
    kind: AuditKind = strawberry.field(description="Whether the data were read, changed, or used for a decision.")
    role: str = strawberry.field(description="What sort of employee or system it was.")
    purpose: str | None = strawberry.field(description="Why, where that was said.")
    what: str = strawberry.field(description="What was done.")
    classes: list[str] = strawberry.field(description="Which classes of your data were shown.")


@strawberry.type
class AuditQueries:
    """Reading the audit."""

    @query("The records of the audit, the newest first.", permission="read_audit")
    async def audit_entries(
        self,
        info: Request,
        about_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="A party, request or other record.")
        ] = None,
        who: Annotated[str | None, strawberry.argument(description="The subject of the token.")] = None,
        kinds: list[AuditKind] | None = None,
        from_: Annotated[dt.datetime | None, strawberry.argument(name="from", description="Inclusive.")] = None,
        to: Annotated[dt.datetime | None, strawberry.argument(description="Exclusive.")] = None,
        first: int = 50,
        after: str | None = None,
    ) -> list[AuditRecord]:
        """For auditors; that they looked is a record as well."""
        question = Question(_short(about_id, "aboutId"), _short(who, "who"), kinds or (), from_, to)
        found = await info.context.service(AuditTrail).find(question, _most(first), after)
        return [_shown(cursor, record) for cursor, record in found]

    @query("When, by what sort of employee and why your own data were used, the last first.", permission="own_requests")
    async def access_log(self, info: Request, first: int = 50, after: str | None = None) -> list[AccessRecord]:
        """For the customer whose token it is."""
        own = getattr(info.context.caller, "party_id", None)
        if own is None:
            raise Forbidden("The token names no party.", hint="Auditors ask auditEntries.")
        found: list[AccessRecord] = []
        cursor = after
        most = _most(first)
        while len(found) < most:
            page = await info.context.service(AuditTrail).find(Question(own, kinds=_OF_CUSTOMERS), most, cursor)
            for cursor, record in page:
                if record.party != own and len(found) < most:
                    found.append(_told(cursor, record))
            if len(page) < most:
                break
        return found


def _most(first: int) -> int:
    if not 1 <= first <= MOST:
        raise InvalidInput(f"first: 1 to {MOST}.", hint="Go on with `after`.", field="first")
    return first


def _short(text: str | None, name: str) -> str | None:
    if text is not None and not 0 < len(text) <= LONGEST:
        raise InvalidInput(f"{name}: 1 to {LONGEST} characters.", hint="Leave it out for all.", field=name)
    return text


def _instant(record: Record) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.at / 1000, dt.UTC)


def _shown(cursor: str, record: Record) -> AuditRecord:
    return AuditRecord(
        id=strawberry.ID(record.id),
        cursor=cursor,
        at=_instant(record),
        kind=record.kind,
        what=record.what,
        who=record.who,
        role=record.role,
        ids=[strawberry.ID(one) for one in record.ids],
        times=record.times,
        operation=record.operation,
        document=record.document,
        fields=list(record.fields),
        classes=list(record.classes),
        reason=record.why,
        address=record.address,
        agent=record.agent,
    )


def _told(cursor: str, record: Record) -> AccessRecord:
    return AccessRecord(
        cursor=cursor,
        at=_instant(record),
        kind=record.kind,
        role=record.role,
        purpose=record.why,
        what=record.what,
        classes=list(record.classes),
    )
