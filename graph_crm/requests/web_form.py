"""The form of the bank's public site: whatever anybody types there becomes a request, at a bounded pace.

Nobody has shown who they are: the request is never a customer's own, whatever address was typed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.contact_points import email
from graph_crm.parties.writes import digest
from graph_crm.requests.commands import NewRequest, Opened
from graph_crm.requests.flooding import TooOften
from graph_crm.requests.mailbox import cypher
from graph_crm.requests.mailbox.intake import STRANGERS
from graph_crm.requests.service import RequestService

SOURCE: Final = "WEB_FORM"
LONGEST_TEXT: Final = 10_000
"""Characters of what is typed into the form."""
LONGEST_NAME: Final = 100
ALL: Final = "form:*"
"""Where the forms of all senders are counted."""


@dataclass(frozen=True, kw_only=True)
class FilledForm:
    """What was typed. Nothing of it is believed."""

    subject: str
    text: str
    name: str
    email: str
    category: str = ""
    language: str = ""
    nonce: str = ""
    """Made by the page that holds the form: the same form sent twice is one request."""
    trap: str = ""
    """A field that people do not see and programs fill in."""


@dataclass(frozen=True, kw_only=True)
class FormPolicy:
    """How the bank takes forms; all numbers are within an hour."""

    allowed: bool = False
    own: frozenset[str] = frozenset()
    """The bank's own addresses: nobody writes from them by the form."""
    most_of_one: int = 10
    """Forms of one network address, and of one mail address."""
    most_of_all: int = 600
    most_strangers: int = 1_000
    """Acknowledgements to addresses that nobody has shown to be theirs, those to unknown senders of mails included."""


class WebForm:
    """Takes forms in."""

    def __init__(
        self,
        database: Database,
        requests: RequestService,
        policy: FormPolicy,
        *,
        today: Callable[[], dt.datetime] = checks.utc_now,
    ) -> None:
        self._database = database
        self._requests = requests
        self._policy = policy
        self._today = today

    @property
    def allowed(self) -> bool:
        """Whether the bank takes forms at all."""
        return self._policy.allowed

    async def take(self, form: FilledForm, *, address: str) -> Opened:
        """Open a request. ``address``: what the network that it came from is counted by.

        Without a nonce the same words sent again on the same day are the same request. Beyond the limit of
        acknowledgements the request is opened and its sender is told nothing.

        Raises: InvalidInput that names the field; TooOften.
        """
        if form.trap:
            raise InvalidInput("The form was filled in by a program.", hint="Leave that field empty.", field="website")
        request = self._checked(form)
        senders = [_counted_as("network", address), _counted_as("mail", str(request.contact))]
        acknowledge = await self._database.write(lambda tx: self._counted(tx, senders))
        said = [form.nonce or self._today().date().isoformat(), request]
        return await self._requests.open(replace(request, acknowledge=acknowledge), key=f"form:{digest(said)}")

    def _checked(self, form: FilledForm) -> NewRequest:
        contact = email(form.email, "email").value
        if contact in self._policy.own:
            raise checks.refuse("email", "is the bank's own", "Send your own address.")
        name = " ".join(form.name.split())
        return NewRequest(
            text=checks.text("text", form.text, LONGEST_TEXT, lines=True),
            subject=checks.text("subject", " ".join(form.subject.split())),
            channel=Channel.ONLINE,
            contact=contact,
            name=name[:LONGEST_NAME] if any(one.isalnum() for one in name[:LONGEST_NAME]) else None,
            source=SOURCE,
            category=self._requests.desk.known("category", form.category).code if form.category else None,
            language=checks.language("language", form.language) if form.language else None,
        )

    async def _counted(self, tx: Transaction, senders: Sequence[str]) -> bool:
        """Count the form; whether it may be acknowledged. A refused one is not counted. Raises TooOften."""
        policy = self._policy
        for sender, most in (*((one, policy.most_of_one) for one in sorted(senders)), (ALL, policy.most_of_all)):
            if (await tx.run(cypher.COUNT_SENDER, {"address": sender}))[0]["mails"] > most:
                raise TooOften(
                    "Too many forms were sent within an hour.", hint="Send it later, or write a mail.", limit=most
                )
        answered: int = (await tx.run(cypher.COUNT_SENDER, {"address": STRANGERS}))[0]["mails"]
        return answered <= policy.most_strangers


def _counted_as(kind: str, sender: str) -> str:
    """Under what name a sender is counted: a digest, which is kept for two hours."""
    return f"form:{digest([kind, sender])[:32]}"
