"""The use cases of service requests and complaints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict

from graph_crm.errors import NotFound, RequestClosed
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import claim, remember
from graph_crm.parties import checks
from graph_crm.parties.writes import digest, expect_version
from graph_crm.requests import cypher
from graph_crm.requests.closing import close_draft
from graph_crm.requests.commands import Changed, Effect, NewRequest, Opened, Sorter
from graph_crm.requests.desk import Desk
from graph_crm.requests.draft import Draft, category_data
from graph_crm.requests.flooding import check_pace, news_to_owner
from graph_crm.requests.intake import LONGEST_TEXT, Intake
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestPriority, RequestStatus, SortedBy
from graph_crm.requests.links import RequestLinks
from graph_crm.requests.messages import Messages
from graph_crm.requests.numbers import parse
from graph_crm.requests.resorting import place
from graph_crm.requests.routing import choose, supervisor_of
from graph_crm.requests.standing import lock
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Caller, Permission
from graph_crm.staff.roster import Colleague, Roster

Work = Callable[[Draft], Awaitable[None]]
_DESK_URL = "http://127.0.0.1:8000"
MOST_HANDED_OVER = 1_000
"""So many requests are handed over by one call."""


class RequestService:
    """Opens requests and leads them to their end; every method is one transaction and names its request by number.

    ``sorter`` finds the category of a text; ``effects`` follow in the same transaction. ``by`` is the subject of the
    token of whoever acts, ``key`` makes a repeated call the same one, ``version`` is the one that the caller has seen:
    VersionConflict where it is another by now. A number that is none, or not there, is NotFound. ``clock`` replaces
    the database's clock. ``complaint_days``: so long after closing a complaint may be taken up again by its customer;
    None: as long as other requests.
    """

    def __init__(
        self,
        database: Database,
        desk: Desk | None = None,
        *,
        book: RuleBook | None = None,
        links: RequestLinks | None = None,
        roster: Roster | None = None,
        sorter: Sorter | None = None,
        effects: Sequence[Effect] = (),
        complaint_days: float | None = None,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self.desk = desk or Desk.load()
        self.roster = roster or Roster(database)
        self.messages = Messages(self.desk, links or RequestLinks(_DESK_URL))
        self.effects = tuple(effects)
        self.book = book
        self.clock = clock
        self._complaint_days = complaint_days
        self._intake = Intake(
            database,
            self.desk,
            self.roster,
            self.messages,
            book=book,
            sorter=sorter,
            effects=self.effects,
            clock=clock,
        )

    async def open(self, request: NewRequest, *, key: str | None = None, by: str | None = None) -> Opened:
        """Take a request in: number, owner, due dates, acknowledgement, all in one transaction.

        Raises: InvalidInput that names the field; NotFound for what it names and is not there; IdempotencyKeyReused.
        """
        return await self._intake.open(request, key=key, by=by)

    async def customer_wrote(
        self,
        number: str,
        text: str,
        *,
        attachments: Sequence[str] = (),
        key: str | None = None,
        by: str | None = None,
        paced: bool = False,
    ) -> Changed:
        """Add what the customer wrote: clocks that stood still run again, a closed request is opened again.

        ``paced``: the customer sends it without anybody in between. Raises RequestClosed where it was closed too long
        ago: open a new one then; TooOften for more than an hour may bring, where ``paced``.
        """
        words = checks.text("text", text, LONGEST_TEXT, lines=True)

        async def work(draft: Draft) -> None:
            if paced:
                check_pace(draft.standing.log, draft.now)
            entry = draft.log(EntryKind.CUSTOMER_WROTE, by=by, text=words, visible=True, attachments=tuple(attachments))
            if draft.status is RequestStatus.CLOSED:
                self._in_time(draft)
                reopened = draft.reopen(by=by, text=None)
                draft.happened(EntryKind.REOPENED, reopened, by=by, text=words)
            else:
                draft.resume(by=by)
            await self._owned(draft, by=by)
            stays = draft.owner is not None and draft.owner.id == draft.standing.request["ownerId"]
            if draft.owner is not None and stays and news_to_owner(draft.standing.log, draft.now):
                draft.tell(self.messages.customer_wrote(f"{entry}:owner", draft.standing.about(), draft.owner))
            draft.happened(EntryKind.CUSTOMER_WROTE, entry, by=by, text=words)

        given = ["customerWrote", number, words, *attachments]
        return await self._change(number, work, version=None, key=key, given=given)

    async def answer(
        self,
        number: str,
        text: str,
        *,
        by: str,
        attachments: Sequence[str] = (),
        articles: Sequence[str] = (),
        close: bool = False,
        outcome: RequestOutcome | None = None,
        root_cause: str | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> Changed:
        """Answer the customer, who is told by the preferred channel; with ``close`` the request is done.

        ``outcome`` of what is closed is SOLVED when not given; a complaint needs its own, and its ``root_cause``.

        Raises RequestClosed where it is closed already.
        """
        words = checks.text("text", text, LONGEST_TEXT, lines=True)
        ended = _outcome(outcome) if close else None

        async def work(draft: Draft) -> None:
            self._open(draft)
            entry = draft.log(
                EntryKind.ANSWERED,
                by=by,
                text=words,
                data={"articles": list(articles)} if articles else None,
                visible=True,
                attachments=tuple(attachments),
            )
            first = draft.standing.at("firstRespondedAt") or draft.now
            draft.set(
                status=RequestStatus.ANSWERED.value, answeredAt=draft.now, firstRespondedAt=first, waitingSince=None
            )
            asker = draft.standing.asker(self.desk)
            told = self.messages.answer(
                f"{entry}:customer", draft.standing.about(), asker, words, draft.standing.owner_name, attachments
            )
            draft.tell(told)
            draft.happened(EntryKind.ANSWERED, entry, by=by, text=words, articles=articles)
            if close:
                close_draft(draft, ended, by=by, root_cause=root_cause, articles=articles)

        given = ["answer", number, words, by, *attachments, "|", *articles, str(close), str(outcome), str(root_cause)]
        return await self._change(number, work, version=version, key=key, given=given)

    async def note(self, number: str, text: str, *, by: str, key: str | None = None) -> Changed:
        """Write something down that the customer does not see."""
        words = checks.text("text", text, checks.NOTE_LIMIT, lines=True)

        async def work(draft: Draft) -> None:
            draft.log(EntryKind.NOTE, by=by, text=words)

        return await self._change(number, work, version=None, key=key, given=["note", number, words, by])

    async def assign(
        self, number: str, employee_id: str | None, *, by: str, reason: str | None = None, version: int | None = None
    ) -> Changed:
        """Make somebody responsible; None: whom routing finds. Reassigning is the same.

        Where routing finds nobody else, it stays as it is.

        Raises: InvalidInput for somebody who is away or does not work here; RequestClosed.
        """
        why = None if reason is None else checks.text("reason", reason)

        async def work(draft: Draft) -> None:
            self._open(draft)
            people = await self.roster.people()
            if employee_id is None:
                others = [one for one in people if one.id != draft.value("ownerId")]
                choice = choose(draft.standing.facts(self.desk), others, draft.now, book=self.book)
                if choice.owner is not None:  # else nobody but its owner is there, if anybody
                    draft.give(choice, by=by)
                return
            draft.hand_to(_present(people, employee_id, draft), by=by, why="PERSON", reason=why)

        self.roster.forget()
        return await self._change(number, work, version=version)

    async def hand_over(self, employee_id: str, *, by: str) -> int:
        """Give everything on somebody's desk to others, by routing; how many. For who is away for long, or leaves.

        What nobody else can take stays. Cut in the middle it may be done again.
        """
        rows = await self._database.read(cypher.OPEN_OF, {"owner": employee_id, "most": MOST_HANDED_OVER})
        for row in rows:
            with suppress(RequestClosed):  # somebody was faster
                await self.assign(row["number"], None, by=by)
        left = await self._database.read(cypher.OPEN_OF, {"owner": employee_id, "most": MOST_HANDED_OVER})
        return len({row["number"] for row in rows} - {row["number"] for row in left})

    async def escalate(self, number: str, reason: str, *, by: str, version: int | None = None) -> Changed:
        """Put a request before the supervisor of its team, and make it pressing."""
        why = checks.text("reason", reason)

        async def work(draft: Draft) -> None:
            self._open(draft)
            await self.put_before_supervisor(draft, by=by, reason=why)

        return await self._change(number, work, version=version)

    async def wait_for_customer(
        self, number: str, question: str, *, by: str, version: int | None = None, key: str | None = None
    ) -> Changed:
        """Ask the customer something: the clocks stand still until an answer comes."""
        words = checks.text("question", question, LONGEST_TEXT, lines=True)

        async def work(draft: Draft) -> None:
            self._open(draft)
            entry = draft.log(EntryKind.WAITING, by=by, text=words, visible=True)
            first = draft.standing.at("firstRespondedAt") or draft.now
            draft.set(status=RequestStatus.WAITING_FOR_CUSTOMER.value, waitingSince=draft.now, firstRespondedAt=first)
            asker = draft.standing.asker(self.desk)
            draft.tell(
                self.messages.question(
                    f"{entry}:customer", draft.standing.about(), asker, words, draft.standing.owner_name
                )
            )

        return await self._change(number, work, version=version, key=key, given=["wait", number, words, by])

    async def resume(self, number: str, *, by: str, version: int | None = None) -> Changed:
        """Let the clocks run again though the customer did not write; where they run, nothing changes."""

        async def work(draft: Draft) -> None:
            self._open(draft)
            draft.resume(by=by)
            if draft.changed:
                await self._owned(draft, by=by)

        return await self._change(number, work, version=version)

    async def close(
        self,
        number: str,
        outcome: RequestOutcome,
        *,
        by: str,
        root_cause: str | None = None,
        text: str | None = None,
        articles: Sequence[str] = (),
        version: int | None = None,
    ) -> Changed:
        """Close a request; one that is closed with this outcome already stays as it is.

        ``text``: what was found out, which the customer does not see. Raises RequestClosed for another outcome.
        """
        ended = _outcome(outcome)
        words = None if text is None else checks.text("text", text, checks.NOTE_LIMIT, lines=True)

        async def work(draft: Draft) -> None:
            if draft.status is RequestStatus.CLOSED and draft.standing.request["outcome"] == outcome:
                return
            self._open(draft)
            close_draft(draft, ended, by=by, root_cause=root_cause, text=words, articles=articles)

        return await self._change(number, work, version=version)

    async def reopen(self, number: str, reason: str, *, by: str, version: int | None = None) -> Changed:
        """Open a closed request again: the resolution begins anew. One that is open stays as it is."""
        why = checks.text("reason", reason, checks.NOTE_LIMIT, lines=True)

        async def work(draft: Draft) -> None:
            if draft.status is not RequestStatus.CLOSED:
                return
            entry = draft.reopen(by=by, text=why)
            await self._owned(draft, by=by)
            draft.happened(EntryKind.REOPENED, entry, by=by, text=why)

        return await self._change(number, work, version=version)

    async def sort(self, number: str, category: str, *, by: str, version: int | None = None) -> Changed:
        """Put a request into a category: its targets hold from here on, and routing finds an owner in its team.

        What was made more pressing than its category says stays so.

        Raises: InvalidInput for an unknown category; RequestClosed.
        """
        wanted = self.desk.known("category", category)

        async def work(draft: Draft) -> None:
            self._open(draft)
            before = draft.standing.request
            if before["category"] == wanted.code and before["sortedBy"] == SortedBy.PERSON.value:
                return
            data = {"category": wanted.code, "by": SortedBy.PERSON.value, **category_data(self.desk, wanted)}
            if before["category"]:
                data["before"] = before["category"]
            entry = draft.log(EntryKind.SORTED, by=by, data=data)
            draft.set(
                category=wanted.code,
                kind=wanted.kind.value,
                skill=wanted.skill,
                sortedBy=SortedBy.PERSON.value,
                categoryConfidence=None,
            )
            place(draft, wanted, self.desk, await self.roster.people(), by=by, book=self.book)
            if draft.status is RequestStatus.NEW and draft.value("ownerId") is not None:
                draft.set(status=RequestStatus.ASSIGNED.value)
            draft.happened(EntryKind.SORTED, entry, by=by, data=data)

        return await self._change(number, work, version=version)

    async def allowed(self, number: str, caller: Caller) -> str:
        """The id of the request, for staff or for the customer whose it is; NotFound for everybody else.

        Whether there is such a request is not told to somebody whose it is not.
        """
        known = parse(number[:40])
        rows = await self._database.read(cypher.WHOSE, {"number": known}) if known else []
        if not rows or not (
            caller.may(Permission.READ_PARTIES) or (caller.party_id is not None and rows[0]["party"] == caller.party_id)
        ):
            raise NotFound(
                "number: there is no such request of yours", hint="A number looks like R-4F7K-2M9P.", field="number"
            )
        return str(rows[0]["id"])

    async def of_party(
        self, party_id: str, *, statuses: Sequence[RequestStatus] | None = None, first: int = 20
    ) -> list[str]:
        """The ids of what a customer asked, the latest first."""
        wanted = None if not statuses else [one.value for one in statuses]
        asked = {"party": party_id, "statuses": wanted, "before": None, "first": _page(first)}
        return [row["id"] for row in await self._database.read(cypher.OF_PARTY, asked)]

    async def queue_of(self, employee_id: str, *, first: int = 50) -> list[str]:
        """The ids of what somebody has to work on, the most pressing first."""
        rows = await self._database.read(cypher.QUEUE_OF, {"owner": employee_id, "first": _page(first)})
        return [row["id"] for row in rows]

    async def put_before_supervisor(
        self, draft: Draft, *, by: str | None, reason: str, data_why: str = "ESCALATED"
    ) -> Colleague | None:
        """Make the supervisor of the request's team responsible; who is it already stays it. None: nobody is here."""
        to = supervisor_of(draft.value("team"), await self.roster.people(), draft.now)
        draft.raise_to(RequestPriority.HIGH)
        if to is None:
            draft.log(EntryKind.ESCALATED, by=by, text=reason, data={"why": data_why})
            return None
        draft.hand_to(to, by=by, why=data_why, reason=reason, entry=EntryKind.ESCALATED)
        return to

    async def _change(
        self,
        number: str,
        work: Work,
        *,
        version: int | None,
        key: str | None = None,
        given: Sequence[str] = (),
    ) -> Changed:
        """Lock, judge and write in one transaction; ``given`` is what the key stands for."""
        checks.version(version)
        if key is not None:
            checks.text("idempotencyKey", key, checks.ID_LIMIT)
        fingerprint = digest(list(given))

        async def once(tx: Transaction) -> Changed:
            if key is None:
                return await self._changed(tx, number, work, version)
            before = await claim(tx, "request", key, fingerprint)
            if before is not None:
                return Changed(**{**before, "status": RequestStatus(before["status"]), "repeated": True})
            changed = await self._changed(tx, number, work, version)
            await remember(tx, "request", key, asdict(changed))
            return changed

        return await self._database.write(once, idempotent=key is not None)

    async def _changed(self, tx: Transaction, number: str, work: Work, version: int | None) -> Changed:
        standing = await lock(tx, number, self.clock() if self.clock else None)
        expect_version(standing.request["version"], version, "request")
        draft = Draft(standing, self.desk, self.messages)
        await work(draft)
        if not draft.changed:
            return Changed(
                id=standing.id,
                number=standing.number,
                version=standing.request["version"],
                status=standing.status,
                repeated=True,
            )
        return await draft.finish(tx, self.effects)

    async def _owned(self, draft: Draft, *, by: str | None) -> None:
        """Find somebody else where the owner went away, or there is none."""
        if draft.standing.owner_here:
            return
        people = await self.roster.people()
        draft.give(choose(draft.standing.facts(self.desk), people, draft.now, book=self.book), by=by, why="ABSENCE")

    def _in_time(self, draft: Draft) -> None:
        closed = draft.standing.at("closedAt")
        days = self.desk.reopen_days
        if draft.standing.kind is RequestKind.COMPLAINT and self._complaint_days is not None:
            days = self._complaint_days
        if closed is not None and draft.now - closed > dt.timedelta(days=days):
            raise RequestClosed(
                f"The request was closed more than {days:g} days ago.",
                hint="Open a new one that names its number.",
                number=draft.standing.number,
            )

    @staticmethod
    def _open(draft: Draft) -> None:
        if draft.status is RequestStatus.CLOSED:
            raise RequestClosed(
                "The request is closed.", hint="Open it again first (reopenRequest).", number=draft.standing.number
            )


def _present(people: Sequence[Colleague], employee_id: str, draft: Draft) -> Colleague:
    """The employee, who works here and is not away."""
    found = next((one for one in people if one.id == employee_id), None)
    if found is None:
        raise checks.refuse("employeeId", "nobody with this identifier works here", "Use one that employees lists.")
    if found.away(draft.now):
        raise checks.refuse("employeeId", "is away now", "Choose somebody else, or nobody: routing finds somebody.")
    return found


def _outcome(value: RequestOutcome | None) -> RequestOutcome | None:
    return None if value is None else checks.one_of("outcome", value, RequestOutcome)


def _page(first: int) -> int:
    if not 1 <= first <= 100:  # noqa: PLR2004 - the largest page
        raise checks.refuse("first", "is out of range", "Ask for 1 to 100.")
    return first
