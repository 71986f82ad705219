"""Two stories that `graph-crm demo` prints as commands: a loan that is refused, a complaint by mail."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Final

from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.settings import Settings

# Customers whom a balance check brings a small loan and no other call, because nothing else is sold to them by phone,
# who agreed to offers, and of whom nothing speaks against it. English ones first: the stories are told in English.
_HEROES: Final = """
MATCH (party:Person)
WITH party,
  head(COLLECT { MATCH (party)-[r:REACHABLE_AT]->(c:ContactPoint {kind: 'PHONE'}) WHERE r.until IS NULL
    RETURN c.value ORDER BY r.preferred DESC, c.value }) AS phone,
  head(COLLECT { MATCH (party)-[r:REACHABLE_AT]->(c:ContactPoint {kind: 'EMAIL'}) WHERE r.until IS NULL
    RETURN c.value ORDER BY r.preferred DESC, c.value }) AS email,
  EXISTS { (party)-[:HOLDS]->(:Agreement {familyCode: 'CURRENT_ACCOUNT', status: 'ACTIVE'}) }
    AND NOT EXISTS { (party)-[:HOLDS]->(:Agreement {familyCode: 'LOAN'}) }
    AND NOT EXISTS { (party)-[:HOLDS]->(a:Agreement) WHERE a.status IN ['IN_ARREARS', 'DEFAULTED'] }
    AND NOT EXISTS { (party)-[:DID]->(e:Event) WHERE e.type IN ['complaint', 'collections_contact'] }
    AND NOT EXISTS { (party)-[:HAD]->(i:Interaction)
      WHERE i.outcome = 'REJECTED' OR i.channel IN ['PHONE', 'SMS', 'EMAIL'] AND i.at > datetime() - duration('P60D') }
    AND NOT EXISTS { (party)-[:ASKED]->(r:ServiceRequest) WHERE r.status <> 'CLOSED' }
    AND NOT coalesce(party.vulnerable, false)
    AND party.birthDate < date() - duration({years: 25}) AS offerable,
  EXISTS {
    (party)-[:GAVE]->(said:Consent)
    WHERE said.purpose = 'MARKETING' AND said.status = 'GRANTED' AND said.channel IS NULL
  } AND NOT EXISTS { (party)-[:GAVE]->(said:Consent) WHERE said.status <> 'GRANTED' } AS agreed
