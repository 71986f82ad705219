from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from dateutil.relativedelta import relativedelta

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.berka import COLUMNS, import_berka

pytestmark = pytest.mark.long


def raw(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with (folder / f"{name}.asc").open(newline="") as stream:
        yield from csv.DictReader(stream, delimiter=";")


def raw_date(text: str) -> date:
    return date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6]))


def loan_holders_without_card(folder: Path, day: date) -> set[str]:
    """From the raw files: owners of a loan of 90 days or more, still running, not in default, who own no card."""
    owners: dict[str, list[str]] = defaultdict(list)
    client_of = {}
    for disp in raw(folder, "disp"):
        client_of[disp["disp_id"]] = disp["client_id"]
        if disp["type"] == "OWNER":
            owners[disp["account_id"]].append(disp["client_id"])
    with_card = {client_of[card["disp_id"]] for card in raw(folder, "card")}
    found = set()
    for loan in raw(folder, "loan"):
        granted = raw_date(loan["date"])
        ends = granted + relativedelta(months=int(loan["duration"]))
        if day - granted >= timedelta(days=90) and ends > day and loan["status"] not in "BD":
            found.update(owners[loan["account_id"]])
    return {f"berka:client:{client}" for client in found - with_card}


@pytest.fixture
async def bank(shared_data: Path, empty_database: Database) -> Database:
    report = await import_berka(empty_database, shared_data / "berka")
    assert report.reconciled
    assert report.rejected == 0
    return empty_database


async def count(database: Database, statement: str) -> int:
    return int((await database.read(statement))[0][0])


