from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.finbench import COLUMNS, country_code, import_finbench

TRANSFERS = {"AccountTransferAccount", "AccountWithdrawAccount", "LoanDepositAccount", "AccountRepayLoan"}
ROWS = {
    "Person": ["1|Bertrand|false|2020-01-01 18:13:47.158|male|1991-12-21 00:00:00|Czech_Republic|Moravia"],
    "Company": [
        f"{n}|Company {n}|{'true' if n == 8 else 'false'}|2020-01-03 13:22:12.95|England|Leeds|Shop|a text|https://www.example.com"
        for n in (7, 8)
    ],
    "Account": [
        f"46142192932177854{n}|2020-01-10 06:22:20.222|false|{kind}|Nick|1|example.com|QR|1624940728902|Basic level"
        for n, kind in ((11, "internet account"), (12, "certificate of deposit"))
    ],
    "Loan": [f"{n}|60668354.0|100.5|2020-03-18 16:42:57.719|vacations|0.064" for n in (21, 22)],
    "PersonOwnAccount": ["1|4614219293217785411|2020-01-10 06:22:20.222"],
    "CompanyOwnAccount": ["7|4614219293217785412|2020-01-10 06:22:20.222"],
    "PersonApplyLoan": ["1|21|2020-03-18 16:42:57.719|Avant"],
    "CompanyApplyLoan": ["7|22|2020-03-18 16:42:57.719|Avant"],
    "PersonGuaranteePerson": [],
    "CompanyGuaranteeCompany": ["7|8|2020-09-12 01:25:53.715|business associate"],
    "PersonInvestCompany": ["1|7|0.25|2020-05-16 14:39:29.098"],
    "CompanyInvestCompany": ["8|8|0.5|2020-05-16 14:39:29.098"],
    "AccountTransferAccount": [
        f"4614219293217785411|4614219293217785412|12.34|2020-08-29 15:28:58.64{n}|1|a comment|Apple Pay|Food"
        for n in (7, 8)
    ],
    "AccountWithdrawAccount": ["4614219293217785411|4614219293217785412|5.00|2020-07-19 19:44:20.915"],
    "LoanDepositAccount": ["21|4614219293217785411|100.00|2021-01-05 01:27:41.286"],
    "AccountRepayLoan": ["4614219293217785411|21|50.00|2021-02-05 01:27:41.286"],
}


@pytest.fixture
def finbench_folder(tmp_path: Path) -> Path:
    for name, rows in ROWS.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["|".join(COLUMNS[name]), *rows]) + "\n")
    return tmp_path


