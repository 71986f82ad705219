"""The rule book: which plugins and rules are in force, asked one by one, so that a bad plugin harms nobody else."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pluggy
import structlog

from graph_crm.errors import RuleError
from graph_crm.rules.booked import BookedRule, Judgement, Named, Plugin, RuleCounters
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.conditions.together import Together
from graph_crm.rules.deadline import SECONDS, Deadline, PluginHangs
from graph_crm.rules.hookspecs import PROJECT, Hooks
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.loader import ANYTHING, Found, describe, find
from graph_crm.rules.results import MODES, Mode, Proposal, Rule, Treatment, Veto, check_reason
from graph_crm.rules.snapshot import Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

FAILURES_UNTIL_SUSPENDED = 5
"""So many failures in a row suspend a plugin; one success in between starts the count anew."""

MOST_PROPOSALS = 100
"""A plugin proposes so much for each customer of a batch at most; all of it is kept in the trace."""
LARGEST_FACTOR = 1_000_000
"""A plugin weighs a proposal by so much at most: beyond that priorities are no numbers any more."""

VETO_HOOKS = ("eligibility", "suitability", "veto")
"""The hooks that may forbid a proposal, in the order in which they are asked."""

T = TypeVar("T")
_log = structlog.stdlib.get_logger(__name__)


class RuleBook:
    """All rules and plugins in force. Build it once with `RuleBook.load`; it is not changed by what it is asked."""

    def __init__(
        self, found: Iterable[Found], *, modes: Mapping[str, Mode] | None = None, seconds: float = SECONDS
    ) -> None:
        self._deadline = Deadline(seconds)
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self.plugins: list[Plugin] = []
        self.problems: list[str] = []
        self._modes = dict(modes or {})
        self._booked: dict[str, BookedRule] = {}
        self._counters: dict[tuple[str, Mode], RuleCounters] = {}
        self._needs = Needs()
        self._together: dict[tuple[tuple[str, str], ...], Together] = {}
        self.contact_limits: list[ContactLimit] = []
        """What the plugins add to the contact policy."""
        self.limits_unknown: list[str] = []
        """Plugins that have contact limits and could not say them: they may have wanted to forbid anything."""
        for one in found:
            self._add(one)
        for rule_id in sorted(set(self._modes) - set(self._booked)):
            self.problems.append(f"A mode is set for rule {rule_id}, which no plugin has.")

    @classmethod
    def load(
        cls,
        folders: Iterable[Path],
        *,
        modes: Mapping[str, Mode] | None = None,
        installed: bool = True,
        seconds: float = SECONDS,
    ) -> RuleBook:
        """The plugins of ``folders`` in order, then the installed ones; ``modes`` overrule what the rules say.

        A plugin that is asked and gives no answer within ``seconds`` is not asked again.
        """
        return cls(find(folders, installed=installed), modes=modes, seconds=seconds)

    def _add(self, found: Found) -> None:
        plugin = Plugin(found.name, found.origin)
        self.plugins.append(plugin)
        if found.module is None:
            self._broken(plugin, found.problem or "could not be imported")
            self._lost(plugin)
            return
        if self._manager.has_plugin(found.name):
            self._broken(plugin, f"another plugin is called {found.name}; rename the file")
            self._lost(plugin)
            return
        try:
            self._manager.register(found.module, name=found.name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            self._manager.unregister(name=found.name)
            # Pluggy names the module object; the plugin's file is named already.
            text = str(error).replace(f" in plugin {found.module!r}", "").replace(repr(found.module), found.name)
            self._broken(plugin, " ".join(text.split()))
            self._lost(plugin)
            return
        callers = self._manager.get_hookcallers(found.module) or []
        plugin.hooks = tuple(caller.name for caller in callers)
        if not plugin.hooks:
            self._broken(plugin, "implements no hook: mark its functions with @hookimpl")
            return
        for rule in self._answer(plugin, "rules", _rules, {}) or ():
            self._book(plugin, rule)
        self._needs = self._needs | (self._answer(plugin, "needs", _needs, {}) or Needs())
        limits = self._answer(plugin, "contact_limits", _list_of(ContactLimit, "contact limits"), {})
        if limits is None and "contact_limits" in plugin.hooks:
            self.limits_unknown.append(plugin.name)
        for limit in limits or ():
            if limit in self.contact_limits:
                continue
            if any(limit.name == known.name for known in self.contact_limits):
                self.limits_unknown.append(plugin.name)
                self._say(plugin, f"contact limit {limit.name} is in another plugin already; this one is left out")
            else:
                self.contact_limits.append(limit)

    def _book(self, plugin: Plugin, rule: Rule) -> None:
        earlier = self._booked.get(rule.id)
        if earlier is not None:
            self._say(plugin, f"rule {rule.id} is in plugin {earlier.plugin.name} already; this one is left out")
            return
        mode = self._modes.get(rule.id, rule.mode)
        if mode not in MODES:
            raise RuleError(f"Mode {mode!r} of rule {rule.id} is not known.", hint=f"One of: {', '.join(MODES)}.")
        self._booked[rule.id] = BookedRule(rule, plugin, mode, self.counters(rule.id, mode))
        self._needs = self._needs | rule.when.needs()

    def _lost(self, plugin: Plugin) -> None:
        """A plugin that can't be loaded may have wanted to forbid something: then nobody may be promoted to."""
        file = Path(plugin.origin)
        try:
            text = file.read_text("utf-8") if file.suffix == ".py" else None
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None or any(hook in text for hook in (*VETO_HOOKS, "contact_limits")):
            self.limits_unknown.append(plugin.name)

    def _broken(self, plugin: Plugin, problem: str) -> None:
        plugin.problem = problem
        self._say(plugin, problem)

    def _say(self, plugin: Plugin, problem: str) -> None:
        self.problems.append(f"Plugin {plugin.name} ({plugin.origin}): {problem}")
        _log.warning("plugin_problem", plugin=plugin.name, problem=problem)

    def ask(self, hook: str, check: Callable[[object], T], **arguments: Sequence[Any]) -> list[Named[T]]:
        """What every plugin with ``hook`` answers, in the order of loading.

        ``check`` brings an answer into its form, or raises a RuleError whose message says what was expected.
        """
        answers = [(plugin, self._answer(plugin, hook, check, arguments)) for plugin in self._with(hook)]
        return [Named(plugin.name, answer) for plugin, answer in answers if answer is not None]

    def answers(self, hook: str) -> bool:
        """Whether any plugin that is in force has ``hook``: where none has, nothing need be made ready for it."""
        return bool(self._with(hook))

    def complain(self, plugin: str, problem: str) -> None:
        """Add a problem of the plugin of this name to those that are reported."""
        for one in self.plugins:
            if one.name == plugin:
                self._say(one, problem)
                return

    def switched(self, modes: Mapping[str, Mode]) -> RuleBook:
        """The same book with ``modes`` over those that it was loaded with; plugins and counters stay shared.

        It costs microseconds, so that every decision can be made under the modes that its transaction read.
        """
        if not modes:
            return self
        view = copy.copy(self)
        view._modes = {**self._modes, **modes}  # noqa: SLF001 - a copy of its own class
        view._booked = {  # noqa: SLF001 - the same
            rule: replace(one, mode=modes[rule], counters=self.counters(rule, modes[rule])) if rule in modes else one
            for rule, one in self._booked.items()
        }
        return view

    def mode(self, rule_id: str, otherwise: Mode = "on") -> Mode:
        """The mode in force of a rule; ``otherwise`` is what the plugin says of a rule that its hook proposes."""
        booked = self._booked.get(rule_id)
        return booked.mode if booked else self._modes.get(rule_id, otherwise)

    def counters(self, rule_id: str, mode: Mode) -> RuleCounters:
        """The counters of a rule in a mode: what it did in shadow stands beside what it did when it was on."""
        return self._counters.setdefault((rule_id, mode), RuleCounters())

    def counted(self) -> dict[tuple[str, Mode], RuleCounters]:
        """Every rule and mode that something was counted for."""
        return self._counters

    @property
    def rules(self) -> list[BookedRule]:
        """Every rule, in the order of loading."""
        return list(self._booked.values())

    @property
    def needs(self) -> Needs:
        """What the snapshots must hold for all rules and hooks."""
        return self._needs

    def rule(self, rule_id: str) -> BookedRule:
        """The rule ``rule_id``. Raises RuleError naming those that exist."""
        if rule_id in self._booked:
            return self._booked[rule_id]
        hint = f"Rules: {', '.join(sorted(self._booked)) or 'none'}."
        imperative = [one.name for one in self.plugins if "propose" in one.hooks]
        if imperative:
            hint += (
                f" What the hook propose gives (of {', '.join(imperative)}) is asked at events only: record such an "
                "event, or try it in a test."
            )
        raise RuleError(f"There is no rule {rule_id[:80]}.", hint=hint)

    def caring_for(self, event: str) -> list[BookedRule]:
        """The rules that are asked when an event of this type comes, those that are off left out."""
        return [one for one in self._booked.values() if event in one.rule.events and one.mode != "off"]

    def cares(self, event: str) -> bool:
        """Whether anything is to be asked at all when an event of this type comes."""
        imperative = any(not one.suspended and "propose" in one.hooks for one in self.plugins)
        return imperative or bool(self.caring_for(event))

    def fitting(self, rules: Sequence[BookedRule], snapshots: Sequence[Snapshot]) -> dict[str, list[Snapshot]]:
        """By rule, the customers whom it fits: all rules together, without reasons, many times as fast as `judge`.

        Where a condition raises, nothing is known of any of the rules and nothing is returned: `judge` isolates it.
        """
        if not rules:
            return {}
        key = tuple((one.rule.id, one.version) for one in rules)
        try:
            together = self._together.setdefault(key, Together([one.rule.when for one in rules]))
            with self._deadline.watched():
                truths = together.truths(snapshots)
        except (*ANYTHING, PluginHangs):
            return {}
        return {
            booked.rule.id: [one for one, answers in zip(snapshots, truths, strict=True) if answers[place]]
            for place, booked in enumerate(rules)
        }

    def judge(self, booked: BookedRule, snapshots: Sequence[Snapshot]) -> list[Judgement]:
        """Ask one rule about a batch of customers; one that raises is counted and left out."""
        if booked.plugin.suspended:
            return []
        found: list[Judgement] = []
        counters, rule = booked.counters, booked.rule
        started = time.perf_counter()
        for snapshot in snapshots:
            counters.evaluated += 1
            try:
                with self._deadline.watched():
                    verdict = _said(rule, _verdict(rule.when.check(snapshot)))
                if booked.foreign:
                    for reason in verdict.reasons:
                        check_reason(f"a reason of {rule.id}", reason)
                proposal = _proposal(booked, snapshot, verdict) if verdict.passed else None
            except (*ANYTHING, PluginHangs) as error:
                counters.failed += 1
                self._failed(booked.plugin, "rules", f"rule {rule.id}", error)
                if booked.plugin.suspended:
                    break
                continue
            counters.passed += verdict.passed
            counters.unknown += verdict.truth is None
            found.append(Judgement(booked, snapshot.id, verdict, proposal))
        if found:
            booked.plugin.failures_in_a_row["rules"] = 0
        counters.seconds += time.perf_counter() - started
        return found

    def propose(self, snapshots: Sequence[Snapshot]) -> list[Named[Proposal]]:
        """What the hooks ``propose`` of all plugins give, validated; a rule's id belongs to the plugin that has it."""
        known = {one.id for one in snapshots}

        def checked(plugin: Plugin, value: object) -> list[Proposal]:
            proposals = _list_of(Proposal, "proposals")(value)
            if len(proposals) > MOST_PROPOSALS * len(snapshots):
                raise RuleError(f"{MOST_PROPOSALS} proposals for each customer at most, not {len(proposals)}")
            for one in proposals:
                if one.party not in known:
                    raise RuleError(f"proposals for the customers of the batch; {one.party} is none of them")
                owner = self._booked[one.rule].plugin if one.rule in self._booked else plugin
                if owner is not plugin:
                    raise RuleError(f"proposals of rules of its own; {one.rule} is a rule of plugin {owner.name}")
                for fact in _list_of(Reason, "reasons as facts")(one.facts):
                    check_reason(f"facts of {one.rule}", fact)
            return proposals

        return [
            Named(plugin.name, replace(one, mode=self.mode(one.rule, one.mode)))
            for plugin in self._with("propose")
            for one in self._answer(plugin, "propose", partial(checked, plugin), {"snapshots": snapshots}) or ()
            if self.mode(one.rule, one.mode) != "off"
        ]

    def veto(
        self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal], hook: str = "veto"
    ) -> list[Named[Veto]]:
        """What the hooks ``eligibility``, ``suitability`` or ``veto`` of all plugins give, validated.

        Fails closed: a plugin that raises here, or is suspended, vetoes the whole batch - it may have wanted to.
        """
        found: list[Named[Veto]] = []
        for plugin in self._with(hook, suspended=True):
            arguments = {"snapshots": snapshots, "proposals": proposals}
            answer = self._answer(plugin, hook, _list_of(Veto, "vetoes"), arguments)
            if answer is None:
                text = f"plugin {plugin.name} could not say whether it forbids this"
                answer = [Veto(party=one.id, code="VETO_UNKNOWN", reason=text) for one in snapshots]
            found += [Named(plugin.name, one) for one in answer]
        return found

    def propensity(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> list[Named[float] | None]:
        """For each proposal what the first plugin with an opinion estimates; None: no plugin has one."""
        found: list[Named[float] | None] = [None for _ in proposals]

        def checked(value: object) -> list[float | None]:
            numbers = list(value) if isinstance(value, list | tuple) else None
            if numbers is None or len(numbers) != len(proposals):
                raise RuleError(f"a list of {len(proposals)} numbers or None, one a proposal")
            for one in numbers:
                if one is not None and not _within(one, 1.0):
                    raise RuleError(f"probabilities from 0 to 1, or None, not {one!r}")
            return [None if one is None else float(one) for one in numbers]

        for plugin in self._with("propensity"):
            answer = self._answer(plugin, "propensity", checked, {"snapshots": snapshots, "proposals": proposals})
            for place, estimate in enumerate(answer or ()):
                if found[place] is None and estimate is not None:
                    found[place] = Named(plugin.name, estimate)
        return found

    def treatments(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> list[Named[Treatment]]:
        """What the hooks ``treatments`` of all plugins give, validated, in the order of loading."""
        return [
            Named(plugin.name, one)
            for plugin in self._with("treatments")
            for one in self._answer(
                plugin,
                "treatments",
                _list_of(Treatment, "treatments"),
                {"snapshots": snapshots, "proposals": proposals},
            )
            or ()
        ]

    def score(self, snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> list[dict[str, float]]:
        """For each proposal, the factor of every plugin that weighs, by the plugin's name."""
        factors: list[dict[str, float]] = [{} for _ in proposals]

        def checked(value: object) -> list[float]:
            numbers = list(value) if isinstance(value, list | tuple) else None
            if numbers is None or len(numbers) != len(proposals):
                raise RuleError(f"a list of {len(proposals)} numbers, one a proposal")
            for one in numbers:
                if not _within(one, LARGEST_FACTOR):
                    raise RuleError(f"factors that are finite and from 0 to {LARGEST_FACTOR:,}, not {one!r}")
            return [float(one) for one in numbers]

        for plugin in self._with("score"):
            answer = self._answer(plugin, "score", checked, {"snapshots": snapshots, "proposals": proposals})
            for place, factor in enumerate(answer or ()):
                factors[place][plugin.name] = factor
        return factors

    def _with(self, hook: str, *, suspended: bool = False) -> list[Plugin]:
        return [one for one in self.plugins if hook in one.hooks and (suspended or not one.suspended)]

    def _answer(
        self, plugin: Plugin, hook: str, check: Callable[[object], T], arguments: Mapping[str, Any]
    ) -> T | None:
        """The checked answer of one plugin to one hook; None when it has none, is suspended or failed."""
        if plugin.suspended:
            return None
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        implementation = next((one for one in caller.get_hookimpls() if one.plugin_name == plugin.name), None)
        if implementation is None:
            return None
        plugin.calls += 1
        try:
            # A copy for each: what one plugin does to its list is not what the next one sees.
            with self._deadline.watched():
                answer = implementation.function(*(tuple(arguments[name]) for name in implementation.argnames))
        except (*ANYTHING, PluginHangs) as error:
            self._failed(plugin, hook, f"hook {hook}", error)
            return None
        try:
            with self._deadline.watched():
                checked = check(answer)
        except RuleError as error:
            self._failed(plugin, hook, f"hook {hook}", RuleError(f"expected {error.message}"))
            return None
        except (
            *ANYTHING,
            PluginHangs,
        ) as error:  # the answer is an object of the author's own, which may raise when looked at
            self._failed(plugin, hook, f"hook {hook}", error)
            return None
        plugin.failures_in_a_row[hook] = 0
        return checked

    def _failed(self, plugin: Plugin, hook: str, where: str, error: BaseException) -> None:
        plugin.failures += 1
        plugin.failures_in_a_row[hook] += 1
        file = Path(plugin.origin)
        text = f"{where}: {describe(error, file) if file.suffix == '.py' else describe(error)}"
        _log.error("plugin_failed", plugin=plugin.name, where=where, problem=text, failures=plugin.failures)
        plugin.problem = text
        if plugin.failures == 1:
            self.problems.append(f"Plugin {plugin.name} ({plugin.origin}): {text}")
        # One that hangs halts everybody each time: it is not asked again.
        if plugin.failures_in_a_row[hook] >= FAILURES_UNTIL_SUSPENDED or isinstance(error, PluginHangs):
            plugin.suspended = True
            message = f"suspended after {plugin.failures_in_a_row[hook]} failures in a row, the last in {text}"
            self._broken(plugin, message)


def _within(value: object, most: float) -> bool:
    """Whether it is a finite number from 0 to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= most


def _verdict(value: object) -> Verdict:
    if not isinstance(value, Verdict):
        raise RuleError(f"A condition gives a Verdict, not {value!r}.")
    return value


def _said(rule: Rule, verdict: Verdict) -> Verdict:
    """Not known instead of yes, when a number is missing in every sentence: nobody is contacted without a reason."""
    if not verdict.passed or rule.sentences(verdict):
        return verdict
    return Verdict(None, (Reason("SENTENCE_UNKNOWN", "every reason names a number not known here"), *verdict.reasons))


def _proposal(booked: BookedRule, snapshot: Snapshot, verdict: Verdict) -> Proposal:
    rule = booked.rule
    return Proposal(
        party=snapshot.id,
        rule=rule.id,
        offer=rule.offer,
        channels=rule.channels,
        reasons=rule.sentences(verdict),
        translations=rule.translated(verdict) if rule.translations else {},
        facts=verdict.reasons,
        priority=rule.priority,
        mode=booked.mode,
        version=booked.version,
        action_class=rule.action_class,
        skill=rule.skill,
    )


def _rules(value: object) -> list[Rule]:
    return _list_of(Rule, "rules")(value)


def _needs(value: object) -> Needs:
    if not isinstance(value, Needs):
        raise RuleError(f"a Needs, not {value!r}")
    return value


def _briefly(value: object) -> str:
    """A value in an error message; of what may be a customer only the type, for the message is logged and kept."""
    return repr(value)[:80] if value is None or isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _list_of(kind: type[T], plural: str) -> Callable[[object], list[T]]:
    def check(value: object) -> list[T]:
        if not isinstance(value, list | tuple):
            raise RuleError(f"a list of {plural}, not {_briefly(value)}")
        for one in value:
            if not isinstance(one, kind):
                raise RuleError(f"a list of {plural}; it holds {_briefly(one)}")
        return list(value)

    return check
