"""What `graph-crm demo` prints once everything is up: addresses, a token for each role, queries to try."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from graph_crm.cli.stories import Hero, asking, complaint_by_mail, reached, refused_loan, told
from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue
from graph_crm.settings import Settings

# A person whom the rules have something to offer, and nothing speaks against; any will do in a bank that has none.
_CUSTOMER: Final = """
MATCH (party:Person)
WITH party,
  EXISTS { (party)-[:HOLDS]->(:Agreement {familyCode: 'CURRENT_ACCOUNT', status: 'ACTIVE'}) }
    AND NOT EXISTS { (party)-[:HOLDS]->(:Agreement {productCode: 'SMALL_LOAN'}) }
    AND NOT EXISTS { (party)-[:HOLDS]->(a:Agreement) WHERE a.status IN ['IN_ARREARS', 'DEFAULTED'] }
    AND NOT EXISTS { (party)-[:DID]->(e:Event) WHERE e.type IN ['complaint', 'collections_contact'] }
    AND NOT EXISTS { (party)-[:HAD]->(i:Interaction) WHERE i.outcome = 'REJECTED' }
    AND party.birthDate < date() - duration({years: 25}) AS offerable,
  EXISTS {
    (party)-[:GAVE]->(said:Consent)
    WHERE said.purpose = 'MARKETING' AND said.status = 'GRANTED' AND said.channel IS NULL
  } AND NOT EXISTS { (party)-[:GAVE]->(said:Consent) WHERE said.status <> 'GRANTED' } AS agreed,
  EXISTS { (party)-[:HOLDS]->(:Agreement {familyCode: 'LOAN'}) } AS borrows,
  NOT EXISTS { (party)-[:HOLDS]->(:Agreement {familyCode: 'CARD'}) } AS cardless
ORDER BY party.id LIMIT 2000
RETURN party.id AS id, party.displayName AS name
ORDER BY offerable AND agreed DESC, borrows AND cardless DESC, borrows DESC,
  COUNT { (party)-[:HAD]->() } DESC, id LIMIT 1
