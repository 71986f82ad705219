"""The own format by its documentation: the example of docs/importing.md is executed, its table compared."""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.own_fields import EVENT_TYPES, FIELDS
from graph_crm.importing.own_format import JsonLines, import_files, prepared
from graph_crm.importing.own_mapping import Mapping, read_mapping
from graph_crm.importing.reading import DelimitedFile
from graph_crm.parties.commands import OrganizationDetails, PersonDetails
from graph_crm.parties.service import PartyService

DOCUMENT = Path(__file__).parents[2] / "docs" / "importing.md"
BEGIN, END = re.compile(r"<!-- properties:.*?-->\n", re.DOTALL), "<!-- end of properties -->"


def property_tables() -> str:
    """The reference of kinds and properties, as the document shows it. An asterisk marks what a row must have."""
    lines = ["", "| kind | properties (* needed) |", "|---|---|"]
    for kind, fields in FIELDS.items():
        shown = "; ".join(f"`{name}`{'*' if field.required else ''} {field.meaning}" for name, field in fields.items())
        lines.append(f"| `{kind}` | {shown} |")
    types = ", ".join(f"`{name}`" for name in EVENT_TYPES)
    return "\n".join([*lines, "", f"The types of events: {types}.", "", ""])


def documented_files() -> dict[str, str]:
    """The files of the document: a line with the name, then a fenced block."""
    return dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL))


def test_the_document_explains_every_key_at_the_top() -> None:
    text = DOCUMENT.read_text()
    table = text[text.index("Keys at the top") : text.index("Keys of a file entry")]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)))) == set(
        Mapping.model_fields
    )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, content in documented_files().items():
        (tmp_path / name).write_text(content)
    return tmp_path / "mapping.toml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_document_lists_every_kind_and_property() -> None:
    text = DOCUMENT.read_text()
    begin = BEGIN.search(text)
    assert begin is not None
    assert text[begin.end() : text.index(END)] == property_tables()


async def test_the_documented_example_loads_as_it_says(
    empty_database: Database, example: Path, tmp_path: Path, fingerprint: Callable[[], Awaitable[str]]
) -> None:
    report = await import_files(empty_database, example, reject_path=tmp_path / "r.jsonl")
    assert report.reconciled
    said = re.search(r"loads (\d+) of the (\d+) rows", DOCUMENT.read_text())
    assert said is not None
    assert (report.loaded, report.read) == tuple(map(int, said.groups()))
    rejects = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert sorted((entry["file"], entry["line"], entry["reason"]) for entry in rejects) == [
        ("contracts.csv (agreement)", 5, "status: '?' is unknown (known: A, D)"),
        ("contracts.csv (holding)", 5, "unknown Agreement 'acme:K-4'"),
        ("customers.csv (contact_point)", 4, "unknown Party 'acme:20'"),
        ("customers.csv (person)", 4, "birthDate: '31.02.1990' is not a date in the form %d.%m.%Y"),
        ("relations.jsonl (tie)", 2, "unknown Party 'acme:99'"),
    ]
    rows = await empty_database.read(
        "MATCH (p:Person)-[:REACHABLE_AT]->(c) MATCH (p)-[h:HOLDS]->(a)"
        " OPTIONAL MATCH (a)-[k:LINKED_TO]->(account)"
        " RETURN p.displayName AS name, c.value AS phone, a.productCode AS product, a.amount AS amount,"
        " toString(h.since) AS since, k.kind + account.id AS paid ORDER BY name, since"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("Jana Nováková", "+420602123457", "CURRENT_ACCOUNT", None, "2025-02-01", None),
        ("Łukasz Gross", "+48602123456", "CURRENT_ACCOUNT", None, "2024-03-01", None),
        ("Łukasz Gross", "+48602123456", "CASH_LOAN", 1_250_000, "2025-01-15", "PAID_FROMacme:K-1"),
    ]
    (event,) = await empty_database.read(
        "MATCH (p:Party)-[:DID]->(e:Event)-[:ON]->(a) RETURN p.nameKey, e.type, toString(e.at), e.channel, a.id"
    )
    assert event.values() == ["lukasz gross", "atm_balance_check", "2026-11-20T08:30:00Z", "ATM", "acme:K-1"]
    (text,) = await empty_database.read("MATCH (p:Party {id: 'acme:18'}) RETURN p.searchText")
    assert "48602123456" in text[0]

    before = await fingerprint()
    again = await import_files(empty_database, example)
    assert again.loaded == report.loaded
    assert await fingerprint() == before


