"""How alike two parties are: typos, accents and changed places are forgiven, another given name is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.merging.candidates import LIKELY
from graph_crm.merging.kinds import LikenessReason as Why
from graph_crm.merging.likeness import Person, likeness
from graph_crm.parties.names import name_key


def person(given: str = "Anna", family: str = "Nováková", born: str | None = "1980-05-17", **more: object) -> Person:
    return Person("x", name_key(f"{given} {family}"), given, born, **more)  # type: ignore[arg-type]


ANNA = person()
PHONE = ("PHONE:+420602123456",)


@pytest.mark.parametrize(
    ("other", "reasons"),
    [
        (person(), [Why.SAME_NAME, Why.SAME_BIRTH_DATE]),
        (person("anna", "novakova"), [Why.SAME_NAME, Why.SAME_BIRTH_DATE]),
        (person("Ana"), [Why.LIKE_NAME, Why.SAME_BIRTH_DATE]),
        (person("Nováková", "Anna"), [Why.LIKE_NAME, Why.SAME_BIRTH_DATE]),
        (person("Anna", "Novakowa"), [Why.LIKE_NAME, Why.SAME_BIRTH_DATE]),
        (person(born="1980-05-18"), [Why.SAME_NAME, Why.LIKE_BIRTH_DATE]),
    ],
)
def test_one_person_written_twice_is_likely_one(other: Person, reasons: list[Why]):
    found = likeness(ANNA, other)
    assert list(found.reasons) == reasons
    assert found.score >= LIKELY


def test_day_and_month_that_changed_places_are_a_slip():
    assert Why.LIKE_BIRTH_DATE in likeness(person(born="1980-05-07"), person(born="1980-07-05")).reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ANNA, person("Eva")),
        (person("Petr", points=PHONE), person("Pavel", points=PHONE)),  # twins with one phone
        (ANNA, person(born="1951-01-30")),  # grandmother and grandchild
        (person(born=None), person(born=None)),  # a name alone
    ],
)
def test_people_of_one_family_and_of_one_name_are_not(one: Person, other: Person):
    assert likeness(one, other).score < LIKELY


def test_a_name_and_a_phone_say_it_where_no_birth_date_is_known():
    one = person(born=None, points=PHONE)
    assert likeness(one, one).score >= LIKELY


def test_an_organisation_is_known_by_its_number():
    one, other = Person("a", "acme sro", number="123"), Person("b", "acme s r o praha", number="123")
    assert likeness(one, other).score >= LIKELY
    assert likeness(one, Person("b", "acme sro", number="124")).score < LIKELY


people = st.builds(
    Person,
    id=st.just("x"),
    name=st.sampled_from(["anna novakova", "ana novakova", "petr svoboda"]),
    given=st.sampled_from([None, "Anna", "Ana", "Petr"]),
    born=st.sampled_from([None, "1980-05-17", "1980-05-18", "1951-01-30"]),
    sex=st.sampled_from([None, "FEMALE", "MALE"]),
    number=st.sampled_from([None, "1", "2"]),
    points=st.lists(st.sampled_from(["p1", "p2", "p3"]), unique=True),
)


@given(people, people)
def test_the_order_says_nothing_and_the_score_has_bounds(one: Person, other: Person):
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other).score <= 1
