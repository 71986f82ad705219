"""Where two records of one person disagree about being contacted the stricter holds, unless somebody says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging_bank import Two

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.kinds import Channel
from graph_crm.merging.comparing import Side
from graph_crm.merging.consents import Place, Said, conflicts, deciding, needed
from graph_crm.merging.kinds import MergeSide

POINTS = (None, "EMAIL:a@example.org")
said = st.lists(
    st.tuples(
        st.just("MARKETING"),
        st.sampled_from([None, "EMAIL"]),
        st.sampled_from(POINTS),
        st.sampled_from(["GRANTED", "DENIED", "WITHDRAWN"]),
        st.integers(1, 6),
    ),
    max_size=4,
)
EMAIL = Place("MARKETING", "EMAIL")


def side(consents: object) -> Side:
    return Side("x", organization=False, version=1, properties={}, consents=consents)  # type: ignore[arg-type]


@given(said, said)
def test_what_one_of_the_two_refuses_is_refused_to_both(own: list, others: list):  # type: ignore[type-arg]
    kept, merged = side(own), side(others)
    added = [
        Said(one["purpose"], one["channel"], one["pointKey"], one["status"], 99) for one in needed(kept, merged, {})
    ]
    together = sorted([*(Said(*one) for one in [*own, *others]), *added], key=lambda one: one.at)
    for point in POINTS:
        place = Place("MARKETING", "EMAIL", point)
        decisions = [deciding([Said(*one) for one in each], place) for each in (own, others)]
        both = [one for one in decisions if one is not None]
        if len(both) == 2 and any(one.status != "GRANTED" for one in both):
            holds = deciding(together, place)
            assert holds is not None
            assert holds.status != "GRANTED"


@given(said, said, st.sampled_from(MergeSide))
def test_what_was_chosen_holds(own: list, others: list, chosen: MergeSide):  # type: ignore[type-arg]
    own, others = ([one for one in each if one[2] is None] for each in (own, others))
    kept, merged = side(own), side(others)
    choices = {one.field: chosen for one in conflicts(kept, merged)}
    added = [Said(one["purpose"], one["channel"], None, one["status"], 99) for one in needed(kept, merged, choices)]
    if "consent.MARKETING.EMAIL" in choices:
        together = sorted([*(Said(*one) for one in [*own, *others]), *added], key=lambda one: one.at)
        wanted = deciding([Said(*one) for one in (own if chosen is MergeSide.KEPT else others)], EMAIL)
        holds = deciding(together, EMAIL)
        assert wanted is not None
        assert holds is not None
        assert (holds.status == "GRANTED") is (wanted.status == "GRANTED")


@pytest.mark.lts
@pytest.mark.parametrize(("choice", "allowed"), [({}, False), ({"consent__MARKETING__LETTER": MergeSide.MERGED}, True)])
async def test_the_newest_grant_does_not_undo_the_refusal_of_the_other_record(
    two: Two, choice: dict[str, MergeSide], *, allowed: bool
):
    consents = ConsentService(two.database)
    for party, status in (("anna", ConsentStatus.WITHDRAWN), ("ana", ConsentStatus.GRANTED)):
        told = Statement(purpose=Purpose.MARKETING, status=status, channel=Channel.LETTER)
        await consents.record(party, [told])
    shown = {one.field: one.must_answer for one in (await two.merges.preview("anna", "ana")).conflicts}
    assert shown["consent.MARKETING.LETTER"] is False
    merge = await two.merge(name=MergeSide.KEPT, **choice)
    found = await consents.standing("anna", Purpose.MARKETING, Channel.LETTER)
    assert found.allowed is allowed
    await two.unmerge(merge)
    assert not (await consents.standing("anna", Purpose.MARKETING, Channel.LETTER)).allowed
    assert (await consents.standing("ana", Purpose.MARKETING, Channel.LETTER)).allowed
