"""Many conditions judged at once answer exactly as each does on its own, whatever the customers are."""

from __future__ import annotations

import datetime as dt
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_crm.rules.conditions import Condition, age_between, did, holds, in_default, in_segment, is_person
from graph_crm.rules.conditions.together import Together
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import Contact, EventFact, Holding, PartyFacts, Related, Snapshot, end_of
from graph_crm.rules.verdicts import Reason, Verdict

sys.path.insert(0, str(Path(__file__).parent))

from worlds import ATOMS, BIRTHS, DAYS, EVENTS, PRODUCTS, TIES, conditions

days = st.sampled_from(DAYS)
instants = st.builds(
    lambda day, shift: dt.datetime.combine(day, dt.time(), dt.UTC) + shift,
    days,
    st.sampled_from([dt.timedelta(), dt.timedelta(milliseconds=-1), dt.timedelta(hours=23, seconds=7)]),
)
parties = st.builds(
    PartyFacts,
    id=st.just("party:1"),
    kind=st.sampled_from(["PERSON", "PERSON", "ORGANIZATION"]),
    born=st.none() | st.sampled_from(BIRTHS).map(dt.date.fromisoformat),
    segment=st.sampled_from([None, "RETAIL", "PRIVATE"]),
    country=st.sampled_from([None, "CZ", "PL"]),
)
holdings = st.builds(
    lambda product, **more: Holding(agreement_id="a", product=product, family=PRODUCTS[product], **more),
    product=st.sampled_from(sorted(PRODUCTS)),
    role=st.sampled_from(["OWNER", "AUTHORISED"]),
    since=days,
    until=st.none() | days,
    status=st.sampled_from([None, "ACTIVE", "CLOSED", "DEFAULTED", "IN_ARREARS"]),
    closed_on=st.none() | days,
    matures_on=st.none() | days,
    amount=st.sampled_from([None, 99_999, 100_000, 100_001]),
)
events = st.builds(EventFact, id=st.just("e"), type=st.sampled_from(EVENTS), at=instants)
contacts = st.builds(
    Contact,
    id=st.just("i"),
    at=instants,
    channel=st.sampled_from([None, "PHONE", "SMS"]),
    direction=st.sampled_from([None, "OUTBOUND", "INBOUND"]),
    outcome=st.sampled_from([None, "REJECTED"]),
)


@st.composite
def customers(draw: st.DrawFn, now: dt.datetime) -> Snapshot:
    def several(facts: st.SearchStrategy, most: int) -> tuple:
        return tuple(draw(st.lists(facts, max_size=most)))

    others = st.builds(
        lambda party, held: Snapshot(party, now, holdings=tuple(held)), parties, st.lists(holdings, max_size=2)
    )
    ties = st.builds(Related, st.sampled_from(TIES), st.booleans(), days, st.none() | days, st.none(), others)
    return Snapshot(
        draw(parties),
        now,
        holdings=several(holdings, 4),
        events=several(events, 4),
        contacts=several(contacts, 4),
        related=several(ties, 2),
    )


