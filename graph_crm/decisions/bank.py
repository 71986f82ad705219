"""The bank's side of a decision, read when it is made: catalogue, approved overrides, switched rules, learner."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field

from graph_crm import snapshots
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.overrides import overrides_of
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions import arbitration, cypher
from graph_crm.decisions.authoring.switching import modes_of
from graph_crm.decisions.gates import BankState, ControlGroup, Sold
from graph_crm.decisions.learning.bayes import Learner
from graph_crm.decisions.learning.store import LearnerStore
from graph_crm.graph.database import Database
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import ticked

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FRESH_SECONDS = 1.0
"""For so long a decision for a customer who is here goes by what was read of the bank before."""


@dataclass(frozen=True)
class Terms:
    """What the bank has settled in its files and settings."""

    policy: ContactPolicy
    exploration: float = 0.05
    levers: dict[str, float] = field(default_factory=dict)
    control: ControlGroup = field(default_factory=ControlGroup)
    hold: dt.timedelta = dt.timedelta(hours=72)
    offer_life: dt.timedelta = dt.timedelta(days=30)


class Bank:
    """Reads the bank's side. Safe to ask from many tasks at once."""

    def __init__(self, database: Database, book: RuleBook, terms: Terms) -> None:
        self._database = database
        self._book = book
        self.terms = terms
        self._learner = LearnerStore(database)
        self._last: tuple[float, BankState, RuleBook] | None = None
        self._asked: tuple[float, dt.datetime] | None = None
        self.memory = memory_of(terms.policy)
        """What of a customer's past the contact policy looks at."""

    @property
    def needs(self) -> Needs:
        """What the snapshots must hold for all rules, hooks and the contact policy."""
        return self._book.needs | self.terms.policy.needs

    async def now(
        self, read: snapshots.Reader, at: dt.datetime, *, learner: Learner | None = None
    ) -> tuple[BankState, RuleBook]:
        """The bank at ``at``, and the rule book with the modes that rules are switched to."""
        (row,) = await read(cypher.BANK, {"now": ticked(at)})
        catalogue = {one[0]: Sold(*one) for one in row["products"]}
        terms = self.terms
        state = BankState(
            catalogue=catalogue,
            policy=terms.policy,
            overrides=overrides_of(row["overrides"]),
            learner=learner or await self._learner.current(),
            arbitration=arbitration.Policy(
                exploration=terms.exploration,
                levers=terms.levers,
                typical_value=arbitration.typical_value(one.value for one in catalogue.values()),
            ),
            control=terms.control,
            hold=terms.hold,
            offer_life=terms.offer_life,
        )
        return state, self._book.switched(modes_of(row["modes"]))

    async def clock(self) -> dt.datetime:
        """The clock of the database, as it was asked a second ago at most.

        All that is known of customers is written by it: by the clock of a machine that is behind, what was just
        withdrawn would be still to come. It is ahead by no more than the question took, and never behind.
        """
        if self._asked is None or time.monotonic() - self._asked[0] > FRESH_SECONDS:
            started = time.monotonic()
            (row,) = await self._database.read(cypher.CLOCK)
            self._asked = (started, _EPOCH + dt.timedelta(milliseconds=row["now"]))
        started, told = self._asked
        return told + dt.timedelta(seconds=time.monotonic() - started)

    async def lately(self, at: dt.datetime) -> tuple[BankState, RuleBook]:
        """The bank as of a second ago at most: for advice, which no contact limit binds."""
        if self._last is None or time.monotonic() - self._last[0] > FRESH_SECONDS:
            started = time.monotonic()
            self._last = (started, *await self.now(self._database.read, at))
        return self._last[1], self._last[2]
