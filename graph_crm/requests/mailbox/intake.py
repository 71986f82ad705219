"""A mail that comes in, from its bytes to the request that it becomes; done twice it has one effect.

First the mail is made safe: its bytes in the storage of documents, its node in the graph with what was decided. Only
then is it said to be accepted. What follows is repeated until it is done, by keys that are made from the mail.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from graph_crm import logs
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import CrmError, DatabaseBusy, DatabaseTimeout, DatabaseUnavailable, InvalidInput, NotFound
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.requests import numbers
from graph_crm.requests.attachments.service import AttachmentService, Prepared
from graph_crm.requests.attachments.store import StorageUnavailable, StoredFile, hold
from graph_crm.requests.commands import NewRequest
from graph_crm.requests.mailbox import cypher
from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.mailbox.nature import Nature
from graph_crm.requests.mailbox.parsing import Identity, ParsedMail, Unreadable, identity, parse
from graph_crm.requests.mailbox.planning import Facts, Plan, planned
from graph_crm.requests.mailbox.wording import without_quotes
from graph_crm.requests.service import RequestService

BOUNCED = "delivery.bounced"
"""The topic of the outbox that tells the delivery of a bounce: ``{messageId, diagnostic, permanent, failed}``."""
SOURCE = "mail"
LEFT_LYING_SECONDS = 120
"""A mail that is not handled so long after it was taken is taken up again."""
RESUME_SECONDS = 60.0
MOST_TRIES = 300
"""So often a mail that was left lying is taken up again, most of a day; then a person looks at it."""
STRANGERS = "*"
"""Where the acknowledgements to unknown senders are counted, as if all of them were one."""
LARGE = 100_000
"""Bytes from which on a mail is read in a thread."""
PASSING = (DatabaseUnavailable, DatabaseBusy, DatabaseTimeout, StorageUnavailable)
"""What may be over at the next attempt: the mail waits."""
REQUEST_CLOSED = "REQUEST_CLOSED"

T = TypeVar("T")
log = logs.get(__name__)


@dataclass(frozen=True, kw_only=True)
class MailPolicy:
    """How the bank takes mails."""

    own: frozenset[str] = frozenset()
    """The bank's own addresses, from which no mail is a request."""
    trusted: str | None = None
    """Name of the bank's mail server in Authentication-Results; None: nobody's verdict is believed."""
    most_an_hour: int = 30
    """Mails of one sender that are taken for requests within an hour."""
    most_strangers: int = 1_000
    """Acknowledgements within an hour to senders whom the bank does not know: anybody can write any sender."""
    keep_days: int = 3650
    """Days that a mail is kept as it came."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mail. ``number`` is the request's; ``repeated``: it had come before."""

    id: str
    state: MailState
    reason: MailReason | None = None
    number: str | None = None
    repeated: bool = False


