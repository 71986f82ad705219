"""The generated demo bank: the same settings, seed and day give the same bank, of any size, in constant memory."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.demo_consents import consents
from graph_crm.importing.demo_life import Customer, DemoSettings, Item
from graph_crm.importing.demo_people import (
    INDUSTRIES,
    SOURCE,
    Locale,
    Person,
    address,
    birth_date,
    company_record,
    contact_record,
    email_address,
    family_name,
    person_record,
    phone_number,
    pool,
)
from graph_crm.importing.loader import Loader, Progress, Record, no_progress
from graph_crm.importing.rejects import ImportReport, Origin, RejectFile
from graph_crm.importing.values import digest
from graph_crm.parties.names import name_key
from graph_crm.resources import folder
from graph_crm.settings.files import read_settled

RECENT = 200
"""So many people met last may become guarantors, owners, directors or employees: memory does not grow."""
PARTIES_A_ROUND = 2000
"""Parties whose records are collected before they are written, so that what they refer to is there."""
ADULT, SCHOOL_CARD = 18, 10


def read_settings(path: Path | None = None) -> DemoSettings:
    """The generator's settings from ``seed/demo_bank.toml`` or another file. Raises ConfigurationError."""
    file = path or folder("seed") / "demo_bank.toml"
    hint = "seed/demo_bank.toml, as it is shipped, is a complete one."
    return read_settled(DemoSettings, file, "The settings of the demo bank", hint=hint)


