"""What is said on each channel, and who may say it: it stays with the offer, by channel."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.service import DecisionService
from graph_crm.graph.database import Database
from graph_crm.rules import Rule, Treatment, holds, hookimpl
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
ANNA = """
CREATE (:Product {code: 'SMALL_LOAN', name: 'Small loan', familyCode: 'LOAN', active: true})
CREATE (p:Party:Person {id: 'anna', displayName: 'Anna', status: 'ACTIVE', birthDate: date('1980-05-17'),
  country: 'CZ', timeZone: 'Europe/Prague'})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:1', partyId: 'anna', purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'acc', status: 'ACTIVE',
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01'),
  statusDates: [date('2020-01-01')], statusValues: ['ACTIVE']})
CREATE (p)-[:DID]->(:Event {id: 'e1', type: 'atm_balance_check', at: datetime('2026-11-23T11:59:00Z'), channel: 'ATM'})
"""


@dataclass
class Entry:
    payload: dict[str, Any]


class Skilled:
    @hookimpl
    def rules(self):
        return [
            Rule(
                id="loan",
                title="a test",
                when=holds("CURRENT_ACCOUNT"),
                offer="SMALL_LOAN",
                channels=["ATM", "PHONE"],
                reasons="because",
                on_event="atm_balance_check",
                skill="LOANS",
            )
        ]


class Spoken:
    @hookimpl
    def treatments(self, proposals):
        return [
            Treatment(party=one.party, offer=one.offer, channel=channel, script=script, skill=skill)
            for one in proposals
            for channel, script, skill in (("PHONE", "Ask Anna.", "MORTGAGES"), ("ATM", "Dear Anna", None))
        ]


@pytest.mark.lts
@pytest.mark.parametrize(
    ("plugins", "skill", "scripts"),
    [
        ([Skilled], "LOANS", None),
        ([Skilled, Spoken], "MORTGAGES", {"PHONE": "Ask Anna.", "ATM": "Dear Anna"}),
    ],
)
async def test_an_offer_keeps_the_words_of_each_channel_and_the_skill_of_who_calls(
    empty_database: Database, plugins: list[Callable[[], object]], skill: str, scripts: dict[str, str] | None
):
    await empty_database.execute(ANNA)
    book = RuleBook([Found(f"plugin{number}", "a test", one()) for number, one in enumerate(plugins)])
    terms = Terms(ContactPolicy.load(), exploration=0.0)
    decisions = DecisionService(empty_database, book, terms, clock=lambda: NOW)
    await empty_database.write(lambda tx: decisions.decide_for_event(tx, Entry({"eventId": "e1"})))
    (row,) = await empty_database.read("MATCH (o:Offer) RETURN o.skill AS skill, o.scripts AS scripts")
    assert row["skill"] == skill
    assert (None if row["scripts"] is None else json.loads(row["scripts"])) == scripts
