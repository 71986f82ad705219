"""What the use cases of parties promise."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from graph_crm.audit.acting import Actor, acting
from graph_crm.errors import AlreadyExists, CrmError, IdempotencyKeyReused, InvalidInput, NotFound, VersionConflict
from graph_crm.graph.database import Database
from graph_crm.parties.batch import PartyBatch
from graph_crm.parties.commands import (
    NewContactPoint,
    NewMember,
    NewTie,
    OrganizationDetails,
    PartyRow,
    PersonDetails,
)
from graph_crm.parties.households import HouseholdService
from graph_crm.parties.kinds import ContactPointKind, ContactPointUsage, HouseholdRole, TieKind
from graph_crm.parties.names import name_key, search_query
from graph_crm.parties.service import PartyService

TODAY = dt.datetime.now(dt.UTC).date()
JAN = PersonDetails(given_name="Jan", family_name="Novák", birth_date=dt.date(1970, 5, 1), country="cz")


def phone(value: str, **more: Any) -> NewContactPoint:
    return NewContactPoint(kind=ContactPointKind.PHONE, value=value, **more)


def email(value: str, **more: Any) -> NewContactPoint:
    return NewContactPoint(kind=ContactPointKind.EMAIL, value=value, **more)


@pytest.fixture
def parties(empty_database: Database) -> PartyService:
    return PartyService(empty_database)


@pytest.fixture
def households(empty_database: Database) -> HouseholdService:
    return HouseholdService(empty_database)


async def node(database: Database, party_id: str) -> dict[str, Any]:
    rows = await database.read(
        "MATCH (p:Party {id: $id}) RETURN p {.*, labels: labels(p), birthDate: toString(p.birthDate), "
        "endedOn: toString(p.endedOn), createdAt: null, updatedAt: null} AS p",
        {"id": party_id},
    )
    return dict(rows[0]["p"])


async def found(database: Database, text: str) -> list[str]:
    rows = await database.read(
        "CALL db.index.fulltext.queryNodes('party_search', $q) YIELD node, score "
        "RETURN node.displayName AS name ORDER BY score DESC, name",
        {"q": search_query(text)},
    )
    return [row["name"] for row in rows]


async def whole_graph(database: Database) -> list[Any]:
    """Everything in the graph: nodes with all properties, and their relationships with all of theirs."""
    rows = await database.read(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock "
        "RETURN labels(n) AS labels, properties(n) AS properties,"
        " COLLECT { MATCH (n)-[r]->(m) RETURN [type(r), properties(r), m.id] ORDER BY r.id } AS relationships"
        " ORDER BY n.id"
    )
    return [dict(row) for row in rows]


async def test_a_person_is_stored_with_what_follows_from_its_names(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN, contact_points=[phone("602 123 456"), email("Jan.Novak@Example.com")])
    stored = await node(database, written.id)
    assert written.version == 1
    assert stored["displayName"] == "Jan Novák"
    assert stored["nameKey"] == "jan novak"
    assert stored["country"] == "CZ"
    assert stored["birthDate"] == "1970-05-01"
    assert stored["status"] == "ACTIVE"
    assert sorted(stored["labels"]) == ["Party", "Person"]
    own_id = written.id.removeprefix("party:")
    words = ["jan", "novak", "420602123456", "602123456", "jan.novak@example.com", own_id]
    assert stored["searchText"].split() == words


async def test_a_party_is_found_by_its_own_id_first_and_the_word_party_finds_nobody_by_its_id(
    parties: PartyService, database: Database
) -> None:
    made_up = await parties.create_person(PersonDetails(display_name="Generated"))
    for number in ("18", "180", "181", "118"):
        await parties.create_person(PersonDetails(display_name=f"Client {number}"), id=f"berka:client:{number}")
    await parties.create_person(PersonDetails(display_name="Berka Client 18"), id="other:1")
    assert (await found(database, made_up.id))[0] == "Generated"
    assert (await found(database, made_up.id.removeprefix("party:")))[0] == "Generated"
    assert (await found(database, "berka:client:18"))[0] == "Client 18"
    assert (await found(database, "BERKA:Client:180"))[0] == "Client 180"
    assert await found(database, "party") == []


async def test_a_shared_phone_is_one_node(parties: PartyService, database: Database) -> None:
    first = await parties.create_person(JAN, contact_points=[phone("+420 602 123 456")])
    second = await parties.create_organization(
        OrganizationDetails(legal_name="Novák s.r.o.", country="CZ"), contact_points=[phone("602123456")]
    )
    rows = await database.read(
        "MATCH (c:ContactPoint)<-[:REACHABLE_AT]-(p) RETURN c.id AS id, collect(p.id) AS parties"
    )
    assert len(rows) == 1
    assert rows[0]["id"] == "PHONE:+420602123456"
    assert set(rows[0]["parties"]) == {first.id, second.id}


async def test_a_name_of_letters_that_fold_to_many_can_be_stored_and_found(
    parties: PartyService, database: Database
) -> None:
    name = "\ufdfa" * 200  # one letter that folds to eighteen: the key would be longer than an index entry may be
    written = await parties.create_person(PersonDetails(given_name=name, family_name=name))
    (row,) = await database.read(
        "MATCH (p:Party {nameKey: $key}) RETURN p.id AS id", {"key": name_key(f"{name} {name}")}
    )
    assert row["id"] == written.id


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (PersonDetails(), "displayName"),
        (PersonDetails(display_name="  "), "displayName"),
        (PersonDetails(display_name="..."), "displayName"),
        (PersonDetails(display_name="a\x00b"), "displayName"),
        (PersonDetails(display_name="a\ud800"), "displayName"),
        (PersonDetails(given_name="x" * 201), "givenName"),
        (PersonDetails(given_name="x" * 1_000_000), "givenName"),
        (PersonDetails(family_name="a", birth_date=dt.date(2999, 1, 1)), "birthDate"),
        (PersonDetails(family_name="a", birth_date=dt.date(1, 1, 1)), "birthDate"),
        (
            PersonDetails(family_name="a", birth_date=dt.date(2000, 1, 1), deceased_on=dt.date(1999, 1, 1)),
            "deceasedOn",
        ),
        (PersonDetails(family_name="a", country="XX"), "country"),
        (PersonDetails(family_name="a", time_zone="Mars/Base"), "timeZone"),
        (PersonDetails(family_name="a", language="Czech language"), "language"),
        (OrganizationDetails(industry="bank"), "displayName"),
        (OrganizationDetails(legal_name="a", website="javascript:alert(1)"), "website"),
        (OrganizationDetails(legal_name="a", identifiers=["x"] * 21), "identifiers"),
    ],
)
async def test_what_can_not_be_stored_is_refused_by_field(
    parties: PartyService, database: Database, details: PersonDetails | OrganizationDetails, field: str
) -> None:
    person = isinstance(details, PersonDetails)
    create: Any = parties.create_person if person else parties.create_organization
    with pytest.raises(InvalidInput) as refused:
        await create(details)
    assert refused.value.details["field"] == field
    assert refused.value.hint
    assert (await database.read("MATCH (p:Party) RETURN count(p) AS n"))[0]["n"] == 0


@pytest.mark.parametrize(
    ("country", "point"),
    [
        ("CZ", phone("12")),
        (None, phone("602 123 456")),
        ("AQ", phone("602 123 456")),
        ("CZ", phone("+999 123 456 789")),
        ("CZ", phone("call me")),
        ("CZ", phone("\x00")),
        ("CZ", email("jan")),
        ("CZ", email("jan@@example.com")),
        ("CZ", email("x" * 400 + "@example.com")),
        ("CZ", email("\ud800@example.com")),
    ],
)
async def test_bad_contact_points_are_refused_with_what_to_do(
    parties: PartyService, country: str | None, point: NewContactPoint
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await parties.create_person(
            PersonDetails(family_name="Novák", country=country), contact_points=[email("good@example.com"), point]
        )
    assert refused.value.details["field"] == "contactPoints[1].value"
    assert refused.value.message.startswith("contactPoints[1].value: ")
    assert "Send" in (refused.value.hint or "")


async def test_an_update_changes_what_it_names_and_nothing_else(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN, contact_points=[phone("602 123 456")])
    before = await node(database, written.id)
    second = await parties.update_person(written.id, PersonDetails(family_name="Dvořák", country=None), version=1)
    after = await node(database, written.id)
    assert second.version == after["version"] == 2
    assert after["displayName"] == "Jan Dvořák"
    assert "country" not in after
    assert after["searchText"].startswith("jan dvorak 420602123456")
    untouched = set(before) - {"version", "displayName", "nameKey", "searchText", "familyName", "country"}
    assert {key: after[key] for key in untouched} == {key: before[key] for key in untouched}


async def test_a_chosen_display_name_survives_a_change_of_the_names(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(PersonDetails(given_name="Jan", display_name="Honza"))
    await parties.update_person(written.id, PersonDetails(given_name="John"))
    assert (await node(database, written.id))["displayName"] == "Honza"
    await parties.update_person(written.id, PersonDetails(display_name=None))
    assert (await node(database, written.id))["displayName"] == "John"


async def test_an_old_version_is_a_conflict_that_names_the_current_one(parties: PartyService) -> None:
    written = await parties.create_person(JAN)
    await parties.update_person(written.id, PersonDetails(city="Praha"), version=1)
    with pytest.raises(VersionConflict) as conflict:
        await parties.update_person(written.id, PersonDetails(city="Brno"), version=1)
    assert conflict.value.details["currentVersion"] == 2


@pytest.mark.lts
async def test_of_16_updates_of_one_version_exactly_one_wins(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN)

    async def update(number: int) -> bool:
        try:
            await parties.update_person(written.id, PersonDetails(city=f"City {number}"), version=1)
        except VersionConflict:
            return False
        return True

    won = await asyncio.gather(*[update(number) for number in range(16)])
    stored = await node(database, written.id)
    assert sum(won) == 1
    assert stored["version"] == 2
    assert stored["city"] == f"City {won.index(True)}"


@pytest.mark.lts
async def test_16_updates_without_a_version_are_all_counted(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN)
    await asyncio.gather(
        *[parties.update_person(written.id, PersonDetails(city=f"City {number}")) for number in range(16)]
    )
    assert (await node(database, written.id))["version"] == 17


@pytest.mark.lts
async def test_one_idempotency_key_makes_one_party_from_16_calls(parties: PartyService, database: Database) -> None:
    calls = [parties.create_person(JAN, contact_points=[phone("602 123 456")], idempotency_key="k1") for _ in range(16)]
    written = await asyncio.gather(*calls)
    assert len({each.id for each in written}) == 1
    rows = await database.read("MATCH (p:Party) RETURN count(p) AS n, count { (p)-[:REACHABLE_AT]->() } AS points")
    assert (rows[0]["n"], rows[0]["points"]) == (1, 1)


async def test_an_idempotency_key_answers_for_one_input_only(parties: PartyService) -> None:
    await parties.create_person(JAN, idempotency_key="k2")
    with pytest.raises(IdempotencyKeyReused):
        await parties.create_person(PersonDetails(family_name="Other"), idempotency_key="k2")


async def test_a_taken_id_is_refused_and_leaves_the_party_alone(parties: PartyService, database: Database) -> None:
    await parties.create_person(JAN, id="bank:1")
    before = await node(database, "bank:1")
    with pytest.raises(AlreadyExists):
        await parties.create_organization(OrganizationDetails(legal_name="X"), id="bank:1")
    assert await node(database, "bank:1") == before


async def test_contact_points_come_and_go_with_the_search(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN)
    added = await parties.add_contact_point(
        written.id, phone("602 123 456", usage=ContactPointUsage.WORK, since=dt.date(2020, 1, 1)), version=1
    )
    assert added.version == 2
    assert await found(database, "00420 602 123 456") == ["Jan Novák"]
    with pytest.raises(AlreadyExists):
        await parties.add_contact_point(written.id, phone("+420602123456"))
    removed = await parties.remove_contact_point(written.id, ContactPointKind.PHONE, "602 123 456", version=2)
    assert removed.version == 3
    assert await found(database, "602123456") == []
    rows = await database.read("MATCH ()-[r:REACHABLE_AT]->() RETURN toString(r.until) AS until")
    assert rows[0]["until"] == TODAY.isoformat()
    with pytest.raises(NotFound):
        await parties.remove_contact_point(written.id, ContactPointKind.PHONE, "602 123 456")


async def test_one_contact_point_of_a_kind_is_preferred(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN, contact_points=[phone("602123456", preferred=True)])
    await parties.add_contact_point(written.id, phone("603123456", preferred=True))
    rows = await database.read("MATCH ()-[r:REACHABLE_AT {preferred: true}]->(c) RETURN c.value AS value")
    assert [row["value"] for row in rows] == ["+420603123456"]


@pytest.mark.lts
async def test_the_same_contact_point_from_16_calls_is_attached_once(parties: PartyService, database: Database) -> None:
    written = await parties.create_person(JAN)

    async def add() -> bool:
        try:
            await parties.add_contact_point(written.id, phone("602123456"))
        except AlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*[add() for _ in range(16)])) == 1
    assert (await database.read("MATCH ()-[r:REACHABLE_AT]->() RETURN count(r) AS n"))[0]["n"] == 1


@pytest.mark.lts
async def test_16_parties_with_one_new_phone_share_one_node(parties: PartyService, database: Database) -> None:
    await asyncio.gather(
        *[
            parties.create_person(PersonDetails(family_name=f"Novák {n}"), contact_points=[phone("+420602123456")])
            for n in range(16)
        ]
    )
    rows = await database.read(
        "MATCH (c:ContactPoint)<-[r:REACHABLE_AT]-() RETURN count(DISTINCT c) AS c, count(r) AS r"
    )
    assert (rows[0]["c"], rows[0]["r"]) == (1, 16)


async def test_ending_a_party_ends_what_it_was_part_of(
    parties: PartyService, households: HouseholdService, database: Database
) -> None:
    jan = await parties.create_person(JAN, contact_points=[phone("602123456", since=dt.date(2000, 1, 1))])
    eva = await parties.create_person(PersonDetails(given_name="Eva", family_name="Nováková"))
    past = dt.date(2000, 1, 1)
    await parties.relate(NewTie(kind=TieKind.SPOUSE_OF, from_id=jan.id, to_id=eva.id, since=past))
    await parties.relate(NewTie(kind=TieKind.PARENT_OF, from_id=jan.id, to_id=eva.id, since=past))
    home = await households.create("Novákovi", members=[NewMember(party_id=jan.id, since=past)])
    ended = await parties.end_party(jan.id, ended_on=dt.date(2020, 6, 1), version=1)
    assert ended.version == 2
    stored = await node(database, jan.id)
    assert (stored["status"], stored["endedOn"]) == ("ENDED", "2020-06-01")
    rows = await database.read(
        "MATCH (:Party {id: $id})-[r:!WAS_CHANGED]-() RETURN type(r) AS t, toString(r.until) AS u", {"id": jan.id}
    )
    assert {row["t"]: row["u"] for row in rows} == {
        "SPOUSE_OF": "2020-06-01",
        "PARENT_OF": None,
        "MEMBER_OF": "2020-06-01",
        "REACHABLE_AT": "2020-06-01",
    }
    for refused in (
        parties.end_party(jan.id),
        parties.add_contact_point(jan.id, phone("603123456")),
        parties.relate(NewTie(kind=TieKind.OWNS, from_id=jan.id, to_id=eva.id)),
        households.add_member(home.id, NewMember(party_id=jan.id)),
    ):
        with pytest.raises(InvalidInput):
            await refused


async def test_ties_are_made_and_ended(parties: PartyService, database: Database) -> None:
    jan = await parties.create_person(JAN)
    firm = await parties.create_organization(OrganizationDetails(legal_name="Firma a.s."))
    tie = await parties.relate(
        NewTie(
            kind=TieKind.OWNS, from_id=jan.id, to_id=firm.id, since=dt.date(2020, 1, 1), share=0.25, source="register"
        )
    )
    assert tie.related == (jan.id, firm.id)
    ended = await parties.end_tie(tie.id, until=dt.date(2021, 1, 1))
    assert ended.related == (jan.id, firm.id)
    rows = await database.read(
        "MATCH (a)-[r:OWNS]->(b)"
        " RETURN a.id AS a, b.id AS b, r.share AS share, toString(r.until) AS until, keys(r) AS k"
    )
    assert [rows[0][key] for key in ("a", "b", "share", "until")] == [jan.id, firm.id, 0.25, "2021-01-01"]
    assert set(rows[0]["k"]) == {"id", "since", "until", "share", "source"}
    await parties.end_tie(tie.id, until=dt.date(2021, 1, 1))
    with pytest.raises(InvalidInput):
        await parties.end_tie(tie.id, until=dt.date(2022, 1, 1))
    with pytest.raises(NotFound):
        await parties.end_tie("tie:none")
    await parties.relate(NewTie(kind=TieKind.OWNS, from_id=jan.id, to_id=firm.id, since=dt.date(2021, 1, 1)))


@pytest.mark.parametrize(
    ("tie", "field"),
    [
        ({"kind": TieKind.SPOUSE_OF, "to_id": "a"}, "toId"),
        ({"kind": TieKind.SPOUSE_OF, "to_id": "firm"}, "toId"),
        ({"kind": TieKind.OWNS, "to_id": "b"}, "toId"),
        ({"kind": TieKind.OWNS, "to_id": "firm", "share": 1.5}, "share"),
        ({"kind": TieKind.OWNS, "to_id": "firm", "share": float("nan")}, "share"),
        ({"kind": TieKind.EMPLOYS, "to_id": "b", "share": 0.5}, "share"),
        ({"kind": TieKind.REFERRED, "to_id": "b", "until": dt.date(2019, 1, 1)}, "until"),
        ({"kind": "LOVES", "to_id": "b"}, "kind"),
        ({"kind": TieKind.REFERRED, "to_id": "nobody"}, "toId"),
    ],
)
async def test_impossible_ties_are_refused(parties: PartyService, tie: dict[str, Any], field: str) -> None:
    await parties.create_person(PersonDetails(family_name="A"), id="a")
    await parties.create_person(PersonDetails(family_name="B"), id="b")
    await parties.create_organization(OrganizationDetails(legal_name="Firm"), id="firm")
    with pytest.raises(CrmError) as refused:
        await parties.relate(NewTie(from_id="a", since=dt.date(2020, 1, 1), **tie))
    assert refused.value.details["field"] == field


async def test_a_marriage_is_the_same_from_both_sides_and_a_child_no_parent(parties: PartyService) -> None:
    a = await parties.create_person(PersonDetails(family_name="A"))
    b = await parties.create_person(PersonDetails(family_name="B"))
    await parties.relate(NewTie(kind=TieKind.SPOUSE_OF, from_id=a.id, to_id=b.id))
    with pytest.raises(AlreadyExists):
        await parties.relate(NewTie(kind=TieKind.SPOUSE_OF, from_id=b.id, to_id=a.id))
    await parties.relate(NewTie(kind=TieKind.PARENT_OF, from_id=a.id, to_id=b.id))
    with pytest.raises(InvalidInput):
        await parties.relate(NewTie(kind=TieKind.PARENT_OF, from_id=b.id, to_id=a.id))


@pytest.mark.lts
async def test_16_equal_ties_from_both_sides_become_one(parties: PartyService, database: Database) -> None:
    a = await parties.create_person(PersonDetails(family_name="A"))
    b = await parties.create_person(PersonDetails(family_name="B"))

    async def marry(number: int) -> bool:
        first, second = (a.id, b.id) if number % 2 else (b.id, a.id)
        try:
            await parties.relate(NewTie(kind=TieKind.SPOUSE_OF, from_id=first, to_id=second))
        except AlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*[marry(number) for number in range(16)])) == 1
    assert (await database.read("MATCH ()-[r:SPOUSE_OF]->() RETURN count(r) AS n"))[0]["n"] == 1


async def test_households_keep_their_members_through_time(
    parties: PartyService, households: HouseholdService, database: Database
) -> None:
    a = await parties.create_person(PersonDetails(family_name="A"))
    b = await parties.create_person(PersonDetails(family_name="B"))
    day = dt.date(2020, 1, 1)
    home = await households.create("Ačkovi", members=[NewMember(party_id=a.id, role=HouseholdRole.HEAD, since=day)])
    added = await households.add_member(home.id, NewMember(party_id=b.id, since=day), version=1)
    assert added.version == 2
    with pytest.raises(AlreadyExists):
        await households.add_member(home.id, NewMember(party_id=b.id))
    with pytest.raises(VersionConflict):
        await households.end_membership(home.id, b.id, version=1)
    await households.end_membership(home.id, b.id, until=dt.date(2021, 1, 1))
    with pytest.raises(NotFound):
        await households.end_membership(home.id, b.id)
    await households.add_member(home.id, NewMember(party_id=b.id, since=dt.date(2021, 1, 1)))
    await households.rename(home.id, "Béčkovi")
    await households.end(home.id)
    with pytest.raises(InvalidInput):
        await households.add_member(home.id, NewMember(party_id=a.id))
    rows = await database.read(
        "MATCH (p)-[r:MEMBER_OF]->(h)"
        " RETURN h.nameKey AS name, r.role AS role, toString(r.until) AS until ORDER BY until, role"
    )
    assert {row["name"] for row in rows} == {"beckovi"}
    assert [(row["role"], row["until"]) for row in rows] == [
        ("MEMBER", "2021-01-01"),
        ("HEAD", TODAY.isoformat()),
        ("MEMBER", TODAY.isoformat()),
    ]


async def test_a_batch_that_corrects_a_party_is_kept_among_its_changes(empty_database: Database) -> None:
    batch = PartyBatch(empty_database)
    await batch.upsert([PartyRow(id="b:1", details=JAN), PartyRow(id="b:2", details=JAN)])
    moved = PartyRow(id="b:1", details=replace(JAN, city="Brno"), contact_points=[phone("602123456")])
    with acting(Actor("core-banking", "service"), writes="upsertParties") as made:
        await batch.upsert([moved, PartyRow(id="b:2", details=JAN)])
    assert made.about == ["b:1"]
    kept = "MATCH (p:Party)-[:WAS_CHANGED]->(c) RETURN p.id AS id, c.fields AS fields, c.by AS by, c.version AS version"
    assert [dict(row) for row in await empty_database.read(kept)] == [
        {"id": "b:1", "fields": ["city", "contactPoints"], "by": "core-banking", "version": 2}
    ]


async def test_a_batch_writes_the_good_rows_and_reports_each_bad_one(
    parties: PartyService, empty_database: Database
) -> None:
    await parties.create_organization(OrganizationDetails(legal_name="Firm"), id="b:firm")
    batch = PartyBatch(empty_database)
    rows = [
        PartyRow(id="b:1", details=JAN, contact_points=[phone("602123456")]),
        PartyRow(id="b:2", details=PersonDetails(family_name="Bad", country="XX")),
        PartyRow(id="b:3", details=PersonDetails(city="Nowhere")),
        PartyRow(id="b:1", details=JAN),
        PartyRow(id="b:firm", details=PersonDetails(family_name="Now a person")),
        PartyRow(id="bad id", details=JAN),
        PartyRow(id="b:4", details=PersonDetails(family_name="X"), contact_points=[phone("602 123")]),
        PartyRow(
            id="b:5", details=OrganizationDetails(legal_name="Good a.s."), contact_points=[phone("+420602123456")]
        ),
    ]
    result = await batch.upsert(rows)
    assert (result.created, result.updated, result.unchanged) == (2, 0, 0)
    assert [(bad.index, bad.field) for bad in result.refused] == [
        (1, "country"),
        (2, "displayName"),
        (3, "id"),
        (4, "id"),
        (5, "id"),
        (6, "contactPoints[0].value"),
    ]
    assert result.ids == ("b:1", "b:5")
    names = await empty_database.read("MATCH (p:Party) RETURN p.id AS id ORDER BY id")
    assert [row["id"] for row in names] == ["b:1", "b:5", "b:firm"]
    before = await whole_graph(empty_database)
    again = await batch.upsert(rows)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    assert await whole_graph(empty_database) == before


async def test_a_thousand_rows_cost_a_handful_of_statements(empty_database: Database) -> None:
    batch = PartyBatch(empty_database)
    rows = [
        PartyRow(
            id=f"b:{n}", details=PersonDetails(family_name=f"Name {n}"), contact_points=[email(f"a{n}@example.com")]
        )
        for n in range(1000)
    ]
    with empty_database.counting() as counted:
        result = await batch.upsert(rows)
    assert result.created == 1000
    assert len(counted) <= 5
    with pytest.raises(InvalidInput):
        await batch.upsert([*rows, rows[0]])


@pytest.mark.lts
async def test_concurrent_equal_batches_give_the_graph_of_one(empty_database: Database) -> None:
    batch = PartyBatch(empty_database)
    rows = [
        PartyRow(
            id=f"b:{n}", details=PersonDetails(family_name=f"Name {n}"), contact_points=[email(f"a{n % 3}@example.com")]
        )
        for n in range(40)
    ]
    results = await asyncio.gather(*[batch.upsert(rows if n % 2 else rows[::-1]) for n in range(8)])
    assert sum(result.created for result in results) == 40
    rows_ = await empty_database.read(
        "MATCH (p:Party)-[r:REACHABLE_AT]->(c)"
        " RETURN count(DISTINCT p) AS p, count(r) AS r, count(DISTINCT c) AS c, max(p.version) AS v"
    )
    assert tuple(rows_[0].values()) == (40, 40, 3, 1)
