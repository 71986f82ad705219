"""How well a complaint was dealt with: the customer is asked after it was closed, by a link, and answers once."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from graph_crm.contacts.kinds import ActionClass, ContactPurpose
from graph_crm.delivery.queueing import Message, queue
from graph_crm.errors import AlreadyDecided, AlreadyExists, InvalidInput, NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written
from graph_crm.requests.complaints import cypher
from graph_crm.requests.complaints.complaints import SURVEY_DUE
from graph_crm.requests.complaints.rules import ComplaintRules, shipped
from graph_crm.requests.kinds import RequestKind, RequestStatus
from graph_crm.requests.numbers import parse
from graph_crm.requests.standing import instant
from graph_crm.security.roles import Caller

TEMPLATE: Final = "complaint_survey"
WORST, BEST = 1, 5
LONGEST: Final = 1_000
"""Characters of a token."""
_ALGORITHM: Final = "HS256"
_USE: Final = b"graph-crm complaint survey 1"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which closing of which complaint a link asks about."""

    request_id: str
    round: int
    until: dt.datetime


class SurveyLinks:
    """Makes and reads the links. The key is made of the platform's secret and good for nothing else."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), _USE, hashlib.sha256))
        self._url = public_url.rstrip("/")

    def token(self, asked: Asked) -> str:
        """A signed token that names the closing and ends in time."""
        named = orjson.dumps([asked.request_id, asked.round, int(asked.until.timestamp())])
        return jws.serialize_compact({"alg": _ALGORITHM}, named, self._key, algorithms=[_ALGORITHM])

    def link(self, asked: Asked) -> str:
        """The address of the page where the customer answers."""
        return f"{self._url}/survey?k={quote(self.token(asked), safe='')}"

    def read(self, token: str) -> Asked:
        """What a token asks about. Raises InvalidInput for one that this platform did not make."""
        try:
            if len(token) > LONGEST:
                raise ValueError("too long")  # noqa: TRY301 - told as any other that was not made here
            payload: Any = jws.deserialize_compact(token, self._key, algorithms=[_ALGORITHM]).payload
            request, number, until = orjson.loads(payload)
            return Asked(str(request), int(number), dt.datetime.fromtimestamp(until, dt.UTC))
        except (JoseError, ValueError, TypeError, UnicodeError, AttributeError) as error:
            raise InvalidInput(
                "The link is not complete or was not made by this bank.",
                hint="Open it from the message again, all of it.",
                field="token",
            ) from error


class SurveyService:
    """Asks customers how their complaints were dealt with, and takes their answers."""

    def __init__(
        self, database: Database, links: SurveyLinks | None = None, *, rules: ComplaintRules | None = None
    ) -> None:
        self._database = database
        self._links = links
        self._rules = rules or shipped()

    def topics(self) -> dict[str, Callable[[Transaction, OutboxEntry], Awaitable[None]]]:
        """What the worker does for it."""
        return {SURVEY_DUE: self.ask}

    async def ask(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Queue the question when its time has come (topic `complaints.SURVEY_DUE`).

        A complaint that was taken up again meanwhile is not asked about, nor one of somebody who is no customer: nobody
        knows whether they agreed to be asked. Whether a customer did is checked when the message is sent.
        """
        rows = await tx.run(cypher.ASKED, {"requestId": entry.payload["requestId"]})
        if not rows or self._links is None:
            return
        row, number = rows[0], entry.payload["round"]
        if not _asks(row) or row["round"] != number or row["party"] is None:
            return
        until = instant(row["now"]) + dt.timedelta(days=self._rules.survey.answer_days)
        asked = Asked(entry.payload["requestId"], number, until)
        await queue(
            tx,
            Message(
                key=f"{TEMPLATE}:{asked.request_id}:{asked.round}",
                template=TEMPLATE,
                party_id=row["party"],
                action_class=ActionClass.TRANSACTIONAL,
                purpose=ContactPurpose.SURVEY,
                language=row["language"],
                variables={"name": row["name"], "number": row["number"], "link": self._links.link(asked)},
                expires_at=until,
                request_id=asked.request_id,
            ),
        )

    async def answer(self, token: str, score: int, text: str | None = None, *, by: str = "customer") -> Written:
        """Keep an answer that came by a link; the same answer again is the same one.

        Raises: InvalidInput for a link that is none or a score from outside 1 to 5; AlreadyDecided where the time to
        answer is over or the complaint was taken up again; AlreadyExists where another answer was given.
        """
        if self._links is None:
            raise InvalidInput("Nobody is asked here.", hint="Set GRAPH_CRM_JWT_SECRET.", field="token")
        asked = self._links.read(token)
        return await self._keep(asked.request_id, score, text, by, number=asked.round, until=asked.until)

    async def answer_own(self, number: str, score: int, text: str | None, caller: Caller) -> Written:
        """Keep the answer of a customer who is logged in, about an own complaint that was closed.

        Raises: NotFound for a number that is none of the caller's, and what `answer` raises.
        """
        known = parse(number[:40])
        rows = await self._database.read(cypher.OF_NUMBER, {"number": known}) if known else []
        if not rows or caller.party_id is None or rows[0]["party"] != caller.party_id:
            raise NotFound("number: there is no such complaint of yours", hint="myRequests lists them.", field="number")
        return await self._keep(rows[0]["id"], score, text, caller.subject)

    async def _keep(
        self,
        request_id: str,
        score: int,
        text: str | None,
        by: str,
        *,
        number: int | None = None,
        until: dt.datetime | None = None,
    ) -> Written:
        if isinstance(score, bool) or not WORST <= score <= BEST:
            raise checks.refuse("score", "is out of range", f"Send {WORST} (very bad) to {BEST} (very good).")
        stored = checks.text("text", text, checks.NOTE_LIMIT, lines=True) if text and text.strip() else None

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.LOCK_FOR_ANSWER, {"requestId": request_id})
            if not rows:
                raise NotFound("There is no such complaint.", field="token")
            row = rows[0]
            if not _asks(row) or (number is not None and row["round"] != number):
                raise AlreadyDecided(
                    "The complaint is not closed: nobody asks about it now.",
                    hint="You are asked again when it is closed.",
                )
            if row["answer"] is not None:
                if (row["score"], row["text"]) == (score, stored):
                    return Written(row["answer"])
                raise AlreadyExists(
                    "This was answered before; an answer is given once.", hint="Write to the bank to add to it."
                )
            now = instant(row["now"])
            if now > (until or instant(row["closedAt"]) + dt.timedelta(days=self._rules.survey.answer_days)):
                raise AlreadyDecided("The time to answer is over.", hint="Write to the bank: it wants to know.")
            identifier = new_id("survey-answer")
            told = {
                "requestId": request_id,
                "id": identifier,
                "entryId": f"{identifier}:entry",
                "key": f"{request_id}:{row['round']}",
                "round": row["round"],
                "score": score,
                "text": stored,
                "by": by,
                "now": now,
                "data": orjson.dumps({"score": score}).decode(),
            }
            await tx.run(cypher.ANSWERED, told)
            return Written(identifier)

        return await self._database.write(work, idempotent=True)


def _asks(row: Row) -> bool:
    """Whether there is something to ask about: a complaint, closed and not taken up again."""
    return bool(row["kind"] == RequestKind.COMPLAINT and row["status"] == RequestStatus.CLOSED)
