"""Whom the card rule would approach in a real bank, asserted against the raw files by a path of its own."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest
from dateutil.relativedelta import relativedelta

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.scanning import RuleScan
from graph_crm.graph.database import Database
from graph_crm.importing.berka import import_berka
from graph_crm.resources import folder
from graph_crm.rules.manager import RuleBook

AS_OF = dt.date(1998, 12, 31)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text, delimiter=";"))


def day(text: str) -> dt.date:
    return dt.date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6]))


def borrowers_without_a_card(data: Path) -> set[str]:
    """Loan owners of 90 days or more whose loan still runs and is not in default, and who own no card."""
    dispositions = {row["disp_id"]: row for row in rows(data / "disp.asc")}
    owners = {row["account_id"]: row["client_id"] for row in dispositions.values() if row["type"] == "OWNER"}
    with_card = {
        dispositions[row["disp_id"]]["client_id"] for row in rows(data / "card.asc") if day(row["issued"]) <= AS_OF
    }
    found = set()
    for loan in rows(data / "loan.asc"):
        granted = day(loan["date"])
        runs = granted + relativedelta(months=int(loan["duration"])) > AS_OF
        if granted + dt.timedelta(days=90) <= AS_OF and runs and loan["status"] not in ("B", "D"):
            found.add(owners[loan["account_id"]])
    return found - with_card


@pytest.fixture
async def berka(empty_database: Database, shared_data: Path, tmp_path: Path) -> Database:
    await import_berka(empty_database, shared_data / "berka", reject_path=tmp_path / "rejects.jsonl")
    return empty_database


def test_the_raw_files_hold_280_borrowers_without_a_card(shared_data: Path):
    assert len(borrowers_without_a_card(shared_data / "berka")) == 280


async def test_the_shipped_rule_finds_the_same_280_as_the_raw_files(berka: Database, shared_data: Path):
    service = RuleScan(berka, RuleBook.load([folder("plugins")], installed=False), Terms(ContactPolicy.load()))
    found = [one async for one in service.candidates("loan_to_credit_card", AS_OF)]
    clients = {one.party.removeprefix("berka:client:") for one in found}
    assert clients == borrowers_without_a_card(shared_data / "berka")
    assert len(found) == 280
    assert all("have no card" in one.reasons[0] and one.rule == "loan_to_credit_card" for one in found)
