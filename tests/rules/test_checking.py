"""`rules check` finds the usual mistakes of an author, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from graph_crm import cli
from graph_crm.errors import RuleError
from graph_crm.resources import folder
from graph_crm.rules.checking import Known, check
from graph_crm.rules.products import catalogue
from graph_crm.rules.scaffold import new

KNOWN = Known(catalogue(), frozenset({"login", "atm_balance_check"}))
HEAD = "from graph_crm.rules import Rule, days, did, hookimpl, holds\n"


def rule(changed: str = "", **parts: str) -> str:
    said = {
        "id": "'r'",
        "title": "'t'",
        "when": "holds('CASH_LOAN')",
        "offer": "'CREDIT_CARD'",
        "channels": "['PHONE']",
        "reasons": "'because'",
    } | parts
    arguments = ", ".join(f"{name}={value}" for name, value in said.items() if value)
    return f"{HEAD}@hookimpl\ndef rules():\n    return [\n        Rule({arguments}{changed}),\n    ]\n"


RULE_LINE = 5


@pytest.mark.parametrize(
    ("source", "line", "code", "said"),
    [
        ("def rules(:\n", 1, "SYNTAX", "invalid syntax"),
        ("import neo4j\n", 1, "IMPORT", "must not import neo4j"),
        ("import strawberry.types\n", 1, "IMPORT", "must not import strawberry"),
        ("x = 1\nfrom graph_crm.graph.database import Database\n", 2, "IMPORT", "inside the platform"),
        ("from graph_crm.rules.manager import RuleBook\n", 1, "IMPORT", "inside the platform"),
        ("from graph_crm.rules import hold\n", 1, "IMPORT", "has no hold"),
        ("from . import other\n", 1, "IMPORT", "one file"),
        ("import requests\n", 1, "OUTSIDE", "must not use requests"),
        (HEAD + "@hookimpl\ndef rules():\n    print('x')\n    return []\n", 4, "OUTSIDE", "print()"),
        (HEAD + "@hookimpl\ndef rules():\n    return open('x')\n", 4, "OUTSIDE", "open()"),
        ("import datetime as dt\nx = dt.date.today()\n", 2, "CLOCK", "must not ask the clock"),
        ("from datetime import datetime\nx = datetime.now()\n", 2, "CLOCK", "must not ask the clock"),
        (HEAD + "@hookimpl\ndef rule():\n    return []\n", 3, "HOOK", "there is no hook rule"),
        (HEAD + "@hookimpl\ndef veto(snapshot):\n    return []\n", 3, "HOOK", "not given snapshot"),
        (HEAD + "@hookimpl\nasync def veto(snapshots):\n    return []\n", 3, "HOOK", "must not be async"),
        (HEAD + "def rules():\n    return []\n", 2, "HOOK", "not marked"),
        (HEAD, 1, "HOOK", "implements no hook"),
        (HEAD + "@hookimpl\ndef rules():\n    return None\n", 4, "TYPE", "list of Rule"),
        (HEAD + "@hookimpl\ndef rules():\n    return 'a rule'\n", 4, "TYPE", "list of Rule"),
        (HEAD + "@hookimpl\ndef rules():\n    pass\n", 3, "TYPE", "list of Rule"),
        (HEAD + "@hookimpl\ndef rules():\n    x = 1\n    raise ValueError('no')\n", 5, "LOAD", "no"),
        (HEAD + "@hookimpl\ndef rules(snapshots):\n    return []\n", 3, "HOOK", "not given snapshots"),
        (rule(id=""), RULE_LINE, "RULE", "has no id"),
        (rule(reasons=""), RULE_LINE, "RULE", "has no reasons"),
        (rule(", reason='x'"), RULE_LINE, "RULE", "has no reason"),
        (rule(when="holds('CASH_LOAN') and holds('SMS_INFO')"), RULE_LINE, "RULE", "don't combine with and"),
        (rule(when="not holds('CASH_LOAN')"), RULE_LINE, "RULE", "don't combine with and"),
        (rule(when="True"), RULE_LINE, "LOAD", "must be a condition"),
        (rule(reasons="''"), RULE_LINE, "LOAD", "without a reason"),
        (rule(channels="['PIGEON']"), RULE_LINE, "LOAD", "PIGEON"),
        (rule(when="holds('CASH_LOAN', for_at_least=90)"), RULE_LINE, "LOAD", "must be a period"),
        (rule(offer="'CREDIT_CART'"), RULE_LINE, "PRODUCT", "unknown product CREDIT_CART"),
        (rule(when="holds('CASHLOAN')"), RULE_LINE, "PRODUCT", "unknown product CASHLOAN"),
        (rule(when="holds(family='LOANS')"), RULE_LINE, "PRODUCT", "unknown family LOANS"),
        (rule(when="did('log_in')"), RULE_LINE, "EVENT", "unknown event log_in"),
        (rule(", on_event='atm_balance'"), RULE_LINE, "EVENT", "unknown event atm_balance"),
        (rule(when="holds('CASH_LOAN') & ~holds('CASH_LOAN')"), RULE_LINE, "NEVER", "can never pass"),
        (
            rule(when="holds('CASH_LOAN', for_at_least=days(90)) & ~holds('CASH_LOAN')"),
            RULE_LINE,
            "NEVER",
            "can never pass",
        ),
        (rule(reasons="'for {day_held} days'"), RULE_LINE, "REASON", "day_held"),
        (rule(reasons="'for {days_held days'"), RULE_LINE, "REASON", "braces"),
        (rule(reasons="'{events} times'"), RULE_LINE, "REASON", "none of its conditions gives the number {events}"),
        (rule(when="~holds('CASH_LOAN')", reasons="'{days_held}'"), RULE_LINE, "REASON", "{days_held}"),
        (rule(reasons="'for {} days'"), RULE_LINE, "REASON", "{}"),
        (rule(reasons="'for {days_held:%d} days'"), RULE_LINE, "REASON", "can't be shown"),
    ],
)
def test_a_mistake_is_found_with_its_line(tmp_path: Path, source: str, line: int, code: str, said: str):
    file = tmp_path / "plugin.py"
    file.write_text(source)
    findings = check([file], KNOWN)
    assert [(one.line, one.code) for one in findings] == [(line, code)], [str(one) for one in findings]
    assert said in findings[0].message
    assert str(findings[0]).startswith(f"{file}:{line}: {code}: ")


TWO_RULES = """from graph_crm.rules import Rule, age_between, days, did, hookimpl, holds, in_segment


