"""A real worker whose plugins hang, raise, talk nonsense, want to write and leak: every event is decided."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from faulty_bank import PATIENCE, FaultyBank, until

from graph_crm.graph.outbox import Outbox
from graph_crm.products.catalogue import load_catalogue

pytestmark = [pytest.mark.long, pytest.mark.lts]

HEAD = "from graph_crm.rules import hookimpl\n\n\n@hookimpl\ndef propose(snapshots):\n    "
PLUGINS = {
    "hangs": "while True:\n        pass\n",
    "raises": "raise RuntimeError('broken')\n",
    "babbles": "return ['nonsense', 42]\n",
    "writes": "snapshots[0].party.display_name = 'Somebody else'\n    return []\n",
}
LEAK = "KEPT.append(bytearray(60_000_000))\n    return []\n"


def plugins(folder: Path, bodies: dict[str, str]) -> str:
    folder.mkdir()
    for name, body in bodies.items():
        (folder / f"{name}.py").write_text(HEAD.replace("\n\n\n", "\n\nKEPT = []\n\n\n", 1) + body, "utf-8")
    return str(folder)


async def customer(bank: FaultyBank) -> str:
    answer = await bank.ask(bank.second, 'mutation { createPerson(input: {displayName: "Watched"}) { id } }')
    return str(answer["data"]["createPerson"]["id"])


async def event(bank: FaultyBank, party: str) -> None:
    answer = await bank.ask(
        bank.second,
        'mutation M($id: ID!) { recordEvent(input: {type: "atm_balance_check", partyId: $id}) { id } }',
        id=party,
    )
    assert "errors" not in answer, answer


async def all_done(bank: FaultyBank) -> bool:
    counts = await Outbox(bank.database).counts()
    return counts["PENDING"] + counts["LEASED"] == 0


async def test_plugins_that_hang_raise_babble_or_write_are_named_and_the_worker_goes_on(bank: FaultyBank):
    folder = plugins(bank.folder / "bad plugins", PLUGINS)
    worker = bank.run("bad", "worker", GRAPH_CRM_PLUGINS_DIR=folder, GRAPH_CRM_PLUGIN_SECONDS="1")
    await load_catalogue(bank.database)
    party = await customer(bank)
    for _ in range(3):
        await event(bank, party)
    await until(lambda: all_done(bank), "every event is decided")
    assert worker.poll() is None, bank.log("bad")
    assert (await Outbox(bank.database).counts())["FAILED"] == 0
    told = bank.log("bad")
    for name in PLUGINS:
        assert any("plugin_failed" in line and name in line for line in told.splitlines()), (name, told)
    assert "suspended" in told
    rows = await bank.database.read("MATCH (p:Party {id: $id}) RETURN p.displayName AS name", {"id": party})
    assert rows[0]["name"] == "Watched"
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, PATIENCE) == 0


async def test_a_worker_that_a_plugin_makes_grow_ends_in_order_and_the_next_one_goes_on(bank: FaultyBank):
    folder = plugins(bank.folder / "leaking plugins", {"leaks": LEAK})
    party = await customer(bank)
    leaking = {"GRAPH_CRM_PLUGINS_DIR": folder, "GRAPH_CRM_WORKER_MEMORY_MB": "250"}
    worker = bank.run("leaking", "worker", **leaking)

    async def ended() -> bool:
        await event(bank, party)
        return worker.poll() is not None

    await until(ended, "the worker ends")
    assert worker.returncode == 0
    assert "worker_too_large" in bank.log("leaking")
    await event(bank, party)
    again = bank.run("leaking", "worker", **{**leaking, "GRAPH_CRM_WORKER_MEMORY_MB": "5000"})
    await until(lambda: all_done(bank), "what it gave back is done by the next")
    again.terminate()
    assert await asyncio.to_thread(again.wait, PATIENCE) == 0
