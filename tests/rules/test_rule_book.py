"""Plugins are found, checked, asked one by one, and a bad one harms nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_crm.errors import RuleError
from graph_crm.rules import (
    Condition,
    Needs,
    Proposal,
    Reason,
    Rule,
    Treatment,
    Verdict,
    Veto,
    days,
    did,
    holds,
    hookimpl,
    manager,
    nobody,
)
from graph_crm.rules.hookspecs import hook_names
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import FAILURES_UNTIL_SUSPENDED, MOST_PROPOSALS, VETO_HOOKS, RuleBook
from graph_crm.rules.testing import customer

ANNA = customer("anna").holds("CURRENT_ACCOUNT", since="2024-01-01").on("2024-06-01")


def a_rule(rule_id: str = "one", **changed) -> Rule:
    said = {
        "id": rule_id,
        "title": "a test",
        "when": holds("CURRENT_ACCOUNT"),
        "offer": "CREDIT_CARD",
        "channels": ["PHONE"],
        "reasons": "because",
    }
    return Rule(**(said | changed))


def book(*plugins: object, **more) -> RuleBook:
    return RuleBook([Found(f"p{number}", "a test", one) for number, one in enumerate(plugins)], **more)


def with_rules(*rules: object) -> object:
    class Plugin:
        @hookimpl
        def rules(self):
            return list(rules)

    return Plugin()


def with_propose(answer) -> object:
    class Plugin:
        @hookimpl
        def propose(self, snapshots):
            return answer(snapshots)

    return Plugin()


def test_plugins_load_folder_by_folder_in_alphabetical_order(tmp_path: Path):
    source = (
        "from graph_crm.rules import *\n@hookimpl\ndef rules():\n"
        "    return [Rule(id='{0}', title='t', when=everyone(), offer='X', channels=['ATM'], reasons='r')]\n"
    )
    for folder, names in {"shipped": ["b", "a", "_no", "test_no"], "own": ["c"]}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.py").write_text(source.format(name.strip("_")))
    found = RuleBook.load([tmp_path / "shipped", tmp_path / "own", tmp_path / "absent"], installed=False)
    assert [one.rule.id for one in found.rules] == ["a", "b", "c"]
    assert found.rules[0].rule.place.line == 4
    assert found.rules[0].plugin.origin == str(tmp_path / "shipped" / "a.py")


def test_a_file_that_can_not_be_imported_is_reported_with_its_line_and_the_others_load(tmp_path: Path):
    (tmp_path / "bad.py").write_text("x = 1\ny = x / 0\n")
    (tmp_path / "syntax.py").write_text("def rules(:\n")
    (tmp_path / "good.py").write_text("from graph_crm.rules import *\n@hookimpl\ndef veto(snapshots):\n    return []\n")
    found = RuleBook.load([tmp_path], installed=False)
    assert [(one.name, one.state) for one in found.plugins] == [
        ("bad", "broken"),
        ("good", "loaded"),
        ("syntax", "broken"),
    ]
    assert "line 2: ZeroDivisionError" in found.problems[0]


def test_a_file_that_ends_the_process_is_broken_and_the_process_goes_on(tmp_path: Path):
    (tmp_path / "bad.py").write_text("import sys\nsys.exit(3)\n")
    found = RuleBook.load([tmp_path], installed=False)
    assert [(one.name, one.state) for one in found.plugins] == [("bad", "broken")]
    assert "line 2: SystemExit" in found.problems[0]


def test_a_misspelled_hook_argument_is_reported_with_plugin_and_hook():
    class Plugin:
        @hookimpl
        def veto(self, snapshot):
            return []

    (problem,) = book(Plugin()).problems
    assert "p0" in problem
    assert "veto" in problem
    assert "snapshot" in problem


def test_a_plugin_without_hooks_is_reported():
    assert "implements no hook" in book(object()).problems[0]


@pytest.mark.parametrize("answer", [None, "rule", [1], {"rule": 1}])
def test_a_wrong_result_names_plugin_hook_and_what_was_expected(answer):
    class Plugin:
        @hookimpl
        def rules(self):
            return answer

    (problem,) = book(Plugin()).problems
    assert "Plugin p0" in problem
    assert "hook rules" in problem
    assert "expected a list of rules" in problem


def test_a_proposal_for_a_customer_outside_the_batch_is_refused():
    stranger = Proposal(party="stranger", rule="x", offer="X", channels=["ATM"], reasons="r")
    found = book(with_propose(lambda snapshots: [stranger]))
    assert found.propose([ANNA]) == []
    assert "stranger" in found.plugins[0].problem


def test_the_second_rule_with_an_id_is_left_out_and_says_where_the_first_is():
    found = book(with_rules(a_rule("one")), with_rules(a_rule("one", offer="OTHER")))
    assert [one.rule.offer for one in found.rules] == ["CREDIT_CARD"]
    assert "rule one is in plugin p0 already" in found.problems[0]


def test_modes_of_the_settings_overrule_those_of_the_rules():
    found = book(with_rules(a_rule("one"), a_rule("two", mode="shadow")), modes={"one": "off", "two": "on"})
    assert [(one.rule.id, one.mode) for one in found.rules] == [("one", "off"), ("two", "on")]


def test_a_mode_for_a_rule_that_nobody_has_is_reported():
    assert "gone" in book(with_rules(a_rule("one")), modes={"gone": "off"}).problems[0]


def test_rules_that_are_off_are_not_asked_at_events():
    found = book(with_rules(a_rule("one", on_event="login"), a_rule("two", on_event="login", mode="off")))
    assert [one.rule.id for one in found.caring_for("login")] == ["one"]
    assert not found.cares("logout")


def test_what_the_snapshots_need_is_gathered_from_conditions_and_hooks():
    class Plugin:
        @hookimpl
        def needs(self):
            return Needs(events={"login": days(30)}, ties=frozenset({"GUARANTEES"}))

    found = book(with_rules(a_rule(when=did("login", within=days(7)) & did("call"))), Plugin())
    assert dict(found.needs.events) == {"login": days(30), "call": None}
    assert found.needs.ties == {"GUARANTEES"}


def test_a_plugin_that_keeps_failing_is_suspended_and_says_so():
    asked = []

    def fail(snapshots):
        asked.append(snapshots)
        raise OSError("no network")

    found = book(with_propose(fail), with_propose(lambda snapshots: []))
    for _ in range(FAILURES_UNTIL_SUSPENDED + 3):
        found.propose([ANNA])
    assert len(asked) == FAILURES_UNTIL_SUSPENDED
    assert [one.state for one in found.plugins] == ["suspended", "loaded"]
    assert "suspended after 5 failures in a row" in found.problems[-1]
    assert "no network" in found.problems[-1]


class Restless(list):
    """A list that can't be looked at."""

    def __iter__(self) -> Iterator[object]:
        raise OSError("nothing to see")


