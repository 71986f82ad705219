from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from graph_crm.errors import ConfigurationError
from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.demo_bank import DemoBank, read_settings, seed_demo_bank
from graph_crm.importing.demo_people import family_name, phone_number
from graph_crm.products.catalogue import read_catalogue
from graph_crm.resources import folder

TODAY = date(2026, 11, 23)
PARTIES = 900
"""Of the bank that is stored: enough for every rule to find somebody, not more."""


def items(customers: int, seed: int = 1, today: date = TODAY) -> list[tuple[cypher.Kind, dict[str, Any]]]:
    bank = DemoBank(read_settings(), seed, today)
    return [item for _, found in bank.rounds(customers) for item in found]


def test_the_same_seed_gives_the_same_bank_and_another_seed_another() -> None:
    assert items(300) == items(300)
    assert items(300) != items(300, seed=2)
    assert items(300) != items(300, today=TODAY - timedelta(days=1))


@pytest.mark.parametrize("customers", [1, 2, 7, 1500])
def test_the_bank_has_exactly_as_many_parties_as_asked(customers: int) -> None:
    kinds = Counter(kind.name for kind, _ in items(customers))
    assert kinds["person"] + kinds["organization"] == customers


def test_identifiers_are_unique_and_everything_referred_to_exists() -> None:
    found = items(1500)
    ids: dict[str, set[str]] = {}
    for kind, row in found:
        if "id" in row:
            assert row["id"] not in ids.setdefault(kind.name, set()), row["id"]
            ids[kind.name].add(row["id"])
    parties = ids["person"] | ids["organization"]
    for kind, row in found:
        for name, (label, _) in kind.references.items():
            if row[name] is not None and label in ("Party", "Agreement", "Household"):
                known = {"Party": parties, "Agreement": ids["agreement"], "Household": ids["household"]}[label]
                assert row[name] in known, (kind.name, row)


def test_nothing_happens_in_the_future_and_states_follow_each_other() -> None:
    for kind, row in items(1500):
        props = row.get("props", {})
        for name in ("openedOn", "since", "bookedOn", "birthDate"):
            assert props.get(name) is None or props[name] <= TODAY, (kind.name, name, row)
        if "at" in props:
            assert props["at"].date() < TODAY
        if kind is cypher.AGREEMENT:
            assert props["statusDates"] == sorted(props["statusDates"])
            assert props["statusDates"][0] == props["openedOn"]
            assert props["statusValues"][-1] == props["status"]
            assert (props["status"] == "CLOSED") == (props["closedOn"] is not None)


def test_balances_are_the_sum_of_the_bookings() -> None:
    found = items(400)
    balance: dict[str, int] = {}
    for kind, row in found:
        if kind is cypher.MOVEMENT:
            props = row["props"]
            change = props["amount"] if props["direction"] == "CREDIT" else -props["amount"]
            before = balance.get(row["agreementId"])
            assert before is None or before + change == props["balance"]
            balance[row["agreementId"]] = props["balance"]
    last = {row["id"]: row["props"].get("balance") for kind, row in found if kind is cypher.AGREEMENT}
    assert balance
    assert all(last[account] == amount for account, amount in balance.items())


def test_the_bank_uses_the_whole_catalogue_and_every_state_of_an_agreement() -> None:
    found = [row for kind, row in items(4000) if kind is cypher.AGREEMENT]
    catalogue = {product.code for product in read_catalogue(folder("seed") / "catalogue.toml").products}
    assert {row["productCode"] for row in found} == catalogue
    states = {row["props"]["status"] for row in found}
    assert states == {"ACTIVE", "CLOSED", "IN_ARREARS", "DEFAULTED"}


def test_phones_are_valid_and_not_shared_by_chance() -> None:
    for locale in read_settings().locales:
        numbers = [phone_number(locale, number) for number in range(3000)]
        assert len(set(numbers)) == len(numbers)
        assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)
    owners = Counter(row["value"] for kind, row in items(1500) if kind is cypher.CONTACT_POINT)
    assert max(owners.values()) == 2  # a couple


