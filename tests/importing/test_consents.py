"""Consents that come in files: history as the source knew it, refusals in force at once."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from graph_crm import snapshots
from graph_crm.consent.kinds import Purpose
from graph_crm.consent.pending import WHAT_WAS_SAID
from graph_crm.consent.service import ConsentService
from graph_crm.contacts.kinds import Channel
from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.demo_bank import DemoBank, read_settings
from graph_crm.importing.own_format import import_files
from graph_crm.importing.rejects import ImportReport
from graph_crm.rules.conditions.base import Needs

pytestmark = pytest.mark.lts

TODAY = dt.date(2026, 11, 23)
KINDS = {
    "person": ["id", "displayName"],
    "contact_point": ["party", "kind", "value"],
    "consent": ["id", "party", "purpose", "status", "at", "channel", "point", "note"],
}


async def load(database: Database, folder: Path, **rows: list[dict[str, Any]]) -> ImportReport:
    mapping = ['format = 1\nsource = "core"\nid_prefix = "t:"\ncountry = "CZ"\n']
    for kind, lines in rows.items():
        (folder / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        columns = ", ".join(f'{name} = "{name}"' for name in KINDS[kind])
        mapping.append(f'[[file]]\npath = "{kind}.jsonl"\nkind = "{kind}"\ncolumns = {{ {columns} }}\n')
    path = folder / "mapping.toml"
    path.write_text("\n".join(mapping))
    return await import_files(database, path, reject_path=folder / "r.jsonl")


def said(number: int, status: str, at: str, party: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "party": party, "purpose": "MARKETING", "status": status, "at": at, **more}


@pytest.fixture
async def bank(empty_database: Database, tmp_path: Path) -> Database:
    people = [{"id": 1, "displayName": "Anna"}, {"id": 2, "displayName": "Jan"}]
    phones = [{"party": number, "kind": "PHONE", "value": "602 123 456"} for number in (1, 2)]
    phones.append({"party": 2, "kind": "PHONE", "value": "602 000 001"})
    assert (await load(empty_database, tmp_path, person=people, contact_point=phones)).rejected == 0
    return empty_database


async def reserve(database: Database, party: str, name: str, point: str) -> None:
    await database.execute(
        "MERGE (:ContactLedger {key: 'party:' + $party}) WITH 1 AS one MATCH (p:Party {id: $party})"
        " CREATE (p)-[:RESERVED]->(v:Reservation {id: $name, key: $name, partyId: $party, state: 'HELD',"
        " channel: 'PHONE', direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING', pointKey: $point,"
        " createdAt: datetime.realtime(), at: datetime.realtime(), until: datetime.realtime() + duration('PT1H')})",
        {"party": party, "name": name, "point": point},
    )


async def test_a_refusal_in_a_file_is_in_force_at_once_and_cancels_what_is_pending(
    bank: Database, tmp_path: Path
) -> None:
    await load(bank, tmp_path, consent=[said(n, "GRANTED", "2025-01-01T10:00:00Z", party=n) for n in (1, 2)])
    await reserve(bank, "t:1", "annas call", "PHONE:+420602123456")
    await reserve(bank, "t:2", "jans call", "PHONE:+420602123456")
    await reserve(bank, "t:2", "jans other call", "PHONE:+420602000001")
    stop = said(3, "WITHDRAWN", "2025-06-01T10:00:00Z", point="602 123 456", note="by letter")
    assert (await load(bank, tmp_path, consent=[stop])).rejected == 0
    rows = await bank.read("MATCH (v:Reservation) RETURN v.id AS id, v.state AS state")
    assert {row["id"]: row["state"] for row in rows} == {
        "annas call": "CANCELLED",
        "jans call": "CANCELLED",
        "jans other call": "HELD",
    }
    (ledger,) = await bank.read("MATCH (l:ContactLedger {key: 'point:PHONE:+420602123456'}) RETURN l.version AS v")
    assert ledger["v"] == 1
    standing = await ConsentService(bank).standing("t:2", Purpose.MARKETING, Channel.PHONE, "PHONE:+420602000001")
    assert standing.allowed


async def test_what_was_said_is_known_as_of_then_and_a_second_import_changes_nothing(
    bank: Database, tmp_path: Path
) -> None:
    history = [said(1, "GRANTED", "2024-01-01T10:00:00Z"), said(2, "WITHDRAWN", "2025-01-01T10:00:00Z")]
    await load(bank, tmp_path, consent=history)
    changed = [{**history[0], "status": "DENIED", "party": 2}, history[1]]
    await load(bank, tmp_path, consent=changed)  # what was said is not said otherwise later
    rows = await bank.read("MATCH (p)-[:GAVE]->(c:Consent) RETURN p.id, c.id, c.status, c.source ORDER BY c.id")
    assert [tuple(row.values()) for row in rows] == [
        ("t:1", "t:1", "GRANTED", "core"),
        ("t:1", "t:2", "WITHDRAWN", "core"),
    ]
    then = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    (anna,) = await snapshots.load(bank.read, ["t:1"], now=then, needs=Needs(), memory=WHAT_WAS_SAID)
    assert [one.status for one in anna.consents] == ["GRANTED"]


async def test_a_contact_point_of_somebody_else_is_rejected(bank: Database, tmp_path: Path) -> None:
    rows = [
        said(1, "WITHDRAWN", "2025-01-01T10:00:00Z", point="602 000 001"),  # Jan's
        said(2, "WITHDRAWN", "2025-01-01T10:00:00Z", point="602 999 999"),
        said(3, "GRANTED", "2025-01-01T10:00:00Z", channel="SMS", point="602 123 456"),
    ]
    report = await load(bank, tmp_path, consent=rows)
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert sorted(reasons) == ["the party has no such contact point", "unknown ContactPoint 'PHONE:+420602999999'"]
    assert (report.loaded, report.rejected) == (1, 2)


def test_the_demo_bank_has_every_kind_of_answer_and_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[dict[str, Any]]:
        bank = DemoBank(read_settings(), seed, TODAY)
        return [row for _, items in bank.rounds(3000) for kind, row in items if kind is cypher.CONSENT]

    rows = drawn(1)
    assert rows == drawn(1) != drawn(2)
    found = {(row["props"]["purpose"], row["props"]["status"], row["props"]["channel"]) for row in rows}
    assert found >= {
        ("MARKETING", "GRANTED", None),
        ("MARKETING", "GRANTED", "SMS"),
        ("MARKETING", "GRANTED", "EMAIL"),
        ("MARKETING", "WITHDRAWN", None),
        ("MARKETING", "WITHDRAWN", "SMS"),
        ("MARKETING", "DENIED", None),
        ("PROFILING", "WITHDRAWN", None),
        ("SURVEY", "GRANTED", None),
    }
    assert any(row["pointKey"] for row in rows)
    asked = {row["partyId"] for row in rows if row["props"]["purpose"] == "MARKETING"}
    agreed = {row["partyId"] for row in rows if row["props"]["status"] == "GRANTED" and not row["props"]["channel"]}
    assert 0.6 * 3000 < len(asked) < 3000  # some were never asked
    assert len(agreed) > 0.5 * 3000