def leave(snapshots):
    raise SystemExit(3)


@pytest.mark.parametrize(("answer", "said"), [(leave, "SystemExit"), (lambda _: Restless([1]), "nothing to see")])
def test_a_hook_that_ends_the_process_or_answers_with_a_trap_is_a_failure_of_its_plugin(answer, said: str):
    found = book(with_propose(answer), with_propose(lambda snapshots: []))
    assert found.propose([ANNA]) == []
    assert [one.failures for one in found.plugins] == [1, 0]
    assert said in found.problems[0]


@pytest.mark.parametrize("verdict", [None, True, "yes"])
def test_a_condition_that_gives_no_verdict_is_a_failure_of_its_rule(monkeypatch: pytest.MonkeyPatch, verdict: object):
    found = book(with_rules(a_rule("one"), a_rule("two", when=did("login"))))
    monkeypatch.setattr(type(holds("X")), "check", lambda self, snapshot: verdict)
    one, two = found.rules
    assert found.judge(one, [ANNA]) == []
    assert (one.counters.failed, one.counters.passed) == (1, 0)
    assert len(found.judge(two, [ANNA])) == 1
    assert "a Verdict" in found.problems[0]


def test_a_plugin_that_fails_now_and_then_is_not_suspended():
    turns = iter(range(100))

    def sometimes(snapshots):
        if next(turns) % 2:
            raise OSError("now and then")
        return []

    found = book(with_propose(sometimes))
    for _ in range(20):
        found.propose([ANNA])
    assert (found.plugins[0].state, found.plugins[0].failures, found.plugins[0].calls) == ("loaded", 10, 20)


def test_a_veto_that_can_not_be_asked_forbids_everything():
    """Fails closed: the plugin may have wanted to forbid it."""

    class Plugin:
        @hookimpl
        def veto(self, proposals):
            raise OSError

    found = book(Plugin())
    for _ in range(FAILURES_UNTIL_SUSPENDED + 1):
        (named,) = found.veto([ANNA], [])
        assert (named.plugin, named.value.code, named.value.party) == ("p0", "VETO_UNKNOWN", "anna")
    assert found.plugins[0].state == "suspended"


