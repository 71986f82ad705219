"""The two customers for whom the platform was built, in real processes from end to end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from open_bank import Bank

from graph_crm.security.roles import Role

CUSTOMER = """mutation($input: CreatePersonInput!) { createPerson(input: $input) { id } }"""
ACCOUNT = """mutation($party: ID!) {
  openAgreement(input: {productCode: "CURRENT_ACCOUNT", openedOn: "2024-01-10", holders: [{partyId: $party}]}) { id }
}"""
CONSENT = """mutation($party: ID!) {
  recordConsent(input: {partyId: $party, statements: [{purpose: MARKETING, status: GRANTED, source: "branch"}]}) { id }
}"""
BALANCE_CHECK = """mutation($party: ID!, $id: ID!) {
  recordEvents(events: [{type: "atm_balance_check", partyId: $party, id: $id, channel: "ATM"}]) { recorded }
}"""
OFFERS = """query($party: ID!) {
  party(id: $party) { offers { nodes { id productCode status } } decisions { nodes { causedBy { id } } } }
}"""
SCREEN = (
    """mutation($party: ID!) { nextScreen(partyId: $party, channel: ATM) { offers { offerId productCode text } } }"""
)
NEXT_CALL = "mutation { nextCall { id number script reasons productCode party { id displayName } } }"
REFUSED = """mutation($entry: ID!) {
  recordCall(input: {entryId: $entry, outcome: REJECTED, note: "Needs no loan."}) { id state outcome }
}"""
WHY_NOT = (
    """query($party: ID!) { party(id: $party) { whyNot(productCode: "SMALL_LOAN") { proposed text earliest } } }"""
)
EMPLOYEE = """mutation($input: EmployeeInput!) { saveEmployee(input: $input) { id } }"""
REQUESTS = """query($party: ID!) {
  party(id: $party) { requests { nodes { number kind status owner { id displayName } resolutionDueAt } } }
}"""
ANSWER = """mutation($number: String!, $attachments: [ID!]!) {
  answerRequest(input: {number: $number, text: "We are sorry. The fee was paid back.", attachments: $attachments}) {
    status
  }
}"""
EARLIEST = """query($party: ID!) { earliestContactAt(partyId: $party, channel: PHONE) { allowedNow code reason } }"""

RECEIPT = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

pytestmark = pytest.mark.lts


SEEN = """query($party: ID!) { party(id: $party) {
  displayName ... on Person { birthDate } contactPoints { nodes { value } }
} }"""


def seen(phone: str, birth: str | None) -> dict[str, Any]:
    """What an agent sees of Anna, with her phone and birth date like this."""
    return {"displayName": "Anna Nováková", "birthDate": birth, "contactPoints": {"nodes": [{"value": phone}]}}


def customer(bank: Bank, name: str, **more: Any) -> str:
    """A customer with a current account who likes to hear of offers."""
    person = {"givenName": name, "familyName": "Nováková", "birthDate": "1985-05-05", "country": "CZ", "language": "en"}
    party: str = bank.ask(CUSTOMER, input={**person, **more})["createPerson"]["id"]
    bank.ask(ACCOUNT, party=party)
    bank.ask(CONSENT, party=party)
    return party


def test_a_refused_loan_is_not_offered_again_and_the_bank_can_say_why(bank: Bank) -> None:
    anna = customer(bank, "Anna", contactPoints=[{"kind": "PHONE", "value": "+420602123456"}])

    # She looks at her balance; the offer waits for the next screen, and on the call list.
    bank.ask(BALANCE_CHECK, Role.SERVICE, party=anna, id="atm-1")
    (offer,) = bank.until(lambda: bank.ask(OFFERS, party=anna)["party"]["offers"]["nodes"], "an offer")
    assert offer["productCode"] == "SMALL_LOAN"
    shown = bank.until(lambda: bank.ask(SCREEN, Role.SERVICE, party=anna)["nextScreen"]["offers"], "an ATM screen")
    assert [one["productCode"] for one in shown] == ["SMALL_LOAN"]

    # An agent, to whom she is no more than a name as yet, calls with the reason at hand, and has everything in view.
    assert bank.ask(SEEN, Role.AGENT, "jana", party=anna)["party"] == seen("...56", None)
    call = bank.until(lambda: bank.ask(NEXT_CALL, Role.AGENT, "jana")["nextCall"], "an entry of the call list")
    assert bank.ask(SEEN, Role.AGENT, "jana", party=anna)["party"] == seen("+420602123456", "1985-05-05")
    assert call["party"] == {"id": anna, "displayName": "Anna Nováková"}
    assert call["number"] == "+420602123456"
    assert "balance" in " ".join(call["reasons"])
    # She says no; the case is closed, and so is her record.
    assert bank.ask(REFUSED, Role.AGENT, "jana", entry=call["id"])["recordCall"]["outcome"] == "REJECTED"
    assert bank.ask(SEEN, Role.AGENT, "jana", party=anna)["party"] == seen("...56", None)

    # The next balance check brings no repeat on any way, and says why.
    bank.ask(BALANCE_CHECK, Role.SERVICE, party=anna, id="atm-2")

    def decided() -> Any:
        found = bank.ask(OFFERS, party=anna)["party"]
        return found if {"id": "atm-2"} in [one["causedBy"] for one in found["decisions"]["nodes"]] else None

    after = bank.until(decided, "a decision about the second look")
    assert [one["status"] for one in after["offers"]["nodes"]] == ["REJECTED"]
    assert bank.ask(SCREEN, Role.SERVICE, party=anna)["nextScreen"]["offers"] == []
    assert bank.ask(NEXT_CALL, Role.AGENT, "jana")["nextCall"] is None
    why = bank.ask(WHY_NOT, party=anna)["party"]["whyNot"]
    assert not why["proposed"]
    assert "refused" in why["text"]
    assert why["earliest"] is not None


def test_a_complaint_by_mail_has_a_number_an_owner_and_an_answer_while_marketing_is_silent(bank: Bank) -> None:
    employee = {"id": "eva", "displayName": "Eva Dvořáková", "email": "eva@bank.example", "role": "SUPERVISOR"}
    for team in ("COMPLAINTS", "SORTING"):
        named = {**employee, "id": f"eva-{team.lower()}", "team": team, "languages": ["en", "cs"]}
        bank.ask(EMPLOYEE, Role.ADMINISTRATOR, input=named)
    points = [
        {"kind": "PHONE", "value": "+420602654321", "preferred": True},
        {"kind": "EMAIL", "value": "bara@mail.example"},
    ]
    bara = customer(bank, "Bára", contactPoints=points)
    assert bank.ask(EARLIEST, party=bara)["earliestContactAt"]["allowedNow"]

    # She mails a complaint and is told at once who looks after it, and until when.
    complaint = "I complain about the fee of 300 that you took from my account. I want it back."
    bank.mail("Bára <bara@mail.example>", "Complaint about a fee", complaint)
    (told,) = bank.until(lambda: bank.post.to("bara@mail.example"), "an acknowledgement")
    (request,) = bank.ask(REQUESTS, party=bara)["party"]["requests"]["nodes"]
    text = told.get_body(("plain",)).get_content()  # type: ignore[union-attr] # every mail has a text
    assert request["number"] in str(told["Subject"])
    assert request["number"] in text
    assert request["owner"]["displayName"] == "Eva Dvořáková"
    assert request["owner"]["displayName"] in text
    assert (request["kind"], request["resolutionDueAt"] is not None) == ("COMPLAINT", True)

    # Meanwhile nothing is sold to her, and the bank can say why.
    silent = bank.ask(EARLIEST, party=bara)["earliestContactAt"]
    assert (silent["allowedNow"], silent["code"]) == (False, "COMPLAINT_OPEN")

    # Eva opens the link in her mail, attaches a document and answers in one go.
    (to_eva,) = bank.until(lambda: bank.post.to("eva@bank.example"), "a mail to the owner")
    body = to_eva.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    link = next(word for word in body.split() if word.startswith(f"{bank.url}/desk/requests/"))
    page = httpx.get(link)
    assert page.status_code == httpx.codes.OK
    assert complaint in page.text
    document = bank.upload(
        "receipt.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n", request["owner"]["id"]
    )
    answered = bank.ask(ANSWER, Role.AGENT, request["owner"]["id"], number=request["number"], attachments=[document])
    assert answered["answerRequest"]["status"] == "ANSWERED"

    # She is told by a text message, the way that she prefers.
    (message,) = bank.until(lambda: bank.sms.got, "a text message")
    assert "+420602654321" in message.body.decode()
    assert request["number"] in message.body.decode()