async def test_the_real_bank_is_loaded_completely_and_twice_is_once(
    bank: Database, shared_data: Path, fingerprint: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    assert await count(bank, "MATCH (n:Person) RETURN count(*)") == 5369
    assert await count(bank, "MATCH (n:Agreement {productCode: 'CURRENT_ACCOUNT'}) RETURN count(*)") == 4500
    assert await count(bank, "MATCH (n:Agreement {productCode: 'CASH_LOAN'}) RETURN count(*)") == 682
    assert await count(bank, "MATCH (n:Agreement {familyCode: 'CARD'}) RETURN count(*)") == 892
    assert await count(bank, "MATCH (n:StandingOrder) RETURN count(*)") == 6471
    assert await count(bank, "MATCH (n:Movement) RETURN count(*)") == 49102
    withdrawals = sum(1 for row in raw(shared_data / "berka", "trans") if row["operation"] in ("VYBER", "VYBER KARTOU"))
    assert await count(bank, "MATCH (:Party)-[:DID]->(n:Event)-[:ON]->(:Agreement) RETURN count(*)") == withdrawals
    assert await count(bank, "MATCH (n:OutboxEntry) RETURN count(*)") == 0

    before = await fingerprint()
    # Again, of the bookings the first five thousand: enough to see whether anything is doubled.
    for name in COLUMNS:
        lines = (shared_data / "berka" / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join(lines[:5001] if name == "trans.asc" else lines))
    again = await import_berka(bank, tmp_path)
    assert again.loaded == 72_462 - 49_102 + 5000
    assert await fingerprint() == before

    day = date(1998, 12, 31)
    rows = await bank.read(
        """
        MATCH (l:Agreement {familyCode: 'LOAN'})<-[:HOLDS {role: 'OWNER'}]-(p:Party)
        WHERE l.openedOn <= $day - duration({days: 90}) AND l.maturesOn > $day
          AND NOT l.status IN ['DEFAULTED', 'IN_ARREARS']
          AND NOT EXISTS { (p)-[h:HOLDS {role: 'OWNER'}]->(:Agreement {familyCode: 'CARD'}) WHERE h.since <= $day }
        RETURN DISTINCT p.id AS id
        """,
        {"day": day},
    )
    found = {row["id"] for row in rows}
    assert found == loan_holders_without_card(shared_data / "berka", day)
    assert len(found) == 280


async def test_each_file_becomes_its_place_in_the_graph(empty_database: Database, berka_folder: Path) -> None:
    report = await import_berka(empty_database, berka_folder)
    assert (report.read, report.loaded, report.rejected) == (18, 18, 0)
    client = (
        await empty_database.read(
            "MATCH (p:Person {id: 'berka:client:1'}) RETURN p { .*, birthDate: toString(p.birthDate) } AS p"
        )
    )[0]["p"]
    assert (client["birthDate"], client["sex"]) == ("1970-12-13", "FEMALE")
    assert (client["displayName"], client["city"], client["country"]) == ("Client 1", "Benesov", "CZ")
    assert (client["version"], client["status"], client["source"]) == (1, "ACTIVE", "berka")

    roles = await empty_database.read(
        "MATCH (p:Party)-[h:HOLDS]->(a:Agreement) RETURN p.id + ' ' + h.role + ' ' + a.id + ' ' + h.since AS line"
    )
    assert sorted(row["line"] for row in roles) == [
        "berka:client:1 OWNER berka:account:1 1993-01-01",
        "berka:client:1 OWNER berka:card:1 1993-11-07",
        "berka:client:1 OWNER berka:loan:1 1994-01-31",
        "berka:client:2 AUTHORISED berka:account:1 1993-01-01",
        "berka:client:3 OWNER berka:account:2 1993-02-02",
        "berka:client:3 OWNER berka:loan:2 1995-07-05",
    ]
    loan = (
        await empty_database.read(
            "MATCH (l:Agreement {id: 'berka:loan:1'})-[k:LINKED_TO]->(a) RETURN l.status AS status, l.amount AS amount,"
            " l.payment AS payment, [d IN l.statusDates | toString(d)] AS dates, l.statusValues AS states,"
            " toString(l.closedOn) AS closed, k.kind + ' ' + a.id AS link"
        )
    )[0].data()
    assert loan == {
        "status": "CLOSED",
        "amount": 9_639_600,
        "payment": 803_300,
        "dates": ["1994-01-31", "1995-01-31"],
        "states": ["ACTIVE", "CLOSED"],
        "closed": "1995-01-31",
        "link": "PAID_FROM berka:account:1",
    }
    events = await empty_database.read(
        "MATCH (p:Party)-[:DID]->(e:Event)-[:ON]->(a) RETURN p.id AS p, e.type AS t, toString(e.at) AS at, a.id AS a"
    )
    assert sorted(tuple(row.values()) for row in events) == [
        ("berka:client:1", "cash_withdrawal", "1993-01-02T00:00:00Z", "berka:account:1"),
        ("berka:client:3", "card_withdrawal", "1993-03-03T00:00:00Z", "berka:account:2"),
    ]


DAMAGE = [
    ("client.asc", '4;"701313";1', "birth_number"),
    ("client.asc", '4;"70121";1', "birth_number"),
    ("client.asc", '4;"706213";99', "unknown district 99"),
    ("client.asc", '1;"706214";1', "duplicate key 1 with different content"),
    ("client.asc", '4;"706213', "damaged quotes"),
    ("client.asc", "4", "1 fields instead of 3"),
    ("account.asc", '3;1;"JEDNOU";930101', "frequency"),
    ("account.asc", '3;1;"POPLATEK TYDNE";930231', "no day of the calendar"),
    ("disp.asc", '4;9;1;"OWNER"', "unknown client 9"),
    ("disp.asc", '4;1;1;"BOSS"', "type"),
    ("loan.asc", '3;1;930705;many;12;1.00;"A"', "amount"),
    ("loan.asc", '3;1;930705;1.234;12;1.00;"A"', "amount"),
    ("loan.asc", '3;1;930705;100;0;1.00;"A"', "duration"),
    ("loan.asc", '3;1;930705;100;999999;1.00;"A"', "calendar"),
    ("loan.asc", '3;1;930705;100;12;1.00;"E"', "status"),
    ("card.asc", '2;9;"gold";931107 00:00:00', "unknown disposition 9"),
    ("card.asc", '2;1;"platinum";931107 00:00:00', "type"),
    ("order.asc", '3;1;"YZ";"1";-5.00;"SIPO"', "negative"),
    ("order.asc", '3;1;"YZ";"1";5.00;"SIPO";1', "7 fields instead of 6"),
    ("trans.asc", '5;9;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;', "unknown account 9"),
    ("trans.asc", '5;1;930101;"PRIJEM";"KOUZLO";700.00;700.00;"";;', "operation"),
    ("trans.asc", "99999999999999999999;1;930101;PRIJEM;VKLAD;7.00;7.00;;;", "trans_id"),
]


@pytest.mark.parametrize(("name", "line", "reason"), DAMAGE)
async def test_a_damaged_row_is_reported_and_the_rest_is_loaded(
    empty_database: Database, berka_folder: Path, tmp_path: Path, name: str, line: str, reason: str
) -> None:
    with (berka_folder / name).open("a", newline="") as stream:
        stream.write(line + "\r\n")
    lines = (berka_folder / name).read_bytes().count(b"\n")
    report = await import_berka(empty_database, berka_folder, reject_path=tmp_path / "r.reject.jsonl")
    assert report.reconciled
    assert (report.read, report.loaded, report.rejected) == (19, 18, 1)
    (entry,) = [json.loads(text) for text in (tmp_path / "r.reject.jsonl").read_text().splitlines()]
    assert (entry["file"], entry["line"]) == (name, lines)
    assert reason in entry["reason"]
    assert (tmp_path / "r.reject.jsonl").stat().st_mode & 0o077 == 0


async def test_bytes_that_are_no_text_spoil_their_row_only(
    empty_database: Database, berka_folder: Path, tmp_path: Path
) -> None:
    with (berka_folder / "client.asc").open("ab") as stream:
        stream.write(b'4;"7062\xff13";1\r\n5;"806101";1\r\n\r\n')
    report = await import_berka(empty_database, berka_folder, reject_path=tmp_path / "r.reject.jsonl")
    assert (report.read, report.loaded, report.rejected) == (20, 19, 1)
    assert "not utf-8" in (tmp_path / "r.reject.jsonl").read_text()


async def test_what_a_rejected_row_would_have_held_is_rejected_too(
    empty_database: Database, berka_folder: Path
) -> None:
    client = berka_folder / "client.asc"
    client.write_bytes(client.read_bytes().replace(b'"706213"', b'"709913"'))
    report = await import_berka(empty_database, berka_folder)
    refused = {file.name: file.rejected for file in report.files if file.rejected}
    assert refused == {"client.asc": 1, "disp.asc": 1, "loan.asc": 1, "card.asc": 1}
    assert report.reconciled


async def test_a_repeated_row_is_loaded_once_and_counted(empty_database: Database, berka_folder: Path) -> None:
    with (berka_folder / "order.asc").open("a", newline="") as stream:
        stream.write('1;1;"YZ";"87144583";2452.00;"SIPO"\r\n')
    report = await import_berka(empty_database, berka_folder)
    tally = report.tally("order.asc")
    assert (tally.read, tally.loaded, tally.repeated) == (3, 3, 1)
    assert await count(empty_database, "MATCH (n:StandingOrder) RETURN count(*)") == 2


@pytest.mark.parametrize("damage", ["missing", "header", "empty"])
async def test_a_missing_file_or_another_header_is_one_clear_error_before_anything_is_written(
    empty_database: Database, berka_folder: Path, damage: str
) -> None:
    loan = berka_folder / "loan.asc"
    if damage == "missing":
        loan.unlink()
    elif damage == "header":
        loan.write_bytes(loan.read_bytes().replace(b'"duration"', b'"months"'))
    else:
        loan.write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"loan\.asc"):
        await import_berka(empty_database, berka_folder)
    assert await count(empty_database, "MATCH (n:Party) RETURN count(*)") == 0