def test_what_a_plugin_does_to_its_lists_is_not_what_the_next_one_sees():
    """A veto is neither taken away from who comes later, nor from one that can't be asked."""

    class Greedy:
        @hookimpl
        def veto(self, snapshots, proposals):
            for given in (snapshots, proposals):
                if isinstance(given, list):
                    given.clear()
            return []

    class Careful:
        @hookimpl
        def veto(self, snapshots, proposals):
            return [Veto(party=one.id, code="NO", reason="no") for one in snapshots for _ in proposals]

    class Failing:
        @hookimpl
        def veto(self, snapshots):
            raise OSError

    proposals = [Proposal(party="anna", rule="x", offer="X", channels=["ATM"], reasons="r")]
    said = book(Greedy(), Careful(), Failing()).veto([ANNA], proposals)
    assert [(one.plugin, one.value.code) for one in said] == [("p1", "NO"), ("p2", "VETO_UNKNOWN")]


UNTELLABLE = [{"x": object()}, {"x": {1}}, {"x": 2**100}, {"x": "\ud800"}, {1: 2}, [1], None]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"numbers": numbers} for numbers in UNTELLABLE),
        {"evidence": 5},
        {"evidence": (1,)},
        {"evidence": "anna"},
        {"reason": "half \ud800"},
        {"reason": "x" * 2_001},
    ],
)
def test_a_veto_that_no_trace_can_keep_forbids_everything(wrong):
    """It would make every decision fail, and its plugin would never be suspended."""

    class Plugin:
        @hookimpl
        def veto(self, snapshots):
            return [Veto(**({"party": one.id, "code": "NO", "reason": "no"} | wrong)) for one in snapshots]

    found = book(Plugin())
    assert [one.value.code for one in found.veto([ANNA], [])] == ["VETO_UNKNOWN"]
    assert found.plugins[0].failures == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"facts": [1]},
        {"facts": 5},
        *({"facts": [Reason("CODE", "text", numbers)]} for numbers in UNTELLABLE),
        {"facts": [Reason("CODE", "half \ud800")]},
        {"facts": [Reason("CODE", "text", evidence=(1,))]},
        {"reasons": "half \ud800"},
        {"reasons": "x" * 2_001},
        {"version": {"a": 1}},
    ],
)
def test_a_proposal_that_no_trace_can_keep_is_a_failure_of_its_plugin(wrong):
    said = {"party": "anna", "rule": "x", "offer": "X", "channels": ["ATM"], "reasons": "r"} | wrong
    found = book(with_propose(lambda _: [Proposal(**said)]))
    assert found.propose([ANNA]) == []
    assert found.plugins[0].failures == 1


@pytest.mark.parametrize("reason", [Reason("CODE", "text", {"x": object()}), Reason("CODE", "half \ud800")])
def test_a_reason_of_the_authors_own_condition_that_no_trace_can_keep_is_a_failure_of_its_rule(reason: Reason):
    class Odd(Condition):
        def check(self, snapshot):
            del snapshot
            return Verdict(False, (reason,))

        def write(self, writer, party):
            del writer, party
            return "false"

    found = book(with_rules(a_rule("odd", when=Odd()), a_rule("fine")))
    assert [len(found.judge(one, [ANNA])) for one in found.rules] == [0, 1]
    assert found.plugins[0].failures == 1


def test_a_skill_is_a_code():
    with pytest.raises(RuleError, match="skill must be a skill of employees"):
        a_rule(skill="mortgages, please")
    with pytest.raises(RuleError, match="Treatment: skill"):
        Treatment(party="anna", offer="X", channel="PHONE", script="Hello", skill="")


def test_a_script_has_an_end():
    said = {"party": "anna", "offer": "X", "channel": "ATM"}
    for script in ("x" * 10_001, "half \udfff"):
        with pytest.raises(RuleError, match="Treatment: script"):
            Treatment(**said, script=script)


def test_a_plugin_proposes_so_much_for_each_customer_and_no_more():
    def answer(many: int):
        one = Proposal(party="anna", rule="x", offer="X", channels=["ATM"], reasons="r")
        return book(with_propose(lambda _: [one] * many)).propose([ANNA])

    assert (len(answer(MOST_PROPOSALS)), len(answer(MOST_PROPOSALS + 1))) == (MOST_PROPOSALS, 0)


