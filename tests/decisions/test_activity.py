"""What rules did is counted over all processes, mode by mode, and a plugin out of force is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from graph_crm.decisions.authoring.activity import ActivityLog, plugin_problems, tally
from graph_crm.decisions.authoring.reports import ModeReport, RuleReports, Stop
from graph_crm.decisions.gates import Effect, GateVerdict
from graph_crm.decisions.pipeline import Considered, Outcome
from graph_crm.errors import RuleError
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules import Proposal, hookimpl
from graph_crm.rules.loader import Found, find
from graph_crm.rules.manager import FAILURES_UNTIL_SUSPENDED, RuleBook
from graph_crm.rules.testing import customer

pytestmark = pytest.mark.lts

RULE = "loan_to_credit_card"
ANNA = customer("anna").on("2026-06-01")


@pytest.fixture
def new_book() -> Callable[[], RuleBook]:
    """Makes the shipped rule book anew, as each process does."""
    return lambda: RuleBook(find([folder("plugins")], installed=False))


def work(book: RuleBook, evaluated: int, passed: int) -> None:
    """Count as a process does while it judges."""
    counters = book.rule(RULE).counters
    counters.evaluated += evaluated
    counters.passed += passed
    counters.seconds += evaluated / 1000


def proposed(rule: str, mode: str, *gates: GateVerdict) -> Outcome:
    """A decision about one proposal that met these gates."""
    proposal = Proposal(party="anna", rule=rule, offer="CREDIT_CARD", channels=["PHONE"], reasons="r", mode=mode)
    considered = Considered(
        rule=rule,
        plugin="p",
        product="CREDIT_CARD",
        mode=mode,
        version="1",
        title="a test",
        gates=list(gates),
        proposal=proposal,
    )
    return Outcome(ANNA, [considered], "a key")


def gate(name: str, effect: Effect, code: str) -> GateVerdict:
    return GateVerdict(name, effect, code, "a test")


async def report(database: Database, book: RuleBook, rule: str = RULE):
    (found,) = await RuleReports(database, book).read(rule)
    return found


async def test_the_work_of_two_processes_is_summed_and_none_is_counted_twice(
    empty_database: Database, new_book: Callable[[], RuleBook]
):
    books = [new_book(), new_book()]
    logs = [ActivityLog(empty_database, book) for book in books]
    for _ in range(5):
        for book in books:
            work(book, evaluated=10, passed=3)
            tally(book, [proposed(RULE, "on", gate("consent", Effect.DROP, "CONSENT_UNKNOWN"))] * 3)
        await asyncio.gather(*[log.flush() for log in logs])
    await asyncio.gather(*[log.flush() for log in logs])  # nothing has grown: nothing is added

    (on,) = (await report(empty_database, books[0])).modes
    assert (on.evaluated, on.passed, on.failed, on.proposed, on.offers) == (100, 30, 0, 30, 0)
    assert on.stopped == (Stop("consent", "CONSENT_UNKNOWN", 30),)
    assert on.microseconds == pytest.approx(1000)


async def test_shadow_is_counted_beside_on_and_says_what_it_would_have_offered(
    empty_database: Database, new_book: Callable[[], RuleBook]
):
    book = new_book()
    held = gate("contact_times", Effect.HOLD, "QUIET_HOURS")
    tally(book, [proposed(RULE, "on", gate("arbitration", Effect.PASS, "RANKED"))])
    book.switched({RULE: "shadow"}).rule(RULE).counters.evaluated += 9
    shadow = gate("arbitration", Effect.DROP, "SHADOW")
    tally(book, [proposed(RULE, "shadow", shadow), proposed(RULE, "shadow", held, shadow)])
    tally(book, [proposed(RULE, "shadow", gate("suitability", Effect.DROP, "IN_DEFAULT"))])
    await ActivityLog(empty_database, book).flush()

    on, shadowed = (await report(empty_database, book)).modes
    assert on == ModeReport(mode="on", proposed=1, offers=1)
    assert shadowed == ModeReport(
        mode="shadow", evaluated=9, proposed=3, offers=2, held=1, stopped=(Stop("suitability", "IN_DEFAULT", 1),)
    )


async def test_what_a_hook_proposes_has_its_report_too(empty_database: Database, new_book: Callable[[], RuleBook]):
    book = new_book()
    tally(book, [proposed("low_balance", "on", gate("treatment", Effect.PASS, "PHONE"))])
    await ActivityLog(empty_database, book).flush()
    found = await report(empty_database, book, "low_balance")
    assert (found.plugin, found.mode, found.modes[0].offers) == (None, "on", 1)


async def test_a_process_that_stops_writes_its_last_counts(empty_database: Database, new_book: Callable[[], RuleBook]):
    book = new_book()
    keeping = asyncio.create_task(ActivityLog(empty_database, book).keep())
    await asyncio.sleep(0)
    work(book, evaluated=7, passed=1)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)

    assert (await report(empty_database, book)).modes[0].evaluated == 7


async def test_a_report_tells_what_became_of_the_offers(empty_database: Database, new_book: Callable[[], RuleBook]):
    await empty_database.execute(
        """
        UNWIND range(1, 5) AS n
        CREATE (o:Offer {id: 'o' + n, ruleId: $rule, status: CASE WHEN n < 3 THEN 'ACCEPTED' ELSE 'WAITING' END})
        FOREACH (_ IN CASE WHEN n < 5 THEN [1] ELSE [] END | CREATE (:Reservation {id: 'r' + n})-[:FOR_OFFER]->(o))
        FOREACH (_ IN CASE WHEN n < 4 THEN [1] ELSE [] END |
          CREATE (o)-[:DELIVERED_AS]->(:Interaction {id: 'i' + n}))
        FOREACH (_ IN CASE WHEN n < 3 THEN [1] ELSE [] END |
          CREATE (o)-[:ANSWERED_BY]->(:Response {id: 's' + n, outcome: 'ACCEPTED'}))
        FOREACH (_ IN CASE WHEN n = 1 THEN [1] ELSE [] END | CREATE (o)-[:CONVERTED_TO]->(:Agreement {id: 'a'}))
        """,
        {"rule": RULE},
    )
    found = await report(empty_database, new_book())
    assert found.offers == {"ACCEPTED": 2, "WAITING": 3}
    assert (found.reserved, found.contacted, found.answers, found.sales) == (4, 3, {"ACCEPTED": 2}, 1)


async def test_a_rule_that_never_did_anything_has_a_report_without_work(
    empty_database: Database, new_book: Callable[[], RuleBook]
):
    found = await report(empty_database, new_book())
    assert (found.modes, found.offers, found.sales, found.mode) == ((), {}, 0, "on")
    assert found.plugin_state == "loaded"
    with pytest.raises(RuleError, match="There is no rule nothing"):
        await RuleReports(empty_database, new_book()).read("nothing")


class Failing:
    @hookimpl
    def propose(self, snapshots):
        raise ZeroDivisionError("always")


async def test_a_suspended_plugin_is_reported_until_its_process_is_well_again(empty_database: Database):
    book = RuleBook([Found("mine", "mine.py", Failing())])
    log = ActivityLog(empty_database, book, process="machine:1")
    await log.flush()
    assert await plugin_problems(empty_database) == []
    for _ in range(FAILURES_UNTIL_SUSPENDED):
        book.propose([ANNA])
    await log.flush()
    (found,) = await plugin_problems(empty_database)
    assert (found.plugin, found.process, found.state) == ("mine", "machine:1", "suspended")
    assert "ZeroDivisionError" in found.problem
    # The process is started anew, with the plugin as it was loaded.
    await ActivityLog(empty_database, RuleBook([Found("mine", "mine.py", Failing())]), process="machine:1").flush()
    assert await plugin_problems(empty_database) == []


async def test_a_process_that_ends_takes_its_report_along_and_a_killed_one_is_forgotten(empty_database: Database):
    broken = RuleBook([Found("mine", "mine.py", None, "line 1: SyntaxError")])
    log = ActivityLog(empty_database, broken, process="machine:2")
    keeping = asyncio.create_task(log.keep())
    await log.flush()
    assert (await plugin_problems(empty_database))[0].state == "broken"
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert await plugin_problems(empty_database) == []

    await ActivityLog(empty_database, broken, process="killed").flush()
    await empty_database.execute("MATCH (r:PluginReport) SET r.at = r.at - duration({minutes: 6})")
    assert await plugin_problems(empty_database) == []
    await ActivityLog(empty_database, broken, process="machine:3").flush()
    rows = await empty_database.read("MATCH (r:PluginReport) RETURN r.process AS process")
    assert [row["process"] for row in rows] == ["machine:3"]
