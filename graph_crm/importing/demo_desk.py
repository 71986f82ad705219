"""The service desk of the demo bank: employees, articles, and three months of requests and complaints.

The past has no outbox entries: it sends nothing and calls up nobody. What is open shows in the queues.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.importing.demo_people import SOURCE
from graph_crm.importing.demo_twice import SMALLEST, seed_demo_twice
from graph_crm.importing.loader import Progress, no_progress
from graph_crm.importing.rejects import ImportReport
from graph_crm.requests.clocks import LogEntry, measure
from graph_crm.requests.complaints.complaints import event_id
from graph_crm.requests.complaints.rules import ComplaintRules, shipped
from graph_crm.requests.desk import Category, Desk
from graph_crm.requests.draft import opening_data
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestStatus, SortedBy
from graph_crm.requests.knowledge.files import load_articles
from graph_crm.requests.numbers import new_number
from graph_crm.resources import folder
from graph_crm.settings.files import read_settled
from graph_crm.staff.kinds import EmployeeRole

BATCH = 500
MOST = 20_000
"""Requests at most, however large the bank is: the desk is a small part of it."""
CHANNELS = (("EMAIL", 35), ("ONLINE", 40), ("PHONE", 15), ("BRANCH", 10))
CAPACITY = 40
_HINT = "seed/demo_desk.toml, as it is shipped, is a complete one."
LATELY = 2
"""Days from which what is still being worked on comes."""

EMPLOYEES = """
UNWIND $rows AS row
MERGE (e:Employee {id: row.id})
ON CREATE SET e += row.properties, e.version = 1, e.createdAt = $now, e.updatedAt = $now
"""

CUSTOMERS = """
MATCH (p:Person) WHERE p.id STARTS WITH 'demo:person:' AND p.birthDate < $adults
WITH p ORDER BY p.id LIMIT $most
RETURN p.id AS id, p.language AS language, p.country AS country,
  COLLECT { MATCH (p)-[:HOLDS]->(a:Agreement) RETURN DISTINCT a.productCode } AS products
"""

REQUESTS = """
UNWIND $rows AS row
MATCH (p:Party {id: row.party})
MERGE (r:ServiceRequest {id: row.id})
WITH row, p, r, r.number IS NULL AS isNew WHERE isNew
SET r += row.properties
CREATE (p)-[:ASKED]->(r)
FOREACH (entry IN row.log | CREATE (r)-[:LOGGED]->(:RequestEntry {id: entry.id, seq: entry.seq, kind: entry.kind,
  at: entry.at, by: entry.by, text: entry.text, data: entry.data, visible: entry.visible}))
WITH row, p, r
CALL (row, r) { MATCH (e:Employee {id: row.owner}) CREATE (e)-[:OWNS_REQUEST]->(r) }
CALL (row, r) { MATCH (x:Product {code: row.product}) CREATE (r)-[:ABOUT]->(x) }
CALL (row, r) { UNWIND row.articles AS id MATCH (a:Article {id: id})
  CREATE (a)-[:SOLVED {at: row.solvedAt, by: row.owner}]->(r) }
CALL (row, p) { UNWIND row.events AS event
  MERGE (e:Event {id: event.id})
  SET e += event, e.partyId = p.id
  CREATE (p)-[:DID]->(e) }
CALL (row, r) { WITH row, r WHERE row.survey IS NOT NULL
  CREATE (r)-[:RATED_BY]->(s:SurveyAnswer {id: r.id + ':survey'}) SET s += row.survey }
CALL (row, p) { UNWIND row.helped AS helped
  MATCH (a:Article {id: helped.articleId})
  MERGE (f:FirstContact {key: helped.id})
  SET f += helped, f.category = a.category
  CREATE (a)-[:HELPED]->(f) CREATE (p)-[:WAS_HELPED]->(f) }
