"""Who may be one is found by index, with the reasons."""

from __future__ import annotations

import datetime as dt

import pytest
from merging_bank import Two

from graph_crm.errors import NotFound
from graph_crm.merging import candidates
from graph_crm.merging.candidates import MergeCandidates
from graph_crm.merging.kinds import MergeSide
from graph_crm.parties.commands import NewContactPoint, OrganizationDetails
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.parties.merged import PartyMerged

pytestmark = pytest.mark.lts


async def test_a_typo_and_an_accent_hide_nobody(two: Two):
    await two.person("far", "Anna", dt.date(1951, 1, 30))
    (found,) = await MergeCandidates(two.database).of("anna")
    assert (found.other_id, found.other_name) == ("ana", "Ana Nováková")
    assert [one.value for one in found.reasons] == ["LIKE_NAME", "SAME_BIRTH_DATE", "SHARED_CONTACT_POINT"]


async def test_every_pair_of_the_bank_is_told_once_whatever_the_pages(two: Two, monkeypatch: pytest.MonkeyPatch):
    await two.person("again", "Anna", dt.date(1980, 5, 17))
    monkeypatch.setattr(candidates, "PAGE", 1)
    found = await MergeCandidates(two.database).likeliest(10)
    assert sorted((one.party_id, one.other_id) for one in found) == [
        ("again", "ana"), ("again", "anna"), ("ana", "anna"),
    ]  # fmt: skip


async def test_organisations_are_found_by_number_and_by_a_name_with_a_typo(two: Two):
    phone = [NewContactPoint(kind=ContactPointKind.PHONE, value="+420602999999")]
    for identifier, name, number in (
        ("o1", "Moravské pekárny", "111"),
        ("o2", "Moravske pekarni", None),
        ("o3", "MP", "111"),
    ):
        details = OrganizationDetails(legal_name=name, registration_number=number)
        await two.parties.create_organization(details, id=identifier, contact_points=phone)
    await two.database.execute("CALL db.awaitIndexes(30)")
    found = {one.other_id: one.reasons for one in await MergeCandidates(two.database).of("o1", at_least=0.4)}
    assert found.keys() == {"o2", "o3"}
    assert "LIKE_NAME" in found["o2"]
    assert "SAME_REGISTRATION_NUMBER" in found["o3"]


async def test_a_day_that_stands_for_not_known_is_no_block(two: Two, monkeypatch: pytest.MonkeyPatch):
    statement = candidates.NEAR.replace(f"> {candidates.BLOCK} THEN", "> 1 THEN")
    monkeypatch.setattr(candidates, "NEAR", statement)
    assert await MergeCandidates(two.database).of("anna") == []


async def test_a_merged_party_is_no_candidate_and_leads_on(two: Two):
    await two.merge(name=MergeSide.KEPT)
    found = MergeCandidates(two.database)
    assert await found.of("anna") == []
    with pytest.raises(PartyMerged):
        await found.of("ana")
    with pytest.raises(NotFound):
        await found.of("nobody")
