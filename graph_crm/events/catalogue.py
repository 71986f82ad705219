"""The types of events that the bank records, each with what it may tell.

A payload is checked and brought into one form before it is stored: names in camelCase, money as a decimal text with
two decimals ("1250.50"), as the API shows it. A rule reads it as `Decimal(payload["amount"])`. What a type does not
name is refused, so that a spelling mistake of the sender is seen at once and not months later by a rule that never
fires.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import orjson
from pydantic import Field, ValidationError

from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.rules.event_hooks import event_types
from graph_crm.rules.events import Currency, EventType, LongText, Money, Nothing, Payload, Text
from graph_crm.rules.loader import ANYTHING
from graph_crm.rules.manager import RuleBook

MAX_PAYLOAD_BYTES = 16_384
MOST_PROBLEMS = 20
"""So many wrong fields of a payload are named at most."""


class AtmBalanceCheck(Payload):
    """The customer looked at the balance at an ATM."""

    atm: Text | None = None
    balance: Money | None = None
    currency: Currency | None = None


class CardPayment(Payload):
    """A purchase paid by card."""

    amount: Money
    currency: Currency
    merchant: Text | None = None
    category: Annotated[str, Field(pattern=r"^\d{4}$")] | None = Field(default=None, description="ISO 18245 code")
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    online: bool | None = None


class Withdrawal(Payload):
    """Cash taken out, by card at a machine or at the counter."""

    amount: Money
    currency: Currency
    atm: Text | None = None
    purpose: Text | None = None


class Login(Payload):
    """The customer logged in."""

    device: Text | None = None
    place: Text | None = Field(default=None, description="Where the customer was, for example a city")
    successful: bool = True


class PageView(Payload):
    """The customer looked at a page of the bank's site or app."""

    page: Text
    seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    service_code: Text | None = Field(
        default=None, description="The service that the page is about: counts as interest"
    )


class ProductPageView(PageView):
    """The customer looked at the page of a product."""

    page: Text | None = None  # type: ignore[assignment]  # the product says which page it is
    product_code: Text


class Application(Payload):
    """An application for a product, begun or left."""

    product_code: Text
    application: Text | None = None
    step: Text | None = None
    amount: Money | None = None
    currency: Currency | None = None


class Complaint(Payload):
    """The customer complained."""

    subject: Text
    text: LongText | None = None
    product_code: Text | None = None


class ComplaintClosed(Payload):
    """A complaint was dealt with.

    Without its identifier it closes the earlier complaints about the agreement of the event, or those about none.
    """

    complaint: Text | None = Field(default=None, description="Identifier of the event that recorded the complaint")
    outcome: Annotated[str, Field(pattern=r"^(UPHELD|PARTLY_UPHELD|REJECTED|WITHDRAWN)$")] | None = None
    text: LongText | None = None


class Return(Payload):
    """The customer gave a product back, for example within the days that the law gives."""

    product_code: Text | None = None
    reason: Text | None = None
    amount: Money | None = None
    currency: Currency | None = None


class Opinion(Payload):
    """The customer said what they think of the bank."""

    about: Text | None = Field(default=None, description="What it is about, for example a branch or the app")
    product_code: Text | None = None
    score: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="0 (very bad) to 10 (very good), as for the net promoter score"
    )
    text: LongText | None = None


class CollectionsContact(Payload):
    """Collections spoke with the customer: what was learned stops promotion for a while."""

    promised_on: dt.date | None = Field(default=None, description="Day for which a payment was promised")
    promised_amount: Money | None = None
    currency: Currency | None = None
    hardship: bool | None = Field(default=None, description="The customer can't pay: illness, no job, a death")
    dispute: bool | None = Field(default=None, description="The customer denies the debt")
    vulnerable: bool | None = Field(default=None, description="The customer seemed to need special care")
    text: LongText | None = None


class BranchVisit(Payload):
    """The customer came to a branch."""

    branch: Text | None = None
    purpose: Text | None = None


class Call(Payload):
    """The customer called, or was called."""

    purpose: Text | None = None
    seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    agent: Text | None = None