async def test_the_standard_data_set_is_loaded_completely_and_twice_is_once(
    shared_data: Path, empty_database: Database, fingerprint: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    report = await import_finbench(empty_database, shared_data / "finbench")
    assert report.reconciled
    assert report.rejected == 0
    rows = await empty_database.read("MATCH ()-[r]->() RETURN type(r) AS kind, count(*) AS n")
    ties = {row["kind"]: row["n"] for row in rows}
    assert ties["GUARANTEES"] == 377 + 202
    assert ties["OWNS"] == 1304 + 679
    assert ties["HOLDS"] == 1384 + 671 + 927 + 449
    assert ties["TRANSFERRED_TO"] == 8132 + 9182 + 2758 + 2747
    (nodes,) = await empty_database.read(
        "RETURN COUNT { (:Person) } AS people, COUNT { (:Organization) } AS companies, COUNT { (:Agreement) } AS held"
    )
    assert nodes.data() == {"people": 785, "companies": 386, "held": 2055 + 1376}
    unplaced = await empty_database.read("MATCH (p:Party) WHERE p.country IS NULL RETURN DISTINCT p.region AS name")
    assert unplaced == []
    before = await fingerprint()
    # Again, of the transfers the first thousand of each file: enough to see whether anything is doubled.
    for name in COLUMNS:
        rows_of_file = (shared_data / "finbench" / f"{name}.csv").read_text().splitlines(keepends=True)
        (tmp_path / f"{name}.csv").write_text("".join(rows_of_file[:1001] if name in TRANSFERS else rows_of_file))
    again = await import_finbench(empty_database, tmp_path)
    assert again.reconciled
    assert again.rejected == 0
    assert await fingerprint() == before


async def test_each_file_becomes_its_place_in_the_graph(empty_database: Database, finbench_folder: Path) -> None:
    report = await import_finbench(empty_database, finbench_folder, currency="CHF")
    assert report.reconciled
    assert report.rejected == 0
    rows = await empty_database.read(
        "MATCH (a:Agreement)<-[h:HOLDS]-(p) RETURN p.id + ' ' + h.role + ' ' + a.productCode + ' ' + a.purpose"
        " + ' ' + a.currency AS line ORDER BY line"
    )
    assert [row["line"] for row in rows] == [
        "finbench:company:7 OWNER BUSINESS_LOAN vacations CHF",
        "finbench:company:7 OWNER TERM_DEPOSIT certificate of deposit CHF",
        "finbench:person:1 OWNER CASH_LOAN vacations CHF",
        "finbench:person:1 OWNER CURRENT_ACCOUNT internet account CHF",
    ]
    rows = await empty_database.read(
        "MATCH (a)-[t:TRANSFERRED_TO]->(b) RETURN a.number + '>' + b.number AS way, t.amount AS amount"
        " ORDER BY amount, way"
    )
    account, deposit = "4614219293217785411", "4614219293217785412"
    assert [tuple(row.values()) for row in rows] == [
        (f"{account}>{deposit}", 500),
        (f"{account}>{deposit}", 1234),
        (f"{account}>{deposit}", 1234),
        (f"{account}>21", 5000),
        (f"21>{account}", 10000),
    ]
    rows = await empty_database.read(
        "MATCH (a:Party)-[t:OWNS|GUARANTEES]->(b:Party)"
        " RETURN a.id AS a, type(t) AS kind, t.share AS share, t.note AS note, b.id AS b, b.country AS country"
    )
    assert sorted(tuple(row.values()) for row in rows if row["kind"] == "OWNS") == [
        ("finbench:company:8", "OWNS", 0.5, None, "finbench:company:8", "GB"),
        ("finbench:person:1", "OWNS", 0.25, None, "finbench:company:7", "GB"),
    ]
    assert [row["note"] for row in rows if row["kind"] == "GUARANTEES"] == ["business associate"]
    (link,) = await empty_database.read("MATCH (l)-[k:LINKED_TO]->(a) RETURN l.number, k.kind, a.number")
    assert link.values() == ["21", "PAID_FROM", account]


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("Person", "x|A|false|2020-01-01 18:13:47.158|male|1991-12-21 00:00:00|Peru|Lima", "personId"),
        ("Person", "2|A|false|yesterday|male|1991-12-21 00:00:00|Peru|Lima", "createTime"),
        ("Person", "2|A|false|2020-01-01 18:13:47.158|male|1991-12-21", "6 fields instead of 8"),
        ("Account", "3|2020-01-10 06:22:20.222|false|piggy bank|N|1|e|QR|1|Basic level", "accoutType"),
        ("PersonOwnAccount", "9|4614219293217785411|2020-01-10 06:22:20.222", "unknown person 9"),
        ("PersonInvestCompany", "1|8|1.5|2020-05-16 14:39:29.098", "not between 0 and 1"),
        ("CompanyGuaranteeCompany", "7|7|2020-09-12 01:25:53.715|self", "same party"),
        ("AccountWithdrawAccount", "1|4614219293217785412|5.00|2020-07-19 19:44:20.915", "unknown account 1"),
    ],
)
async def test_a_damaged_row_is_reported_and_the_rest_is_loaded(
    empty_database: Database, finbench_folder: Path, tmp_path: Path, name: str, line: str, reason: str
) -> None:
    with (finbench_folder / f"{name}.csv").open("a") as stream:
        stream.write(line + "\n")
    report = await import_finbench(empty_database, finbench_folder, reject_path=tmp_path / "r.reject.jsonl")
    assert report.reconciled
    assert report.rejected == 1
    entry = json.loads((tmp_path / "r.reject.jsonl").read_text())
    assert entry["file"] == f"{name}.csv"
    assert reason in entry["reason"]


async def test_another_header_is_one_clear_error(empty_database: Database, finbench_folder: Path) -> None:
    path = finbench_folder / "Account.csv"
    path.write_text(path.read_text().replace("accoutType", "accountType"))
    with pytest.raises(InvalidInput, match=r"Account\.csv") as failure:
        await import_finbench(empty_database, finbench_folder)
    assert failure.value.details["missing"] == ["accoutType"]


@pytest.mark.parametrize(
    ("name", "code"), [("Czech_Republic", "CZ"), ("England", "GB"), ("Burma", "MM"), ("Atlantis", None)]
)
def test_countries_are_read_as_finbench_spells_them(name: str, code: str | None) -> None:
    assert country_code(name) == code
