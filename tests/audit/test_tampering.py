"""Whoever can write to the database, and has no key, alters nothing unseen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest
from small_audit import KEY, Ledger

from graph_crm.audit.anchors import Anchors
from graph_crm.audit.chains import Chains, sealed
from graph_crm.audit.entries import body
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.audit.verifying import Fault, Verdict, Verifying
from graph_crm.errors import AlreadyExists

pytestmark = pytest.mark.lts
ENTRIES = 8


async def checked(ledger: Ledger, anchors: list[Path] | None = None, keys: Keyring | None = None) -> Verdict:
    return await Verifying(ledger.database, keys or ledger.audit.keys(), anchors or []).run()


def found(verdict: Verdict) -> set[tuple[Fault, int | None]]:
    return {(one.fault, one.seq) for one in verdict.findings}


async def test_what_nobody_touched_is_whole(ledger: Ledger) -> None:
    await ledger.fill(ENTRIES, shards=3)
    verdict = await checked(ledger)
    assert verdict.sound
    assert (verdict.entries, verdict.records, verdict.chains) == (ENTRIES, ENTRIES, 3)


FORGED = sealed(AuditKey.of("another key, of who has not ours ........"), 0, 4, "0" * 64, "{}")
ATTACKS = {
    "the text is altered": (
        "MATCH (e:AuditEntry {seq: 4}) SET e.body = replace(e.body, 'anna', 'hans')", {(Fault.ALTERED, 4)},
    ),
    "the hash is altered": ("MATCH (e:AuditEntry {seq: 4}) SET e.hash = reverse(e.hash)", {(Fault.ALTERED, 4)}),
    "text and hash are made with another key": (
        f"MATCH (e:AuditEntry {{seq: 4}}) SET e.body = '{{}}', e.previous = '{'0' * 64}', e.hash = '{FORGED}'",
        {(Fault.ALTERED, 4)},
    ),
    "the key is called another": (
        "MATCH (e:AuditEntry {seq: 4}) SET e.key = 'ffffffffffff'", {(Fault.UNKNOWN_KEY, 4)},
    ),
    "what it is found by is altered": (
        "MATCH (e:AuditEntry {seq: 4}) SET e.about = 'pnothing', e.last = e.last - 86400000", {(Fault.ALTERED, 4)},
    ),
    "an entry is removed": ("MATCH (e:AuditEntry {seq: 4}) DELETE e", {(Fault.REMOVED, 4)}),
    "several are removed": ("MATCH (e:AuditEntry) WHERE 3 <= e.seq <= 5 DELETE e", {(Fault.REMOVED, 3)}),
    "the first is removed": ("MATCH (e:AuditEntry {seq: 1}) DELETE e", {(Fault.REMOVED, 1)}),
    "one is removed and those after it move up": (
        ("MATCH (e:AuditEntry {seq: 4}) DELETE e WITH 1 AS done "
        "CALL () { MATCH (e:AuditEntry) WHERE e.seq > 4 WITH e ORDER BY e.seq SET e.seq = e.seq - 1 } "
        "MATCH (h:AuditHead) SET h.seq = h.seq - 1"),
        {(Fault.MOVED, 4), (Fault.MOVED, 5), (Fault.MOVED, 6), (Fault.MOVED, 7)},
    ),
    "two change places": (
        "MATCH (a:AuditEntry {seq: 3}), (b:AuditEntry {seq: 6}) SET a.seq = -1 WITH a, b SET b.seq = 3 SET a.seq = 6",
        {(Fault.MOVED, 3), (Fault.MOVED, 6)},
    ),
    "one is put in a second time, at the end": (
        ("MATCH (e:AuditEntry {seq: 4}) CREATE (c:AuditEntry) SET c = e {.*, seq: 9} "
        "WITH c MATCH (h:AuditHead) SET h.seq = 9, h.hash = c.hash"),
        {(Fault.MOVED, 9)},
    ),
    "one is put before the first": (
        "MATCH (e:AuditEntry {seq: 4}) CREATE (c:AuditEntry) SET c = e {.*, seq: -7}", {(Fault.INSERTED, -7)},
    ),
    "one is put into a chain of another kind": (
        "MATCH (e:AuditEntry {seq: 4}) CREATE (c:AuditEntry) SET c = e {.*, shard: 'zero'}", {(Fault.INSERTED, None)},
    ),
    "one is put in without a place": ("CREATE (:AuditEntry {body: '{}'})", {(Fault.INSERTED, None)}),
    "the last is removed": ("MATCH (e:AuditEntry {seq: 8}) DELETE e", {(Fault.CUT_OFF, 8)}),
    "the record of the end is removed": ("MATCH (h:AuditHead) DELETE h", {(Fault.HEAD, None)}),
    "the record of the end is altered": ("MATCH (h:AuditHead) SET h.seq = 5", {(Fault.HEAD, 8)}),
    "one is made from nothing at the end": (
        "CREATE (e:AuditEntry {shard: 0, seq: 9, body: '{}', hash: 'f', previous: 'e', key: 'k'})",
        {(Fault.UNKNOWN_KEY, 9), (Fault.HEAD, 9)},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "faults"), ATTACKS.values(), ids=ATTACKS)
async def test_it_is_found_and_said_where(ledger: Ledger, attack: str, faults: set[tuple[Fault, int | None]]) -> None:
    await ledger.fill(ENTRIES)
    await ledger.database.execute(attack)
    assert found(await checked(ledger)) >= faults


async def test_a_text_that_was_cut_in_two_is_told_and_stops_no_check(ledger: Ledger) -> None:
    await ledger.fill(1)
    await ledger.change("createPerson", "source|7")
    await ledger.change("createPerson", "party-9")
    await ledger.database.execute(
        "MATCH (e:AuditEntry {seq: 2}) WITH e, split(e.body, '|') AS cut "
        "SET e.previous = e.previous + '|' + cut[0], e.body = cut[1]"
    )
    assert found(await checked(ledger)) == {(Fault.ALTERED, 2)}


async def test_a_chain_that_nothing_writes_to_is_found_even_when_it_was_made_with_an_old_key(ledger: Ledger) -> None:
    await ledger.fill(2)
    old = AuditKey.of("the key before, which somebody kept a copy of")
    text = body(16, 1, [], [])
    entry = {"shard": 16, "seq": 1, "previous": "", "body": text, "hash": sealed(old, 16, 1, "", text), "key": old.id}
    forged = {**entry, "first": 1, "last": 1, "about": "", "records": 0}
    await ledger.database.execute("CREATE (e:AuditEntry) SET e = $entry", {"entry": forged})
    verdict = await checked(ledger, keys=Keyring(ledger.audit.keys().current, [old]))
    assert (Fault.INSERTED, None) in found(verdict)


async def test_a_second_entry_at_a_place_is_refused_by_the_database(ledger: Ledger) -> None:
    await ledger.fill(2)
    with pytest.raises(AlreadyExists):
        await ledger.database.execute("MATCH (e:AuditEntry {seq: 1}) CREATE (c:AuditEntry) SET c = e")


CUT = """
MATCH (e:AuditEntry) WHERE e.seq > 5 DELETE e WITH count(*) AS gone
MATCH (h:AuditHead), (e:AuditEntry {seq: 5}) SET h.seq = 5, h.hash = e.hash
"""


async def test_an_end_that_was_cut_off_with_its_record_is_found_by_the_anchors(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.fill(ENTRIES)
    file = tmp_path / "anchors.jsonl"
    await Anchors(ledger.database, ledger.audit.keys, file).drop()
    assert (await checked(ledger, [file])).sound
    await ledger.database.execute(CUT)
    assert (await checked(ledger)).sound, "by itself the chain tells nothing of it"
    assert found(await checked(ledger, [file])) == {(Fault.CUT_OFF, 6)}
    await ledger.fill(4)
    assert (Fault.ANCHOR, 8) in found(await checked(ledger, [file])), "also when it has grown again since"


async def test_a_whole_chain_that_was_removed_is_found_by_the_anchors(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.fill(ENTRIES, shards=2)
    file = tmp_path / "anchors.jsonl"
    await Anchors(ledger.database, ledger.audit.keys, file).drop()
    await ledger.database.execute("MATCH (n:AuditEntry|AuditHead {shard: 1}) DELETE n")
    verdict = await checked(ledger, [file])
    assert [(one.fault, one.shard, one.seq) for one in verdict.findings] == [(Fault.CUT_OFF, 1, 1)]


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (lambda lines: [lines[0].replace(b'"number":1', b'"number":7'), *lines[1:]], "was altered"),
        (lambda lines: [lines[0], lines[2]], "missing"),
        (lambda lines: [lines[1], lines[0], lines[2]], "exchanged"),
        (lambda lines: [lines[0], b"no anchor\n", *lines[1:]], "can't be read"),
    ],
    ids=["altered", "removed", "exchanged", "inserted"],
)
async def test_anchors_that_were_altered_are_found(
    ledger: Ledger, tmp_path: Path, alter: Callable[[list[bytes]], list[bytes]], told: str
) -> None:
    file = tmp_path / "anchors.jsonl"
    for _ in range(3):
        await ledger.change()
        await Anchors(ledger.database, ledger.audit.keys, file).drop()
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(alter(lines)))
    findings = (await checked(ledger, [file])).findings
    assert any(one.fault is Fault.ANCHOR and told in one.told for one in findings), findings


async def test_keys_may_be_replaced_and_an_old_one_makes_no_new_entry(ledger: Ledger) -> None:
    old, new = AuditKey.of(KEY), AuditKey.of("the next key, which is as long as it ought to be")
    await ledger.fill(3)
    rotated = Keyring(new, [old])

    async def written_with(keys: Keyring) -> None:
        ledger.audit._keys = keys
        ledger.audit.chains = ledger.audit.journal._chains = Chains(lambda: keys, shards=1)
        await ledger.change()

    await written_with(rotated)
    assert (await checked(ledger, keys=rotated)).sound
    assert {one.fault for one in (await checked(ledger, keys=Keyring(old))).findings} == {Fault.UNKNOWN_KEY}
    await written_with(Keyring(old))
    assert found(await checked(ledger, keys=rotated)) == {(Fault.RETIRED_KEY, 5)}


async def test_it_is_checked_while_entries_are_added(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    await ledger.fill(ENTRIES)
    check = Verifying(ledger.database, ledger.audit.keys())
    page: Callable[..., Awaitable[list[list[object]]]] = check._page

    async def and_meanwhile(*given: int) -> list[list[object]]:
        entries = await page(*given)
        await ledger.change("createPerson", "meanwhile")
        return entries

    monkeypatch.setattr(check, "_page", and_meanwhile)
    assert (await check.run()).sound


def test_an_old_key_makes_no_new_anchor(tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    old, new = AuditKey.of(KEY), AuditKey.of("the next key, which is as long as it ought to be")
    for seq, keys in enumerate([Keyring(old), Keyring(new, [old]), Keyring(old)], 1):
        Anchors(None, lambda keys=keys: keys, file)._append({0: (seq, "a")})  # type: ignore[misc,arg-type]
    verdict = Verdict()
    Verifying(None, Keyring(new, [old]), [file])._check_anchors(file, verdict)  # type: ignore[arg-type]
    assert found(verdict) == {(Fault.RETIRED_KEY, 3)}


def test_a_torn_line_of_the_anchors_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    keys = Keyring(AuditKey.of(KEY))
    anchors = Anchors(None, lambda: keys, file)  # type: ignore[arg-type]  # it asks the database for nothing here
    anchors._append({0: (1, "a")})
    with file.open("ab") as stream:
        stream.write(b'{"number":2,"at":17')
    made = anchors._append({0: (1, "a"), 1: (4, "b")})
    assert made is not None
    assert (made.number, dict(made.heads)) == (2, {1: (4, "b")}), "only what moved is written down"
    assert [orjson.loads(line)["number"] for line in file.read_bytes().splitlines()] == [1, 2]
    assert anchors._append({0: (1, "a"), 1: (4, "b")}) is None