async def seed_demo_bank(
    database: Database,
    *,
    customers: int,
    seed: int,
    as_of: date,
    settings: DemoSettings | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Fill the graph with ``customers`` parties whose history ends on ``as_of``; twice gives the same graph.

    The report counts records by kind. Events of the past have no outbox entries: history triggers no decisions.
    """
    started = time.perf_counter()
    await ensure_products(database)
    report = ImportReport(SOURCE)
    written = 0
    async with Loader(database, rejects=RejectFile(None)) as loader:
        await loader.look()  # the generator gives no id twice
        for parties, items in DemoBank(settings or read_settings(), seed, as_of).rounds(customers):
            for kind, record in items:
                tally = report.tally(kind.name.removeprefix("tie ").lower())
                tally.read += 1
                await loader.add(kind, record, Origin(tally, tally.read, ""))
            await loader.flush()
            written += parties
            progress("parties", written, customers)
    report.seconds = time.perf_counter() - started
    return report


@dataclass
class DemoBank:
    """The generator; each household or company has its own random numbers, drawn from the seed."""

    settings: DemoSettings
    seed: int
    today: date
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT))
    _people: int = 0
    _companies: int = 0
    _households: int = 0
    _phones: int = 0

    def rounds(self, customers: int) -> Iterator[tuple[int, list[Item]]]:
        """The records of ``customers`` parties, about two thousand a round, with their number."""
        items: list[Item] = []
        parties = done = 0
        while done < customers:
            left = customers - done
            found = self._next(left)
            count = sum(1 for kind, _ in found if kind in (cypher.PERSON, cypher.ORGANIZATION))
            items += found
            parties += count
            done += count
            if parties >= PARTIES_A_ROUND:
                yield parties, items
                items, parties = [], 0
        if items:
            yield parties, items

    def _next(self, room: int) -> list[Item]:
        number = self._households + self._companies + 1
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311 - a demo bank, not a secret
        settings = self.settings
        # Households hold about 2.6 people, so companies are drawn less often than their share of the parties.
        share = settings.company_share * 2.6 / (1 - settings.company_share + settings.company_share * 2.6)
        locale = chance.choices(settings.locales, [place.weight for place in settings.locales])[0]
        if self._recent and chance.random() < share:
            return self._company(chance, locale)
        return self._household(chance, locale, room)

    def _joined(self, chance: random.Random) -> date:
        return self.today - timedelta(days=chance.randint(20, self.settings.history_days))

    def _person(
        self, chance: random.Random, locale: Locale, family: str, *, woman: bool, born: date, phone: str | None = None
    ) -> Person:
        self._people += 1
        names = pool(locale.name)
        if phone is None:
            self._phones += 1
            phone = phone_number(locale, self._phones)
        return Person(
            id=f"demo:person:{self._people}",
            given=chance.choice(names.women if woman else names.men),
            family=family_name(family, woman=woman, locale=locale.name),
            woman=woman,
            born=born,
            phone=phone,
            locale=locale,
        )

    def _household(self, chance: random.Random, locale: Locale, room: int) -> list[Item]:
        settings = self.settings
        self._households += 1
        family = chance.choice(pool(locale.name).families)
        home = address(chance, locale)
        woman = chance.choice((True, False))
        head = self._person(chance, locale, family, woman=woman, born=birth_date(chance, self.today, 21, 82))
        partner: Person | None = None
        if room > 1 and chance.random() < settings.couple_share:
            age = min(max(head.age(self.today) + chance.randint(-6, 6), 20), 84)
            shared = head.phone if chance.random() < settings.shared_phone_share else None
            born = birth_date(chance, self.today, age, age + 1)
            partner = self._person(chance, locale, family, woman=not woman, born=born, phone=shared)
        adults = [head, *([partner] if partner else [])]
        children = self._children(chance, locale, family, adults, room - len(adults))
        items: list[Item] = []
        for person in (*adults, *children):
            segment = "YOUNG" if person.age(self.today) < 26 else chance.choice(("MASS", "MASS", "MASS", "AFFLUENT"))  # noqa: PLR2004 - the young segment
            items.append((cypher.PERSON, person_record(person, home, segment)))
        items += self._ties(chance, adults, children)
        for person in adults:
            items += self._customer(chance, person, partner.id if partner and person is head else None, children)
            self._recent.append(person.id)
        for child in children:
            if child.age(self.today) >= SCHOOL_CARD:
                items += self._contact_points(chance, child, child.born + timedelta(days=SCHOOL_CARD * 365))
        return items

    def _children(
        self, chance: random.Random, locale: Locale, family: str, adults: list[Person], room: int
    ) -> list[Person]:
        share = self.settings.children_share * (1 if len(adults) > 1 else 0.25)
        youngest_adult = min(person.age(self.today) for person in adults)
        if chance.random() >= share or youngest_adult < 22:  # noqa: PLR2004 - who has children is an adult for a while
            return []
        oldest = min(youngest_adult - 20, 24)
        return [
            self._person(
                chance,
                locale,
                family,
                woman=chance.choice((True, False)),
                born=birth_date(chance, self.today, max(0, oldest - 14), oldest),
            )
            for _ in range(min(chance.choice((1, 1, 2, 2, 3)), max(room, 0)))
        ]

    def _ties(self, chance: random.Random, adults: list[Person], children: list[Person]) -> Iterator[Item]:
        """The household, marriage and parenthood."""
        if len(adults) + len(children) < 2:  # noqa: PLR2004 - one alone is no household
            return
        identity = f"demo:household:{self._households}"
        name = f"{adults[0].family} household"
        props = {"name": name, "nameKey": name_key(name), "source": SOURCE}
        yield cypher.HOUSEHOLD, {"id": identity, "props": props, "digest": digest(props)}
        since = self.today - timedelta(days=chance.randint(400, 6000))
        for number, person in enumerate((*adults, *children)):
            role = "HEAD" if number == 0 else "PARTNER" if person in adults else "CHILD"
            start = max(since, person.born)
            yield (
                cypher.MEMBERSHIP,
                {
                    "id": f"{identity}:{person.id}",
                    "partyId": person.id,
                    "householdId": identity,
                    "props": {"role": role, "since": start, "until": None, "source": SOURCE},
                },
            )
        if len(adults) > 1:
            yield _tie("SPOUSE_OF", adults[0].id, adults[1].id, since)
        for parent in adults:
            for child in children:
                yield _tie("PARENT_OF", parent.id, child.id, child.born)

    def _contact_points(self, chance: random.Random, person: Person, since: date) -> Iterator[Item]:
        yield (
            cypher.CONTACT_POINT,
            contact_record(person.id, "PHONE", person.phone, "MOBILE", since, preferred=True),
        )
        if chance.random() < self.settings.email_share:
            value = email_address(person)
            yield cypher.CONTACT_POINT, contact_record(person.id, "EMAIL", value, "HOME", since, preferred=False)
        if chance.random() < self.settings.second_phone_share:
            self._phones += 1
            value = phone_number(person.locale, self._phones)
            yield cypher.CONTACT_POINT, contact_record(person.id, "PHONE", value, "WORK", since, preferred=False)

    def _consents(self, party: str, phone: str, joined: date) -> Iterator[Item]:
        return consents(party, phone, joined, self.today, shares=self.settings.consent, seed=self.seed)

    def _customer(
        self, chance: random.Random, person: Person, partner: str | None, children: list[Person]
    ) -> Iterator[Item]:
        joined = self._joined(chance)
        yield from self._contact_points(chance, person, joined)
        yield from self._consents(person.id, person.phone, joined)
        customer = Customer(person.id, joined, self.today, chance, self.settings)
        customer.live([other for other in self._recent if other not in (person.id, partner)], partner)
        if customer.account:
            for child in children:
                opened = customer.later(customer.account.opened, 10, 400)
                of_age = SCHOOL_CARD <= child.age(self.today) < ADULT
                if opened and of_age and customer.likely(self.settings.next.junior_card):
                    card = customer.agreement("CARD_JUNIOR", opened)
                    customer.link(card, "ISSUED_ON")
                    customer.hold(card, child.id, "CARDHOLDER", opened)
        customer.bookings()
        customer.visits()
        yield from customer.items
        if self._recent and chance.random() < 0.03:  # noqa: PLR2004 - a few come because somebody recommended the bank
            yield _tie("REFERRED", chance.choice(self._recent), person.id, joined)

    def _company(self, chance: random.Random, locale: Locale) -> list[Item]:
        self._companies += 1
        number = self._companies
        identity = f"demo:company:{number}"
        name = chance.choice(pool(locale.name).companies)
        registration = f"{locale.country}-{10_000_000 + number * 7919 % 90_000_000:08d}"
        items: list[Item] = [
            (
                cypher.ORGANIZATION,
                company_record(identity, name, registration, chance.choice(INDUSTRIES), address(chance, locale)),
            )
        ]
        joined = self._joined(chance)
        since = joined - timedelta(days=chance.randint(30, 3000))
        people = chance.sample(list(self._recent), min(len(self._recent), chance.randint(3, 8)))
        shares = (1.0,) if chance.choice((True, False)) or len(people) < 2 else (0.6, 0.4)  # noqa: PLR2004 - two owners need two
        for owner, share in zip(people, shares, strict=False):
            items.append(_tie("OWNS", owner, identity, since, share=share))
        items.append(_tie("DIRECTS", people[0], identity, since))
        items += [
            _tie("EMPLOYS", identity, worker, since + timedelta(days=chance.randint(1, 29)))
            for worker in people[len(shares) :]
        ]
        self._phones += 1
        phone = phone_number(locale, self._phones)
        contact = contact_record(identity, "PHONE", phone, "WORK", joined, preferred=True)
        mail = contact_record(identity, "EMAIL", f"office{number}@example.com", "WORK", joined, preferred=False)
        items += [(cypher.CONTACT_POINT, contact), (cypher.CONTACT_POINT, mail)]
        items += self._consents(identity, phone, joined)
        customer = Customer(identity, joined, self.today, chance, self.settings)
        customer.open_account(joined, "BUSINESS_ACCOUNT")
        if customer.account:
            customer.hold(customer.account.id, people[0], "AUTHORISED", joined)
        opened = customer.later(joined, 60, 600)
        if opened and customer.likely(self.settings.next.business_loan):
            customer.loan("BUSINESS_LOAN", opened, people[0])
        if customer.likely(self.settings.next.online):
            customer.agreement("ONLINE_BANKING", joined)
        customer.bookings()
        customer.visits()
        return items + customer.items


def _tie(kind: str, start: str, end: str, since: date, **props: object) -> Item:
    record: Record = {
        "id": f"{kind.lower()}:{start}:{end}",
        "fromId": start,
        "toId": end,
        "props": {"since": since, "until": None, "source": SOURCE, **props},
    }
    return cypher.TIES[kind], record