RETURN count(*) AS requests
"""

Row = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DemoEmployee(_Part):
    """Somebody who answers."""

    id: str
    name: str
    team: str
    role: EmployeeRole = EmployeeRole.AGENT
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...]


class Asked(_Part):
    """What customers ask of one category, by language."""

    category: str
    weight: int
    products: tuple[str, ...] = ()
    root_causes: tuple[str, ...] = ("OTHER",)
    en: tuple[str, ...]
    pl: tuple[str, ...]


class DeskSettings(_Part):
    """The file ``seed/demo_desk.toml``."""

    a_customer: float = Field(ge=0, le=10)
    days: int = Field(ge=1, le=366)
    lately: float
    waiting: float
    written_again: float
    reopened: float
    late: float
    still_open: float
    helped: float
    answered_surveys: float
    employees: tuple[DemoEmployee, ...]
    asked: tuple[Asked, ...]


def read_desk() -> DeskSettings:
    """The settings of the demo desk. Raises ConfigurationError where the file can't be used."""
    return read_settled(DeskSettings, folder("seed") / "demo_desk.toml", "The desk of the demo bank", hint=_HINT)


async def seed_demo(
    database: Database, *, customers: int, seed: int, as_of: date, progress: Progress = no_progress
) -> ImportReport:
    """The whole demo: the bank, then its service desk; twice gives the same graph."""
    report = await seed_demo_bank(database, customers=customers, seed=seed, as_of=as_of, progress=progress)
    await seed_demo_desk(database, customers=customers, seed=seed, as_of=as_of, report=report)
    if customers >= SMALLEST:
        await seed_demo_twice(database, report)
    return report


async def seed_demo_desk(
    database: Database, *, customers: int, seed: int, as_of: date, report: ImportReport | None = None
) -> int:
    """Add employees, the shipped articles, and requests whose history ends on ``as_of``; how many are new.

    The same bank, seed and day give the same requests.
    """
    settings, now = read_desk(), datetime.combine(as_of, time(16), tzinfo=UTC)
    await load_articles(database)
    rows = [_employee(one) for one in settings.employees]
    await database.write(lambda tx: tx.run(EMPLOYEES, {"rows": rows, "now": now}), idempotent=True)
    wanted = min(round(customers * settings.a_customer), MOST)
    people = await database.read(CUSTOMERS, {"adults": as_of - timedelta(days=18 * 366), "most": max(wanted * 4, 1)})
    maker = _Maker(settings, Desk.load(), shipped(), seed, now)
    written = 0
    made = maker.requests(wanted, [dict(row) for row in people])
    while batch := list(islice(made, BATCH)):
        parameters = {"rows": batch}
        found = await database.write(lambda tx, given=parameters: tx.run(REQUESTS, given), idempotent=True)  # type: ignore[misc]
        written += found[0]["requests"]
    if report is not None:
        for name, number in (("employees", len(rows)), ("service requests", wanted if people else 0)):
            tally = report.tally(name)
            tally.read, tally.loaded = tally.read + number, tally.loaded + number
    return written


def _employee(one: DemoEmployee) -> Row:
    properties = {
        "displayName": one.name,
        "email": f"{one.id.rpartition(':')[2].replace('_', '.')}@bank.example",
        "team": one.team,
        "role": one.role.value,
        "skills": list(one.skills),
        "languages": list(one.languages),
        "capacity": CAPACITY,
        "active": True,
    }
    return {"id": one.id, "properties": properties}


