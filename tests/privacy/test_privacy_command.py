"""The command shows, erases and lets go as the API does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from planted_bank import SECRET, PlantedBank, dump


def run(bank: PlantedBank, address: tuple[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    environment = {
        **kept,
        "NEO4J_URI": address[0],
        "NEO4J_PASSWORD": address[1],
        "GRAPH_CRM_DATA_DIR": str(bank.data),
        "GRAPH_CRM_JWT_SECRET": SECRET,
    }
    command = [sys.executable, "-m", "graph_crm", "privacy", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_a_party_is_shown_in_a_file_and_erased_to_the_end(
    quiet: PlantedBank, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    name = quiet.planted.word("name")
    party = (await quiet.do("createPerson", {"givenName": "Gita", "familyName": name}))["id"]
    opened = {"productCode": "CURRENT_ACCOUNT", "openedOn": "2020-01-10", "holders": [{"partyId": party}]}
    await quiet.do("openAgreement", opened)

    file = tmp_path / "gita.json"
    done = run(quiet, neo4j_address, "export", party, "--to", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text("utf-8"))["sections"]["Party"]["records"][0]["familyName"] == name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    erase = ("erase", party, "--basis", "objected", "--reason", "asked for it", "--despite", "open_agreement")
    done = run(quiet, neo4j_address, *erase, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "ERASED"
    assert name not in await dump(quiet.platform.database)


async def test_nothing_is_put_down_as_handed_out_of_who_is_not_there(
    quiet: PlantedBank, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    done = run(quiet, neo4j_address, "export", "nobody-here", "--to", str(tmp_path / "nobody.zip"))
    assert done.returncode == 1
    assert not (tmp_path / "nobody.zip").exists()
    told = """MATCH (e:AuditEntry) WHERE any(k IN keys(e) WHERE toStringOrNull(e[k]) CONTAINS 'nobody-here'
      AND toStringOrNull(e[k]) CONTAINS 'export.handed_out') RETURN e"""
    assert not await quiet.platform.database.read(told)
