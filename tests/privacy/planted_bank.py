"""A bank in which everything that one customer ever told is a text that occurs nowhere else.

It is told through the public ways only: GraphQL, a document, a mail.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

from graph_crm import bootstrap
from graph_crm.api.app import create_app
from graph_crm.api.platform import Platform
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue
from graph_crm.requests.mailbox.intake import MailIntake
from graph_crm.rules.manager import RuleBook
from graph_crm.security.roles import Role
from graph_crm.security.tokens import Verifier, issue
from graph_crm.settings import Settings

SECRET = "a-secret-of-more-than-thirty-two-characters"
ROOT = Path(__file__).parents[2]
TODAY = dt.datetime.now(dt.UTC).date()


@dataclass
class Planted:
    """What was told, by where it was told."""

    words: dict[str, str] = field(default_factory=dict)

    def word(self, place: str) -> str:
        """A word of its own for a place."""
        made = "zq" + secrets.token_hex(6)
        self.words[place] = made
        return made

    def value(self, place: str, value: str) -> str:
        """A value of another form for a place."""
        self.words[place] = value
        return value


@dataclass
class PlantedBank:
    """The bank over a wired platform, asked over HTTP."""

    platform: Platform
    client: httpx.AsyncClient
    planted: Planted
    data: Path
    party: str = ""
    other: str = ""
    article: str = ""
    numbers: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    agreements: list[str] = field(default_factory=list)

    def headers(self, role: Role, subject: str, party: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(SECRET, role, subject=subject, party_id=party)}"}

    async def raw(
        self,
        query: str,
        role: Role = Role.ADMINISTRATOR,
        subject: str = "jana",
        as_party: str | None = None,
        **variables: Any,
    ) -> dict[str, Any]:
        answer = await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers=self.headers(role, subject, as_party),
        )
        found: dict[str, Any] = answer.json()
        return found

    async def ask(
        self,
        query: str,
        role: Role = Role.ADMINISTRATOR,
        subject: str = "jana",
        as_party: str | None = None,
        **variables: Any,
    ) -> Any:
        answer = await self.raw(query, role, subject, as_party, **variables)
        assert "errors" not in answer, (query, answer["errors"])
        return answer["data"]

    async def do(self, mutation: str, given: Mapping[str, Any], shown: str = "id", **who: Any) -> Any:
        """Run a mutation whose only argument is its input; what it answers."""
        kind = "EmployeeInput" if mutation == "saveEmployee" else mutation[0].upper() + mutation[1:] + "Input"
        text = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {shown} }} }}"
        return (await self.ask(text, **who, input=dict(given)))[mutation]

    async def work(self) -> None:
        await bootstrap.worker(self.platform).drain()

    async def upload(self, name: str, content: bytes) -> str:
        answer = await self.client.post(
            f"/attachments?name={name}", content=content, headers=self.headers(Role.AGENT, "jana")
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def wired(database: Database, data: Path) -> Platform:
    settings = Settings(
        data_dir=data,
        neo4j_uri=None,
        contact_policy=ROOT / "seed" / "demo_contact_policy.toml",
        message_folder=data / "messages",
        mail_addresses=["service@bank.example"],
        exploration=0.0,
        letter_sender="Your bank",
    )
    return bootstrap.wired(settings, database, Verifier(SECRET), RuleBook.load([ROOT / "plugins"], installed=False))


async def quiet_bank(database: Database, data: Path) -> PlantedBank:
    """A bank with products and nobody in it."""
    await load_catalogue(database)
    platform = wired(database, data)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(platform)), base_url="http://bank")
    return PlantedBank(platform, client, Planted(), data)


async def planted_bank(database: Database, data: Path) -> PlantedBank:
    """One customer through everything that the bank does with customers, and a relative who stays."""
    made = await quiet_bank(database, data)
    await _staff(made)
    await _who(made)
    await _business(made)
    await _asks(made)
    await _mails(made)
    await _calls(made)
    await made.work()
    return made


async def tell_something(bank: PlantedBank) -> None:
    """The least that leaves something of most sorts: who it is, a stay, a decision, a request with a document."""
    await _staff(bank)
    await _who(bank)
    plant, party = bank.planted, bank.party
    session = {"partyId": party, "kind": "ONLINE", "id": "session:1", "place": plant.word("place")}
    await bank.do("startSession", {**session, "device": plant.word("device")})
    page = {"type": "product_page_view", "partyId": party, "payload": {"productCode": "SMALL_LOAN"}}
    await bank.do("recordEvent", page)
    context = {"note": plant.word("decide.context")}
    await bank.do("decide", {"partyId": party, "channel": "BRANCH", "context": context, "limit": 1})
    await _asked(bank)
    await bank.work()


async def _staff(bank: PlantedBank) -> None:
    for team in ("CARDS", "COMPLAINTS", "SORTING", "PAYMENTS"):
        employee = {"id": f"eva-{team.lower()}", "displayName": "Eva", "email": "eva@bank.example", "role": "AGENT"}
        await bank.do("saveEmployee", {**employee, "team": team, "skills": ["CARDS", "PAYMENTS"], "languages": ["en"]})
    article = {"title": "How to block a card", "text": "Call us.", "language": "en", "slug": "block"}
    bank.article = (await bank.do("createArticle", {**article, "category": "CARD", "products": []}))["id"]


async def _who(bank: PlantedBank) -> None:
    plant = bank.planted
    mail = plant.value("email", f"zq{secrets.token_hex(5)}@post.example")
    phone = plant.value("phone", f"+4860{secrets.randbelow(10_000_000):07d}")
    shared = f"+4822{secrets.randbelow(10_000_000):07d}"
    person = {
        "givenName": plant.word("givenName"),
        "familyName": plant.word("familyName"),
        "birthDate": plant.value("birthDate", f"19{50 + secrets.randbelow(40)}-07-{10 + secrets.randbelow(18)}"),
        "street": plant.word("street"),
        "city": plant.word("city"),
        "postalCode": plant.word("postalCode"),
        "identifiers": [plant.word("identifier")],
        "country": "PL",
        "language": "en",
        "contactPoints": [
            {"kind": "EMAIL", "value": mail, "preferred": True},
            {"kind": "PHONE", "value": phone, "preferred": True},
            {"kind": "PHONE", "value": shared},
        ],
        "idempotencyKey": plant.word("createPerson.key"),
    }
    bank.party = (await bank.do("createPerson", person))["id"]
    relative = {"givenName": "Olga", "familyName": "Stays", "contactPoints": [{"kind": "PHONE", "value": shared}]}
    bank.other = (await bank.do("createPerson", relative))["id"]
    await bank.do(
        "updatePerson", {"id": bank.party, "region": plant.word("region"), "reason": plant.word("change.reason")}
    )
    await bank.do(
        "relateParties", {"kind": "SPOUSE_OF", "fromId": bank.party, "toId": bank.other, "note": plant.word("tie")}
    )
    members = [{"partyId": bank.party, "role": "HEAD"}]
    await bank.do("createHousehold", {"name": plant.word("household"), "members": members})
    both = [*members, {"partyId": bank.other, "role": "PARTNER"}]
    await bank.do("createHousehold", {"name": "Stays", "members": both})
    statement = {"purpose": "MARKETING", "status": "GRANTED", "source": "branch", "note": plant.word("consent")}
    key = {"idempotencyKey": plant.word("consent.key")}
    await bank.do("recordConsent", {"partyId": bank.party, "statements": [statement], **key})


async def _business(bank: PlantedBank) -> None:
    plant, party = bank.planted, bank.party
    holders = [{"partyId": party}]
    opened = {"productCode": "CURRENT_ACCOUNT", "openedOn": "2018-01-10", "holders": holders, "number": "PL61 1090"}
    bank.agreements = [(await bank.do("openAgreement", opened))["id"]]
    session = {"partyId": party, "kind": "ONLINE", "id": "session:1", "place": plant.word("place")}
    await bank.do("startSession", {**session, "device": plant.word("device")})
    for kind, payload in (
        ("product_page_view", {"productCode": "SMALL_LOAN", "page": plant.word("event.payload")}),
        ("atm_balance_check", {}),
    ):
        event = {"type": kind, "partyId": party, "channel": "ATM", "id": f"event:{kind}"}
        with_session = {"sessionId": "session:1"} if kind == "product_page_view" else {}
        await bank.do("recordEvent", {**event, **with_session, "payload": payload})
    contact = {"partyId": party, "channel": "BRANCH", "direction": "INBOUND", "purpose": "SERVICE"}
    await bank.do("recordInteraction", {**contact, "note": plant.word("interaction")})
    await bank.work()
    context = {"note": plant.word("decide.context")}
    shown = "id offers { nodes { id } }"
    advice = await bank.do("decide", {"partyId": party, "channel": "BRANCH", "context": context, "limit": 3}, shown)
    slot = {"partyId": party, "channel": "PHONE", "actionClass": "TRANSACTIONAL", "minutes": 30}
    held = await bank.do("reserveContact", slot, "reservationId")
    release = "mutation($id: ID!, $why: String!) { releaseContact(reservationId: $id, reason: $why) { id } }"
    await bank.ask(release, id=held["reservationId"], why=plant.word("release.reason"))
    for offer in advice["offers"]["nodes"][:1]:
        said = {"offerId": offer["id"], "outcome": "LATER", "channel": "BRANCH", "note": plant.word("response")}
        await bank.do("recordResponse", said, "id")
    await bank.work()


async def _asked(bank: PlantedBank) -> None:
    """A request with a document that was answered."""
    plant, party = bank.planted, bank.party
    mark = plant.word("document")
    document = await bank.upload(f"{plant.word('document.name')}.txt", f"A letter of {mark}.\n".encode())
    asked = {
        "partyId": party,
        "channel": "BRANCH",
        "subject": plant.word("request.subject"),
        "text": f"About my card: {plant.word('request.text')}",
        "category": "CARD",
        "attachments": [document],
        "idempotencyKey": plant.word("request.key"),
    }
    number = (await bank.do("openRequest", asked, "number"))["number"]
    bank.numbers.append(number)
    note = "mutation($n: String!, $t: String!) { noteOnRequest(number: $n, text: $t) { id } }"
    await bank.ask(note, n=number, t=plant.word("request.note"))
    answer = {"number": number, "text": plant.word("request.answer"), "attachments": [], "articles": []}
    await bank.do("answerRequest", {**answer, "close": True, "outcome": "SOLVED"}, "id")


async def _asks(bank: PlantedBank) -> None:
    plant, party = bank.planted, bank.party
    await _asked(bank)
    helped = {"articleId": bank.article, "partyId": party, "text": plant.word("helped")}
    await bank.do("articleHelped", {**helped, "channel": "ONLINE"}, "id")
    complaint = {"partyId": party, "channel": "BRANCH", "kind": "COMPLAINT", "text": plant.word("complaint.text")}
    complained = (
        await bank.do(
            "openRequest", {**complaint, "subject": plant.word("complaint.subject"), "attachments": []}, "number"
        )
    )["number"]
    bank.numbers.append(complained)
    told = {"number": complained, "reason": plant.word("complaint.reason"), "severity": "MINOR"}
    await bank.do("describeComplaint", told, "id")
    close = (
        "mutation($n: String!, $t: String!) {"
        ' closeRequest(number: $n, outcome: REJECTED, rootCause: "OTHER", text: $t) { id } }'
    )
    await bank.ask(close, n=complained, t=plant.word("complaint.close"))
    rated = {"number": complained, "score": 2, "text": plant.word("survey")}
    await bank.do("answerSurvey", rated, "id", role=Role.CUSTOMER, as_party=party, subject="zq-own-login")
    bank.planted.words["subject of the customer"] = "zq-own-login"
    # Somebody who was not known as a customer asked over the same address.
    stranger = {"contact": plant.words["email"], "name": plant.word("stranger.name"), "channel": "EMAIL"}
    await bank.do(
        "openRequest",
        {**stranger, "text": plant.word("stranger.text"), "category": "CARD", "attachments": []},
        "number",
    )
    await bank.work()


async def _mails(bank: PlantedBank) -> None:
    plant = bank.planted
    mail = EmailMessage()
    mail["From"] = f"{plant.word('mail.name')} <{plant.words['email']}>"
    mail["To"] = "service@bank.example"
    mail["Subject"] = plant.word("mail.subject")
    mail["Message-ID"] = f"<{plant.word('mail.id')}@post.example>"
    mail.set_content(f"My transfer did not arrive: {plant.word('mail.text')}")
    mail.add_attachment(f"Enclosed {plant.word('mail.enclosed')}\n", filename=f"{plant.word('mail.file')}.txt")
    receipt = await bank.platform.service(MailIntake).take(mail.as_bytes())
    assert receipt.number is not None
    bank.numbers.append(receipt.number)
    close = "mutation($n: String!) { closeRequest(number: $n, outcome: SOLVED) { id } }"
    await bank.work()
    await bank.ask(close, n=receipt.number)
    await bank.work()


async def _calls(bank: PlantedBank) -> None:
    plant = bank.planted
    arrived = 'mutation($id: ID!, $number: String!) { callArrived(id: $id, number: $number, queue: "SERVICE") { id } }'
    await bank.ask(arrived, Role.SERVICE, id="call:1", number=plant.words["phone"])
    answered = 'mutation($id: ID!) { callAnswered(id: $id, agentId: "jana") { id } }'
    await bank.ask(answered, Role.SERVICE, id="call:1")
    ended = "mutation($id: ID!, $note: String!) { callEnded(id: $id, outcome: CALLBACK, note: $note) { id } }"
    await bank.ask(ended, Role.SERVICE, id="call:1", note=plant.word("call.note"))


async def dump(database: Database) -> str:
    """Every property of every node and relationship, and every name, as one text."""
    nodes = await database.read("MATCH (n) RETURN labels(n) AS labels, properties(n) AS found")
    ties = await database.read("MATCH ()-[r]->() RETURN type(r) AS labels, properties(r) AS found")
    return "\n".join(f"{row['labels']} {_texts(row['found'])}" for row in (*nodes, *ties))


def _texts(found: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in found.items())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return value.iso_format() if hasattr(value, "iso_format") else str(value)


def files(data: Path) -> str:
    """Names and contents of every file below a folder."""
    return "\n".join(
        f"{one.relative_to(data)} {one.read_bytes().decode('utf-8', 'replace')}"
        for one in sorted(data.rglob("*"))
        if one.is_file()
    )
