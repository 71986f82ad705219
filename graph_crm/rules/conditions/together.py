"""Many conditions judged at once: the third execution, for questions to which a plain answer is enough.

`Condition.check` gives reasons and evidence, one condition at a time. To count whom twenty rules would fit, `Together`
writes one Python function for all of them: every distinct condition in them is looked at once, in one walk over the
agreements, the events and the contacts. It answers exactly as `check` does (a property test compares them).

The function is put together from the templates in this file. Values of a rule are never in its text: they are bound as
names, as they are in the Cypher of the same conditions.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from graph_crm.rules.conditions.base import AllOf, AnyOf, Condition, Not
from graph_crm.rules.conditions.history import Contacted, Did
from graph_crm.rules.conditions.holdings import Holds, InDefault
from graph_crm.rules.conditions.parties import Age, Constant, IsKind, OneOf
from graph_crm.rules.periods import Period, years
from graph_crm.rules.snapshot import IN_DEFAULT, Snapshot

Truths: TypeAlias = tuple[bool | None, ...]
_Sides: TypeAlias = tuple[str, str]
"""Two expressions: surely yes, surely no. Neither of them is true where it is not known."""


class Together:
    """Answers several conditions about a customer at once; built once, asked often.

    A condition of an author's own class is asked by its `check`; what that raises is raised here.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self.conditions = tuple(conditions)
        source = _Source()
        text = source.text([source.answer(one) for one in self.conditions])
        self._limits = tuple(source.limits)
        names: dict[str, Any] = dict(source.values)
        # The text is made of this file's templates and of names that it numbers: no word of a rule is in it.
        exec(compile(text, "<conditions together>", "exec"), names)  # noqa: S102 - see above
        self._bind: Callable[..., Callable[[Snapshot], Truths]] = names["bind"]

    def truths(self, snapshots: Iterable[Snapshot]) -> list[Truths]:
        """For each customer, the answer to each condition: True, False, or None for not known."""
        found: list[Truths] = []
        now: dt.datetime | None = None
        judge: Callable[[Snapshot], Truths] | None = None
        for snapshot in snapshots:
            # Customers of a batch share one instant; where a period begins is worked out once for it.
            if judge is None or snapshot.now is not now:
                now = snapshot.now
                judge = self._bind(now, now.date(), *(limit(now) for limit in self._limits))
            found.append(judge(snapshot))
        return found