WHERE phone IS NOT NULL AND email IS NOT NULL
RETURN party.id AS id, party.displayName AS name, phone, email
ORDER BY offerable AND agreed DESC, party.language = 'en' DESC, offerable DESC, id LIMIT 2
"""

COMPLAINT: Final = "I complain about the fee of 30 that you took from my account on Friday. I want it back."
ANSWER: Final = "We are sorry. The fee was a mistake, and the 30 are back on your account."


@dataclass(frozen=True)
class Hero:
    """A customer of a story."""

    party_id: str
    name: str
    phone: str
    email: str


@dataclass(frozen=True)
class Step:
    """One command of a story, to be copied into a shell."""

    meaning: str
    command: str


async def find_heroes(database: Database) -> list[Hero]:
    """The customers of the two stories; fewer in a bank that has not so many with phone and mail."""
    rows = await database.read(_HEROES)
    return [Hero(row["id"], row["name"] or row["id"], row["phone"], row["email"]) for row in rows]


def asking(url: str) -> str:
    """The shell function that the stories ask with: a token, and GraphQL as it stands inside JSON."""
    return (
        f"ask() {{ curl -s {url} -H \"Authorization: Bearer $1\" -H 'Content-Type: application/json'"
        ' -d "{\\"query\\": \\"$2\\"}"; echo; }'
    )


def _ask(role: Role, query: str, **variables: str) -> str:
    """A call of `asking`; ``variables``: words of the query that stand for variables of the shell."""
    written = json.dumps(query, ensure_ascii=False)[1:-1]
    assert "'" not in written  # noqa: S101 - our own queries
    for word, variable in variables.items():
        written = written.replace(word, f"'${variable}'")
    return f"ask ${role.name} '{written}'"


def _shown_and_kept(variable: str, command: str, part: str) -> str:
    """A command that shows what it is answered, and keeps a part of it for the next ones."""
    return f"SAID=$({command}); printf '%s\\n' \"$SAID\"; {variable}=$(printf '%s\\n' \"$SAID\" | {part})"


def refused_loan(hero: Hero) -> list[Step]:
    """The customer looks at the balance; a loan waits on the screen and on the call list; the customer says no."""
    party = json.dumps(hero.party_id)
    check = _ask(
        Role.SERVICE,
        f'mutation {{ recordEvents(events: [{{ type: "atm_balance_check", partyId: {party}, channel: "ATM" }}])'
        " { recorded } }",
    )
    screen = _ask(
        Role.SERVICE, f"mutation {{ nextScreen(partyId: {party}, channel: ATM) {{ offers {{ productCode text }} }} }}"
    )
    shown = "displayName sight contactPoints { nodes { value } } agreements { totalCount }"
    seen = f"{{ party(id: {party}) {{ {shown} }} }}"
    call = _ask(Role.AGENT, "mutation { nextCall { id party { displayName } number script reasons } }")
    refusal = 'mutation { recordCall(input: { entryId: "ENTRY", outcome: REJECTED }) { state outcome } }'
    why = f'{{ party(id: {party}) {{ whyNot(productCode: "SMALL_LOAN") {{ text earliest }} }} }}'
    return [
        Step(f"{hero.name} looks at the balance at an ATM. The event is stored, the worker asks the rules.", check),
        Step("A moment later the next screen of the ATM offers a small loan.", screen),
        Step(
            "To an agent the customer is a name as yet, with a masked phone, and nothing more.", _ask(Role.AGENT, seen)
        ),
        Step(
            "It waits on the call list, too. An agent asks whom to call, at which number, and what to say.",
            _shown_and_kept("ENTRY", call, "grep -o 'delivery:[0-9a-f]*'"),
        ),
        Step("While the call lasts the agent sees everything of the customer.", _ask(Role.AGENT, seen)),
        Step("The customer refuses. Screen and call list forget the offer.", _ask(Role.AGENT, refusal, ENTRY="ENTRY")),
        Step("The next balance check ...", check),
        Step("... brings no repeat ...", screen),
        Step("... and the bank can say why not, and when it may ask again.", _ask(Role.SERVICE, why)),
    ]


def complaint_by_mail(hero: Hero, settings: Settings) -> list[Step]:
    """A complaint comes by mail, gets number, owner and due date, and an answer; marketing is silent meanwhile."""
    write = [
        *("graph-crm", "mailbox", "write", "--host", reached(settings.mail_host), "--port", str(settings.mail_port)),
        *("--to", settings.mail_addresses[0], "--from", hero.email, "--subject", "Complaint about a fee", COMPLAINT),
    ]

    def sent(to: str) -> str:
        return shlex.join(["graph-crm", "mailbox", "sent", "--folder", str(settings.message_folder), "--to", to])

    allowed = (
        f"{{ earliestContactAt(partyId: {json.dumps(hero.party_id)}, channel: PHONE) {{ allowedNow code reason }} }}"
    )
    answer = f'mutation {{ answerRequest(input: {{ number: "NUMBER", text: "{ANSWER}" }}) {{ status answeredAt }} }}'
    status = (
        f"{{ party(id: {json.dumps(hero.party_id)}) {{ requests(first: 1) {{ nodes"
        " { number kind status owner { displayName } resolutionDueAt } } } }"
    )
    own = "{ myRequests(first: 1) { number status messages { at fromCustomer text } } }"
    return [
        Step(f"{hero.name} writes a mail to the bank.", shlex.join(write)),
        Step(
            "A second later it is acknowledged, with number, owner and due date.",
            _shown_and_kept("NUMBER", sent(hero.email), "grep -om1 'R-[0-9A-Z]*-[0-9A-Z]*'"),
        ),
        Step("So it stands in the bank.", _ask(Role.SERVICE, status)),
        Step(
            "While it is open nothing is sold to this customer, and the bank can say why.", _ask(Role.SERVICE, allowed)
        ),
        Step("The employee has a mail, too. Its link opens the request in a browser.", sent("@bank.example")),
        Step("The answer is one mutation: written, sent, told.", _ask(Role.SERVICE, answer, NUMBER="NUMBER")),
        Step("The customer prefers text messages, and is told by one.", sent(hero.phone)),
        Step("In the online bank the customer reads all of it, with a token of the own.", _ask(Role.CUSTOMER, own)),
    ]


def reached(host: str) -> str:
    """How a process of this machine reaches what listens on ``host``."""
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared with, not bound to


def told(heading: str, steps: list[Step]) -> list[str]:
    """The lines of one story."""
    lines = ["", heading]
    for number, step in enumerate(steps, 1):
        lines += ["", f"  # {number}. {step.meaning}", f"  {step.command}"]
    return lines