batches = days.flatmap(lambda day: st.lists(customers(end_of(day)), min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(batches, st.lists(conditions, min_size=1, max_size=6))
def test_together_they_say_what_each_says_alone(people, asked):
    assert Together(asked).truths(people) == alone(asked, people)


def test_every_kind_of_condition_and_its_opposite_agree_on_every_awkward_day():
    """Many customers whose dates meet on the day that is asked about, one day before and one after."""
    pick = random.Random(4)  # noqa: S311 - customers to test with, not a secret
    asked = [*ATOMS, *(~one for one in ATOMS)]
    together = Together(asked)
    for day in DAYS:
        people = [crowded(pick, day) for _ in range(60)]
        assert together.truths(people) == alone(asked, people), day


def crowded(pick: random.Random, day: dt.date) -> Snapshot:
    """A customer of random facts, half of whose dates lie around ``day``."""

    def a_day() -> dt.date:
        near = day + dt.timedelta(days=pick.choice([-1, 0, 0, 1]))
        return pick.choice([near, pick.choice(DAYS)])

    def an_instant() -> dt.datetime:
        return end_of(a_day()) - dt.timedelta(milliseconds=pick.choice([-1, 0, 1, 86_399_999]))

    held = tuple(
        Holding(
            agreement_id=f"a{place}",
            product=(product := pick.choice(sorted(PRODUCTS))),
            family=PRODUCTS[product],
            role=pick.choice(["OWNER", "OWNER", "AUTHORISED"]),
            since=a_day(),
            until=pick.choice([None, None, a_day()]),
            status=pick.choice([None, "ACTIVE", "ACTIVE", "CLOSED", "DEFAULTED", "IN_ARREARS"]),
            closed_on=pick.choice([None, None, a_day()]),
            matures_on=pick.choice([None, a_day()]),
            amount=pick.choice([None, 99_999, 100_000, 100_001]),
        )
        for place in range(pick.randrange(3))
    )
    did_so = tuple(EventFact(f"e{place}", pick.choice(EVENTS), an_instant()) for place in range(pick.randrange(4)))
    met = tuple(
        Contact(
            f"i{place}",
            an_instant(),
            channel=pick.choice([None, "PHONE", "SMS"]),
            direction=pick.choice([None, "OUTBOUND", "INBOUND"]),
            outcome=pick.choice([None, "REJECTED"]),
        )
        for place in range(pick.randrange(3))
    )
    born = pick.choice([None, *map(dt.date.fromisoformat, BIRTHS), a_day().replace(year=1980, day=1)])
    party = PartyFacts(
        "p", kind=pick.choice(["PERSON", "ORGANIZATION"]), born=born, segment=pick.choice([None, "PRIVATE"])
    )
    return Snapshot(party, end_of(day), holdings=held, events=did_so, contacts=met)


@given(st.lists(instants, min_size=1, max_size=4))
def test_customers_may_be_asked_about_at_different_instants(moments):
    people = [
        Snapshot(
            PartyFacts("p", born=dt.date(1980, 2, 29)),
            now,
            holdings=(Holding("a", "CASH_LOAN", "LOAN", "OWNER", DAYS[3]),),
            events=(EventFact("e", EVENTS[0], end_of(DAYS[5])),),
        )
        for now in moments
    ]
    asked = [age_between(44), holds(for_at_least=Period(months=1)), did(EVENTS[0], within=Period(days=30))]
    assert Together(asked).truths(people) == alone(asked, people)


def test_a_value_that_looks_like_a_program_stays_a_value():
    nasty = "x' or __import__('os') or '"
    person = Snapshot(PartyFacts("p", segment=nasty), end_of(DAYS[0]), holdings=())
    assert Together([in_segment(nasty), holds(nasty), did(nasty)]).truths([person]) == [(True, False, False)]


@dataclass(frozen=True)
class Lucky(Condition):
    """A condition of an author's own."""

    truth: bool | None

    def check(self, snapshot: Snapshot) -> Verdict:
        if snapshot.party.id == "party:unlucky":
            raise LookupError("no luck")
        return Verdict(self.truth, (Reason("LUCK", "luck"),))

    def write(self, writer, party):
        return "true"


@pytest.mark.parametrize("truth", [True, False, None])
def test_a_condition_of_an_authors_own_is_asked_as_it_is(truth):
    person = Snapshot(PartyFacts("p"), end_of(DAYS[0]))
    asked = [Lucky(truth), ~Lucky(truth), Lucky(truth) & is_person(), Lucky(truth) | in_default()]
    assert Together(asked).truths([person]) == alone(asked, [person])
    with pytest.raises(LookupError):
        Together(asked).truths([Snapshot(PartyFacts("party:unlucky"), end_of(DAYS[0]))])


def test_no_conditions_and_no_customers_are_no_trouble():
    person = Snapshot(PartyFacts("p"), end_of(DAYS[0]))
    assert Together([]).truths([person]) == [()]
    assert Together([is_person()]).truths([]) == []


def alone(asked: list[Condition], people: list[Snapshot]) -> list[tuple[bool | None, ...]]:
    return [tuple(one.check(person).truth for one in asked) for person in people]
