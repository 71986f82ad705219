"""What callers ask of the party use cases, and how it becomes properties of the graph.

In updates `strawberry.UNSET` means "leave it", None means "remove it".
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from strawberry import UNSET

from graph_crm.parties import checks
from graph_crm.parties.contact_points import ContactValue, contact_value
from graph_crm.parties.kinds import ContactPointKind, ContactPointUsage, HouseholdRole, PartyKind, Sex, TieKind
from graph_crm.parties.names import name_key, search_text

_WEBSITE = re.compile(r"https?://[^\s/?#]+\.[^\s]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NewContactPoint:
    """A contact point as the caller typed it."""

    kind: ContactPointKind
    value: str
    usage: ContactPointUsage = ContactPointUsage.OTHER
    preferred: bool = False
    since: dt.date | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class PartyDetails:
    """What persons and organisations have in common."""

    display_name: str | None = UNSET
    identifiers: Sequence[str] | None = UNSET
    street: str | None = UNSET
    city: str | None = UNSET
    region: str | None = UNSET
    postal_code: str | None = UNSET
    country: str | None = UNSET
    language: str | None = UNSET
    time_zone: str | None = UNSET
    segment: str | None = UNSET
    blocked: bool | None = UNSET
    source: str | None = UNSET


@dataclass(frozen=True, kw_only=True)
class PersonDetails(PartyDetails):
    """What is known of a person."""

    given_name: str | None = UNSET
    family_name: str | None = UNSET
    birth_date: dt.date | None = UNSET
    sex: Sex | None = UNSET
    deceased_on: dt.date | None = UNSET


@dataclass(frozen=True, kw_only=True)
class OrganizationDetails(PartyDetails):
    """What is known of an organisation."""

    legal_name: str | None = UNSET
    registration_number: str | None = UNSET
    industry: str | None = UNSET
    website: str | None = UNSET


@dataclass(frozen=True, kw_only=True)
class PartyRow:
    """One row of a batch upsert: the party with this id is made to look like this, created where it is missing.

    Fields that are not given stay as they are; contact points are added, none is removed.
    """

    id: str
    details: PersonDetails | OrganizationDetails
    contact_points: Sequence[NewContactPoint] = ()


@dataclass(frozen=True, kw_only=True)
class NewTie:
    """A tie to be made between two parties; ``since`` is today when left out."""

    kind: TieKind
    from_id: str
    to_id: str
    since: dt.date | None = None
    until: dt.date | None = None
    share: float | None = None
    note: str | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewMember:
    """A party to be taken into a household; ``since`` is today when left out."""

    party_id: str
    role: HouseholdRole = HouseholdRole.MEMBER
    since: dt.date | None = None
    source: str | None = None


@dataclass(frozen=True)
class PartyState:
    """What the graph holds of a party, read under its lock."""

    id: str
    kind: PartyKind
    version: int
    properties: Mapping[str, Any]
    contact_points: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def has(self, key: str) -> bool:
        """Whether the contact point with this key is in use by the party."""
        return any(point["key"] == key for point in self.contact_points)


def kind_of(details: PartyDetails) -> PartyKind:
    """Whether the details are of a person or of an organisation."""
    return PartyKind.PERSON if isinstance(details, PersonDetails) else PartyKind.ORGANIZATION


def _website(field_name: str, value: str) -> str:
    stored = checks.text(field_name, value)
    if not _WEBSITE.fullmatch(stored):
        raise checks.refuse(field_name, "is no web address", "Send an address such as https://example.com.")
    return stored


def _identifiers(field_name: str, values: Sequence[str]) -> list[str]:
    if len(values) > checks.IDENTIFIERS_LIMIT:
        raise checks.refuse(field_name, "has too many entries", f"Send at most {checks.IDENTIFIERS_LIMIT}.")
    return list(dict.fromkeys(checks.text(field_name, value, checks.ID_LIMIT) for value in values))


def _text(field_name: str, value: str) -> str:
    return checks.text(field_name, value)


_CHECKS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "display_name": ("displayName", checks.name),
    "identifiers": ("identifiers", _identifiers),
    "street": ("street", _text),
    "city": ("city", _text),
    "region": ("region", _text),
    "postal_code": ("postalCode", _text),
    "country": ("country", checks.country),
    "language": ("language", checks.language),
    "time_zone": ("timeZone", checks.time_zone),
    "segment": ("segment", _text),
    "blocked": ("blocked", lambda _field, value: bool(value)),
    "source": ("source", _text),
    "given_name": ("givenName", checks.name),
    "family_name": ("familyName", checks.name),
    "birth_date": ("birthDate", lambda _field, value: value),
    "sex": ("sex", lambda field_name, value: checks.one_of(field_name, value, Sex).value),
    "deceased_on": ("deceasedOn", lambda _field, value: value),
    "legal_name": ("legalName", checks.name),
    "registration_number": ("registrationNumber", _text),
    "industry": ("industry", _text),
    "website": ("website", _website),
}


def changes(details: PartyDetails, today: dt.date) -> dict[str, Any]:
    """The properties that the details ask for, checked one by one; None removes the property."""
    asked: dict[str, Any] = {}
    for attribute, value in vars(details).items():
        if value is UNSET:
            continue
        name, check = _CHECKS[attribute]
        if value is not None and attribute in {"birth_date", "deceased_on"}:
            value = checks.past_date(name, value, today)  # noqa: PLW2901 - the stored form of it
        asked[name] = None if value is None else check(name, value)
    return asked


def default_name(kind: PartyKind, properties: Mapping[str, Any]) -> str:
    """How a party is shown where nobody said it: given and family name, or the legal name."""
    if kind is PartyKind.ORGANIZATION:
        return str(properties.get("legalName") or "")
    return " ".join(str(properties[part]) for part in ("givenName", "familyName") if properties.get(part))


def merged(kind: PartyKind, old: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The asked properties completed by what follows from them and from the old ones: displayName and nameKey.

    A display name that nobody chose follows the names it was made of. Refuses a party that would have no name, and a
    death before the birth.
    """
    result = dict(asked)
    new = {**old, **asked}
    chosen = asked.get("displayName")
    if not chosen:
        kept = old.get("displayName")
        follows = "displayName" in asked or not kept or kept == default_name(kind, old)
        name = default_name(kind, new) if follows else kept
        if not name:
            fields = "givenName or familyName" if kind is PartyKind.PERSON else "legalName"
            raise checks.refuse("displayName", "is empty", f"Send displayName, or {fields}.")
        chosen = str(name)[: checks.NAME_LIMIT * 2]
    result["displayName"] = chosen
    result["nameKey"] = name_key(str(chosen))
    born, died = new.get("birthDate"), new.get("deceasedOn")
    if born and died and died < born:
        raise checks.refuse("deceasedOn", "is before birthDate", "Correct one of the two dates.")
    return result