@hookimpl
def rules():
    return [
        Rule(
            id="first", title="t", when=holds("CASH_LOAN"), offer="CREDIT_CARD", channels=["PHONE"], reasons="because",
        ),
        Rule(
            id="second",
            title="second",
            when=(
                holds(
                    "CASH_LOAN",
                    role="OWNER",
                )
                & did("login", within=days(3))
            ),
            offer="CARD_CLASSIC",
            channels=["SMS"],
            reasons="for {days_held} days",
        ),
    ]
"""
SECOND, HOLDS, DID, CHANNELS = 10, 14, 18, 21


@pytest.mark.parametrize("named", ["absolute", "relative", "from above"])
@pytest.mark.parametrize(
    ("right", "wrong", "line", "code"),
    [
        ('role="OWNER"', 'role="BOSS"', HOLDS, "LOAD"),
        ('role="OWNER"', "for_at_least=180", HOLDS, "LOAD"),
        ('role="OWNER"', 'status="OPEN"', HOLDS, "LOAD"),
        ('role="OWNER"', 'colour="RED"', HOLDS, "LOAD"),
        ('did("login", within=days(3))', "age_between(90, 18)", DID, "LOAD"),
        ('did("login", within=days(3))', "in_segment()", DID, "LOAD"),
        ('["SMS"]', '["PIGEON"]', SECOND, "LOAD"),
        ('["SMS"]', '["SMS"], mode="maybe"', SECOND, "LOAD"),
        ('title="second",', "", SECOND, "RULE"),
        ('["SMS"]', '["SMS"], colour="red"', CHANNELS, "RULE"),
        ("& did", "and did", HOLDS, "RULE"),
        ("CARD_CLASSIC", "CARD_CLASIC", SECOND, "PRODUCT"),
        ('"login"', '"log_in"', SECOND, "EVENT"),
        ('did("login", within=days(3))', "~holds()", SECOND, "NEVER"),
        ("{days_held}", "{age}", SECOND, "REASON"),
    ],
)
def test_each_mistake_names_its_own_line_however_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, line: int, code: str, named: str
):
    """Of two rules of many lines the one that is wrong, once; not line 1, nor the hook's."""
    (tmp_path / "deeper").mkdir()
    file = tmp_path / "plugin.py"
    assert TWO_RULES.count(right) == 1
    file.write_text(TWO_RULES.replace(right, wrong))
    monkeypatch.chdir(tmp_path / "deeper" if named == "from above" else tmp_path)
    path = {"absolute": file, "relative": Path("plugin.py"), "from above": Path("../plugin.py")}[named]
    findings = check([path], KNOWN)
    assert [(one.line, one.code) for one in findings] == [(line, code)], [str(one) for one in findings]
    assert findings[0].file == path