async def test_a_link_to_an_unknown_account_rejects_its_row_as_loaded_in_part(
    empty_database: Database, example: Path, tmp_path: Path
) -> None:
    change(example.parent / "contracts.csv", ",18,K-1", ",18,K-9")
    report = await import_files(empty_database, example, reject_path=tmp_path / "r.jsonl")
    assert report.reconciled
    assert "loaded in part: unknown Agreement 'acme:K-9'" in (tmp_path / "r.jsonl").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'kind = "person"',
            'kind = "persona"',
            r"mapping\.toml: file 1 \(customers\.csv\), kind: 'persona' is not known",
        ),
        (
            'kind = "person"',
            'kind = "person"\ncolour = "red"',
            r"mapping\.toml: file 1 \(customers\.csv\), colour: is no key",
        ),
        ('source = "core-banking"', "source = 7", r"mapping\.toml: source: must be a text in quotes"),
        ('source = "core-banking"', "", r"mapping\.toml: source: is missing"),
        ('path = "contracts.csv"', "path = 3", r"mapping\.toml: file 3, path: must be a text"),
        ('kind = "PHONE"', 'kind = "FAX"', r"file 2 \(customers\.csv\), constants\.kind: 'FAX' is not one of PHONE"),
        ('usage = "MOBILE"', "usage = 1979-05-27", r"file 2 \(customers\.csv\), constants\.usage: must be a text"),
        ('K = "FEMALE"', 'K = "WOMAN"', r"file 1 \(customers\.csv\), values\.sex\.K: 'WOMAN' is not one of FEMALE"),
        (
            'balance = "atm_balance_check"',
            'balance = "atm_look"',
            r"values\.type\.balance: 'atm_look' is not one of app",
        ),
        ('currency = "PLN"', "", r"file 3 \(contracts\.csv\): amount needs a currency"),
        ('currency = "PLN"', 'currency = "ZZZ"', r"mapping\.toml: currency: is no currency"),
        ('country = "PL"  ', 'country = "Poland"  ', r"mapping\.toml: country: is no country"),
        ('id_prefix = "acme:"', 'id_prefix = "a b"', r"mapping\.toml: id_prefix: is no usable identifier"),
        (
            'date_format = "%d.%m.%Y"',
            'date_format = "%q"',
            r"file 1 \(customers\.csv\), date_format: '%q' is no format",
        ),
        ('givenName = "FIRST"', 'firstName = "FIRST"', "a person has no property firstName"),
        ('{ id = "CUST_NO", givenName', "{ givenName", "a person needs id"),
        ('sex = "SEX"', 'sex = "GENDER"', r"The header of customers\.csv has no column GENDER$"),
        ('path = "visits.jsonl"', 'path = "visitors.jsonl"', r"visitors\.jsonl is missing"),
        ('currency = "PLN"', 'currency = "zloty"', "currency"),
        ("format = 1", "format = ", r"^The mapping .*mapping\.toml is no TOML: "),
        ('delimiter = ";"', 'delimiter = ";"\nencoding = "klingon"', "encoding klingon"),
    ],
)
async def test_a_wrong_mapping_is_one_clear_error_before_anything_is_written(
    empty_database: Database, example: Path, old: str, new: str, message: str
) -> None:
    change(example, old, new)
    with pytest.raises(InvalidInput, match=message):
        await import_files(empty_database, example)
    assert await empty_database.read("MATCH (n:Party) RETURN n") == []


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('sex = "SEX"', 'sex = "GENDER"', "Separated by ';' it has: CUST_NO, FIRST, LAST, BORN, SEX, CITY, MOBILE"),
        ('kind = "person"', 'kind = "person"\ncolour = "red"', "There is: path, kind"),
        ('source = "core-banking"', 'sauce = "core-banking"\nsource = "x"', "There is: format, source"),
        ('kind = "person"', 'kind = "persona"', "'person', 'organization'"),
        ('currency = "PLN"', "", 'Write currency = "EUR" at the top'),
    ],
)
def test_a_wrong_mapping_says_what_to_write(example: Path, old: str, new: str, hint: str) -> None:
    change(example, old, new)
    with pytest.raises(InvalidInput) as refused:
        prepared(example)
    assert hint in (refused.value.hint or "")
    assert "pydantic" not in refused.value.message


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^There is no mapping file .*nowhere\.toml\.$"):
        prepared(tmp_path / "nowhere.toml")
    with pytest.raises(InvalidInput, match=r"^The mapping .* can't be read: "):
        prepared(tmp_path)