def test_nobody_proposes_in_the_name_of_another_plugins_rule():
    one = Proposal(party="anna", rule="theirs", offer="X", channels=["ATM"], reasons="r")
    found = book(with_rules(a_rule("theirs", mode="shadow")), with_propose(lambda _: [one]))
    assert found.propose([ANNA]) == []
    assert "theirs is a rule of plugin p0" in found.plugins[1].problem


def test_what_a_hook_proposes_of_its_own_rule_has_the_mode_of_the_rule():
    one = Proposal(party="anna", rule="mine", offer="X", channels=["ATM"], reasons="r", mode="on")

    class Plugin:
        @hookimpl
        def rules(self):
            return [a_rule("mine", mode="shadow")]

        @hookimpl
        def propose(self, snapshots):
            del snapshots
            return [one]

    assert [named.value.mode for named in book(Plugin()).propose([ANNA])] == ["shadow"]


def test_a_wrong_answer_is_told_without_the_customers_in_it():
    found = book(with_propose(lambda snapshots: [snapshots[0]]))
    found.propose([ANNA])
    assert found.plugins[0].problem.endswith("it holds a Snapshot")


def test_a_score_beyond_all_measure_is_a_failure():
    class Plugin:
        @hookimpl
        def score(self, proposals):
            return [1e308 for _ in proposals]

    proposals = [Proposal(party="anna", rule="x", offer="X", channels=["ATM"], reasons="r")]
    assert book(Plugin()).score([ANNA], proposals) == [{}]


@pytest.mark.parametrize("answer", [[1.0], ["high"], [-1.0, 1.0], [float("nan"), 1.0], None])
def test_scores_must_be_one_number_for_each_proposal(answer):
    class Plugin:
        @hookimpl
        def score(self, proposals):
            return answer

    found = book(Plugin())
    proposals = [Proposal(party="anna", rule="x", offer="X", channels=["ATM"], reasons="r")] * 2
    assert found.score([ANNA], proposals) == [{}, {}]
    assert found.plugins[0].failures == 1


def test_results_carry_the_name_of_the_plugin_that_gave_them():
    class Plugin:
        @hookimpl
        def veto(self, snapshots):
            return [Veto(party=one.id, code="NO", reason="no") for one in snapshots]

    assert [named.plugin for named in book(with_rules(), Plugin()).veto([ANNA], [])] == ["p1"]


def test_a_rule_counts_what_it_is_asked():
    found = book(with_rules(a_rule("yes"), a_rule("no", when=nobody())))
    for one in found.rules:
        found.judge(one, [ANNA, ANNA])
    assert [(one.counters.evaluated, one.counters.passed) for one in found.rules] == [(2, 2), (2, 0)]


def test_an_unknown_rule_names_those_that_exist():
    with pytest.raises(RuleError) as raised:
        book(with_rules(a_rule("one"))).rule("two")
    assert "one" in raised.value.hint


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "Not Snake"}, "lower_snake_case"),
        ({"when": True}, "must be a condition"),
        ({"offer": "credit card"}, "product code"),
        ({"channels": []}, "at least one channel"),
        ({"channels": ["PIGEON"]}, "PIGEON"),
        ({"reasons": []}, "nobody is contacted without a reason"),
        ({"reasons": ""}, "nobody is contacted without a reason"),
        ({"on_event": "ATM"}, "lower_snake_case"),
        ({"priority": 1001}, "from 0 to 1000"),
        ({"mode": "maybe"}, "maybe"),
    ],
)
def test_a_rule_that_makes_no_sense_can_not_be_built(changed, said):
    with pytest.raises(RuleError, match=said):
        a_rule(**changed)


def test_conditions_joined_by_and_are_refused():
    with pytest.raises(RuleError, match="`and`"):
        _ = holds("X") and holds("Y")


def test_the_version_of_a_rule_changes_just_when_the_rule_does():
    assert a_rule().version == a_rule().version
    assert a_rule().version != a_rule(reasons="another").version
    assert a_rule().version != a_rule(when=holds("CURRENT_ACCOUNT", for_at_least=days(1))).version
    assert a_rule().version != a_rule(skill="MORTGAGES").version


def asked_in(file: Path) -> set[str]:
    """The hooks that a module asks, by name or by a constant of the module."""
    tree = ast.parse(file.read_text("utf-8"))
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            known |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        place = {"ask": 0, "_answer": 1}.get(node.func.attr)
        if place is not None and len(node.args) > place:
            hook = node.args[place]
            if isinstance(hook, ast.Constant):
                found.add(hook.value)
            elif isinstance(hook, ast.Name) and hook.id in known:
                found.add(known[hook.id])
    return found


