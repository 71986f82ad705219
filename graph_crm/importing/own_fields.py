"""What the own format knows: the properties of each kind of record, how their text is read and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.contacts.kinds import Channel, ContactDirection
from graph_crm.events.catalogue import standard_catalogue
from graph_crm.events.service import FUTURE
from graph_crm.importing.values import RowProblem, hundredths, integer, number, shown
from graph_crm.parties import checks
from graph_crm.parties.kinds import ContactPointKind, ContactPointUsage, HouseholdRole, Sex, TieKind
from graph_crm.products import money
from graph_crm.products.commands import LARGEST_RATE, LONGEST_TERM
from graph_crm.products.kinds import AgreementStatus, HoldingRole, MovementDirection

EVENT_TYPES: Final[tuple[str, ...]] = tuple(sorted(one.name for one in standard_catalogue()))
"""The types of events that can be imported: those that can be recorded."""
_TRUE, _FALSE = {"true", "yes", "y", "1", "t"}, {"false", "no", "n", "0", "f"}


@dataclass(frozen=True)
class Reading:
    """How the texts of one file are read: its formats of days and instants, its decimal comma, its list separator."""

    date_format: str = "%Y-%m-%d"
    time_format: str = ""
    decimal_comma: bool = False
    list_separator: str = "|"
    id_prefix: str = ""


Read = Callable[[str, str, Reading], Any]


@dataclass(frozen=True)
class Field:
    """A property: how its text is read, whether a row can do without it, and what it means (for the docs)."""

    read: Read
    meaning: str
    required: bool = False


def _text(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.text(field, text)


def _note(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.text(field, text, checks.NOTE_LIMIT, lines=True)


def _name(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.name(field, text)


def _id(text: str, field: str, reading: Reading) -> str:
    return checks.identifier(field, reading.id_prefix + text)


def _code(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.code(field, text)


def _day(text: str, field: str, reading: Reading) -> Any:
    try:
        day = datetime.strptime(text, reading.date_format).date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        raise RowProblem(f"{field}: {shown(text)} is not a date in the form {reading.date_format}") from None
    return checks.date(field, day)


def _instant(text: str, field: str, reading: Reading) -> datetime:
    try:
        at = (
            datetime.strptime(text, reading.time_format)  # noqa: DTZ007 - without an offset it is UTC, as documented
            if reading.time_format
            else datetime.fromisoformat(text)
        )
    except ValueError:
        wanted = reading.time_format or "ISO 8601"
        raise RowProblem(f"{field}: {shown(text)} is not an instant in the form {wanted}") from None
    checks.date(field, at.date())  # also because the ends of the calendar have no other time zone
    # An own zone object of the file must not reach the driver: fixed UTC only.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at > datetime.now(UTC) + FUTURE:
        raise RowProblem(f"{field}: {shown(text)} lies in the future")
    return at


def _plain_number(text: str, reading: Reading) -> str:
    plain = text.replace("\u00a0", "").replace(" ", "")
    return plain.replace(".", "").replace(",", ".") if reading.decimal_comma else plain


def _money(text: str, field: str, reading: Reading) -> int:
    return hundredths(_plain_number(text, reading), field)


def _positive_money(text: str, field: str, reading: Reading) -> int:
    value = _money(text, field, reading)
    if value < 0:
        raise RowProblem(f"{field}: {shown(text)} is negative")
    return value


def _rate(text: str, field: str, reading: Reading) -> float:
    return number(_plain_number(text, reading), field)


def _yearly_rate(text: str, field: str, reading: Reading) -> float:
    value = _rate(text, field, reading)
    if abs(value) > LARGEST_RATE:
        raise RowProblem(f"{field}: {shown(text)} is no yearly rate: write 0.05 for five per cent")
    return value


def _share(text: str, field: str, reading: Reading) -> float:
    value = _rate(text, field, reading)
    if not 0 <= value <= 1:
        raise RowProblem(f"{field}: {shown(text)} is not a share between 0 and 1")
    return value


def _months(text: str, field: str, reading: Reading) -> int:
    del reading
    value = integer(text, field)
    if not 1 <= value <= LONGEST_TERM:
        raise RowProblem(f"{field}: {shown(text)} is not a number of months from 1 to {LONGEST_TERM}")
    return value


def _truth(text: str, field: str, reading: Reading) -> bool:
    del reading
    if text.casefold() in _TRUE:
        return True
    if text.casefold() in _FALSE:
        return False
    raise RowProblem(f"{field}: {shown(text)} is neither true nor false")


def _country(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.country(field, text)


def _language(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.language(field, text)


def _time_zone(text: str, field: str, reading: Reading) -> str:
    del reading
    return checks.time_zone(field, text)


def _currency(text: str, field: str, reading: Reading) -> str:
    del reading
    return money.currency(field, text)


def _event_type(text: str, field: str, reading: Reading) -> str:
    del reading
    if text not in EVENT_TYPES:
        raise RowProblem(f"{field}: {shown(text)} is not one of {', '.join(EVENT_TYPES)}")
    return text


def _list(text: str, field: str, reading: Reading) -> list[str]:
    parts = [part.strip() for part in text.split(reading.list_separator)]
    found = [checks.text(field, part, checks.ID_LIMIT) for part in parts if part]
    if len(found) > checks.IDENTIFIERS_LIMIT:
        raise RowProblem(f"{field}: more than {checks.IDENTIFIERS_LIMIT} values")
    return found


def _one_of(values: list[str]) -> Read:
    def read(text: str, field: str, reading: Reading) -> str:
        del reading
        if text not in values:
            raise RowProblem(f"{field}: {shown(text)} is not one of {', '.join(values)}")
        return text

    return read


def _words(kinds: type[StrEnum]) -> Read:
    return _one_of([kind.value for kind in kinds])


_PARTY: Final[Mapping[str, Field]] = {
    "id": Field(_id, "identifier, unique among all parties", required=True),
    "identifiers": Field(_list, "identifiers in other systems, split by `list_separator`"),
    "street": Field(_text, "street and number"),
    "city": Field(_text, "city"),
    "region": Field(_text, "region"),
    "postalCode": Field(_text, "postal code"),
    "country": Field(_country, "country, ISO 3166 alpha-2"),
    "language": Field(_language, "language tag, for example `pl`"),
    "timeZone": Field(_time_zone, "IANA time zone"),
    "segment": Field(_text, "the bank's segment"),
    "blocked": Field(_truth, "blocked for all business"),
}
_SPAN: Final[Mapping[str, Field]] = {
    "since": Field(_day, "first day"),
    "until": Field(_day, "first day after it; empty while it lasts"),
}
_CHANNELS = [channel.value for channel in Channel]

FIELDS: Final[Mapping[str, Mapping[str, Field]]] = {
    "person": {
        **_PARTY,
        "displayName": Field(_name, "name as people write it; else given and family name"),
        "givenName": Field(_name, "given name"),
        "familyName": Field(_name, "family name"),
        "birthDate": Field(_day, "date of birth"),
        "sex": Field(_words(Sex), "FEMALE, MALE or OTHER"),
        "deceasedOn": Field(_day, "date of death"),
    },
    "organization": {
        **_PARTY,
        "displayName": Field(_name, "name as people write it", required=True),
        "legalName": Field(_name, "name in the register"),
        "registrationNumber": Field(_text, "number in the register"),
        "industry": Field(_text, "what it does"),
        "website": Field(_text, "web address"),
    },
    "household": {
        "id": Field(_id, "identifier", required=True),
        "name": Field(_name, "what it is called", required=True),
    },
    "product": {
        "code": Field(_code, "code, for example CASH_LOAN", required=True),
        "name": Field(_name, "name", required=True),
        "family": Field(_code, "code of a family that exists", required=True),
        "description": Field(_text, "a sentence"),
        "kind": Field(_text, "ACCOUNT, CREDIT, CARD or SERVICE"),
        "currency": Field(_currency, "ISO 4217"),
        "active": Field(_truth, "whether it is sold; true when left out"),
        "value": Field(_positive_money, "expected margin of a year, in the bank's own currency"),
    },
    "membership": {
        "party": Field(_id, "id of the person", required=True),
        "household": Field(_id, "id of the household", required=True),
        "role": Field(_words(HouseholdRole), "HEAD, PARTNER, CHILD, PARENT or MEMBER"),
        **_SPAN,
    },
    "contact_point": {
        "party": Field(_id, "id of the party", required=True),
        "kind": Field(_words(ContactPointKind), "PHONE, EMAIL or PUSH", required=True),
        "value": Field(_text, "phone, e-mail or token of a device as written; normalised", required=True),
        "usage": Field(_words(ContactPointUsage), "HOME, WORK, MOBILE or OTHER"),
        "preferred": Field(_truth, "preferred to others of its kind"),
        **_SPAN,
    },
    "agreement": {
        "id": Field(_id, "identifier", required=True),
        "product": Field(_code, "code of a product that exists", required=True),
        "openedOn": Field(_day, "day of the opening", required=True),
        "number": Field(_text, "number that the customer knows"),
        "status": Field(_words(AgreementStatus), "ACTIVE (when left out), IN_ARREARS, DEFAULTED or CLOSED"),
        "closedOn": Field(_day, "first day after the agreement; needed with CLOSED"),
        "maturesOn": Field(_day, "end by contract"),
        "amount": Field(_positive_money, "amount granted"),
        "balance": Field(_money, "balance"),
        "payment": Field(_positive_money, "one instalment"),
        "currency": Field(_currency, "ISO 4217; else the mapping's, which an amount needs"),
        "interestRate": Field(_yearly_rate, "0.05 for five per cent a year"),
        "termMonths": Field(_months, "duration in months"),
        "purpose": Field(_text, "what for"),
        "frequency": Field(_text, "how often it is reported or paid"),
        "paidFrom": Field(_id, "id of the account that pays it"),
        "issuedOn": Field(_id, "id of the account that the card is on"),
    },
    "holding": {
        "party": Field(_id, "id of the party", required=True),
        "agreement": Field(_id, "id of the agreement", required=True),
        "role": Field(_words(HoldingRole), "OWNER, AUTHORISED, GUARANTOR or CARDHOLDER", required=True),
        **_SPAN,
    },
    "tie": {
        "kind": Field(_words(TieKind), "SPOUSE_OF, PARENT_OF, GUARANTEES, OWNS, DIRECTS, ...", required=True),
        "from": Field(_id, "id of the party where it starts: the parent, the owner", required=True),
        "to": Field(_id, "id of the party where it ends", required=True),
        "share": Field(_share, "owned share, 0 to 1"),
        "note": Field(_note, "what the source calls it"),
        **_SPAN,
    },
    "movement": {
        "id": Field(_id, "identifier", required=True),
        "agreement": Field(_id, "id of the account", required=True),
        "bookedOn": Field(_day, "day of the booking", required=True),
        "direction": Field(_words(MovementDirection), "CREDIT or DEBIT", required=True),
        "amount": Field(_positive_money, "amount, always positive", required=True),
        "balance": Field(_money, "balance after it"),
        "currency": Field(_currency, "ISO 4217; else the mapping's, which an amount needs"),
        "operation": Field(_text, "how"),
        "purpose": Field(_text, "what for"),
        "counterBank": Field(_text, "bank of the other side"),
        "counterAccount": Field(_text, "account of the other side"),
    },
    "event": {
        "id": Field(_id, "identifier", required=True),
        "party": Field(_id, "id of the party", required=True),
        "type": Field(_event_type, "a known type of event (below)", required=True),
        "at": Field(_instant, "when it happened, not in the future", required=True),
        "agreement": Field(_id, "id of the agreement that it concerns"),
        "channel": Field(_one_of(_CHANNELS), ", ".join(_CHANNELS)),
        "amount": Field(_money, "kept in the payload"),
        "detail": Field(_note, "kept in the payload"),
    },
    "interaction": {
        "id": Field(_id, "identifier", required=True),
        "party": Field(_id, "id of the party", required=True),
        "channel": Field(_one_of(_CHANNELS), ", ".join(_CHANNELS), required=True),
        "direction": Field(_one_of([way.value for way in ContactDirection]), "INBOUND or OUTBOUND", required=True),
        "at": Field(_instant, "when, not in the future", required=True),
        "purpose": Field(_text, "why, for example OFFER"),
        "outcome": Field(_text, "how it ended"),
        "note": Field(_note, "what the employee wrote down"),
        "product": Field(_code, "code of the product that it was about"),
    },
    "consent": {
        "id": Field(_id, "identifier", required=True),
        "party": Field(_id, "id of the party", required=True),
        "purpose": Field(_words(Purpose), ", ".join(Purpose), required=True),
        "status": Field(_words(ConsentStatus), "GRANTED, DENIED or WITHDRAWN", required=True),
        "at": Field(_instant, "when the customer said so, not in the future", required=True),
        "channel": Field(_one_of(_CHANNELS), "the channel that it is about; all when left out"),
        "point": Field(_text, "the phone or e-mail, as written, that it is about; all when left out"),
        "textVersion": Field(_text, "version of the text that was shown"),
        "note": Field(_note, "what the employee wrote down"),
    },
}
"""The kinds of records in the order of loading, each with its properties."""