class MailIntake:
    """Takes mails in, and takes up again those whose handling was cut off."""

    def __init__(
        self,
        database: Database,
        requests: RequestService | None = None,
        attachments: AttachmentService | None = None,
        policy: MailPolicy | None = None,
    ) -> None:
        self._database = database
        self._requests = requests or RequestService(database)
        self._attachments = attachments or AttachmentService(database)
        self._policy = policy or MailPolicy()

    async def take(self, raw: bytes, *, null_sender: bool = False, trouble: MailReason | None = None) -> Receipt:
        """Take in a mail: when this returns it is safe, and has become what the receipt says.

        ``null_sender``: it was handed over with MAIL FROM:<>. ``trouble``: why it can't be handled, known beforehand.

        Raises: DatabaseUnavailable, DatabaseBusy, DatabaseTimeout, StorageUnavailable: send it again. It may be safe
        all the same, and is then handled later; sent again it is the same mail.
        """
        named = await _in_thread(raw, lambda: identity(raw))
        mail_id, before = await self._name(named)
        if before is not None and before["state"] != MailState.TAKEN:
            return _receipt(mail_id, before, repeated=True)
        mail, reason = await self._read(raw, null_sender=null_sender, trouble=trouble)
        plan = Plan(MailState.SET_ASIDE, reason) if mail is None else await self._plan(mail)
        (file,) = await self._attachments.files.put([raw])
        documents: list[Prepared] = []
        try:
            if mail is not None:
                documents = await self._attachments.prepare(mail.uploads, seed=mail_id)
            row = await self._store(mail_id, named, mail, plan, file, documents, null_sender=null_sender)
        except PASSING:
            raise
        except Exception as error:  # whatever it is, the mail is kept and seen, and the others go on
            log.exception("mail_not_stored", error=type(error).__name__)
            documents = []
            mail_id = f"digest:{file.sha256}"
            bare = Identity(mail_id, file.sha256[:16], None, "")
            fault = Plan(MailState.SET_ASIDE, MailReason.FAULT)
            named = bare
            row = await self._store(mail_id, bare, None, fault, file, [], null_sender=null_sender)
        if row["fingerprint"] != named.fingerprint:  # another mail took this Message-ID at the same moment
            return await self.take(raw, null_sender=null_sender, trouble=trouble)
        if row["state"] != MailState.TAKEN:
            return _receipt(mail_id, row, repeated=not row["isNew"])
        assert mail is not None  # noqa: S101 - what can't be read is set aside when it is stored
        return await self._handle(mail_id, mail, Plan.read(row["plan"]), [one.taken.id for one in documents])

    async def resume(self) -> int:
        """Handle mails that were taken and then left lying; how many.

        One that fails again goes to the end of the line, and after `MOST_TRIES` times to a person.
        """
        rows = await self._database.write(lambda tx: tx.run(cypher.LEFT_LYING, {"seconds": LEFT_LYING_SECONDS}))
        for row in rows:
            await self._again(row["id"], last=row["tries"] >= MOST_TRIES)
        return len(rows)

    async def reopen(self, mail_id: str, *, by: str, number: str | None = None) -> Receipt:
        """A person has a mail that was set aside handled all the same: as a new request, or in the request ``number``.

        A machine's mail is not acknowledged, whoever says so. Raises: NotFound, InvalidInput where it was handled
        meanwhile, or can't be read.
        """
        known = numbers.parse(number) if number is not None else None
        if number is not None and (known is None or not await self._requests_of([known])):
            raise NotFound(
                "number: there is no request with this number.", hint="Leave it out for a new request.", field="number"
            )
        material = await self._material(mail_id)
        mail, _ = await self._original(material)
        if mail is None:
            raise InvalidInput(
                "id: the platform can't read this mail.",
                hint="Read it with GET /mails/{id}, open a request by hand, then dismiss the mail.",
                field="id",
            )
        plan = Plan(MailState.OPENED, acknowledge=mail.nature is Nature.PERSON)
        if known is not None:
            plan = Plan(MailState.JOINED, number=known)
        elif mail.sender is not None:
            parties = (await self._facts(mail)).parties
            plan = Plan(
                MailState.OPENED, party_id=parties[0] if len(parties) == 1 else None, acknowledge=plan.acknowledge
            )
        claimed = await self._database.write(lambda tx: tx.run(cypher.CLAIM, {"id": mail_id, "plan": plan.stored()}))
        if not claimed:
            raise InvalidInput("id: this mail is handled already.", hint="Read it again.", field="id")
        documents = await self._documents(mail_id, mail, plan, material["attachments"])
        return await self._handle(mail_id, mail, plan, documents, by=by)

    async def dismiss(self, mail_id: str, *, by: str) -> Receipt:
        """A person leaves a mail that was set aside at that; dismissed again it stays so."""
        row = await self._material(mail_id)
        if row["state"] not in {MailState.SET_ASIDE, MailState.DISMISSED}:
            raise InvalidInput("id: this mail was not set aside.", hint="Only those are dismissed.", field="id")
        return await self._settle(
            mail_id, MailState.DISMISSED, reason=row["reason"], by=by, before=[MailState.SET_ASIDE]
        )

    def timers(self) -> dict[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return {"mail.resume": (RESUME_SECONDS, self.resume)}

    async def _name(self, named: Identity) -> tuple[str, Row | None]:
        """The id of the mail, and what is known of it. A second mail under the Message-ID of another gets its own."""
        other = f"{named.id}#{named.fingerprint}"
        rows = {row["id"]: row for row in await self._database.read(cypher.KNOWN, {"ids": [named.id, other]})}
        first = rows.get(named.id)
        if first is None or first["fingerprint"] == named.fingerprint:
            return named.id, first
        return other, rows.get(other)

    async def _read(
        self, raw: bytes, *, null_sender: bool, trouble: MailReason | None = None
    ) -> tuple[ParsedMail | None, MailReason | None]:
        if trouble is not None:
            return None, trouble
        try:
            return await _in_thread(raw, lambda: parse(raw, null_sender=null_sender)), None
        except Unreadable as error:
            return None, error.reason
        except Exception as error:  # a mail is set aside for a fault of ours, not refused and not lost
            log.exception("mail_not_read", error=type(error).__name__)
            return None, MailReason.FAULT

    async def _facts(self, mail: ParsedMail) -> Facts:
        parties: Sequence[Row] = []
        employee: Sequence[Row] = []
        if mail.sender is not None:
            parties = await self._database.read(cypher.SENDERS, {"pointKey": f"EMAIL:{mail.sender}"})
            employee = await self._database.read(cypher.EMPLOYEE, {"address": mail.sender})
        in_subject = await self._requests_of(numbers.find(mail.subject))
        in_thread: list[Row] = []
        if mail.references and not in_subject:
            references = {"references": list(mail.references)}
            found = [
                *await self._database.read(cypher.THREAD_DELIVERIES, references),
                *await self._database.read(cypher.THREAD_MAILS, references),
            ]
            # The bank's mails refer to their request in an identifier of their own (delivery/channels/mail.py).
            named = numbers.find(" ".join(one for one in mail.references if one.startswith("<thread.")))
            in_thread = await self._requests_of(list(dict.fromkeys([*named, *(row["number"] for row in found)])))
        return Facts(tuple(row["id"] for row in parties), bool(employee), tuple(in_subject), tuple(in_thread))

    async def _requests_of(self, found: Sequence[str]) -> list[Row]:
        return await self._database.read(cypher.BY_NUMBER, {"numbers": list(found)}) if found else []

    async def _plan(self, mail: ParsedMail) -> Plan:
        return planned(mail, await self._facts(mail), own=self._policy.own, trusted=self._policy.trusted)

    async def _store(
        self,
        mail_id: str,
        named: Identity,
        mail: ParsedMail | None,
        plan: Plan,
        file: StoredFile,
        documents: Sequence[Prepared],
        *,
        null_sender: bool,
    ) -> dict[str, Any]:
        """Make the mail safe: one transaction, after the files. What is set aside or tells of a bounce ends here."""
        waits = plan.state in {MailState.OPENED, MailState.JOINED}
        sender = named.sender if mail is None else mail.sender
        parameters = {
            "id": mail_id,
            "file": file.key,
            "days": self._policy.keep_days,
            "properties": {
                "state": (MailState.TAKEN if waits else plan.state).value,
                "reason": plan.reason and plan.reason.value,
                "plan": plan.stored(),
                "fingerprint": named.fingerprint,
                "sender": sender,
                "subject": named.subject,
                "bytes": file.bytes,
                "nullSender": null_sender,
            },
        }

        async def work(tx: Transaction) -> dict[str, Any]:
            await hold(tx, file)
            row = dict((await tx.run(cypher.TAKE, parameters))[0])
            if not row["isNew"]:
                return row
            await self._attachments.create(tx, documents, by=None, party_id=plan.party_id, outside=True)
            if documents:
                await tx.run(cypher.BRING, {"id": mail_id, "ids": [one.taken.id for one in documents]})
            if plan.state is MailState.BOUNCE and mail is not None and mail.bounce is not None:
                told, bounce = mail.bounce.message_id.strip("<>"), mail.bounce
                verdict = {"permanent": bounce.permanent, "failed": bounce.failed}
                payload = {"messageId": told, "diagnostic": bounce.diagnostic, **verdict}
                await outbox.put(tx, BOUNCED, f"delivery:{told}", payload, f"{BOUNCED}:{_digest(mail_id)}")
            if waits and sender is not None:
                count = (await tx.run(cypher.COUNT_SENDER, {"address": sender}))[0]["mails"]
                if count > self._policy.most_an_hour:
                    row |= {"state": MailState.SET_ASIDE.value, "reason": MailReason.TOO_MANY.value}
                    await tx.run(cypher.SET_ASIDE, {"id": mail_id, "reason": MailReason.TOO_MANY.value})
                elif plan.state is MailState.OPENED and plan.party_id is None and plan.acknowledge:
                    answered = (await tx.run(cypher.COUNT_SENDER, {"address": STRANGERS}))[0]["mails"]
                    if answered > self._policy.most_strangers:
                        row["plan"] = replace(plan, acknowledge=False).stored()
                        await tx.run(cypher.PLAN, {"id": mail_id, "plan": row["plan"]})
            return row

        return await self._database.write(work, idempotent=True)

    async def _handle(
        self, mail_id: str, mail: ParsedMail, plan: Plan, attachments: Sequence[str], *, by: str | None = None
    ) -> Receipt:
        """Do what was decided, and note what became of it."""
        try:
            state, number = await self._become(mail_id, mail, plan, attachments)
        except PASSING:
            raise
        except CrmError as error:
            log.warning("mail_set_aside", mail=_digest(mail_id), code=error.code, problem=error.message)
            return await self._settle(mail_id, MailState.SET_ASIDE, reason=MailReason.FAULT, by=by)
        except Exception as error:  # the mail is safe: a person sees it, and the sender's server need not try again
            log.exception("mail_set_aside", mail=_digest(mail_id), error=type(error).__name__)
            return await self._settle(mail_id, MailState.SET_ASIDE, reason=MailReason.FAULT, by=by)
        return await self._settle(mail_id, state, number=number, by=by)

    async def _become(
        self, mail_id: str, mail: ParsedMail, plan: Plan, attachments: Sequence[str]
    ) -> tuple[MailState, str]:
        key = f"mail:{_digest(mail_id)}"
        if plan.state is MailState.JOINED and plan.number is not None:
            try:
                text = _told(mail, await asyncio.to_thread(without_quotes, mail.text))
                changed = await self._requests.customer_wrote(plan.number, text, attachments=attachments, key=key)
            except CrmError as error:
                if error.code != REQUEST_CLOSED:
                    raise
                key += ":new"
            else:
                return MailState.JOINED, changed.number
        opened = await self._requests.open(
            NewRequest(
                text=_told(mail, mail.text),
                subject=mail.subject or None,
                channel=Channel.EMAIL,
                party_id=plan.party_id,
                contact=mail.sender,
                name=mail.sender_name if any(one.isalnum() for one in mail.sender_name) else None,
                source=SOURCE,
                attachments=tuple(attachments),
                acknowledge=plan.acknowledge,
            ),
            key=key,
        )
        return MailState.OPENED, opened.number

    async def _settle(
        self,
        mail_id: str,
        state: MailState,
        *,
        number: str | None = None,
        reason: MailReason | str | None = None,
        by: str | None = None,
        before: Sequence[MailState] = (MailState.TAKEN,),
    ) -> Receipt:
        parameters = {
            "id": mail_id,
            "state": state.value,
            "number": number,
            "reason": None if reason is None else str(reason),
            "by": by,
            "from": [one.value for one in before],
        }
        rows = await self._database.write(lambda tx: tx.run(cypher.SETTLE, parameters), idempotent=True)
        if rows:
            return Receipt(mail_id, state, None if reason is None else MailReason(reason), number)
        known = await self._database.read(cypher.KNOWN, {"ids": [mail_id]})  # another process was quicker
        return _receipt(mail_id, known[0], repeated=True)

    async def _again(self, mail_id: str, *, last: bool) -> None:
        try:
            material = await self._material(mail_id)
            mail, reason = await self._original(material)
            if mail is None:
                await self._settle(mail_id, MailState.SET_ASIDE, reason=reason or MailReason.FAULT)
            else:
                plan = Plan.read(material["plan"])
                documents = await self._documents(mail_id, mail, plan, material["attachments"])
                await self._handle(mail_id, mail, plan, documents)
        except Exception as error:  # one mail must not end the round of the others
            code = error.code if isinstance(error, CrmError) else type(error).__name__
            log.warning("mail_waits", mail=_digest(mail_id), code=code, exc_info=not isinstance(error, CrmError))
            if last or not isinstance(error, CrmError):
                with suppress(CrmError):  # it is the next round's then
                    await self._settle(mail_id, MailState.SET_ASIDE, reason=MailReason.FAULT)

    async def _documents(self, mail_id: str, mail: ParsedMail, plan: Plan, known: Sequence[str]) -> list[str]:
        """The documents of a mail that was stored before; those that are missing are made from its original again."""
        if len(known) >= len(mail.uploads):
            return list(known)
        documents = await self._attachments.prepare(mail.uploads, seed=mail_id)
        ids = [one.taken.id for one in documents]

        async def work(tx: Transaction) -> None:
            await self._attachments.create(tx, documents, by=None, party_id=plan.party_id, outside=True)
            await tx.run(cypher.BRING, {"id": mail_id, "ids": ids})

        await self._database.write(work, idempotent=True)
        return ids

    async def _material(self, mail_id: str) -> Row:
        rows = await self._database.read(cypher.MATERIAL, {"id": mail_id})
        if not rows:
            raise NotFound("id: there is no such mail.", hint="Look it up with mailSetAside.", field="id")
        return rows[0]

    async def _original(self, material: Row) -> tuple[ParsedMail | None, MailReason | None]:
        if not material["files"]:
            return None, None
        raw = await self._attachments.files.read(material["files"][0])
        return await self._read(raw, null_sender=bool(material["nullSender"]))


def _told(mail: ParsedMail, text: str) -> str:
    """The text of an entry: what the mail says, else its subject; and that not all documents could be taken."""
    said = text or mail.subject or "—"
    if not mail.left_out:
        return said
    note = f"\n\n[+{mail.left_out}: documents that are in the original mail only]"
    return said[: checks.NOTE_LIMIT - len(note)] + note


async def _in_thread(raw: bytes, work: Callable[[], T]) -> T:
    """Run ``work``; in a thread for a large mail, so that the others go on."""
    return await asyncio.to_thread(work) if len(raw) > LARGE else work()


def _digest(mail_id: str) -> str:
    return hashlib.sha256(mail_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _receipt(mail_id: str, row: Any, *, repeated: bool) -> Receipt:
    reason = None if row["reason"] is None else MailReason(row["reason"])
    return Receipt(mail_id, MailState(row["state"]), reason, row["number"], repeated)
