"""What is to become of a mail, decided from the mail and from what the graph knows of its sender and its numbers.

The decision is made once and kept with the mail: a mail whose handling was cut off is handled as it was decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from graph_crm.requests.mailbox.kinds import MailReason, MailState
from graph_crm.requests.mailbox.nature import Nature
from graph_crm.requests.mailbox.parsing import ParsedMail


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of a mail: ``state`` OPENED, JOINED, BOUNCE or SET_ASIDE, and what it takes."""

    state: MailState
    reason: MailReason | None = None
    number: str | None = None
    """The request that it joins."""
    party_id: str | None = None
    acknowledge: bool = True

    def stored(self) -> str:
        """As it is kept with the mail."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def read(cls, stored: str) -> Plan:
        """What `stored` gave."""
        found = orjson.loads(stored)
        reason = None if found["reason"] is None else MailReason(found["reason"])
        return cls(MailState(found["state"]), reason, found["number"], found["party_id"], found["acknowledge"])


@dataclass(frozen=True, slots=True)
class Facts:
    """What the graph knows of a sender and of the numbers that a mail bears."""

    parties: tuple[str, ...] = ()
    """The living customers who use the address; several share it, none: a stranger."""
    employee: bool = False
    subject_requests: tuple[Mapping[str, Any], ...] = ()
    """Requests named in the subject: ``number``, ``partyId``, ``contact``."""
    thread_requests: tuple[Mapping[str, Any], ...] = ()
    """Requests of the mails that it answers."""


def planned(mail: ParsedMail, facts: Facts, *, own: Collection[str], trusted: str | None = None) -> Plan:
    """What becomes of ``mail``.

    ``own``: the bank's addresses. ``trusted``: the mail server whose verdict on senders is believed.
    """
    reason = _set_aside(mail, facts, own, trusted)
    if reason is not None:
        return Plan(MailState.SET_ASIDE, reason)
    if mail.nature is Nature.BOUNCE:
        return Plan(MailState.BOUNCE) if mail.bounce else Plan(MailState.SET_ASIDE, MailReason.BOUNCE_UNCLEAR)
    # A number in the subject is meant; a thread may be an old mail that somebody took for its address.
    for found in (facts.subject_requests, facts.thread_requests):
        for one in found:
            if _may_write(mail.sender, facts.parties, one):
                return Plan(MailState.JOINED, number=one["number"], party_id=one["partyId"])
        if found:
            return Plan(MailState.SET_ASIDE, MailReason.STRANGER)
    (party,) = facts.parties if len(facts.parties) == 1 else (None,)
    return Plan(MailState.OPENED, party_id=party)


def _set_aside(mail: ParsedMail, facts: Facts, own: Collection[str], trusted: str | None) -> MailReason | None:
    if mail.nature is Nature.BOUNCE:
        return None
    empty = not mail.text and not mail.uploads and (not mail.subject or bool(facts.subject_requests))
    checks = (
        (mail.sender is None, MailReason.NO_SENDER),
        (mail.sender in own, MailReason.OWN_MAIL),
        (trusted is not None and _forged(mail.verdicts, trusted), MailReason.FORGED),
        (mail.nature is Nature.AUTO_REPLY, MailReason.AUTO_REPLY),
        (mail.nature is Nature.BULK, MailReason.BULK),
        (facts.employee, MailReason.FROM_EMPLOYEE),
        (empty, MailReason.EMPTY),
    )
    return next((reason for fits, reason in checks if fits), None)


def _may_write(sender: str | None, parties: Collection[str], request: Mapping[str, Any]) -> bool:
    return request["partyId"] in parties if request["partyId"] is not None else request["contact"] == sender


def _forged(verdicts: Collection[str], trusted: str) -> bool:
    """Whether the server ``trusted`` says that the sender's domain disowns the mail (RFC 8601, DMARC).

    It may say so in any of its headers: filters of one server write one each.
    """
    for verdict in verdicts:
        server, _, results = verdict.casefold().partition(";")
        if server.split()[:1] == [trusted.casefold()] and "dmarc=fail" in "".join(results.split()):
            return True
    return False