"""


@dataclass(frozen=True)
class Example:
    """A customer of the demo bank to try queries on."""

    party_id: str
    family_name: str


async def find_example(database: Database) -> Example:
    """A customer that shows something."""
    rows = await database.read(_CUSTOMER)
    if not rows:
        return Example("party:none", "Nowak")
    name = rows[0]["name"] or "Nowak"
    return Example(rows[0]["id"], name.split()[-1])


def queries(example: Example) -> list[tuple[str, str]]:
    """Queries to try, each with what it shows."""
    name = json.dumps(example.family_name, ensure_ascii=False)
    search = f"{{ searchParties(query: {name}, first: 5) {{ nodes {{ id displayName city }} }} }}"
    customer = f"""{{ party(id: {json.dumps(example.party_id)}) {{ displayName
        agreements(first: 10) {{ edges {{ role node {{ productCode status balance }} }} }}
        interactions(first: 3) {{ nodes {{ at channel purpose outcome }} }}
        decisions(first: 3) {{ nodes {{ at outcome offers {{ nodes {{ productCode reasons }} }} }} }} }} }}"""
    without_card = """{ parties(first: 5, where: { agreements: {
        some: { familyCode: { eq: "LOAN" } }, none: { familyCode: { eq: "CARD" } } } })
        { totalCount nodes { id displayName } } }"""
    advice = f"""mutation {{ decide(input: {{ partyId: {json.dumps(example.party_id)}, channel: PHONE }})
        {{ offers(first: 3) {{ nodes {{ id rank productCode reasons }} }} }} }}"""
    why_not = f"""{{ party(id: {json.dumps(example.party_id)}) {{
        whyNot(productCode: "CREDIT_CARD") {{ text }} }} }}"""
    next_calls = """{ reservations(first: 5, where: { state: { eq: HELD } })
        { nodes { channel at until productCode party { displayName } offer { script } } } }"""
    return [
        ("Who is it? (any word of a name, a phone, an e-mail; a typo is forgiven)", search),
        ("Everything about one customer, in one statement", " ".join(customer.split())),
        ("Who holds a loan and no card?", " ".join(without_card.split())),
        ("The customer is on the line: what to offer, and what to say?", " ".join(advice.split())),
        ("Why was no credit card offered, or was it?", " ".join(why_not.split())),
        ("Whom to contact next: what the rules found and the contact policy allows", " ".join(next_calls.split())),
    ]


def tokens(settings: Settings, secret: str, example: Example) -> dict[Role, str]:
    """A token for each role; the customer is the example."""
    return {role: _token(settings, secret, role, example.party_id if role is Role.CUSTOMER else None) for role in Role}


def _token(settings: Settings, secret: str, role: Role, party_id: str | None) -> str:
    return issue(
        secret,
        role,
        subject=f"demo:{role}:{party_id}" if party_id else None,  # each customer is somebody
        party_id=party_id,
        lifetime=timedelta(hours=settings.token_hours),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


def base_url(settings: Settings) -> str:
    """Where programs of this machine find the server."""
    return f"http://{reached(settings.host)}:{settings.port}"


def stories(settings: Settings, secret: str, made: dict[Role, str], heroes: list[Hero]) -> list[str]:
    """The two stories, each command to be copied; nothing where the bank has nobody to tell them of."""
    if len(heroes) < 2:  # noqa: PLR2004 - one for each story
        return []
    return [
        "",
        "Two stories, to be copied line by line (bash, zsh; `. .venv/bin/activate` finds graph-crm).",
        f"What the bank sends lies as files in {settings.message_folder}, unless a mail server or gateway is set.",
        "So that the demo shows the same at any hour, customers may be called at night and small loans come first;",
        "GRAPH_CRM_CONTACT_POLICY, GRAPH_CRM_LEVERS and GRAPH_CRM_EXPLORATION decide it otherwise.",
        "",
        "  SERVICE=$TOKEN",
        f"  AGENT={made[Role.AGENT]}",
        f"  CUSTOMER={_token(settings, secret, Role.CUSTOMER, heroes[1].party_id)}",
        f"  {asking(f'{base_url(settings)}/graphql')}",
        *told("A loan that is refused, and not offered again:", refused_loan(heroes[0])),
        *told("A complaint by mail:", complaint_by_mail(heroes[1], settings)),
    ]


def welcome(settings: Settings, secret: str, example: Example, heroes: list[Hero]) -> str:
    """The whole text; what it says can be copied into a terminal as it is."""
    made = tokens(settings, secret, example)
    base = base_url(settings)
    lines = [
        "",
        "The bank is open.",
        "",
        f"  GraphQL   {base}/graphql",
        f"  health    {base}/healthz  {base}/readyz  {base}/metrics",
        f"  mails     SMTP {settings.mail_host}:{settings.mail_port}, to {', '.join(settings.mail_addresses)}",
        f"  Neo4j     {settings.neo4j_uri}, user {settings.neo4j_username}",
        f"  messages  {settings.message_folder}",
        f"  data      {settings.data_dir}",
        "",
        f"A token for each role, valid for {settings.token_hours:g} hours (customer: {example.party_id});",
        "the demo made them itself, and they are for the demo only: a bank's come from its identity provider.",
        "",
        *(f"  {role.value:21} {token}" for role, token in made.items()),
        "",
        "To try (the worker asks the rules about every customer now: within a minute the last one fills):",
        "",
        f"  TOKEN={made[Role.SERVICE]}",
    ]
    for meaning, query in queries(example):
        body = json.dumps({"query": query}, ensure_ascii=False).replace("'", "'\\''")
        lines += [
            "",
            f"  # {meaning}",
            f"  #   {query}",
            f"  curl -s {base}/graphql -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\",
            f"    -d '{body}'",
        ]
    return "\n".join([*lines, *stories(settings, secret, made, heroes), ""])