async def test_no_currency_is_needed_where_no_amount_is_without_its_own(
    empty_database: Database, tmp_path: Path
) -> None:
    rows = {
        "person": [GOOD["person"]],
        "product": [{**GOOD["product"], "currency": "PLN"}],
        "agreement": [{**GOOD["agreement"]}, {**GOOD["agreement"], "id": "41", "amount": "1", "currency": "CHF"}],
        "movement": [
            {**GOOD["movement"], "currency": "CHF"},
            {**GOOD["movement"], "id": "51", "currency": ""},
            {**GOOD["movement"], "id": "52", "currency": "ZZZ"},
        ],
    }
    path = write_rows(tmp_path, rows)
    path.write_text(path.read_text().replace('currency = "EUR"\n', "", 1))
    report = await import_files(empty_database, path, reject_path=tmp_path / "r.jsonl")
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert reasons == ["currency: is missing, and there is amount", "currency: is no currency"]
    assert report.rejected == 2
    rows_found = await empty_database.read("MATCH (a:Agreement) RETURN a.id AS id, a.currency AS currency ORDER BY id")
    assert [tuple(row.values()) for row in rows_found] == [("t:4", "PLN"), ("t:41", "CHF")]


async def test_an_imported_party_has_the_search_text_that_the_platform_would_give_it(
    empty_database: Database, tmp_path: Path
) -> None:
    organization = {**GOOD["organization"], "registrationNumber": "PL-5260001246", "identifiers": "X-1234567|KRS 99"}
    phone = {"party": "2", "kind": "PHONE", "value": "602 123 456"}
    rows = {"person": [GOOD["person"]], "organization": [organization], "contact_point": [GOOD["contact_point"], phone]}
    await import_files(empty_database, write_rows(tmp_path, rows))
    texts = "MATCH (p:Party) WHERE p.id STARTS WITH 't:' RETURN p.id AS id, p.searchText AS text ORDER BY id"
    imported = [tuple(row.values()) for row in await empty_database.read(texts)]
    assert "t1 " in f"{imported[0][1]} "
    assert {"t2", "5260001246", "602123456"} <= set(imported[1][1].split())
    service = PartyService(empty_database)  # a change that changes nothing writes the text anew
    await service.update_person("t:1", PersonDetails(segment="A"))
    await service.update_organization("t:2", OrganizationDetails(segment="A"))
    assert [tuple(row.values()) for row in await empty_database.read(texts)] == imported


GOOD: dict[str, dict[str, str]] = {
    "person": {"id": "1", "displayName": "Jan"},
    "organization": {"id": "2", "displayName": "Acme"},
    "household": {"id": "3", "name": "Novak"},
    "product": {"code": "PET_LOAN", "name": "Pet loan", "family": "LOAN"},
    "membership": {"party": "1", "household": "3", "role": "HEAD"},
    "contact_point": {"party": "1", "kind": "EMAIL", "value": "Jan@Example.com"},
    "agreement": {"id": "4", "product": "PET_LOAN", "openedOn": "2025-01-01"},
    "holding": {"party": "1", "agreement": "4", "role": "OWNER"},
    "tie": {"kind": "OWNS", "from": "1", "to": "2", "share": "0.5"},
    "movement": {"id": "5", "agreement": "4", "bookedOn": "2025-01-02", "direction": "DEBIT", "amount": "1.50"},
    "event": {"id": "6", "party": "1", "type": "login", "at": "2025-01-01T10:00:00"},
    "interaction": {"id": "7", "party": "1", "channel": "PHONE", "direction": "INBOUND", "at": "2025-01-01T10:00:00Z"},
    "consent": {"id": "8", "party": "1", "purpose": "MARKETING", "status": "GRANTED", "at": "2025-01-01T10:00:00Z"},
}