class LifeEvent(Payload):
    """Something that changes a life: a marriage, a birth, a move, a new job, a retirement."""

    kind: Annotated[str, Field(pattern=r"^(MARRIAGE|DIVORCE|BIRTH|DEATH_IN_FAMILY|MOVE|NEW_JOB|JOB_LOSS|RETIREMENT)$")]
    on: dt.date | None = None


class EventCatalogue:
    """The known types of events: those of the platform, then those of plugins."""

    def __init__(self, types: Iterable[EventType] = ()) -> None:
        self._types: dict[str, EventType] = {}
        for one in types:
            self.add(one)

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def add(self, one: EventType) -> None:
        """Make a type known. Raises ConfigurationError for a name that is taken."""
        if one.name in self._types:
            raise ConfigurationError(f"The event type {one.name} exists")
        self._types[one.name] = one

    def get(self, name: str) -> EventType:
        """The type of that name. Raises InvalidInput that names the known ones."""
        found = self._types.get(name)
        if found is None:
            raise InvalidInput(
                f"There is no event type {name[:80]!r}",
                hint=f"Known are {', '.join(sorted(self._types))}",
                field="type",
            )
        return found

    def payload_text(self, name: str, payload: Mapping[str, Any] | None) -> str | None:
        """The payload in the form that is stored, None where it tells nothing.

        Raises: InvalidInput that names each wrong field, without its value.
        """
        model = self.get(name).payload
        try:
            checked = model.model_validate(dict(payload or {}))
            told = checked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
            text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False, include_context=False)
            named = [f"{'.'.join(map(str, one['loc'])) or 'payload'}: {one['msg']}" for one in problems[:MOST_PROBLEMS]]
            raise InvalidInput(f"The payload of {name} can't be used: {'; '.join(named)}", field="payload") from error
        except ANYTHING as error:  # what a plugin's model raises refuses this event and not its neighbours
            raise InvalidInput(
                f"The payload of {name} can't be checked: {type(error).__name__}",
                hint="The plugin that declares the type may be wrong; its author can try it with this payload",
                field="payload",
            ) from error
        if len(text) > MAX_PAYLOAD_BYTES:
            raise InvalidInput(
                f"A payload has at most {MAX_PAYLOAD_BYTES} bytes", field="payload", limit=MAX_PAYLOAD_BYTES
            )
        return text.decode() if told else None


def standard_catalogue() -> EventCatalogue:
    """The types that the platform ships with."""
    return EventCatalogue(
        [
            EventType("atm_balance_check", AtmBalanceCheck, "The customer looked at the balance at an ATM."),
            EventType("card_payment", CardPayment, "A purchase paid by card."),
            EventType("card_withdrawal", Withdrawal, "Cash taken from a machine by card."),
            EventType("cash_withdrawal", Withdrawal, "Cash taken at the counter."),
            EventType("login", Login, "The customer logged in."),
            EventType("page_view", PageView, "The customer looked at a page."),
            EventType("product_page_view", ProductPageView, "The customer looked at the page of a product."),
            EventType("application_started", Application, "The customer began to apply for a product."),
            EventType("application_abandoned", Application, "The customer left an application unfinished."),
            EventType("complaint", Complaint, "The customer complained."),
            EventType("complaint_closed", ComplaintClosed, "A complaint was dealt with."),
            EventType("return", Return, "The customer gave a product back."),
            EventType("opinion", Opinion, "The customer said what they think of the bank."),
            EventType("collections_contact", CollectionsContact, "Collections spoke with the customer."),
            EventType("branch_visit", BranchVisit, "The customer came to a branch."),
            EventType("call", Call, "The customer called or was called."),
            EventType("birthday", Nothing, "It is the customer's birthday."),
            EventType("life_event", LifeEvent, "Something that changes a life."),
        ]
    )


def catalogue_of(book: RuleBook) -> EventCatalogue:
    """The types of the platform and those that the plugins of ``book`` declare."""
    catalogue = standard_catalogue()
    for one in event_types(book, [known.name for known in catalogue]):
        catalogue.add(one)
    return catalogue