@dataclass
class _Maker:
    settings: DeskSettings
    desk: Desk
    rules: ComplaintRules
    seed: int
    now: datetime

    def requests(self, number: int, people: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        """The rows of so many requests, each with random numbers of its own."""
        numbers: set[str] = set()
        for place in range(number if people else 0):
            chance = random.Random(f"{self.seed}:{self.now.date()}:desk:{place}")  # noqa: S311 - a demo bank, not a secret
            public = new_number(chance.randrange)
            while public in numbers:
                public = new_number(chance.randrange)
            numbers.add(public)
            yield _Story(self, chance, place, public, people[chance.randrange(len(people))]).row()


class _Story:
    """One request from its opening to where it stands now."""

    def __init__(
        self, maker: _Maker, chance: random.Random, place: int, number: str, customer: Mapping[str, Any]
    ) -> None:
        self.maker, self.chance, self.customer, self.number = maker, chance, customer, number
        self.asked = chance.choices(maker.settings.asked, [one.weight for one in maker.settings.asked])[0]
        self.category: Category = maker.desk.known("category", self.asked.category)
        self.language = customer["language"] if customer["language"] in ("pl", "en") else "en"
        self.country = maker.desk.country_of(customer["country"])
        self.calendar = maker.desk.calendar(self.country, always=self.category.round_the_clock)
        self.id = f"demo:request:{maker.now.date()}:{maker.seed}:{place}"
        self.text: str = chance.choice(getattr(self.asked, self.language))
        self.log: list[Row] = []
        self.entries: list[LogEntry] = []
        days = LATELY if chance.random() < maker.settings.lately else maker.settings.days
        self.opened = maker.now - timedelta(minutes=chance.randint(5, days * 24 * 60))
        team = [one for one in maker.settings.employees if one.team == self.category.team]
        able = [one for one in team if self.language in one.languages] or team
        self.owner = chance.choice(able).id

    def entry(
        self,
        kind: EntryKind,
        at: datetime,
        *,
        by: str | None = None,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,
        visible: bool = False,
    ) -> datetime:
        """Add to the log; nothing in it is earlier than what stands there."""
        at = max([at, *(one.at for one in self.entries[-1:])])
        self.entries.append(LogEntry(kind=kind, at=at, data=data or {}))
        self.log.append(
            {
                "id": f"{self.id}:{len(self.log) + 1}",
                "seq": len(self.log) + 1,
                "kind": kind.value,
                "at": at,
                "by": by,
                "text": text,
                "data": orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode() if data else None,
                "visible": visible,
            }
        )
        return at

    def row(self) -> Row:
        """The request as `REQUESTS` writes it."""
        chance, settings, now = self.chance, self.maker.settings, self.maker.now
        data = opening_data(self.maker.desk, self.category, self.country)
        self.entry(EntryKind.OPENED, self.opened, text=self.text, data=data, visible=True)
        self.entry(EntryKind.SORTED, self.opened, data={"category": self.category.code, "by": SortedBy.RULE.value})
        self.entry(EntryKind.ASSIGNED, self.opened, data={"to": self.owner, "why": "LOAD"})
        self.entry(EntryKind.ACKNOWLEDGED, self.opened)
        waits = chance.random() < settings.waiting
        late = chance.random() < settings.late
        share = chance.uniform(1.05, 1.8) if late else min(chance.betavariate(1.4, 3.0), 0.98)
        # Who asks nothing back answers within the target of the first response, or misses it.
        target = self.category.resolution if waits else self.category.first_response
        answer = self.calendar.after(self.opened, target * share)
        asked = self.calendar.after(self.opened, self.category.first_response * chance.uniform(0.1, 0.95))
        status, closed = RequestStatus.ASSIGNED, None
        if waits and asked < min(answer, now):
            self.entry(EntryKind.WAITING, asked, by=self.owner, text="May I ask for the day and amount?", visible=True)
            pause = timedelta(hours=chance.uniform(2, 60))
            back, answer = asked + pause, answer + pause
            status = RequestStatus.WAITING_FOR_CUSTOMER
            if back < now:
                self.entry(EntryKind.CUSTOMER_WROTE, back, text="Yes, here it is.", visible=True)
                self.entry(EntryKind.RESUMED, back)
                status = RequestStatus.ASSIGNED
        if status is RequestStatus.ASSIGNED and answer < now:
            self._late(answer)
            self.entry(EntryKind.ANSWERED, answer, by=self.owner, text=_ANSWERS[self.language], visible=True)
            status = RequestStatus.ANSWERED
            if chance.random() < settings.written_again and answer + timedelta(hours=30) < now:
                again = answer + timedelta(hours=chance.uniform(1, 20))
                self.entry(EntryKind.CUSTOMER_WROTE, again, text="One more thing, please.", visible=True)
                self.entry(EntryKind.RESUMED, again)
                answer = self.entry(
                    EntryKind.ANSWERED,
                    again + timedelta(hours=chance.uniform(0.5, 9)),
                    by=self.owner,
                    text=_ANSWERS[self.language],
                    visible=True,
                )
            if chance.random() > settings.still_open or answer + timedelta(days=LATELY) < now:
                status, closed = self._close(answer)
        return self._written(status, closed)

    def _late(self, answer: datetime) -> None:
        """The log says of a target that it was missed, at the instant at which it was."""
        for clock in measure(self.entries, self.maker.desk, answer).both:
            if clock.late and clock.due >= self.entries[-1].at:
                data = {"clock": clock.kind.value, "round": clock.round, "due": clock.due.isoformat()}
                self.entry(EntryKind.BREACHED, clock.due, data=data)

    def _close(self, answer: datetime) -> tuple[RequestStatus, datetime | None]:
        closing = answer + timedelta(minutes=self.chance.randint(0, 90))
        if closing > self.maker.now:
            return RequestStatus.ANSWERED, None
        closed = self.entry(EntryKind.CLOSED, closing, by=self.owner, data={"outcome": self.outcome.value})
        if self.chance.random() < self.maker.settings.reopened and closed + timedelta(days=3) < self.maker.now:
            again = self.entry(EntryKind.REOPENED, closed + timedelta(hours=self.chance.uniform(2, 60)), text="No.")
            done = self.calendar.after(again, self.category.resolution * self.chance.uniform(0.1, 0.9))
            if done > self.maker.now:
                return RequestStatus.REOPENED, None
            self.entry(EntryKind.ANSWERED, done, by=self.owner, text=_ANSWERS[self.language], visible=True)
            closed = self.entry(EntryKind.CLOSED, done, by=self.owner, data={"outcome": self.outcome.value})
        return RequestStatus.CLOSED, closed

    @property
    def complaint(self) -> bool:
        """Whether it is one."""
        return self.category.kind is RequestKind.COMPLAINT

    @property
    def outcome(self) -> RequestOutcome:
        """How it ends, drawn by its number alone."""
        if not self.complaint:
            return RequestOutcome.SOLVED
        ends = (RequestOutcome.UPHELD, RequestOutcome.PARTLY_UPHELD, RequestOutcome.REJECTED)
        return ends[sum(self.number.encode()) % len(ends)]

    def _written(self, status: RequestStatus, closed: datetime | None) -> Row:
        chance, now = self.chance, self.maker.now
        clocks = measure(self.entries, self.maker.desk, now)
        answered = [one.at for one in self.entries if one.kind is EntryKind.ANSWERED]
        first = [one.at for one in self.entries if one.kind in (EntryKind.ANSWERED, EntryKind.WAITING)]
        on_desk = status not in (RequestStatus.CLOSED, RequestStatus.ANSWERED)
        properties: Row = {
            "number": self.number,
            "category": self.category.code,
            "kind": self.category.kind.value,
            "status": status.value,
            "subject": self.text,
            "text": self.text,
            "language": self.language,
            "country": self.country,
            "channel": chance.choices([name for name, _ in CHANNELS], [weight for _, weight in CHANNELS])[0],
            "source": SOURCE,
            "partyId": self.customer["id"],
            "team": self.category.team,
            "skill": self.category.skill,
            "ownerId": self.owner,
            "openOwnerId": self.owner if on_desk else None,
            "priority": self.category.priority.value,
            "sortedBy": SortedBy.RULE.value,
            "openedAt": self.opened,
            "firstResponseDueAt": clocks.first_response.due,
            "resolutionDueAt": clocks.resolution.due if clocks.resolution.running else None,
            "firstRespondedAt": first[0] if first else None,
            "answeredAt": answered[-1] if answered else None,
            "closedAt": closed,
            "outcome": self.outcome.value if closed else None,
            "seq": len(self.log),
            "version": 1,
        }
        held = [code for code in self.asked.products if code in self.customer["products"]]
        row: Row = {
            "id": self.id,
            "party": self.customer["id"],
            "owner": self.owner,
            "product": chance.choice(held) if held else None,
            "properties": properties,
            "log": self.log,
            "solvedAt": closed,
            "articles": self._articles() if closed and chance.random() < 0.5 else [],  # noqa: PLR2004 - every other
            "events": [],
            "survey": None,
            "helped": self._helped(),
        }
        if self.complaint:
            self._complain(row, closed)
        return row

    def _articles(self) -> list[str]:
        """The articles of its category, in its language."""
        slug = _ARTICLES.get(self.category.code)
        return [f"article:{self.language}:{slug}"] if slug else []

    def _helped(self) -> list[Row]:
        """Somebody whom an article helped, so that nothing was asked."""
        slug = self.chance.choice(sorted(_ARTICLES.values()))
        if self.chance.random() >= self.maker.settings.helped:
            return []
        at = self.maker.now - timedelta(minutes=self.chance.randint(5, self.maker.settings.days * 24 * 60))
        article = f"article:{self.language}:{slug}"
        told = {"id": f"{self.id}:helped", "articleId": article, "at": at, "channel": "ONLINE", "by": SOURCE}
        return [{**told, "partyId": self.customer["id"], "language": self.language}]

    def _complain(self, row: Row, closed: datetime | None) -> None:
        """What a complaint brings with it: severity, silence, cause, and what the customer says afterwards."""
        chance, properties = self.chance, row["properties"]
        found = self.maker.rules.assess(self.text, "", vulnerable=False, earlier=0)
        properties |= {
            "severity": found.severity.value,
            "severityReasons": list(found.reasons),
            "severityBy": SortedBy.RULE.value,
            "rootCause": chance.choice(self.asked.root_causes) if closed else None,
        }
        opening = [one.at for one in self.entries if one.kind in (EntryKind.OPENED, EntryKind.REOPENED)]
        closings = [one.at for one in self.entries if one.kind is EntryKind.CLOSED]
        if len(opening) > 1:
            properties["complaintRound"] = len(opening) - 1
        for number, at in enumerate(opening):
            told = orjson.dumps({"subject": self.text}).decode()
            row["events"].append(self._event(event_id(self.id, number), "complaint", at, told))
        for number, at in enumerate(closings):
            complaint = event_id(self.id, number)
            told = orjson.dumps({"complaint": complaint, "outcome": self.outcome.value}).decode()
            closing = complaint.replace("complaint:", "complaint_closed:", 1)
            row["events"].append(self._event(closing, "complaint_closed", at, told))
        if closed and chance.random() < self.maker.settings.answered_surveys:
            score = chance.choices((1, 2, 3, 4, 5), (8, 10, 20, 34, 28))[0]
            properties["surveyScore"] = score
            row["survey"] = {
                "key": f"{self.id}:{len(closings) - 1}",
                "requestId": self.id,
                "number": self.number,
                "round": len(closings) - 1,
                "score": score,
                "at": min(closed + timedelta(hours=26), self.maker.now),
                "by": "customer",
                "category": self.category.code,
            }

    def _event(self, identifier: str, kind: str, at: datetime, payload: str) -> Row:
        return {"id": identifier, "type": kind, "at": at, "recordedAt": at, "payload": payload, "source": SOURCE}


_ANSWERS = {"en": "Thank you for writing. It is done.", "pl": "Dziękujemy za wiadomość. Sprawa jest załatwiona."}
_ARTICLES = {
    "CARD_LOST": "lost-card",
    "CARD": "card-payment-declined",
    "TRANSFER": "transfer-not-arrived",
    "ACCOUNT": "statement",
    "FEES": "account-fee",
    "LOAN": "loan-early-repayment",
    "SAVINGS": "deposit-end",
    "ONLINE_ACCESS": "forgotten-password",
    "FRAUD": "unknown-payment",
    "PERSONAL_DATA": "change-address",
}
