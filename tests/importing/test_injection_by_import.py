"""Rows whose values mean something to a language are stored as the text that they are, or rejected as they are."""

from __future__ import annotations

import csv
from pathlib import Path

from graph_crm.graph.database import Database
from graph_crm.importing.own_format import import_files

TEXTS = (
    "'}) DETACH DELETE n //",
    "`) DETACH DELETE (",
    "=1+1",
    "@SUM(A1)",
    "{{ 7*7 }}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "*:* AND (",
    "$rows",
)
MAPPING = """
format = 1
source = "core"

[[file]]
kind = "person"
path = "persons.csv"
columns = { id = "id", displayName = "name" }
"""


async def test_names_of_an_imported_file_stay_text(empty_database: Database, tmp_path: Path) -> None:
    with (tmp_path / "persons.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "name"))
        rows.writerows((f"p{number}", text) for number, text in enumerate(TEXTS))
    (tmp_path / "mapping.toml").write_text(MAPPING)
    report = await import_files(empty_database, tmp_path / "mapping.toml", reject_path=tmp_path / "rejected.jsonl")
    assert report.reconciled
    found = await empty_database.read("MATCH (p:Party) RETURN p.displayName AS name ORDER BY p.id")
    assert [row["name"] for row in found] == list(TEXTS)
