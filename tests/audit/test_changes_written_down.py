"""Every change that somebody makes stands in the audit with it: both, or neither."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fitting_literals import literal
from graphql import (
    GraphQLField,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from small_audit import ANNA, KEY, Ledger, whats

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.audit import acting
from graph_crm.audit.chains import Chains
from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.keys import AuditKey, AuditKeyMissing, Keyring
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.service import Audit
from graph_crm.audit.verifying import Verifying
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database, Transaction
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts


def document(name: str, field: GraphQLField) -> str:
    needed = {key: one.type for key, one in field.args.items() if is_required_argument(one)}
    text = '"x-1"'
    given = ", ".join(f"{key}: {literal(type_, text)}" for key, type_ in needed.items())
    below = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"mutation {{ {name}{f'({given})' if given else ''}{below} }}"


class Reached(InvalidInput):
    """The mutation got as far as a service, which has written something."""


class WritingService:
    """Any service: whatever is asked of it changes something, in its own way each time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = 0

    def __getattr__(self, name: str) -> Any:
        async def work(*_given: Any, **_named: Any) -> Any:
            self._turn += 1
            if self._turn % 2:
                await self._database.write(lambda tx: tx.run("CREATE (:Probe {name: 'by transaction'})"))
            else:
                await self._database.execute("CREATE (:Probe {name: 'by one statement'})")
            raise Reached("a service was asked")

        return work


async def test_every_mutation_of_the_schema_leaves_an_entry_with_what_it_changes(ledger: Ledger) -> None:
    schema = platform_schema()
    service = WritingService(ledger.database)
    executor = Executor(schema, ledger.database, lambda _kind: service, audit=ledger.audit)
    assert schema.core.mutation_type is not None
    mutations = schema.core.mutation_type.fields
    for name, field in mutations.items():
        caller = Caller("root", Role.ADMINISTRATOR, "party-of-root")
        answer = await executor.execute(Request(document(name, field), caller))
        codes = [error["extensions"]["code"] for error in answer["errors"]]
        assert codes == ["BAD_USER_INPUT"], (name, answer)
    written = [one for one in await ledger.records() if one.kind is not AuditKind.READ]
    assert len(written) == len(await ledger.probes())
    # The link of a survey is read before any service is asked: that one is refused, and writes nothing.
    assert {one.what for one in written} == set(mutations) - {"answerSurvey"}
    assert {one.who for one in written} == {"root"}


async def test_a_change_and_its_entry_are_there_together_or_not_at_all(ledger: Ledger) -> None:
    async def refused(tx: Transaction) -> None:
        await tx.run("CREATE (:Probe {name: 'refused'})")
        raise InvalidInput("no")

    with acting.acting(ANNA) as made:
        made.begin("createPerson", ["party-1"])
        with pytest.raises(InvalidInput):
            await ledger.database.write(refused)
    assert await ledger.probes() == []
    assert await ledger.records() == []


async def test_nothing_is_changed_where_there_is_no_key_to_write_it_down_with(empty_database: Database) -> None:
    audit = Audit(empty_database)
    audit.attach()
    try:
        with pytest.raises(AuditKeyMissing):
            await Ledger(empty_database, audit).change()
    finally:
        empty_database.journal = None
    assert await Ledger(empty_database, audit).probes() == []


