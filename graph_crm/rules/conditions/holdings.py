"""Conditions over agreements: what the customer holds, for how long, in which state."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import Condition, CypherWriter, a_code, a_period, one_of, one_of_them
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import IN_DEFAULT, ROLES, STATUSES, Holding, Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

FEWEST_NODES_OF_PRODUCT = 100
FEWEST_NODES_OF_FAMILY = 200
CENTS = 100


@dataclass(frozen=True, slots=True)
class Holds(Condition):
    """See `holds`."""

    product: str | None = None
    family: str | None = None
    role: str | None = None
    for_at_least: Period | None = None
    running: bool | None = None
    status: tuple[str, ...] | None = None
    least_amount: int | None = None

    def __str__(self) -> str:
        shown = [self.product or (f"family={self.family}" if self.family else "anything")]
        shown += [f"role={self.role}"] if self.role else []
        shown += [f"for_at_least={self.for_at_least}"] if self.for_at_least else []
        shown += [f"running={self.running}"] if self.running is not None else []
        shown += [f"status={'/'.join(self.status)}"] if self.status else []
        shown += [f"amount_at_least={self.least_amount / CENTS:.2f}"] if self.least_amount is not None else []
        return f"holds({', '.join(shown)})"

    @property
    def what(self) -> str:
        """The product or family in words."""
        return self.product or (f"a product of family {self.family}" if self.family else "any product")

    def check(self, snapshot: Snapshot) -> Verdict:
        """Yes when one agreement fits, no when none does, not known when one may."""
        fits: dict[bool | None, list[Holding]] = {True: [], None: [], False: []}
        for holding in snapshot.holdings:
            fits[self._fits(holding, snapshot)].append(holding)
        if fits[True]:
            first = min(fits[True], key=lambda one: (one.since, one.agreement_id))
            held = (snapshot.as_of - first.since).days
            text = f"holds {first.product} since {first.since} ({held} days)"
            numbers = {"days_held": held} | ({"amount": first.amount / CENTS} if first.amount is not None else {})
            words = {"product": first.product, "since": first.since.isoformat()}
            return Verdict(True, (Reason("HOLDS", text, numbers, (first.agreement_id,), words),))
        words = {"what": self.product or self.family or "ANYTHING"}
        if fits[None]:
            unsure = tuple(one.agreement_id for one in fits[None])
            text = f"may hold {self._wanted()}: a fact is missing"
            return Verdict(None, (Reason("HOLDS_UNKNOWN", text, {}, unsure, words),))
        return Verdict(False, (Reason("HOLDS_NOT", f"holds no {self._wanted()}", words=words),))

    def _wanted(self) -> str:
        limits = [self.product or self.family or "product"]
        limits += [f"as {self.role}"] if self.role else []
        limits += [f"for {self.for_at_least} or more"] if self.for_at_least else []
        limits += ["that still runs"] if self.running else ["whose term is over"] if self.running is False else []
        limits += [f"in status {' or '.join(self.status)}"] if self.status else []
        limits += [f"of {self.least_amount / CENTS:.2f} or more"] if self.least_amount is not None else []
        return " ".join(limits)

    def _fits(self, one: Holding, snapshot: Snapshot) -> bool | None:
        day = snapshot.as_of
        if not one.held_on(day) or self.product not in (None, one.product) or self.family not in (None, one.family):
            return False
        if self.role not in (None, one.role) or (self.for_at_least and one.since > self.for_at_least.latest_start(day)):
            return False
        if self.status is None and one.closed_by(day):
            return False
        if self.running is not None:
            over = one.matures_on is not None and one.matures_on <= day
            if one.closed_by(day) or over is self.running:
                return False
        answers: list[bool | None] = []
        if self.status is not None:
            answers.append(None if one.status is None else one.status in self.status)
        if self.least_amount is not None:
            answers.append(None if one.amount is None else one.amount >= self.least_amount)
        return False if False in answers else None if None in answers else True

    def write(self, writer: CypherWriter, party: str) -> str:
        """One of what the party holds; null where a missing status or amount leaves it open."""
        tie, agreement = writer.variable("h"), writer.variable("a")
        pattern = f"MATCH ({party})-[{tie}:HOLDS]->({agreement}:Agreement)"
        certain = " AND ".join(self._certain(writer, tie, agreement))
        open_ = " AND ".join(self._open(writer, agreement))
        if not open_:
            return f"EXISTS {{ {pattern} WHERE {certain} }}"
        return one_of_them(writer, pattern, certain, open_)

    def _certain(self, writer: CypherWriter, tie: str, agreement: str) -> list[str]:
        """What must be true; a missing fact counts as false here."""
        day = writer.value(writer.day)
        since = f"coalesce({tie}.since, {agreement}.openedOn)"
        found = [f"{since} <= {day}", f"({tie}.until IS NULL OR {tie}.until > {day})"]
        if self.product:
            found.append(f"{agreement}.productCode = {writer.value(self.product)}")
        if self.family:
            found.append(f"{agreement}.familyCode = {writer.value(self.family)}")
        if self.role:
            found.append(f"{tie}.role = {writer.value(self.role)}")
        if self.for_at_least:
            found.append(f"{since} <= {writer.value(self.for_at_least.latest_start(writer.day))}")
        closed = (
            f"(coalesce({status_of(agreement, day)} = 'CLOSED', false) "
            f"OR coalesce({agreement}.closedOn <= {day}, false))"
        )
        if self.status is None or self.running is not None:
            found.append(f"NOT {closed}")
        if self.running is True:
            # Not written with OR: the planner would make two searches of it and throw the doubles away.
            found.append(f"coalesce({agreement}.maturesOn > {day}, true)")
        if self.running is False:
            found.append(f"{agreement}.maturesOn <= {day}")
        return found

    def _open(self, writer: CypherWriter, agreement: str) -> list[str]:
        """What is null where the fact is missing."""
        found = []
        if self.status is not None:
            found.append(f"{status_of(agreement, writer.value(writer.day))} IN {writer.value(self.status)}")
        if self.least_amount is not None:
            found.append(f"{agreement}.amount >= {writer.value(self.least_amount)}")
        return found

    @property
    def nullable(self) -> bool:
        """Whether a missing status or amount can leave it open."""
        return self.status is not None or self.least_amount is not None

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """Of what is held: since how many days, and the amount where it is known."""
        return frozenset({"days_held", "amount"}) if passed else frozenset()

    def anchor(self, writer: CypherWriter, party: str) -> str | None:
        """Start from the agreements of the product or family, found by index."""
        if not self.product and not self.family:
            return None
        tie, agreement = writer.variable("h"), writer.variable("a")
        wanted = " AND ".join(self._certain(writer, tie, agreement) + self._open(writer, agreement))
        return f"MATCH ({party}:Party)-[{tie}:HOLDS]->({agreement}:Agreement) WHERE {wanted}"

    def anchor_cost(self) -> int:
        """A product has fewer agreements than its family."""
        return FEWEST_NODES_OF_PRODUCT if self.product else FEWEST_NODES_OF_FAMILY

    def implies(self, other: Condition) -> bool:
        """A narrower holding implies a wider one."""
        if not isinstance(other, Holds):
            return False
        mine, theirs = self.least_amount, other.least_amount
        least = theirs is None or (mine is not None and mine >= theirs)
        status = other.status is None and self.status is None
        if self.status is not None:
            # A named status may be CLOSED, which a holding without one leaves out.
            status = set(self.status) <= set(other.status or [value for value in STATUSES if value != "CLOSED"])
        aged = other.for_at_least in (None, self.for_at_least) or (
            self.for_at_least is not None
            and other.for_at_least is not None
            and self.for_at_least.months >= other.for_at_least.months
            and self.for_at_least.days >= other.for_at_least.days
        )
        same = all(
            getattr(other, name) in (None, getattr(self, name)) for name in ("product", "family", "role", "running")
        )
        return same and least and status and aged


def status_of(agreement: str, day: str) -> str:
    """Cypher: the status of ``agreement`` on ``day`` by its history, the present one where there is no history.

    Asked about a day after the last change, as nearly always, it looks at the last entry alone.
    """
    dates, values = f"{agreement}.statusDates", f"{agreement}.statusValues"
    return (
        f"CASE WHEN {dates}[-1] <= {day} THEN {values}[size({dates}) - 1] "
        f"WHEN {dates}[-1] IS NULL THEN {agreement}.status "
        f"ELSE last([i IN range(0, size({dates}) - 1) WHERE {dates}[i] <= {day} | {values}[i]]) END"
    )


@dataclass(frozen=True, slots=True)
class InDefault(Condition):
    """See `in_default`."""

    family: str | None = None

    def __str__(self) -> str:
        return f"in_default({f'family={self.family}' if self.family else ''})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Yes when one agreement is in default, not known when the status of one is."""
        day = snapshot.as_of
        mine = [one for one in snapshot.holdings if one.since <= day and self.family in (None, one.family)]
        bad = [one for one in mine if one.status in IN_DEFAULT]
        what = self.family or "agreement"
        if bad:
            text = "; ".join(f"{one.product} is {one.status}" for one in bad)
            return Verdict(True, (Reason("IN_DEFAULT", text, {}, tuple(one.agreement_id for one in bad)),))
        unsure = tuple(one.agreement_id for one in mine if one.status is None)
        if unsure:
            return Verdict(None, (Reason("DEFAULT_UNKNOWN", f"the status of a {what} is not known", {}, unsure),))
        return Verdict(False, (Reason("NOT_IN_DEFAULT", f"no {what} is in default"),))

    def write(self, writer: CypherWriter, party: str) -> str:
        """One of what the party holds or held; null where a status is missing."""
        tie, agreement = writer.variable("h"), writer.variable("a")
        day = writer.value(writer.day)
        pattern = f"MATCH ({party})-[{tie}:HOLDS]->({agreement}:Agreement)"
        certain = f"coalesce({tie}.since, {agreement}.openedOn) <= {day}"
        if self.family:
            certain += f" AND {agreement}.familyCode = {writer.value(self.family)}"
        return one_of_them(writer, pattern, certain, f"{status_of(agreement, day)} IN {writer.value(IN_DEFAULT)}")

    @property
    def nullable(self) -> bool:
        """A missing status leaves it open."""
        return True

    def implies(self, other: Condition) -> bool:
        """A default in one family is a default."""
        return isinstance(other, InDefault) and other.family in (None, self.family)


