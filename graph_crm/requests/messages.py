"""What customers and employees are told about a request, as messages for the delivery."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.delivery.queueing import Message
from graph_crm.requests.desk import Desk
from graph_crm.requests.links import RequestLinks

ACKNOWLEDGED = "request_acknowledged"
ASSIGNED = "request_assigned"
ANSWERED = "request_answered"
QUESTION = "request_question"
WARNING = "request_warning"
CUSTOMER_WROTE = "request_customer_wrote"

LONGEST_SUBJECT = 200
LONGEST_NAME = 60
"""Characters by which somebody whom the bank does not know is addressed."""
_WORD = r"[^\W\d_](?:[^\W\d_]|['\u2019-](?=[^\W\d_]))*\.?,?"
_NAME = re.compile(rf"{_WORD}(?: {_WORD}){{0,4}}")
"""Up to five words of letters: no address, no number, nothing that a mail program makes a link of."""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asked, as far as messages need it: a customer, or somebody with an address."""

    party_id: str | None
    name: str | None
    contact: str | None
    """The address that was used, where one was."""
    reply_to_contact: bool
    """Whether the contact is one of the customer's own contact points."""
    language: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """An employee who is told something."""

    id: str | None
    """None: somebody of the bank whom the desk does not know."""
    name: str
    email: str | None
    language: str | None


@dataclass(frozen=True, kw_only=True)
class About:
    """The request that a message is about."""

    id: str
    number: str
    subject: str
    category: str | None
    country: str


def point_of(contact: str | None) -> tuple[Channel, str] | None:
    """The channel and contact point of an address: a mail address or a phone number; None: neither."""
    if contact is None:
        return None
    if "@" in contact:
        return Channel.EMAIL, f"EMAIL:{contact.lower()}"
    return (Channel.SMS, f"PHONE:{contact}") if contact.startswith("+") else None


class Messages:
    """Words for everything that is told; each message has a key, so that nothing is told twice."""

    def __init__(self, desk: Desk, links: RequestLinks) -> None:
        self._desk = desk
        self._links = links

    def acknowledgement(
        self, about: About, asker: Asker, owner: str | None, due: dt.datetime, *, where: Channel
    ) -> Message | None:
        """Number, owner and due date; by mail to who wrote a mail. None: there is no way to tell."""
        variables = {"owner": owner, "due": due.isoformat()}
        by_mail = where is Channel.EMAIL and asker.reply_to_contact
        return self._to_asker(f"{about.id}:acknowledged", ACKNOWLEDGED, about, asker, variables, use_contact=by_mail)

    def answer(
        self, key: str, about: About, asker: Asker, text: str, owner: str | None, attachments: Sequence[str]
    ) -> Message | None:
        """That the request is answered, with the answer; by the way that the customer prefers."""
        variables = {"answer": text, "owner": owner}
        return self._to_asker(key, ANSWERED, about, asker, variables, attachments=attachments)

    def question(self, key: str, about: About, asker: Asker, text: str, owner: str | None) -> Message | None:
        """What the bank wants to know from the customer."""
        return self._to_asker(key, QUESTION, about, asker, {"question": text, "owner": owner})

    def assigned(self, key: str, about: About, to: Recipient, due: dt.datetime | None) -> Message | None:
        """To the employee: the request is yours, and here it is answered."""
        return self._to_employee(key, ASSIGNED, about, to, {"due": None if due is None else due.isoformat()})

    def customer_wrote(self, key: str, about: About, to: Recipient) -> Message | None:
        """To the employee: the customer wrote something more."""
        return self._to_employee(key, CUSTOMER_WROTE, about, to, {})

    def warning(
        self, key: str, about: About, to: Recipient, due: dt.datetime, *, breached: bool, owner: str | None
    ) -> Message | None:
        """To an employee: a target is near, or was missed."""
        variables = {"due": due.isoformat(), "breached": breached, "owner": owner}
        return self._to_employee(key, WARNING, about, to, variables)

    def _to_asker(
        self,
        key: str,
        template: str,
        about: About,
        asker: Asker,
        variables: dict[str, Any],
        *,
        use_contact: bool = False,
        attachments: Sequence[str] = (),
    ) -> Message | None:
        told = {
            "number": about.number,
            "name": _greeted(asker),
            "subject": about.subject,
            "zone": asker.zone,
            "link": self._links.for_customer(about.number, asker.party_id),
            **variables,
        }
        place = point_of(asker.contact)
        if asker.party_id is not None:
            channel, point = place if use_contact and place is not None else (None, None)
            return Message(
                key=key,
                template=template,
                party_id=asker.party_id,
                channel=channel,
                point=point,
                language=asker.language,
                variables=_given(told),
                request_id=about.id,
                attachments=tuple(attachments),
            )
        if place is None:
            return None
        return Message(
            key=key,
            template=template,
            to=asker.contact,
            channel=place[0],
            language=asker.language,
            variables=_given(told),
            request_id=about.id,
            attachments=tuple(attachments),
        )

    def _to_employee(
        self, key: str, template: str, about: About, to: Recipient, variables: dict[str, Any]
    ) -> Message | None:
        if to.email is None:
            return None
        category = self._desk.category(about.category) if about.category else None
        told = {
            "number": about.number,
            "name": to.name,
            "subject": about.subject,
            "category": category.name(to.language) if category else about.category,
            "zone": self._desk.calendar(about.country).zone,
            "link": self._links.for_employee(about.number, to.id),
            **variables,
        }
        return Message(
            key=key,
            template=template,
            to=to.email,
            channel=Channel.EMAIL,
            action_class=ActionClass.MANDATORY,
            language=to.language or self._desk.language,
            variables=_given(told),
            request_id=about.id,
        )


def _greeted(asker: Asker) -> str | None:
    """How a message addresses who asked: a customer by the bank's record, others by what can't be more than a name.

    Anybody can write any sender and any name: the bank must not send a stranger's words to somebody else.
    """
    if asker.party_id is not None or asker.name is None:
        return asker.name
    return asker.name if len(asker.name) <= LONGEST_NAME and _NAME.fullmatch(asker.name) else None


def _given(variables: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known: templates ask whether a variable is there."""
    return {name: value for name, value in variables.items() if value is not None}


def subject_of(subject: str | None, text: str) -> str:
    """One line that says what it is about: the subject, else the beginning of the text."""
    line = " ".join((subject or text).split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1].rstrip() + "…"