@pytest.mark.parametrize(
    ("name", "locale", "woman"),
    [
        ("Kowalski", "pl_PL", "Kowalska"),
        ("Nowak", "pl_PL", "Nowak"),
        ("Novák", "cs_CZ", "Nováková"),
        ("Svoboda", "cs_CZ", "Svobodová"),
        ("Novotný", "cs_CZ", "Novotná"),
        ("Marek", "cs_CZ", "Marková"),
        ("Smith", "en_GB", "Smith"),
    ],
)
def test_family_names_follow_the_language(name: str, locale: str, woman: str) -> None:
    assert family_name(name, woman=True, locale=locale) == woman
    assert family_name(name, woman=False, locale=locale) == name


CANDIDATES = {
    "loan without account": """
        MATCH (p:Party)-[h:HOLDS {role: 'OWNER'}]->(a:Agreement {familyCode: 'LOAN', status: 'ACTIVE'})
        WHERE h.since <= $day - duration({days: 90})
          AND NOT EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'CURRENT_ACCOUNT'}) }""",
    "loan and account without card": """
        MATCH (p:Party)-[h:HOLDS {role: 'OWNER'}]->(a:Agreement {familyCode: 'LOAN', status: 'ACTIVE'})
        WHERE h.since <= $day - duration({days: 90})
          AND EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'CURRENT_ACCOUNT'}) }
          AND NOT EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'CARD'}) }""",
    "deposit without card": """
        MATCH (p:Party)-[:HOLDS {role: 'OWNER'}]->(a:Agreement {familyCode: 'DEPOSIT'})
        WHERE NOT EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'CARD'}) }""",
    "card without messages": """
        MATCH (p:Party)-[:HOLDS {role: 'OWNER'}]->(a:Agreement {familyCode: 'CARD'})
        WHERE NOT EXISTS { (p)-[:HOLDS]->(:Agreement {productCode: 'SMS_INFO'}) }""",
    "balance looked at without loan": """
        MATCH (p:Party)-[:DID]->(e:Event {type: 'atm_balance_check'})-[:ON]->(:Agreement)
        WHERE NOT EXISTS { (p)-[:HOLDS]->(:Agreement {familyCode: 'LOAN'}) }""",
    "loan in default": "MATCH (p:Party)-[:HOLDS]->(a:Agreement {familyCode: 'LOAN', status: 'DEFAULTED'})",
}


async def test_the_seeded_bank_gives_every_rule_something_to_find_and_twice_is_once(
    empty_database: Database, fingerprint: Callable[[], Awaitable[str]]
) -> None:
    report = await seed_demo_bank(empty_database, customers=PARTIES, seed=1, as_of=TODAY)
    assert report.reconciled
    assert report.rejected == 0
    for name, pattern in CANDIDATES.items():
        rows = await empty_database.read(f"{pattern} RETURN count(DISTINCT p) AS n", {"day": TODAY})
        assert rows[0]["n"] > 0, name
    (row,) = await empty_database.read(
        "RETURN COUNT { (:Party) } AS parties, COUNT { (:Household) } AS households,"
        " COUNT { ()-[:GUARANTEES]->() } AS g,"
        " COUNT { (:Organization)-[:EMPLOYS]->(:Person) } AS e, COUNT { (:OutboxEntry) } AS outbox"
    )
    assert row["parties"] == PARTIES
    assert min(row["households"], row["g"], row["e"]) > 0
    assert row["outbox"] == 0
    before = await fingerprint()
    await seed_demo_bank(empty_database, customers=PARTIES, seed=1, as_of=TODAY)
    assert await fingerprint() == before


def test_wrong_settings_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "demo_bank.toml"
    path.write_text((folder("seed") / "demo_bank.toml").read_text().replace("history_days = 730", 'history_days = "x"'))
    with pytest.raises(ConfigurationError, match="history_days"):
        read_settings(path)