def holds(
    product: str | None = None,
    *,
    family: str | None = None,
    role: str | None = None,
    for_at_least: Period | None = None,
    running: bool | None = None,
    status: str | tuple[str, ...] | None = None,
    amount_at_least: int | str | Decimal | None = None,
) -> Condition:
    """Hold an agreement that fits, on the day that is asked about.

    ``product`` or ``family``: its code; neither: anything. ``role``: OWNER, AUTHORISED, GUARANTOR or CARDHOLDER; not
    given: any part in it counts. ``for_at_least``: so long ago it began. ``running``: True when its term must not be
    over (one without a term runs until it is closed), False when it must be. ``status``: one of these on that day; not
    given: anything but CLOSED. ``amount_at_least``: in units of its currency.
    """
    for name, value in (("product", product), ("family", family)):
        if value is not None:
            a_code(name, value)
    if role is not None:
        one_of("role", role, ROLES)
    wanted = (status,) if isinstance(status, str) else status
    for value in wanted or ():
        one_of("status", value, STATUSES)
    if running is not None and not isinstance(running, bool):
        raise RuleError(f"running must be True or False, not {running!r}.")
    a_period("for_at_least", for_at_least)
    cents = None if amount_at_least is None else _cents(amount_at_least)
    return Holds(product, family, role, for_at_least, running, tuple(wanted) if wanted else None, cents)


def in_default(family: str | None = None) -> Condition:
    """Have or have had a part in an agreement that is IN_ARREARS or DEFAULTED on the day that is asked about.

    An agreement whose status is not known leaves the answer open: ``~in_default()`` does not pass then.
    """
    if family is not None:
        a_code("family", family)
    return InDefault(family)


def _cents(amount: int | str | Decimal) -> int:
    try:
        cents = Decimal(str(amount)) * CENTS
    except ArithmeticError:
        raise RuleError(f"amount_at_least {amount!r} is no amount.", hint='For example 1000 or "1000.50".') from None
    if not cents.is_finite() or cents != cents.to_integral_value():
        raise RuleError(f"amount_at_least {amount!r} has more than two decimals.")
    return int(cents)
