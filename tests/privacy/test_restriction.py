"""While a party's data are only kept nothing is done with them; who corrects them, and why, stays known."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from planted_bank import ROOT, PlantedBank

from graph_crm.security.roles import Role

RESTRICT = "mutation($input: RestrictProcessingInput!) { restrictProcessing(input: $input) { restrictedAt } }"
LIFT = "mutation($input: LiftRestrictionInput!) { liftRestriction(input: $input) { restrictedAt } }"
STANDING = "query($p: ID!) { party(id: $p) { restrictedAt restrictedReason protected } }"
DECIDE = "mutation($p: ID!) { decide(input: {partyId: $p, channel: BRANCH}) { outcome } }"
EARLIEST = "query($p: ID!) { earliestContactAt(partyId: $p, channel: PHONE) { allowedNow code } }"
SERVICE = """mutation($p: ID!) {
  reserveContact(input: {partyId: $p, channel: PHONE, actionClass: TRANSACTIONAL, minutes: 30}) {
    reserved reservationId findings { code }
  }
}"""
DECISIONS = "query($p: ID!) { party(id: $p) { decisions { totalCount } interests { totalCount } } }"


async def customer(bank: PlantedBank, name: str) -> str:
    """A customer who likes to hear of offers and holds an account."""
    point = {"kind": "PHONE", "value": f"+4860{int.from_bytes(name[:2].encode()):07d}"}
    person: dict[str, Any] = {"givenName": name, "familyName": "Kept", "birthDate": "1980-01-01", "country": "PL"}
    person["contactPoints"] = [point]
    party: str = (await bank.do("createPerson", person))["id"]
    account = {"productCode": "CURRENT_ACCOUNT", "openedOn": "2020-01-10", "holders": [{"partyId": party}]}
    await bank.do("openAgreement", account)
    statement = {"purpose": "MARKETING", "status": "GRANTED", "source": "branch"}
    await bank.do("recordConsent", {"partyId": party, "statements": [statement]})
    return party


async def look(bank: PlantedBank, party: str, event: str) -> None:
    """A look at a product and at the balance, worked off."""
    page = {
        "type": "product_page_view",
        "partyId": party,
        "id": f"{event}:page",
        "payload": {"productCode": "SMALL_LOAN"},
    }
    await bank.do("recordEvent", page)
    await bank.do("recordEvent", {"type": "atm_balance_check", "partyId": party, "id": event, "channel": "ATM"})
    await bank.work()


async def counts(bank: PlantedBank, party: str) -> tuple[int, int]:
    """Decisions about the party, and products whose pages were scored."""
    found = (await bank.ask(DECISIONS, p=party))["party"]
    return found["decisions"]["totalCount"], found["interests"]["totalCount"]


async def test_restricted_there_is_no_decision_no_score_and_no_contact_and_lifted_there_is(quiet: PlantedBank) -> None:
    anna = await customer(quiet, "Anna")
    slot = (await quiet.ask(SERVICE, p=anna))["reserveContact"]
    assert slot["reserved"], slot
    await quiet.ask(RESTRICT, input={"partyId": anna, "reason": "She says that the data are wrong."})
    standing = (await quiet.ask(STANDING, p=anna))["party"]
    assert standing["restrictedAt"] is not None
    assert standing["restrictedReason"] == "She says that the data are wrong."
    state = "query($id: ID!) { reservation(id: $id) { state } }"
    assert (await quiet.ask(state, id=slot["reservationId"]))["reservation"]["state"] == "CANCELLED"

    await look(quiet, anna, "event:restricted")
    assert await counts(quiet, anna) == (0, 0)
    (error,) = (await quiet.raw(DECIDE, p=anna))["errors"]
    assert error["extensions"]["code"] == "PROCESSING_RESTRICTED"
    earliest = (await quiet.ask(EARLIEST, p=anna))["earliestContactAt"]
    assert (earliest["allowedNow"], earliest["code"]) == (False, "PARTY_RESTRICTED")
    refused = (await quiet.ask(SERVICE, p=anna))["reserveContact"]
    assert not refused["reserved"]
    assert "PARTY_RESTRICTED" in [one["code"] for one in refused["findings"]]

    await quiet.ask(LIFT, input={"partyId": anna})
    assert (await quiet.ask(STANDING, p=anna))["party"]["restrictedAt"] is None
    await look(quiet, anna, "event:lifted")
    decisions, interests = await counts(quiet, anna)
    assert decisions >= 1
    assert interests == 1
    assert (await quiet.ask(SERVICE, p=anna))["reserveContact"]["reserved"]


async def test_who_only_explores_does_not_see_who_it_is(quiet: PlantedBank) -> None:
    bela = await customer(quiet, "Bela")
    seen = "query($p: ID!) { party(id: $p) { displayName } }"
    assert (await quiet.ask(seen, Role.ANALYST, p=bela))["party"] == {"displayName": "Bela Kept"}
    await quiet.ask(RESTRICT, input={"partyId": bela, "reason": "An objection is being looked at."})
    answer = await quiet.raw(seen, Role.ANALYST, p=bela)
    assert "Bela" not in str(answer)
    assert (await quiet.ask(seen, Role.SERVICE, p=bela))["party"] == {"displayName": "Bela Kept"}
    await quiet.ask(LIFT, input={"partyId": bela})
    assert (await quiet.ask(seen, Role.ANALYST, p=bela))["party"] == {"displayName": "Bela Kept"}


async def test_who_was_protected_before_stays_so_when_the_restriction_ends(quiet: PlantedBank) -> None:
    cyril = await customer(quiet, "Cyril")
    protect = 'mutation($p: ID!) { protectParty(partyId: $p, reason: "Works here.") { protected } }'
    await quiet.ask(protect, p=cyril)
    for _ in range(2):  # restricted twice is restricted once
        await quiet.ask(RESTRICT, input={"partyId": cyril, "reason": "Asked for it."})
    await quiet.ask(LIFT, input={"partyId": cyril})
    assert (await quiet.ask(STANDING, p=cyril))["party"]["protected"] is True


@pytest.mark.parametrize("role", [Role.AGENT, Role.SERVICE, Role.MARKETER, Role.AUDITOR])
async def test_restricting_needs_the_permission(quiet: PlantedBank, role: Role) -> None:
    for text, given in ((RESTRICT, {"partyId": "party:x", "reason": "x"}), (LIFT, {"partyId": "party:x"})):
        (error,) = (await quiet.raw(text, role, input=given))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


async def test_a_party_that_does_not_exist_is_not_restricted(quiet: PlantedBank) -> None:
    for text, given in ((RESTRICT, {"partyId": "party:x", "reason": "x"}), (LIFT, {"partyId": "party:x"})):
        (error,) = (await quiet.raw(text, input=given))["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"


async def test_a_correction_keeps_who_what_and_why_and_not_what_it_was(quiet: PlantedBank) -> None:
    dana = await customer(quiet, "Dana")
    update = "mutation($input: UpdatePersonInput!) { updatePerson(input: $input) { id } }"
    change: dict[str, Any] = {"id": dana, "familyName": "Right", "birthDate": "1981-02-03"}
    await quiet.ask(update, subject="eva", input={**change, "reason": "Passport shown."})
    await quiet.ask(update, subject="eva", input={"id": dana, "familyName": "Right"})  # nothing changes
    await quiet.do("addContactPoint", {"partyId": dana, "kind": "EMAIL", "value": "dana@post.example"}, subject="jan")
    asked = "query($p: ID!) { party(id: $p) { changes { nodes { fields by reason version } } } }"
    latest, first = (await quiet.ask(asked, p=dana))["party"]["changes"]["nodes"]
    assert first == {
        "fields": ["birthDate", "displayName", "familyName"],
        "by": "eva",
        "reason": "Passport shown.",
        "version": 2,
    }
    assert (latest["fields"], latest["by"]) == (["contactPoints"], "jan")
    kept = await quiet.platform.database.read("MATCH (c:PartyChange) RETURN properties(c) AS found")
    assert "Kept" not in str(kept)
    assert "1980" not in str(kept)


async def test_a_customer_asks_for_a_correction_as_a_request(quiet: PlantedBank) -> None:
    emil = await customer(quiet, "Emil")
    asked = {"text": "My name is spelt wrong.", "channel": "ONLINE", "category": "PERSONAL_DATA", "attachments": []}
    own = {"role": Role.CUSTOMER, "as_party": emil}
    opened = await quiet.do("openRequest", asked, "number", **own)
    assert opened["number"].startswith("R-")


async def test_the_page_of_privacy_does_what_it_says(quiet: PlantedBank) -> None:
    """Every change on the page, in its order, for one customer."""
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    changes = re.findall(r"^```graphql\n(mutation.*?)^```\n\n```json\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    person = await quiet.do("createPerson", {"givenName": "Franta", "familyName": "Novák"})
    answers = [await quiet.ask(text, **json.loads(given.replace("PARTY", person["id"]))) for text, given in changes]
    copy, corrected, restricted, lifted, erased = answers
    assert copy["exportParty"]["state"] == "WANTED"
    assert corrected["updatePerson"]["changes"]["nodes"] == [
        {"fields": ["displayName", "familyName"], "by": "jana", "reason": "Passport shown at the branch."}
    ]
    assert restricted["restrictProcessing"]["restrictedAt"] is not None
    assert lifted["liftRestriction"]["restrictedAt"] is None
    assert erased["eraseParty"] == {"state": "ERASING", "despite": ["RETENTION_DUTY"]}
    await quiet.work()
    (fetch,) = re.findall(r"^```\n(query Fetch.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    answer = await quiet.raw(fetch, id=copy["exportParty"]["id"])
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"  # the copy went with the party


def test_the_shipped_rules_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    (told,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    shipped = tomllib.loads((ROOT / "seed" / "privacy.toml").read_text("utf-8"))
    for name, value in tomllib.loads(told).items():
        assert value == (shipped[name] if name != "keep" else {one: shipped["keep"][one] for one in value})
