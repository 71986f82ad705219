"""A rule is switched while everything runs: the newest switch counts, and who did it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from graph_crm.decisions.authoring.switching import RuleSwitching, switches
from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.resources import folder
from graph_crm.rules.loader import find
from graph_crm.rules.manager import RuleBook

pytestmark = pytest.mark.lts

RULE = "loan_to_credit_card"
SHIPPED = find([folder("plugins")], installed=False)


def book(**modes: Any) -> RuleBook:
    return RuleBook(SHIPPED, modes=modes)


async def test_the_newest_switch_is_stronger_than_the_settings_and_the_file(empty_database: Database):
    settings = book(**{RULE: "shadow"})
    switching = RuleSwitching(empty_database, settings)
    assert await switches(empty_database.read) == {}
    await switching.switch(RULE, "off", reason="complaints", by="jana")
    await switching.switch(RULE, "on", reason="repaired", by="petr")
    in_force = settings.switched(await switches(empty_database.read))
    assert in_force.rule(RULE).mode == "on"
    assert in_force.rule("deposit_to_card").mode == "on"
    assert settings.rule(RULE).mode == "shadow", "the book itself stays as it was loaded"


async def test_history_tells_who_when_and_why_the_newest_first(empty_database: Database):
    switching = RuleSwitching(empty_database, book())
    for mode, by in [("shadow", "jana"), ("shadow", "jana"), ("off", "petr")]:
        await switching.switch(RULE, mode, reason=f"{mode} by {by}", by=by)
    history = await switching.history(RULE)
    assert [(one.mode, one.by, one.reason) for one in history] == [
        ("off", "petr", "off by petr"),
        ("shadow", "jana", "shadow by jana"),
        ("shadow", "jana", "shadow by jana"),
    ]
    assert history[0].at >= history[1].at >= history[2].at


async def test_of_many_at_once_the_last_in_the_history_is_in_force(empty_database: Database):
    switching = RuleSwitching(empty_database, book())
    modes = ["off", "shadow", "on"] * 7
    await asyncio.gather(*(switching.switch(RULE, mode, reason=str(n), by="a test") for n, mode in enumerate(modes)))
    history = await switching.history(RULE)
    assert len(history) == len(modes)
    assert await switches(empty_database.read) == {RULE: history[0].mode}


async def test_a_switch_sent_twice_with_its_key_is_kept_once(empty_database: Database):
    switching = RuleSwitching(empty_database, book())
    for _ in range(2):
        await switching.switch(RULE, "off", reason="r", by="jana", idempotency_key="k1")
    assert len(await switching.history(RULE)) == 1


async def test_a_mode_that_nobody_understands_is_off(empty_database: Database):
    await empty_database.execute("CREATE (:RuleMode {rule: $rule, mode: 'MAYBE'})", {"rule": RULE})
    assert await switches(empty_database.read) == {RULE: "off"}


async def test_what_can_not_be_switched_is_refused_and_leaves_no_entry(empty_database: Database):
    switching = RuleSwitching(empty_database, book())
    with pytest.raises(InvalidInput, match="no mode"):
        await switching.switch(RULE, "loud", reason="r", by="jana")
    with pytest.raises(InvalidInput, match="reason"):
        await switching.switch(RULE, "off", reason="  ", by="jana")
    with pytest.raises(NotFound, match="no plugin has a rule"):
        await switching.switch("no_such_rule", "off", reason="r", by="jana")
    assert await empty_database.read("MATCH (n) WHERE n:RuleSwitch OR n:RuleMode RETURN n.rule AS rule") == []


async def test_what_a_hook_proposed_once_can_be_switched(empty_database: Database):
    await empty_database.execute("CREATE (:Offer {id: 'o', ruleId: 'low_balance'})")
    await RuleSwitching(empty_database, book()).switch("low_balance", "off", reason="r", by="jana")
    in_force = book().switched(await switches(empty_database.read))
    assert in_force.mode("low_balance") == "off"
