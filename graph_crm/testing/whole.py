"""A made-up customer through the whole pipeline, without a database: all gates, consent and contact policy included."""

from __future__ import annotations

from functools import cache

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions import arbitration
from graph_crm.decisions.gates import BankState, Sold
from graph_crm.decisions.pipeline import MOST_OFFERS, Outcome, decide
from graph_crm.decisions.pipeline import Asked as Question
from graph_crm.products.catalogue import read_catalogue
from graph_crm.products.money import hundredths
from graph_crm.resources import folder
from graph_crm.rules.customers import Customer
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.testing import Asked
from graph_crm.testing.decided import Decided, Offered


def pipeline(
    asked: Asked,
    who: Customer,
    *,
    channel: str | None = None,
    policy: ContactPolicy | None = None,
    limit: int = MOST_OFFERS,
) -> Decided:
    """What would be decided about a customer: at the event of ``asked``, else as a scan does.

    ``channel``: the customer is there now and asks for advice. ``policy``: the shipped one when none is given, in both
    cases with the plugins' own limits. The learner knows nothing yet, nobody is in the control group, and the catalogue
    is the shipped one. Raises AssertionError when a plugin failed.
    """
    book = asked.book
    snapshot = asked.snapshot(who, channel=channel)
    if channel is not None:
        question = Question("INBOUND", limit=limit, hooks=True)
        rules = [one for one in book.rules if one.mode != "off" and (not one.rule.events or one in asked.asked())]
    elif asked.event is not None:
        question, rules = Question("EVENT", limit=limit, hooks=True), asked.asked()
    else:
        question, rules = Question("SCAN", limit=limit), asked.asked()
    keys = {snapshot.id: f"test:{snapshot.id}"}
    outcome = decide(book, rules, [snapshot], bank_state(policy, book), asked=question, keys=keys)[0]
    if book.problems:
        raise AssertionError("\n".join(book.problems))
    return of_outcome(outcome)


def bank_state(policy: ContactPolicy | None, book: RuleBook) -> BankState:
    """A bank that sells the shipped catalogue, has learned nothing and leaves nothing to chance."""
    catalogue = shipped_catalogue()
    worth = arbitration.Policy(
        exploration=0.0, typical_value=arbitration.typical_value(one.value for one in catalogue.values())
    )
    agreed = (policy or shipped_policy()).with_limits(book.contact_limits)
    return BankState(catalogue=catalogue, policy=agreed, arbitration=worth)


@cache
def shipped_policy() -> ContactPolicy:
    """The contact policy that the platform ships."""
    return ContactPolicy.load()


@cache
def shipped_catalogue() -> dict[str, Sold]:
    """The products that the platform ships."""
    return {
        one.code: Sold(
            one.code,
            one.family,
            one.name,
            one.active,
            None if one.value is None else hundredths("value", one.value),
        )
        for one in read_catalogue(folder("seed") / "catalogue.toml").products
    }


def of_outcome(outcome: Outcome) -> Decided:
    """A decision of the pipeline as tests read it."""
    offers = [
        Offered(
            product=one.product,
            rule=one.rule,
            rank=one.rank or 0,
            status=one.status,
            channel=one.way.channel if one.way else None,
            at=one.way.at if one.way else None,
            reasons=tuple(one.proposal.reasons) if one.proposal else (),
        )
        for one in outcome.offers
    ]
    return Decided(outcome.snapshot.id, offers, [one.as_json() for one in outcome.considered])