def test_two_rules_without_a_mistake_have_none(tmp_path: Path):
    (tmp_path / "plugin.py").write_text(TWO_RULES)
    assert check([tmp_path], KNOWN) == []


@pytest.mark.parametrize(
    ("named", "said"), [("TRANSACTIONAL", "limits"), ("MANDATORY", "no consent"), ("PROMOTIONAL", None)]
)
def test_a_rule_of_which_the_contact_policy_asks_less_is_warned_of(tmp_path: Path, named: str, said: str | None):
    file = tmp_path / "plugin.py"
    file.write_text(rule(f", action_class={named!r}"))
    findings = check([file], KNOWN)
    assert [(one.line, one.code, one.warns) for one in findings] == ([(RULE_LINE, "CLASS", True)] if said else [])
    done = CliRunner().invoke(cli.app, ["rules", "check", str(file)])
    assert done.exit_code == 0  # it may be meant
    assert (f"rule r is {named}" in done.stdout) is bool(said)
    assert all(str(said) in one.message for one in findings)


def test_a_hint_is_a_sentence_of_its_own(tmp_path: Path):
    file = tmp_path / "plugin.py"
    file.write_text(TWO_RULES.replace("CARD_CLASSIC", "CARD_CLASIC"))
    assert str(check([file], KNOWN)[0]).endswith("unknown product CARD_CLASIC. Did you mean CARD_CLASSIC?")


def test_an_id_of_a_plugin_beside_the_checked_ones_is_taken(tmp_path: Path):
    for name in ("shipped", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.py").write_text(rule())
    (finding,) = check([tmp_path / "own"], KNOWN, beside=[tmp_path / "shipped", tmp_path / "own"])
    assert (finding.line, finding.code) == (RULE_LINE, "DUPLICATE")
    assert str(tmp_path / "shipped" / "plugin.py") in finding.message


def test_a_near_miss_is_suggested(tmp_path: Path):
    file = tmp_path / "plugin.py"
    file.write_text(rule(offer="'CREDIT_CART'"))
    assert check([file], KNOWN)[0].hint == "Did you mean CREDIT_CARD?"


def test_an_id_that_two_files_use_is_found_with_the_place_of_the_first(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(rule())
    (finding,) = check([tmp_path], KNOWN)
    assert (finding.file, finding.code) == (tmp_path / "b.py", "DUPLICATE")
    assert f"{tmp_path / 'a.py'}:{RULE_LINE}" in finding.message


def test_a_file_that_reaches_outside_is_not_run(tmp_path: Path):
    proof = tmp_path / "proof"
    file = tmp_path / "plugin.py"
    file.write_text(f"import pathlib\npathlib.Path({str(proof)!r}).write_text('ran')\n")
    assert check([file], KNOWN)
    assert not proof.exists()


@pytest.mark.parametrize("place", ["{0}\n", "@hookimpl\ndef rules():\n    {0}\n"])
def test_a_file_that_ends_the_process_is_found(tmp_path: Path, place: str):
    file = tmp_path / "plugin.py"
    file.write_text("from graph_crm.rules import hookimpl\n" + place.format("raise SystemExit(3)"))
    assert any(one.code == "LOAD" and "SystemExit" in one.message for one in check([file], KNOWN))


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(RuleError):
        check([tmp_path / "absent.py"], KNOWN)


def test_the_shipped_plugins_have_no_mistakes():
    assert check([folder("plugins")], Known(catalogue())) == []


def test_the_scaffold_has_no_mistakes(tmp_path: Path):
    made = new("first_salary", tmp_path)
    assert check([tmp_path], KNOWN) == []
    assert made.plugin == tmp_path / "first_salary.py"
