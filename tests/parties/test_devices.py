"""The app on a device is a contact point: by the token that the push service gave it."""

from __future__ import annotations

import pytest

from graph_crm.contacts.approach import Approach, points_for
from graph_crm.contacts.overrides import shipped
from graph_crm.contacts.treatment import best_way
from graph_crm.errors import InvalidInput
from graph_crm.parties.contact_points import contact_value
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.rules.customers import customer

TOKEN = "fGk3:APA91bH-8_x.Zq0123456789"


def test_a_token_is_kept_as_it_is():
    value = contact_value(ContactPointKind.PUSH, f" {TOKEN} ", "CZ")
    assert value.key == f"PUSH:{TOKEN}"


@pytest.mark.parametrize(
    "token", ["", "short", "with spaces in the middle of it", "x" * 400, "<script>alert(1)</script>"]
)
def test_what_is_no_token_is_refused(token: str):
    with pytest.raises(InvalidInput, match="value: is no token of a device"):
        contact_value(ContactPointKind.PUSH, token, None)


def test_a_push_message_goes_to_the_device_of_who_agreed():
    with_app = customer("anna").app(TOKEN).phone().agrees("MARKETING")
    seen = with_app.on("2026-11-23T12:00")
    assert [one.key for one in points_for(seen, "PUSH")] == [f"PUSH:{TOKEN}"]
    way = best_way(seen, ["PUSH"], Approach("PUSH", at=seen.now), shipped())
    assert (way.allowed, way.point) == (True, f"PUSH:{TOKEN}")
    without = customer("ben").phone().agrees("MARKETING").on("2026-11-23T12:00")
    assert not best_way(without, ["PUSH"], Approach("PUSH", at=without.now), shipped()).allowed
    at_night = with_app.on("2026-11-23T23:00")
    assert best_way(at_night, ["PUSH"], Approach("PUSH", at=at_night.now), shipped()).at != at_night.now
