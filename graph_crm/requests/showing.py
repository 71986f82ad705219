"""What a page shows of a request: everything in one read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database
from graph_crm.requests.kinds import ASKED, FROM_CUSTOMER, EntryKind, RequestKind, RequestStatus
from graph_crm.requests.numbers import parse

SHOW: Final = """
MATCH (r:ServiceRequest {number: $number})
OPTIONAL MATCH (p:Party)-[:ASKED]->(r)
WITH r, p LIMIT 1
RETURN r {.id, .number, .subject, .status, .kind, .category, .priority, .language, .contact, .version,
    openedAt: r.openedAt.epochMillis, due: r.resolutionDueAt.epochMillis} AS request,
  p {.id, .displayName, .segment, .timeZone, .city, .vulnerable,
    open: COUNT { (p)-[:ASKED]->(o:ServiceRequest WHERE o.status <> 'CLOSED') },
    points: COLLECT {
      MATCH (p)-[t:REACHABLE_AT]->(c:ContactPoint) WHERE t.until IS NULL RETURN c.value ORDER BY c.value },
    products: COLLECT { MATCH (p)-[h:HOLDS]->(a:Agreement) WHERE h.until IS NULL AND coalesce(a.status, '') <> 'CLOSED'
      RETURN DISTINCT a.productCode ORDER BY a.productCode LIMIT 20 }} AS party,
  head([(o:Employee)-[:OWNS_REQUEST]->(r) | o.displayName]) AS owner,
  head([(r)-[:ABOUT]->(x:Product) | x.code]) AS product,
  COLLECT {
    MATCH (r)-[:LOGGED]->(e:RequestEntry)
    OPTIONAL MATCH (w:Employee {id: e.by})
    WITH e, w ORDER BY e.seq DESC LIMIT 200
    RETURN [e.seq, e.kind, e.at.epochMillis, coalesce(w.displayName, ''), e.text, e.visible,
      COLLECT { MATCH (e)-[:CARRIES]->(a:Attachment)
        RETURN [a.id, a.name, a.bytes, a.state, coalesce(a.fromOutside, true)] ORDER BY a.name, a.id }]
  } AS entries
"""
OWNED: Final = """
MATCH (r:ServiceRequest {number: $number, ownerId: $id})
WHERE r.closedAt IS NULL OR r.closedAt > datetime.realtime() - duration({minutes: $minutes})
RETURN r.number AS number
"""
EMPLOYEE: Final = """
MATCH (o:Employee {id: $id}) WHERE o.active
RETURN o.displayName AS name, o.languages AS languages
"""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document that came with an entry."""

    id: str
    name: str
    bytes: int
    state: str
    from_outside: bool
    """Whether a customer or a stranger sent it."""

    @property
    def for_customer(self) -> bool:
        """Whether the customer may open it: what an employee sent is not held back for want of a scanner."""
        return self.state == "CLEAN" or (self.state == "UNSCANNED" and not self.from_outside)


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry of the log."""

    seq: int
    kind: EntryKind
    at: dt.datetime
    by: str
    """The name of the employee; empty where it was none."""
    text: str | None
    visible: bool
    documents: tuple[ShownDocument, ...]

    @property
    def asks(self) -> bool:
        """Whether the customer wants something in it."""
        return self.kind in ASKED

    @property
    def from_customer(self) -> bool:
        """Whether the customer said it."""
        return self.kind in FROM_CUSTOMER


@dataclass(frozen=True, slots=True)
class ShownCustomer:
    """Who asked."""

    id: str
    name: str
    segment: str | None
    city: str | None
    time_zone: str | None
    vulnerable: bool
    open_requests: int
    points: tuple[str, ...]
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as a page shows it, its log the first first (the last 200 entries)."""

    id: str
    number: str
    subject: str | None
    status: RequestStatus
    kind: RequestKind
    category: str | None
    product: str | None
    language: str | None
    contact: str | None
    version: int
    opened_at: dt.datetime
    due: dt.datetime | None
    owner: str | None
    customer: ShownCustomer | None
    log: tuple[ShownEntry, ...]

    @property
    def messages(self) -> tuple[ShownEntry, ...]:
        """What customer and bank said to each other."""
        return tuple(one for one in self.log if one.visible)


@dataclass(frozen=True, slots=True)
class ShownEmployee:
    """Who looks at a page."""

    id: str
    name: str
    languages: tuple[str, ...]


class RequestShowing:
    """Reads requests for pages. Who may see which is decided by who calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, number: str) -> ShownRequest:
        """The request of this number. Raises NotFound."""
        known = parse(number[:40])
        rows = await self._database.read(SHOW, {"number": known}) if known else []
        if not rows:
            raise NotFound("number: there is no such request", hint="A number looks like R-4F7K-2M9P.", field="number")
        row = rows[0]
        found = row["request"]
        return ShownRequest(
            id=found["id"],
            number=found["number"],
            subject=found["subject"],
            status=RequestStatus(found["status"]),
            kind=RequestKind(found["kind"]),
            category=found["category"],
            product=row["product"],
            language=found["language"],
            contact=found["contact"],
            version=found["version"],
            opened_at=_instant(found["openedAt"]),
            due=None if found["due"] is None else _instant(found["due"]),
            owner=row["owner"],
            customer=_customer(row["party"]),
            log=tuple(sorted((_entry(one) for one in row["entries"]), key=lambda one: one.seq)),
        )

    async def owned(self, number: str, employee_id: str, *, minutes: int) -> bool:
        """Whether the employee answers for the request, or did until it was closed at most so many minutes ago."""
        asked = {"number": parse(number[:40]), "id": employee_id, "minutes": minutes}
        return bool(await self._database.read(OWNED, asked))

    async def employee(self, employee_id: str) -> ShownEmployee | None:
        """Somebody who works here; None for who does not, or not any more."""
        rows = await self._database.read(EMPLOYEE, {"id": employee_id})
        return ShownEmployee(employee_id, rows[0]["name"], tuple(rows[0]["languages"] or ())) if rows else None


def _customer(found: dict[str, Any] | None) -> ShownCustomer | None:
    if found is None:
        return None
    return ShownCustomer(
        id=found["id"],
        name=found["displayName"] or found["id"],
        segment=found["segment"],
        city=found["city"],
        time_zone=found["timeZone"],
        vulnerable=bool(found["vulnerable"]),
        open_requests=found["open"],
        points=tuple(found["points"]),
        products=tuple(found["products"]),
    )


def _entry(found: Sequence[Any]) -> ShownEntry:
    seq, kind, at, by, text, visible, documents = found
    return ShownEntry(
        seq, EntryKind(kind), _instant(at), by, text, bool(visible), tuple(ShownDocument(*one) for one in documents)
    )


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