async def test_an_entry_says_who_did_what_to_whom_from_where_and_why(ledger: Ledger) -> None:
    await ledger.change("updatePerson", "party-1", "party-2")
    (one,) = await ledger.records()
    assert (one.kind, one.what, one.who, one.role, one.ids) == (
        AuditKind.WRITE, "updatePerson", "anna", "agent", ("party-1", "party-2"),
    )  # fmt: skip
    assert (one.operation, one.document, one.why, one.address, one.agent) == (
        "mutation Make", "d0c", "case:SR-1", "192.0.2.7", "Desk/1.0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mutation", "kind"),
    [
        ("decide", AuditKind.DECISION),
        ("askLimitOverride", AuditKind.OVERRIDE),
        ("approveLimitOverride", AuditKind.OVERRIDE),
        ("switchRule", AuditKind.RULE_SWITCH),
        ("eraseParty", AuditKind.PRIVACY),
        ("protectParty", AuditKind.ACCESS),
        ("createProduct", AuditKind.WRITE),
    ],
)
async def test_decisions_overrides_and_switches_have_entries_of_their_kind(
    ledger: Ledger, mutation: str, kind: AuditKind
) -> None:
    await ledger.change(mutation)
    (one,) = await ledger.records()
    assert one.kind is kind


async def test_work_that_nobody_asked_for_is_written_down_where_it_says_so(ledger: Ledger) -> None:
    async def leased(tx: Transaction) -> None:
        await tx.run("CREATE (:Probe {name: 'lease'})")

    async def decided(tx: Transaction) -> None:
        record(tx, Entry(AuditKind.DECISION, "event:atm", ["decision-1", "party-1"], details={"decisions": 1}))

    await ledger.database.write(leased)
    await ledger.database.write(decided)
    (one,) = await ledger.records()
    assert (one.kind, one.who, one.ids, one.details) == (
        AuditKind.DECISION, "system", ("decision-1", "party-1"), {"decisions": 1},
    )  # fmt: skip


async def test_what_is_no_id_is_kept_as_a_hash_that_tells_nothing(ledger: Ledger) -> None:
    await ledger.change("callArrived", "anna@bank.example", "+48600100200", "Jan Nowak", "party-1")
    (one,) = await ledger.records()
    assert one.ids[3:] == ("party-1",)
    assert all(given.startswith("#") and len(given) == 17 for given in one.ids[:3])
    again = ledger.audit.journal.hidden().ids(["anna@bank.example"])
    assert again == [one.ids[0]], "the same text has the same hash, so that it can be looked for"


async def test_many_changes_at_once_by_two_processes_make_whole_chains(empty_database: Database, keys: Keyring) -> None:
    audits = [Audit(empty_database, lambda: keys) for _ in range(2)]
    for one in audits:
        one.chains = one.journal._chains = Chains(lambda: keys, shards=3)

    async def change(number: int) -> None:
        async def work(tx: Transaction) -> None:
            # The same lock for many of them, as the ledger of a customer is.
            await tx.run("MERGE (p:Probe {name: $name}) SET p.turn = coalesce(p.turn, 0) + 1", {"name": number % 4})
            record(tx, Entry(AuditKind.WRITE, f"change {number}"))

        await empty_database.write(work)

    try:
        for turn in range(4):
            empty_database.journal = audits[turn % 2]
            await asyncio.gather(*[change(turn * 15 + number) for number in range(15)])
    finally:
        empty_database.journal = None
    assert whats(await Ledger(empty_database, audits[0]).records()) == sorted(f"change {n}" for n in range(60))
    verdict = await Verifying(empty_database, keys).run()
    assert verdict.sound, verdict.findings
    assert (verdict.entries, verdict.chains) == (60, 3)


async def test_a_process_notices_that_a_chain_it_wrote_to_has_become_shorter(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.fill(3)
    await ledger.database.execute("MATCH (e:AuditEntry {seq: 3}) DELETE e")
    await ledger.database.execute(
        "MATCH (h:AuditHead), (e:AuditEntry {seq: 2}) WHERE h.shard = e.shard SET h.seq = 2, h.hash = e.hash"
    )
    await ledger.change("createPerson", "party-9")
    assert ledger.audit.chains.went_back == 1
    assert "had 3 entries before" in caplog.text


async def test_keys_are_told_apart_by_an_id_made_of_them_and_never_shown() -> None:
    key = AuditKey.of(KEY)
    assert key.id == AuditKey.of(KEY).id != AuditKey.of(KEY + "!").id
    assert KEY not in repr(key)