def closes(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the bank may no longer deal with the party, and could before: it ended, died, or was blocked."""
    return any(new.get(name) and not old.get(name) for name in ("endedOn", "deceasedOn", "blocked"))


def index_text(party_id: str, properties: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> str:
    """The text under which the party is searched, whoever writes it: the platform, an import, the demo bank.

    Its name, phones, e-mails, identifiers, registration number and its own id, also a generated one.
    """
    identifiers = [*(properties.get("identifiers") or ()), party_id]
    number = properties.get("registrationNumber")
    if number:
        identifiers.append(number)
    return search_text(
        str(properties["displayName"]),
        phones=[point["value"] for point in points if point["kind"] == ContactPointKind.PHONE],
        emails=[point["value"] for point in points if point["kind"] == ContactPointKind.EMAIL],
        identifiers=identifiers,
    )


@dataclass(frozen=True)
class CheckedContactPoint:
    """A contact point in the form in which it is stored."""

    value: ContactValue
    usage: ContactPointUsage
    preferred: bool
    since: dt.date
    source: str | None

    def parameters(self, identifier: str) -> dict[str, Any]:
        """The parameters of the statement that attaches it."""
        return {
            "id": identifier,
            "key": self.value.key,
            "kind": self.value.kind.value,
            "value": self.value.value,
            "usage": self.usage.value,
            "preferred": self.preferred,
            "since": self.since,
            "source": self.source,
        }


def check_contact_point(
    point: NewContactPoint, country: str | None, today: dt.date, place: str = ""
) -> CheckedContactPoint:
    """The contact point normalised; a national phone is read in the party's country.

    ``place`` stands before the name of a field in errors, for example ``contactPoints[1].``.
    """
    kind = checks.one_of(f"{place}kind", point.kind, ContactPointKind)
    return CheckedContactPoint(
        value=contact_value(kind, point.value, country, f"{place}value"),
        usage=checks.one_of(f"{place}usage", point.usage, ContactPointUsage),
        preferred=point.preferred,
        since=today if point.since is None else checks.date(f"{place}since", point.since),
        source=None if point.source is None else checks.text(f"{place}source", point.source),
    )


def check_contact_points(
    points: Sequence[NewContactPoint], country: str | None, today: dt.date
) -> list[CheckedContactPoint]:
    """All contact points of a party; an error says which one is wrong, counted from 0: ``contactPoints[1].value``."""
    return [
        check_contact_point(point, region(country), today, f"contactPoints[{index}].")
        for index, point in enumerate(points)
    ]


def region(country: str | None) -> str | None:
    """The region in which national phone numbers are read; None where the country has none of its own."""
    return country if country in phonenumbers.SUPPORTED_REGIONS else None