def write_rows(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    """A mapping of JSON-lines files, one a kind, whose keys are the properties themselves."""
    mapping = ['format = 1\nsource = "t"\nid_prefix = "t:"\ncurrency = "EUR"\ncountry = "CZ"\n']
    for kind, lines in rows.items():
        (folder / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        columns = ", ".join(f'{name} = "{name}"' for name in {**GOOD[kind], **{n: 1 for row in lines for n in row}})
        mapping.append(f'[[file]]\npath = "{kind}.jsonl"\nkind = "{kind}"\ncolumns = {{ {columns} }}\n')
    path = folder / "mapping.toml"
    path.write_text("\n".join(mapping))
    return path


async def test_every_kind_is_loaded_whatever_the_order_of_the_files(empty_database: Database, tmp_path: Path) -> None:
    rows = {kind: [row] for kind, row in reversed(GOOD.items())}
    report = await import_files(empty_database, write_rows(tmp_path, rows), reject_path=tmp_path / "r.jsonl")
    assert report.rejected == 0, (tmp_path / "r.jsonl").read_text()
    assert set(GOOD) == set(FIELDS)
    (row,) = await empty_database.read(
        "MATCH (p:Person)-[:REACHABLE_AT]->(c), (p)-[:MEMBER_OF]->(:Household), (p)-[o:OWNS]->(:Organization),"
        " (p)-[:HOLDS]->(a)-[:OF]->()-[:IN_FAMILY]->(f), (a)<-[:ON]-(:Movement), (p)-[:DID]->(), (p)-[:HAD]->()"
        " RETURN c.value, o.share, a.familyCode, f.code, a.currency"
    )
    assert row.values() == ["jan@example.com", 0.5, "LOAN", "LOAN", "EUR"]


@pytest.mark.parametrize(
    ("kind", "wrong", "reason"),
    [
        ("person", {"id": "a b"}, "id"),
        ("person", {"displayName": "\u0007"}, "displayName"),
        ("person", {"sex": "M"}, "sex"),
        ("person", {"country": "Czechia"}, "country"),
        ("person", {"birthDate": "1990-02-30"}, "birthDate"),
        ("organization", {"displayName": ""}, "displayName: a value is missing"),
        ("contact_point", {"kind": "PHONE", "value": "12"}, "value"),
        ("contact_point", {"value": "nobody"}, "value"),
        ("membership", {"since": "2025-01-02", "until": "2025-01-01"}, "until"),
        ("agreement", {"product": "MOON_LOAN"}, "unknown Product 'MOON_LOAN'"),
        ("agreement", {"status": "CLOSED"}, "closedOn"),
        ("agreement", {"amount": "1.999"}, "amount"),
        ("tie", {"to": "1"}, "same party"),
        ("tie", {"share": "1.5"}, "share"),
        ("movement", {"amount": "-5"}, "amount"),
        ("agreement", {"termMonths": str(2**63 - 1)}, "termMonths"),
        ("agreement", {"interestRate": "1e99"}, "interestRate"),
        ("event", {"at": "soon"}, "at"),
        ("event", {"at": "0001-01-01T00:00:00+23:00"}, "at"),
        ("event", {"at": "9999-12-31T23:59:59-23:00"}, "at"),
        ("event", {"type": "Log In"}, "type"),
        ("event", {"type": "moon_landing"}, "type: 'moon_landing' is not one of application_abandoned"),
        ("event", {"at": "2150-01-01T00:00:00Z"}, "lies in the future"),
        ("interaction", {"at": "2150-01-01T00:00:00Z"}, "lies in the future"),
        ("movement", {"currency": "ZZZ"}, "currency: is no currency"),
        ("event", {"agreement": "99"}, "unknown Agreement"),
        ("interaction", {"channel": "PIGEON"}, "channel"),
        ("consent", {"purpose": "FUN"}, "purpose"),
        ("consent", {"status": "MAYBE"}, "status"),
        ("consent", {"at": "2150-01-01T00:00:00Z"}, "lies in the future"),
        ("consent", {"party": "99"}, "unknown Party"),
        ("consent", {"channel": "EMAIL", "point": "602 123 456"}, "pointKey: is not used by the channel"),
        ("consent", {"purpose": "PROFILING", "channel": "EMAIL"}, "purpose: has no channels"),
        ("consent", {"point": "eva@example.com"}, "unknown ContactPoint 'EMAIL:eva@example.com'"),
    ],
)
async def test_a_wrong_value_is_rejected_with_the_property_that_is_wrong(
    empty_database: Database, tmp_path: Path, kind: str, wrong: dict[str, str], reason: str
) -> None:
    rows = {name: [{**row, **(wrong if name == kind else {})}] for name, row in GOOD.items()}
    await import_files(empty_database, write_rows(tmp_path, rows), reject_path=tmp_path / "r.jsonl")
    first = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[0])
    assert first["file"] == f"{kind}.jsonl ({kind})"
    assert reason in first["reason"]


async def test_a_record_of_two_files_belongs_to_what_the_later_one_says(
    empty_database: Database, tmp_path: Path
) -> None:
    rows = {"product": [GOOD["product"]], "agreement": [GOOD["agreement"], {**GOOD["agreement"], "id": "8"}]}
    path = write_rows(tmp_path, {**rows, "movement": [GOOD["movement"]]})
    columns = ", ".join(f'{name} = "{name}"' for name in GOOD["movement"])
    with path.open("a") as stream:
        stream.write(f'\n[[file]]\npath = "more.jsonl"\nkind = "movement"\ncolumns = {{ {columns} }}\n')
    (tmp_path / "more.jsonl").write_text(json.dumps({**GOOD["movement"], "agreement": "8"}) + "\n")
    report = await import_files(empty_database, path)
    assert report.rejected == 0
    (row,) = await empty_database.read("MATCH (m:Movement)-[:ON]->(a) RETURN m.id, a.id")
    assert row.values() == ["t:5", "t:8"]


@pytest.mark.parametrize(
    ("line", "reason"), [("{", "not JSON"), ("[1]", "not a JSON object"), ('{"id": "1"}', "a value is missing")]
)
async def test_a_damaged_json_line_is_rejected(
    empty_database: Database, tmp_path: Path, line: str, reason: str
) -> None:
    path = write_rows(tmp_path, {"household": [GOOD["household"]]})
    with (tmp_path / "household.jsonl").open("a") as stream:
        stream.write(line + "\n")
    report = await import_files(empty_database, path, reject_path=tmp_path / "r.jsonl")
    assert (report.loaded, report.rejected) == (1, 1)
    assert reason in (tmp_path / "r.jsonl").read_text()


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_line_without_an_end_is_refused_and_not_taken_into_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    good = b'{"id": "2"}\n' if name.endswith("jsonl") else b"2\n"
    with path.open("wb") as stream:
        stream.write(b"id\n" if name.endswith("csv") else b'{"id": "1"}\n')
        for _ in range(64):
            stream.write(b"x" * 1_000_000)
        stream.write(b"\n" + good)
    file = DelimitedFile(path, ["id"]) if name.endswith("csv") else JsonLines(path, "utf-8", "|")
    tracemalloc.start()
    rows = [row for row in file.rows() if row.line > 1]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(row.line, row.problem is None) for row in rows] == [(2, False), (3, True)]
    assert "64000001 bytes" in str(rows[0].problem)
    assert rows[1].end == path.stat().st_size
    assert most < 16_000_000


def test_the_example_mapping_is_valid(example: Path) -> None:
    assert [file.kind for file in read_mapping(example).file][:2] == ["person", "contact_point"]


if __name__ == "__main__" and "--update" in sys.argv:
    text = DOCUMENT.read_text()
    found = BEGIN.search(text)
    assert found is not None
    DOCUMENT.write_text(text[: found.end()] + property_tables() + text[text.index(END) :])
