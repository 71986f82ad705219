"""Names, addresses and phones of the demo bank, from Faker's lists, drawn by a seeded generator."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from faker import Faker
from pydantic import BaseModel, ConfigDict

from graph_crm.importing.loader import Record
from graph_crm.importing.values import digest
from graph_crm.parties.names import name_key

SOURCE = "demo"
POOL = 300
"""Names of each kind that are taken from Faker; drawing from them is a hundred times faster than asking each time."""

INDUSTRIES = ("Retail", "Construction", "Transport", "Software", "Agriculture", "Catering", "Health care", "Printing")


class Locale(BaseModel):
    """A country of the demo bank's customers: Faker's locale, its share, and the pattern of its phone numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    weight: float
    country: str
    language: str
    time_zone: str
    phone: str


@dataclass(frozen=True)
class Pool:
    """Names and places of one locale."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    companies: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """A generated person, as far as other records need to know it."""

    id: str
    given: str
    family: str
    woman: bool
    born: date
    phone: str
    locale: Locale

    def age(self, day: date) -> int:
        """Full years on ``day``."""
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


@cache
def pool(locale: str) -> Pool:
    """The names of a locale: always the same for the same version of Faker."""
    fake = Faker(locale)
    fake.seed_instance(20261123)
    names = range(POOL)
    return Pool(
        women=_distinct(fake.first_name_female() for _ in names),
        men=_distinct(fake.first_name_male() for _ in names),
        families=_distinct(
            fake.last_name_male() if hasattr(fake, "last_name_male") else fake.last_name() for _ in names
        ),
        streets=_distinct(fake.street_name() for _ in names),
        cities=tuple((fake.city(), fake.postcode()) for _ in range(80)),
        companies=_distinct(fake.company() for _ in names),
    )


def _distinct(names: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))  # type: ignore[call-overload]  # any iterable of texts


def family_name(name: str, *, woman: bool, locale: str) -> str:
    """The family name as the language writes it for a woman: Novák and Nováková, Kowalski and Kowalska."""
    if not woman:
        return name
    if locale == "pl_PL":
        return name[:-1] + "a" if name.endswith(("ski", "cki", "dzki")) else name
    if locale == "cs_CZ" and not name.endswith(("í", "ů", "ová", "á")):
        endings = (("ý", 1, "á"), ("a", 1, "ová"), ("ek", 2, "ková"), ("ec", 2, "cová"), ("", 0, "ová"))
        cut, ending = next((cut, ending) for last, cut, ending in endings if name.endswith(last))
        return name[: len(name) - cut] + ending
    return name


def person_record(person: Person, address: Record, segment: str) -> Record:
    """The record of a person for the loader."""
    name = f"{person.given} {person.family}"
    identifiers = [f"DEMO-{person.id.rpartition(':')[2].zfill(7)}"]
    props = {
        "displayName": name,
        "nameKey": name_key(name),
        "identifiers": identifiers,
        "givenName": person.given,
        "familyName": person.family,
        "birthDate": person.born,
        "sex": "FEMALE" if person.woman else "MALE",
        "segment": segment,
        "source": SOURCE,
        **address,
    }
    return {"id": person.id, "props": props, "digest": digest(props)}


def company_record(identity: str, name: str, registration: str, industry: str, address: Record) -> Record:
    """The record of a company for the loader."""
    identifiers = [registration]
    props = {
        "displayName": name,
        "nameKey": name_key(name),
        "identifiers": identifiers,
        "legalName": name,
        "registrationNumber": registration,
        "industry": industry,
        "segment": "BUSINESS",
        "source": SOURCE,
        **address,
    }
    return {"id": identity, "props": props, "digest": digest(props)}


def address(chance: random.Random, locale: Locale) -> Record:
    """An address of the locale, with the language and time zone that belong to it."""
    names = pool(locale.name)
    city, postal_code = chance.choice(names.cities)
    return {
        "street": f"{chance.choice(names.streets)} {chance.randint(1, 120)}",
        "city": city,
        "postalCode": postal_code,
        "country": locale.country,
        "language": locale.language,
        "timeZone": locale.time_zone,
    }


def phone_number(locale: Locale, number: int) -> str:
    """The ``number``-th phone of a locale in E.164; different for different numbers up to some millions."""
    # A step without a common factor spreads the numbers, so that they do not look counted.
    return locale.phone.format(1_000_000 + number * 604_171 % 7_000_000)


def email_address(person: Person) -> str:
    """An address in a domain that is reserved for examples: no message can reach anybody."""
    name = name_key(f"{person.given}.{person.family}")
    local = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter == "."))
    return f"{local}.{person.id.rpartition(':')[2]}@example.com"


def contact_record(party: str, kind: str, value: str, usage: str, since: date, *, preferred: bool) -> Record:
    """The record of a contact point for the loader."""
    key = f"{kind}:{value}"
    return {
        "id": f"{party}:{key}",
        "partyId": party,
        "kind": kind,
        "value": value,
        "valueKey": key,
        "props": {"usage": usage, "preferred": preferred, "since": since, "until": None, "source": SOURCE},
    }


def birth_date(chance: random.Random, today: date, youngest: int, oldest: int) -> date:
    """A birth date of somebody between two ages."""
    return today - timedelta(days=chance.randint(youngest * 366, max(oldest * 365, youngest * 366 + 1)))
