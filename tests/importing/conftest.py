"""Fixtures of the import tests: a fingerprint of the whole graph, and small files in Berka's form."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from graph_crm.graph.database import Database
from graph_crm.importing.berka import COLUMNS

Fingerprint: TypeAlias = Callable[[], Awaitable[str]]

_PAIRS = (
    "[k IN keys({x}) WHERE NOT k IN ['createdAt', 'updatedAt', 'recordedAt'] | k + '=' + "
    "coalesce(toStringOrNull({x}[k]), reduce(s = '', v IN {x}[k] | s + toString(v) + ','))]"
)
_NODES = (
    "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock"
    f" RETURN labels(n) AS labels, '' AS ends, {_PAIRS.format(x='n')} AS p"
)
_TIES = (
    "MATCH (a)-[r]->(b) RETURN [type(r)] AS labels,"
    f" coalesce(a.id, a.code) + '>' + coalesce(b.id, b.code) AS ends, {_PAIRS.format(x='r')} AS p"
)


@pytest.fixture
def fingerprint(database: Database) -> Fingerprint:
    """A digest of every node and relationship with all properties, but when they were stored."""

    async def take() -> str:
        lines: list[str] = []
        for statement in (_NODES, _TIES):
            rows = await database.read(statement, timeout=120)
            lines += [f"{sorted(row['labels'])} {row['ends']} {sorted(row['p'])}" for row in rows]
        return f"{len(lines)}:{hashlib.sha256(chr(10).join(sorted(lines)).encode()).hexdigest()}"

    return take


@pytest.fixture
def berka_folder(tmp_path: Path) -> Path:
    """A small bank in Berka's form: two clients on one account, one on another, loans, a card, orders, bookings."""
    rows = {
        "district.asc": ['1;"Benesov";"central Bohemia"' + ";0" * 13],
        "client.asc": ['1;"706213";1', '2;"450204";1', '3;"806101";1'],
        "account.asc": ['1;1;"POPLATEK MESICNE";930101', '2;1;"POPLATEK TYDNE";930202'],
        "disp.asc": ['1;1;1;"OWNER"', '2;2;1;"DISPONENT"', '3;3;2;"OWNER"'],
        "loan.asc": ['1;1;940131;96396;12;8033.00;"A"', '2;2;950705;1000;24;50.50;"D"'],
        "card.asc": ['1;1;"gold";931107 00:00:00'],
        "order.asc": ['1;1;"YZ";"87144583";2452.00;"SIPO"', '2;2;"ST";"89597016";3372.70;" "'],
        "trans.asc": [
            '1;1;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;',
            '2;1;930102;"VYDAJ";"VYBER";100.50;599.50;"";;',
            '3;2;930303;"VYDAJ";"VYBER KARTOU";10.00;-5.00;"";;',
            '4;2;930304;"PRIJEM";"PREVOD Z UCTU";10.00;5.00;"DUCHOD";"AB";12345',
        ],
    }
    for name, lines in rows.items():
        header = ";".join(f'"{column}"' for column in COLUMNS[name])
        (tmp_path / name).write_bytes(("\r\n".join([header, *lines]) + "\r\n").encode())
    return tmp_path
