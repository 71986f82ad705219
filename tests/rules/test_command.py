"""`graph-crm rules ...` as an author meets it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from graph_crm.cli.rules import app
from graph_crm.errors import CrmError, RuleError
from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank

BAD = "from graph_crm.rules import hookimpl\n\n\n@hookimpl\ndef vetoes(snapshots):\n    return []\n"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("GRAPH_CRM_PLUGINS_DIR", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    return CliRunner()


def test_list_shows_every_rule_with_plugin_file_and_mode(command: CliRunner, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRAPH_CRM_RULE_MODES", '{"deposit_to_card": "shadow"}')
    done = command.invoke(app, ["list", "--json"])
    listed = json.loads(done.stdout)
    rules = {one["rule"]: one for one in listed["rules"]}
    assert set(rules) == {
        "atm_balance_loan",
        "card_to_sms_info",
        "deposit_to_card",
        "loan_to_credit_card",
        "loan_to_current_account",
    }
    assert rules["deposit_to_card"]["mode"] == "shadow"
    assert rules["atm_balance_loan"]["on"] == "atm_balance_check"
    assert "lifecycle_cross_sell.py:" in rules["loan_to_credit_card"]["file"]
    assert listed["problems"] == []


def test_list_names_a_plugin_that_can_not_be_loaded(command: CliRunner, tmp_path: Path):
    (tmp_path / "own" / "mine.py").write_text("1 / 0\n")
    done = command.invoke(app, ["list"])
    assert done.exit_code == 0
    assert "Problem: Plugin mine" in done.stderr
    assert done.stderr.count("line 1: ZeroDivisionError") == 1


def test_list_says_broken_unknown_hook_and_unknown_product_by_the_plugins_file(command: CliRunner, tmp_path: Path):
    (tmp_path / "own" / "mine.py").write_text(BAD)
    (tmp_path / "own" / "raises.py").write_text(BAD.replace("vetoes(snapshots)", "rules()").replace("[]", "1 / 0"))
    (tmp_path / "own" / "gold.py").write_text(
        "from graph_crm.rules import Rule, everyone, hookimpl\n\n\n@hookimpl\ndef rules():\n    return [\n"
        "        Rule(id='r', title='t', when=everyone(), offer='CREDIT_CRAD', channels=['ATM'], reasons='r')\n    ]\n"
    )
    done = command.invoke(app, ["list"])
    assert f"Plugin mine (broken): {tmp_path / 'own' / 'mine.py'}" in done.stdout
    assert "Plugin raises (broken): " in done.stdout
    assert "unknown hook 'vetoes'" in done.stderr
    assert "<module" not in done.output
    assert (
        "Rule r offers CREDIT_CRAD, which the shipped catalogue does not have. Did you mean CREDIT_CARD?" in done.stderr
    )


def test_candidates_of_a_hook_are_refused_with_the_reason(command: CliRunner, tmp_path: Path):
    (tmp_path / "own" / "low_balance.py").write_text(
        "from graph_crm.rules import hookimpl\n\n\n@hookimpl\ndef propose(snapshots):\n    return []\n"
    )
    error = command.invoke(app, ["candidates", "low_balance"]).exception
    assert isinstance(error, RuleError)
    assert "There is no rule low_balance." in error.message
    assert "propose" in (error.hint or "")
    assert "low_balance" in (error.hint or "")
    assert "at events only" in (error.hint or "")


def test_check_of_a_folder_finds_an_id_that_a_shipped_plugin_has(command: CliRunner, tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "from graph_crm.rules import Rule, everyone, hookimpl\n\n\n@hookimpl\ndef rules():\n    return [\n"
        "        Rule(id='deposit_to_card', title='t', when=everyone(), offer='CREDIT_CARD', channels=['ATM'],\n"
        "             reasons='r')\n    ]\n"
    )
    done = command.invoke(app, ["check", "mine.py"])
    assert done.exit_code == 1
    assert done.stdout.startswith("mine.py:7: DUPLICATE: rule deposit_to_card exists already: ")
    assert "lifecycle_cross_sell.py:" in done.stdout


def test_check_prints_file_and_line_and_exits_with_1(command: CliRunner, tmp_path: Path):
    file = tmp_path / "own" / "mine.py"
    file.write_text(BAD)
    done = command.invoke(app, ["check"])
    assert done.exit_code == 1
    assert done.stdout == f"{file}:5: HOOK: there is no hook vetoes. Did you mean veto?\n"
    as_json = command.invoke(app, ["check", str(file), "--json"])
    assert as_json.exit_code == 1
    assert [(one["line"], one["code"]) for one in json.loads(as_json.stdout)] == [(5, "HOOK")]


def test_check_of_what_is_right_exits_with_0(command: CliRunner):
    done = command.invoke(app, ["check"])
    assert (done.exit_code, done.stdout) == (0, "")


def test_check_knows_a_catalogue_of_your_own(command: CliRunner, tmp_path: Path):
    file = tmp_path / "own" / "mine.py"
    file.write_text(
        "from graph_crm.rules import Rule, everyone, hookimpl\n\n\n@hookimpl\ndef rules():\n    return [\n"
        "        Rule(id='r', title='t', when=everyone(), offer='GOLD_BAR', channels=['ATM'], reasons='r')\n    ]\n"
    )
    assert command.invoke(app, ["check"]).exit_code == 1
    (tmp_path / "mine.toml").write_text('[[products]]\ncode = "GOLD_BAR"\nfamily = "INVESTMENT"\n')
    assert command.invoke(app, ["check", str(file), "--catalogue", "mine.toml"]).exit_code == 0


def test_new_writes_into_your_folder_and_the_rule_is_listed(command: CliRunner, tmp_path: Path):
    done = command.invoke(app, ["new", "first_salary"])
    assert done.stdout.splitlines() == [
        str(tmp_path / "own" / "first_salary.py"),
        str(tmp_path / "own" / "tests" / "test_first_salary.py"),
    ]
    listed = json.loads(command.invoke(app, ["list", "--json"]).stdout)
    assert "first_salary" in {one["rule"] for one in listed["rules"]}


# What asks the database, on a small demo bank.


@pytest.fixture
async def demo_bank(
    empty_database: Database, neo4j_address: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Database:
    """Three hundred parties, and the commands over them."""
    uri, password = neo4j_address
    monkeypatch.setenv("NEO4J_URI", uri)
    monkeypatch.setenv("NEO4J_PASSWORD", password)
    await seed_demo_bank(empty_database, customers=300, seed=3, as_of=dt.date(2026, 6, 30))
    return empty_database


async def invoked(command: CliRunner, *arguments: str) -> Result:
    """In a thread: a command has an event loop of its own."""
    return await asyncio.to_thread(command.invoke, app, [*arguments])


async def test_simulate_prints_a_funnel_and_draws_it(command: CliRunner, demo_bank: Database, tmp_path: Path):
    done = await invoked(
        command, "simulate", "loan_to_credit_card", "--as-of", "2026-06-30", "--json", "--picture", "funnel.svg"
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["parties"] == 300
    assert found["found"] >= 5
    gates = {one["gate"]: one for one in found["funnel"]}
    assert gates["rule"]["asked"] == found["found"]
    assert sum(one["contacts"] for one in found["volume"]) == found["contacts"] <= len(found["planned"])
    picture = (tmp_path / "funnel.svg").read_text()
    assert picture.startswith("<?xml")
    table = await invoked(command, "simulate", "loan_to_credit_card", "--as-of", "2026-06-30")
    assert "eligibility" in table.stdout
    assert "as if it were on" in " ".join(table.stdout.split())


async def test_simulate_on_the_past_prints_lifts_and_draws_them(
    command: CliRunner, demo_bank: Database, tmp_path: Path
):
    period = ["--from", "2025-06-30", "--to", "2026-06-30", "--step", "60"]
    done = await invoked(command, "simulate", "loan_to_credit_card", *period, "--json", "--picture", "past.png")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["proposed"] == sum(one["proposed"] for one in found["steps"]) > 0
    assert [one["days"] for one in found["lifts"]] == [30, 90, 180]
    assert (tmp_path / "past.png").read_bytes().startswith(b"\x89PNG")
    table = await invoked(command, "simulate", "loan_to_credit_card", *period)
    assert "Nobody was contacted" in " ".join(table.stderr.split())


async def test_what_a_simulation_can_not_show_is_said_in_a_sentence(
    command: CliRunner, demo_bank: Database, tmp_path: Path
):
    future = (await invoked(command, "simulate", "loan_to_credit_card", "--as-of", "2999-01-01")).exception
    assert isinstance(future, CrmError)
    assert "is not here yet" in future.message
    assert future.hint
    before = ["--from", "1850-01-01", "--to", "1850-02-01"]
    error = (await invoked(command, "simulate", "loan_to_credit_card", *before)).exception
    assert isinstance(error, CrmError)
    assert "there is nothing before it" in error.message
    late = ["--from", "2026-06-25", "--to", "2026-06-30", "--picture", "late.svg"]
    young = await invoked(command, "simulate", "loan_to_credit_card", *late)
    assert "no window ends before" in " ".join(young.stderr.split())
    assert "what they did afterwards" not in young.stdout
    assert "in 0 days" not in (tmp_path / "late.svg").read_text()
    begun = await invoked(
        command, "simulate", "loan_to_credit_card", "--from", "1850-01-01", "--to", "2026-06-30", "--step", "3000"
    )
    assert begun.exit_code == 0, begun.output
    assert "with the first agreement" in " ".join(begun.stderr.split())


async def test_switch_history_and_report(command: CliRunner, demo_bank: Database):
    done = await invoked(command, "switch", "deposit_to_card", "shadow", "--reason", "to watch it")
    assert done.exit_code == 0, done.output
    assert "deposit_to_card is shadow since" in done.stdout
    (entry,) = json.loads((await invoked(command, "history", "deposit_to_card", "--json")).stdout)
    assert (entry["mode"], entry["reason"]) == ("shadow", "to watch it")
    assert entry["by"].startswith("cli:")
    (report,) = json.loads((await invoked(command, "report", "deposit_to_card", "--json")).stdout)
    assert (report["mode"], report["modes"]) == ("shadow", [])
    listed = json.loads((await invoked(command, "list", "--counters", "--json")).stdout)["rules"]
    assert {one["rule"]: one["mode"] for one in listed}["deposit_to_card"] == "shadow"
    assert "atm_balance_loan" in (await invoked(command, "report")).stdout
    await demo_bank.execute(
        "CREATE (:RuleCount {key: 'deposit_to_card|on', rule: 'deposit_to_card', mode: 'on', since: datetime(),"
        " at: datetime(), evaluated: 3, passed: 1, unknown: 0, failed: 0, seconds: 0.123456, proposed: 1, offers: 1,"
        " held: 0})"
    )
    assert re.search(r" 0\.123 ", (await invoked(command, "list", "--counters")).stdout), "rounded for people"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["simulate", "deposit_to_card", "--to", "2026-06-30"], "BAD_USER_INPUT"),
        (["simulate", "deposit_to_card", "--from", "2026-01-01", "--as-of", "2026-06-30"], "BAD_USER_INPUT"),
        (["simulate", "deposit_to_card", "--picture", "funnel.txt"], "BAD_USER_INPUT"),
        (["simulate", "deposit_to_card", "--picture", "nowhere/funnel.svg"], "BAD_USER_INPUT"),
        (["simulate", "nothing"], "RULE"),
    ],
)
def test_what_can_not_be_simulated_is_told_before_a_database_is_started(
    command: CliRunner, arguments: list[str], code: str
):
    error = command.invoke(app, arguments).exception
    assert isinstance(error, CrmError)
    assert error.code == code
