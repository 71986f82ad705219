"""A bank so small that every answer can be worked out by hand, with all that is awkward in a real one.

Two people of the same name, values that nobody knows, two holdings of one agreement by one party, parallel links,
instants that differ by a microsecond, letters outside Latin, an organisation without any tie.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from graph_crm.graph.database import Database


@dataclass(eq=False)
class Node:
    """A node of the bank."""

    labels: tuple[str, ...]
    props: dict[str, Any]


@dataclass(eq=False)
class Tie:
    """A relationship of the bank."""

    type: str
    start: Node
    end: Node
    props: dict[str, Any]


@dataclass(repr=False)
class Bank:
    """Nodes and relationships, kept in Python as in Neo4j; shown by its name, as hypothesis shows it very often."""

    nodes: list[Node] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)

    def add(self, labels: str, **props: Any) -> Node:
        """Add a node, ``labels`` like ``Party:Person``."""
        node = Node(tuple(labels.split(":")), {key: value for key, value in props.items() if value is not None})
        self.nodes.append(node)
        return node

    def tie(self, start: Node, type_: str, end: Node, **props: Any) -> Tie:
        """Add a relationship."""
        made = Tie(type_, start, end, {key: value for key, value in props.items() if value is not None})
        self.ties.append(made)
        return made

    def labelled(self, label: str) -> list[Node]:
        """All nodes with the label."""
        return [node for node in self.nodes if label in node.labels]


def day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) if text else None


def _parties(bank: Bank) -> dict[str, Node]:
    rows = [
        # id, name, normalised, city, born, stored at, identifiers, blocked, segment
        ("p1", "Anna Nováková", "anna novakova", "Praha", "1980-02-29", "2020-01-01T00:00:00", ["A1", "X"], False, "A"),
        ("p2", "Jan Novák", "jan novak", "Praha", "1955-07-01", "2020-01-01T00:00:00.000001", None, None, "B"),
        ("p3", "Jan Novák", "jan novak", None, None, "2020-01-01T00:00:00.000002", [], True, None),
        ("p4", "Łukasz Żak", "lukasz zak", "Łódź", "1999-12-31", None, ["X"], False, "A"),
        ("p5", "Zoë O'Neil", "zoe o'neil", "praha", "1980-02-29", "2021-06-30T12:00:00", None, False, None),
        ("p6", "Ян Ким", "ян ким", None, "2001-01-01", None, ["Y", "Z"], None, "B"),
        ("p7", "😀 Test", "😀 test", "Brno", None, "2019-01-01T00:00:00", None, None, "\uffff"),
    ]
    made = {}
    for key, name, name_key, city, born, at, identifiers, blocked, segment in rows:
        made[key] = bank.add(
            "Party:Person",
            id=key,
            displayName=name,
            nameKey=name_key,
            searchText=name_key,
            status="ENDED" if key == "p7" else "ACTIVE",
            endedOn=day("2022-05-05") if key == "p7" else None,
            city=city,
            birthDate=day(born),
            createdAt=instant(at),
            identifiers=identifiers,
            blocked=blocked,
            segment=segment,
            version=int(key[1:]) % 3 + 1,
            sex={"p1": "FEMALE", "p2": "MALE", "p5": "OTHER"}.get(key),
            givenName=name.split()[0],
        )
    for key, name, city, industry in [
        ("o1", "Acme, s.r.o.", "Praha", "TRADE"),
        ("o2", "Bäckerei Brot", "Brno", None),
        ("o3", "Zebra", None, "TRADE"),
    ]:
        made[key] = bank.add(
            "Party:Organization",
            id=key,
            displayName=name,
            nameKey=name.lower().replace("ä", "a"),
            searchText=name.lower().replace("ä", "a"),
            status="ACTIVE",
            city=city,
            industry=industry,
            legalName=name if industry else None,
            version=1,
        )
    return made


def _agreements(bank: Bank) -> dict[str, Node]:
    products = {}
    families = {code: bank.add("ProductFamily", code=code, name=code.title()) for code in ("LOAN", "CARD")}
    for code, family, active in [
        ("CASH_LOAN", "LOAN", True),
        ("SMALL_LOAN", "LOAN", None),
        ("CREDIT_CARD", "CARD", True),
        ("SMS_INFO", None, False),
    ]:
        products[code] = bank.add(
            "Product", code=code, name=code.replace("_", " ").title(), familyCode=family, active=active
        )
        if family:
            bank.tie(products[code], "IN_FAMILY", families[family])
    bank.tie(products["CASH_LOAN"], "LEADS_TO", products["CREDIT_CARD"], afterDays=90, reason="thrift")
    bank.tie(products["CREDIT_CARD"], "LEADS_TO", products["SMS_INFO"])
    made = dict(products)
    rows = [
        # id, product, status history, opened, closed, amount, balance, interest, months, stored at
        ("a1", "CASH_LOAN", [("2019-01-01", "ACTIVE"), ("2020-06-01", "IN_ARREARS")], None, 123450, 5, 0.05, 12),
        ("a2", "CASH_LOAN", [("2019-01-01", "ACTIVE"), ("2021-01-01", "CLOSED")], "2021-01-01", 123450, None, 0.1, 24),
        ("a3", "CREDIT_CARD", [("2020-02-02", "ACTIVE")], None, None, -5, None, None),
        ("a4", "CREDIT_CARD", [("2022-02-02", "ACTIVE")], None, 0, 0, 0.0, None),
        ("a5", "SMALL_LOAN", [("2018-03-03", "ACTIVE"), ("2019-03-03", "DEFAULTED")], None, 10**12, 99, 0.05, 12),
        ("a6", "SMS_INFO", [], None, None, None, None, None),
    ]
    for key, product, history, closed, amount, balance, interest, months in rows:
        made[key] = bank.add(
            "Agreement",
            id=key,
            number=f"N{key}" if key != "a3" else None,
            productCode=product,
            familyCode=products[product].props.get("familyCode", "SERVICE"),
            status=history[-1][1] if history else None,
            statusDates=[day(each) for each, _ in history],
            statusValues=[each for _, each in history],
            openedOn=day(history[0][0]) if history else None,
            closedOn=day(closed),
            amount=amount,
            balance=balance,
            currency="CZK",
            interestRate=interest,
            termMonths=months,
            version=1,
        )
        bank.tie(made[key], "OF", products[product])
    for number, (booked, agreement, amount, balance) in enumerate(
        [
            ("2019-02-01", "a1", 100, 100),
            ("2019-02-01", "a1", 250, 350),
            ("2020-01-15", "a1", 50, 300),
            (None, "a1", 7, None),
            ("2020-03-01", "a3", 1, -1),
        ]
    ):
        movement = bank.add(
            "Movement",
            id=f"m{number}",
            bookedOn=day(booked),
            direction="CREDIT" if number % 2 else "DEBIT",
            amount=amount,
            balance=balance,
        )
        bank.tie(movement, "ON", made[agreement])
    order = bank.add("StandingOrder", id="s1", amount=9900, toBank="ZZ")
    bank.tie(made["a1"], "HAS_ORDER", order)
    # Two parallel links between the same two agreements, which no property but the kind tells apart.
    bank.tie(made["a1"], "LINKED_TO", made["a3"], kind="PAID_FROM")
    bank.tie(made["a1"], "LINKED_TO", made["a3"], kind="ISSUED_ON")
    bank.tie(made["a2"], "LINKED_TO", made["a3"], kind="PAID_FROM")
    for number, at in enumerate(["2020-01-01T00:00:00", "2020-01-01T00:00:00.000001", None]):
        bank.tie(
            made["a1"], "TRANSFERRED_TO", made["a3"], id=f"t{number}", amount=100 * number, at=instant(at), purpose="x"
        )
    return made


def _holdings(bank: Bank, parties: dict[str, Node], agreements: dict[str, Node]) -> None:
    for number, (party, agreement, role, since, until) in enumerate(
        [
            ("p1", "a1", "OWNER", "2019-01-01", None),
            ("p1", "a1", "CARDHOLDER", "2019-01-01", "2020-01-01"),  # the same pair a second time
            ("p1", "a2", "OWNER", "2019-01-01", "2021-01-01"),
            ("p1", "a3", "OWNER", None, None),
            ("p2", "a1", "AUTHORISED", "2020-05-05", None),
            ("p2", "a5", "OWNER", "2018-03-03", None),
            ("p3", "a4", "OWNER", "2022-02-02", "2022-02-02"),
            ("p4", "a5", "GUARANTOR", None, "2019-01-01"),
            ("o1", "a4", "OWNER", "2022-02-02", None),
            ("o1", "a6", "OWNER", None, None),
        ]
    ):
        bank.tie(
            parties[party],
            "HOLDS",
            agreements[agreement],
            id=f"h{number}",
            role=role,
            since=day(since),
            until=day(until),
        )


def _people(bank: Bank, parties: dict[str, Node]) -> None:
    for number, (start, kind, end, share, since) in enumerate(
        [
            ("p1", "SPOUSE_OF", "p2", None, "2001-01-01"),
            ("p1", "PARENT_OF", "p4", None, None),
            ("p2", "PARENT_OF", "p4", None, None),
            ("p1", "OWNS", "o1", 0.5, "2015-01-01"),
            ("p1", "OWNS", "o1", 0.25, "2018-01-01"),
            ("o1", "OWNS", "o2", 1.0, None),
            ("o1", "EMPLOYS", "p3", None, "2020-01-01"),
        ]
    ):
        bank.tie(
            parties[start],
            kind,
            parties[end],
            id=f"r{number}",
            share=share,
            since=day(since),
            until=day("2021-01-01") if number == 4 else None,
        )
    household = bank.add("Household", id="h1", name="Novák", nameKey="novak", version=1)
    empty = bank.add("Household", id="h2", version=2)
    assert empty
    for number, (party, role, since) in enumerate([("p1", "HEAD", "2010-01-01"), ("p2", "PARTNER", None)]):
        bank.tie(parties[party], "MEMBER_OF", household, id=f"b{number}", role=role, since=day(since))
    phone = bank.add(
        "ContactPoint", id="PHONE:+420602123456", kind="PHONE", value="+420602123456", valueKey="PHONE:+420602123456"
    )
    mail = bank.add(
        "ContactPoint",
        id="EMAIL:anna@example.org",
        kind="EMAIL",
        value="anna@example.org",
        valueKey="EMAIL:anna@example.org",
        blocked=True,
    )
    for number, (party, point, usage, preferred) in enumerate(
        [("p1", phone, "HOME", True), ("p2", phone, "WORK", None), ("p1", mail, "OTHER", False)]
    ):
        bank.tie(
            parties[party],
            "REACHABLE_AT",
            point,
            id=f"c{number}",
            usage=usage,
            preferred=preferred,
            since=day("2015-01-01") if number else None,
        )


def _history(bank: Bank, parties: dict[str, Node], agreements: dict[str, Node]) -> None:
    for number, (party, channel, at) in enumerate(
        [
            ("p1", "PHONE", "2022-01-01T08:00:00"),
            ("p1", "ATM", "2022-01-01T08:00:00"),
            ("p2", "SMS", "2021-01-01T00:00:00"),
        ]
    ):
        interaction = bank.add(
            "Interaction", id=f"i{number}", channel=channel, direction="OUTBOUND", at=instant(at), purpose="OFFER"
        )
        bank.tie(parties[party], "HAD", interaction)
    event = bank.add(
        "Event",
        id="e1",
        type="atm_balance_check",
        at=instant("2022-02-01T09:30:00.123456"),
        partyId="p1",
        channel="ATM",
        payload='{"deep": {"n": [1, null, "x"]}}',
    )
    bank.tie(parties["p1"], "DID", event)
    bank.tie(event, "ON", agreements["a1"])
    trace = (
        '[{"rule": "r1", "productCode": "CREDIT_CARD", "gates": [{"name": "eligibility", "passed": true,'
        ' "reasonCode": "OK", "reason": "fine", "numbers": {"days": 90}, "evidence": ["a1"]},'
        ' {"name": "suitability", "passed": false, "reasonCode": "NO", "reason": "arrears", "numbers": null,'
        ' "evidence": null}]}]'
    )
    decision = bank.add(
        "Decision",
        id="d1",
        key="k1",
        at=instant("2022-02-01T09:30:01"),
        asOf=day("2022-02-01"),
        trigger="event:atm_balance_check",
        partyId="p1",
        outcome="PROPOSED",
        trace=trace,
        ruleVersions='{"r1": "1"}',
    )
    bank.tie(decision, "FOR", parties["p1"])
    bank.tie(decision, "CAUSED_BY", event)
    for rank, product in enumerate(["CREDIT_CARD", "SMS_INFO"], start=1):
        offer = bank.add(
            "Offer",
            id=f"f{rank}",
            ruleId="r1",
            productCode=product,
            channels=["PHONE", "ATM"],
            status="PROPOSED",
            reasons=["because"],
            reasonCodes=["BECAUSE"],
        )
        bank.tie(decision, "PROPOSED", offer, rank=3 - rank)
        bank.tie(offer, "ABOUT", agreements[product])


def small_bank() -> Bank:
    """The bank."""
    bank = Bank()
    parties = _parties(bank)
    agreements = _agreements(bank)
    _holdings(bank, parties, agreements)
    _people(bank, parties)
    _history(bank, parties, agreements)
    return bank


async def store(database: Database, bank: Bank) -> None:
    """Write the bank to an empty Neo4j."""
    nodes = [{"labels": list(node.labels), "props": node.props} for node in bank.nodes]
    places = {id(node): place for place, node in enumerate(bank.nodes)}
    ties = [
        {"type": tie.type, "start": places[id(tie.start)], "end": places[id(tie.end)], "props": tie.props}
        for tie in bank.ties
    ]
    await database.execute(
        "UNWIND range(0, size($nodes) - 1) AS place CREATE (n:$($nodes[place].labels)) SET n = $nodes[place].props"
        " WITH collect(n) AS made UNWIND $ties AS tie"
        " WITH tie, made[tie.start] AS a, made[tie.end] AS b CREATE (a)-[r:$(tie.type)]->(b) SET r = tie.props",
        {"nodes": nodes, "ties": ties},
    )