def test_there_is_no_hook_that_nobody_asks():
    """Each in the rule book itself or in a module beside it; the hooks of vetoes are asked by what they are named."""
    asked = set(VETO_HOOKS)
    for file in Path(manager.__file__).parent.glob("*.py"):
        asked |= asked_in(file)
    assert set(hook_names()) > {"rules", "needs", "propose", "veto", "score"}
    assert set(hook_names()) == asked


@pytest.mark.parametrize("hook", VETO_HOOKS)
def test_each_hook_of_vetoes_is_asked(hook: str):
    calls = []
    plugin = type("Plugin", (), {hook: hookimpl(lambda self, snapshots, proposals: calls.append(hook) or [])})()
    found = book(plugin)
    found.veto([ANNA], [], hook)
    assert calls == [hook]


def test_a_sentence_whose_number_is_not_known_is_never_said():
    """Its amount is not known for this customer: the other sentence is said alone."""
    rule = a_rule(reasons=["You borrowed {amount}.", "You have been with us for {days_held} days."])
    found = book(with_rules(rule))
    (judged,) = found.judge(found.rules[0], [ANNA])
    assert judged.proposal is not None
    assert judged.proposal.reasons == ("You have been with us for 152 days.",)


@pytest.mark.parametrize("text", ["You borrowed {amount}.", "It happened {events} times.", "{}", "{days_held:%d}"])
def test_nobody_is_approached_with_a_broken_sentence(text: str):
    found = book(with_rules(a_rule(reasons=text)))
    (judged,) = found.judge(found.rules[0], [ANNA])
    assert judged.proposal is None
    assert (judged.verdict.truth, judged.verdict.code) == (None, "SENTENCE_UNKNOWN")
    assert found.rules[0].counters.unknown == 1


def test_reasons_are_said_in_every_language_that_the_author_wrote():
    rule = a_rule(reasons="You have {days_held} days.", translations={"pl": "Minęło {days_held} dni."})
    found = book(with_rules(rule))
    (judged,) = found.judge(found.rules[0], [ANNA])
    assert judged.proposal is not None
    held = judged.verdict.numbers["days_held"]
    assert judged.proposal.translations == {"pl": (f"Minęło {held} dni.",)}
    assert rule.version != a_rule(reasons="You have {days_held} days.").version


@pytest.mark.parametrize("wrong", [{"Polish": "x"}, {"pl": ""}, "pl", {"pl": 3}])
def test_translations_that_are_no_sentences_by_language_are_refused(wrong):
    with pytest.raises(RuleError):
        a_rule(translations=wrong)


def test_whom_rules_fit_is_found_for_all_of_them_together():
    class Custom(Condition):
        def check(self, snapshot):
            raise ValueError("a mistake of the author")

        def write(self, writer, party):
            return "true"

    found = book(with_rules(a_rule(id="one"), a_rule(id="none", when=holds("MORTGAGE_STD"))))
    assert {rule: [who.id for who in whom] for rule, whom in found.fitting(found.rules, [ANNA]).items()} == {
        "one": [ANNA.id],
        "none": [],
    }
    broken = book(with_rules(a_rule(id="one"), a_rule(id="other", when=Custom())))
    assert broken.fitting(broken.rules, [ANNA]) == {}  # each is then asked by itself


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("import nothing_like_this\n\ndef veto(snapshots): ...\n", ["mine"]),
        ("def contact_limits(:\n", ["mine"]),
        ("import nothing_like_this\n\ndef rules(): ...\n", []),
    ],
)
def test_a_plugin_that_can_not_be_loaded_may_have_wanted_to_forbid_something(tmp_path, source, unknown):
    (tmp_path / "mine.py").write_text(source)
    found = RuleBook.load([tmp_path], installed=False)
    assert found.plugins[0].state == "broken"
    assert found.limits_unknown == unknown


def test_what_one_hook_does_right_excuses_nothing_of_another():
    class Plugin:
        @hookimpl
        def propose(self, snapshots):
            raise ValueError("always")

        @hookimpl
        def score(self, snapshots, proposals):
            return [1.0 for _ in proposals]

    found = book(Plugin())
    for _ in range(FAILURES_UNTIL_SUSPENDED):
        found.propose([ANNA])
        found.score([ANNA], [])
    assert found.plugins[0].state == "suspended"
