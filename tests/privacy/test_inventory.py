"""Everything that the graph can hold has a line in the inventory, and a line that says what becomes of it."""

from __future__ import annotations

import pytest

from graph_crm.api.schema import platform_schema
from graph_crm.graph.mapping import Scalar
from graph_crm.privacy.inventory import Inventory, Node, inventory
from graph_crm.privacy.kinds import Kind


def test_every_field_of_the_schema_that_is_stored_has_a_rule() -> None:
    rules = {label: rule for name, rule in inventory().nodes.items() for label in (name, *rule.also)}
    stored = [
        (node.label, spec.stored)
        for node in platform_schema().registry.nodes.values()
        for spec in node.fields.values()
        if isinstance(spec, Scalar) and spec.stored
    ]
    assert [one for one in stored if one[0] not in rules or rules[one[0]].kind_of(one[1]) is None] == []


def test_a_new_label_a_new_property_and_a_new_tie_are_told() -> None:
    found = inventory().unknown(
        {("Diary",): {"id"}, ("Party", "Person"): {"id", "shoeSize"}, ("Party", "Robot"): {"id"}},
        {"LOVES": set(), "DID": {"secretly"}, "HOLDS": {"id", "blindly"}},
    )
    assert found == [
        "-[:DID]-.secretly",
        "-[:HOLDS]-.blindly",
        "-[:LOVES]-",
        "Diary",
        "Party.shoeSize",
        "Robot (also Party)",
    ]


def test_a_property_has_one_kind() -> None:
    with pytest.raises(ValueError, match="id is named twice"):
        Node(whose="bank", what="x", key=("id",), fact=("id",))


def test_what_is_about_a_party_says_what_an_erasure_does() -> None:
    with pytest.raises(ValueError, match="what an erasure does"):
        Node(whose="party", what="x")


@pytest.mark.parametrize("label", [name for name, node in inventory().nodes.items() if node.whose == "party"])
def test_what_is_kept_when_a_party_is_erased_tells_nobody_who_it_was(label: str) -> None:
    """Records that stay as they are hold neither names nor addresses, texts or conclusions."""
    node = inventory().nodes[label]
    if node.erase == "keep":
        assert node.erased() == ()


def test_the_person_sees_everything_but_what_serves_the_bank_alone() -> None:
    hidden = {kind for kind in Kind if not kind.exported}
    assert hidden == {Kind.EVIDENCE, Kind.SYSTEM, Kind.TRACE}


def test_the_inventory_is_read_whole() -> None:
    found: Inventory = inventory()
    assert found.nodes["Party"].also == ("Person", "Organization")
    assert found.ties["SPOUSE_OF"].erase == "delete"