class _Source:
    """Collects the conditions and writes the function."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.limits: list[Callable[[dt.datetime], Any]] = []
        self._names: dict[Any, str] = {}
        self._sides: dict[Condition, _Sides] = {}
        self._facts: list[str] = []
        self._party: list[str] = []
        self._zeros: list[str] = []
        self._held: list[tuple[Holds, str]] = []
        self._defaults: list[tuple[InDefault, str]] = []
        self._did: list[tuple[Did, str]] = []
        self._met: list[tuple[Contacted, str]] = []

    def answer(self, condition: Condition) -> str:
        """The expression of one condition: True, False or None."""
        if not isinstance(condition, AllOf | AnyOf):
            return _answer(*self._of(condition))
        # The parts that are always known go first: one of them settles most answers, and is then looked at once.
        sides = [self._of(part) for part in condition.parts]
        found = [yes for yes, no in sides if _opposite(yes, no)]
        open_ = [side for side in sides if not _opposite(*side)]
        if open_:
            found.append(f"({_answer(*_joined(condition, open_))})")
        return (" and " if isinstance(condition, AllOf) else " or ").join(found)

    def text(self, answers: Sequence[str]) -> str:
        """The whole function: `bind` takes the instant and the limits, and gives what judges a customer."""
        body = [*(f"p_{name} = s.party.{name}" for name in self._facts), *self._party]
        for start in ("0", "False"):
            names = [name for name in self._zeros if name.startswith("n") is (start == "0")]
            body += [f"{' = '.join(names)} = {start}"] if names else []
        body += self._holdings() + self._events() + self._contacts()
        limits = "".join(f", d{place}" for place in range(len(self.limits)))
        body.append(f"return ({''.join(f'({one}), ' for one in answers)})")
        inner = "\n".join(f"        {line}" for line in body)
        return f"def bind(now, day{limits}):\n    def judge(s):\n{inner}\n    return judge\n"

    def _of(self, condition: Condition) -> _Sides:
        if isinstance(condition, Not):
            yes, no = self._of(condition.part)
            return no, yes
        if condition not in self._sides:
            if isinstance(condition, AllOf | AnyOf):
                self._sides[condition] = self._combined(condition)
            else:
                self._sides[condition] = self._single(condition)
        return self._sides[condition]

    def _combined(self, condition: AllOf | AnyOf) -> _Sides:
        sides = [self._of(part) for part in condition.parts]
        yes, no = _joined(condition, sides)
        return (yes, f"not {yes}") if all(_opposite(*side) for side in sides) else (yes, no)

    def _single(self, condition: Condition) -> _Sides:
        if isinstance(condition, Holds):
            return self._noted(condition, self._held, open_=condition.nullable)
        if isinstance(condition, InDefault):
            return self._noted(condition, self._defaults, open_=True)
        if isinstance(condition, Did):
            return self._counted(condition, self._did)
        if isinstance(condition, Contacted):
            return self._counted(condition, self._met)
        return self._about_party(condition)

    def _about_party(self, condition: Condition) -> _Sides:
        name = f"a{len(self._party)}"
        if isinstance(condition, IsKind):
            self._party.append(f"{name} = {self._fact('kind')} == {self._value(condition.kind)}")
            return name, f"not {name}"
        if isinstance(condition, Age):
            latest = self._limit(("born", condition.low), lambda now: years(condition.low).latest_start(now.date()))
            early = self._limit(
                ("born", condition.high + 1), lambda now: years(condition.high + 1).latest_start(now.date())
            )
            born = self._fact("born")
            self._party.append(f"{name} = {born} is not None and {latest} >= {born} > {early}")
            return name, f"({born} is not None and not {name})"
        if isinstance(condition, OneOf):
            # The fact is one of three words of the platform, checked when the condition was built.
            fact = self._fact(condition.fact)
            self._party.append(f"{name} = {fact} in {self._value(frozenset(condition.values))}")
            return name, f"({fact} is not None and not {name})"
        if isinstance(condition, Constant):
            return str(condition.truth), f"not {condition.truth}"
        check = self._value(condition.check)
        return f"({check}(s).truth is True)", f"({check}(s).truth is False)"

    def _fact(self, name: str) -> str:
        """The variable that holds a fact about the party."""
        if name not in self._facts:
            self._facts.append(name)
        return f"p_{name}"

    def _noted(self, condition: Any, where: list[tuple[Any, str]], *, open_: bool) -> _Sides:
        """A condition that one agreement settles: ``h`` says yes, ``u`` that one may."""
        name = f"h{len(self._zeros)}"
        self._zeros.append(name)
        if open_:
            self._zeros.append(f"u{name}")
        where.append((condition, name))
        return name, f"(not ({name} or u{name}))" if open_ else f"not {name}"

    def _counted(self, condition: Any, where: list[tuple[Any, str]]) -> _Sides:
        name = f"{'h' if condition.times == 1 else 'n'}{len(self._zeros)}"
        self._zeros.append(name)
        where.append((condition, name))
        yes = name if condition.times == 1 else f"({name} >= {self._value(condition.times)})"
        return yes, f"not {yes}"

    def _holdings(self) -> list[str]:
        if not self._held and not self._defaults:
            return []
        lines = ["for x in s.holdings:", "    since = x.since", "    if since > day: continue", "    status = x.status"]
        by_family: dict[str | None, list[str]] = defaultdict(list)
        for default, name in self._defaults:
            by_family[default.family].append(name)
        for family, names in by_family.items():
            indent = "    "
            if family is not None:
                lines.append(f"    if x.family == {self._value(family)}:")
                indent = "        "
            for name in names:
                lines.append(f"{indent}if status is None: u{name} = True")
                lines.append(f"{indent}elif status in {self._value(frozenset(IN_DEFAULT))}: {name} = True")
        if not self._held:
            return lines
        lines += ["    until = x.until", "    if until is not None and until <= day: continue"]
        lines += ["    product = x.product", "    family = x.family", "    role = x.role"]
        free = [one for one in self._held if one[0].status is not None and one[0].running is None]
        lines += self._chains(free, "    ")
        lines.append("    if status == 'CLOSED' or (x.closed_on is not None and x.closed_on <= day): continue")
        lines += self._chains([one for one in self._held if one not in free], "    ")
        return lines

    def _chains(self, held: Sequence[tuple[Holds, str]], indent: str) -> list[str]:
        """The agreement is compared with each product once, with each family once."""
        lines: list[str] = []
        products: dict[str, list[tuple[Holds, str]]] = defaultdict(list)
        families: dict[str, list[tuple[Holds, str]]] = defaultdict(list)
        for condition, name in held:
            if condition.product is not None:
                products[condition.product].append((condition, name))
            elif condition.family is not None:
                families[condition.family].append((condition, name))
            else:
                lines += self._fits(condition, name, indent)
        for fact, groups in (("product", products), ("family", families)):
            word = "if"
            for code, found in groups.items():
                lines.append(f"{indent}{word} {fact} == {self._value(code)}:")
                for condition, name in found:
                    lines += self._fits(condition, name, f"{indent}    ")
                word = "elif"
        return lines

    def _fits(self, one: Holds, name: str, indent: str) -> list[str]:
        certain = []
        if one.product is not None and one.family is not None:
            certain.append(f"family == {self._value(one.family)}")
        if one.role is not None:
            certain.append(f"role == {self._value(one.role)}")
        if one.for_at_least is not None:
            certain.append(f"since <= {self._limit(one.for_at_least, _start_of(one.for_at_least))}")
        if one.running is not None:
            over = "(x.matures_on is not None and x.matures_on <= day)"
            certain.append(f"not {over}" if one.running else over)
        known, not_no = [], []
        if one.status is not None:
            known.append("status is not None")
            not_no.append(f"(status is None or status in {self._value(frozenset(one.status))})")
        if one.least_amount is not None:
            known.append("x.amount is not None")
            not_no.append(f"(x.amount is None or x.amount >= {self._value(one.least_amount)})")
        test = " and ".join([*certain, *not_no])
        if not known:
            return [f"{indent}if {test}: {name} = True" if test else f"{indent}{name} = True"]
        return [
            f"{indent}if {test}:",
            f"{indent}    if {' and '.join(known)}: {name} = True",
            f"{indent}    else: u{name} = True",
        ]

    def _events(self) -> list[str]:
        if not self._did:
            return []
        lines = ["for x in s.events:", "    at = x.at", "    if at > now: continue", "    kind = x.type"]
        groups: dict[str, list[tuple[Did, str]]] = defaultdict(list)
        for condition, name in self._did:
            groups[condition.event].append((condition, name))
        word = "if"
        for event, found in groups.items():
            lines.append(f"    {word} kind == {self._value(event)}:")
            for condition, name in found:
                lines.append(f"        if {self._since(condition.within) or 'True'}: {self._count(name)}")
            word = "elif"
        return lines

    def _contacts(self) -> list[str]:
        if not self._met:
            return []
        lines = ["for x in s.contacts:", "    at = x.at", "    if at > now: continue"]
        groups: dict[str | None, list[tuple[Contacted, str]]] = defaultdict(list)
        for condition, name in self._met:
            groups[condition.direction].append((condition, name))
        for direction, found in groups.items():
            lines.append("    if True:" if direction is None else f"    if x.direction == {self._value(direction)}:")
            for condition, name in found:
                wanted = [
                    f"x.{fact} == {self._value(getattr(condition, fact))}"
                    for fact in ("channel", "outcome", "purpose")
                    if getattr(condition, fact) is not None
                ]
                wanted += [since] if (since := self._since(condition.within)) else []
                lines.append(f"        if {' and '.join(wanted) or 'True'}: {self._count(name)}")
        return lines

    def _since(self, within: Period | None) -> str:
        return "" if within is None else f"at >= {self._limit(('at', within), within.before)}"

    @staticmethod
    def _count(name: str) -> str:
        return f"{name} += 1" if name.startswith("n") else f"{name} = True"

    def _value(self, value: Any) -> str:
        """The name under which the function sees ``value``."""
        key = (type(value).__name__, value)
        if key not in self._names:
            self._names[key] = f"k{len(self.values)}"
            self.values[self._names[key]] = value
        return self._names[key]

    def _limit(self, key: Any, at: Callable[[dt.datetime], Any]) -> str:
        """The name of a date or instant that hangs on when the question is asked."""
        if ("limit", key) not in self._names:
            self._names["limit", key] = f"d{len(self.limits)}"
            self.limits.append(at)
        return self._names["limit", key]


def _joined(condition: AllOf | AnyOf, sides: Sequence[_Sides]) -> _Sides:
    """Surely yes and surely no of several parts: all yes and one no, or one yes and all no."""
    words = (" and ", " or ") if isinstance(condition, AllOf) else (" or ", " and ")
    yes, no = (f"({word.join(side)})" for word, side in zip(words, zip(*sides, strict=True), strict=True))
    return yes, no


def _answer(yes: str, no: str) -> str:
    """True, False, or None where neither side is sure."""
    return yes if _opposite(yes, no) else f"True if {yes} else False if {no} else None"


def _opposite(yes: str, no: str) -> bool:
    """Whether one side is just the other turned round, so that the answer is always known."""
    return no == f"not {yes}" or yes == f"not {no}"


def _start_of(period: Period) -> Callable[[dt.datetime], dt.date]:
    return lambda now: period.latest_start(now.date())
