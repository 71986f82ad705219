"""Example 3, imperative: what a household carries that guarantees the loan of somebody else.

No condition can say it: the guarantor's own debts, the spouse's, and the state of the loan that is guaranteed count
together. A guarantor whose household owes as well is offered a life insurance at a visit of the online bank; a
household that answers for a loan in arrears gets no further credit, whichever rule proposes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph_crm.rules import Needs, Proposal, Reason, Related, Snapshot, Veto, hookimpl

CREDIT = ("LOAN", "MORTGAGE")
CREDIT_PRODUCTS = ("CASH_LOAN", "SMALL_LOAN", "MORTGAGE_STD", "CREDIT_CARD")
LATE = ("IN_ARREARS", "DEFAULTED")


@hookimpl
def needs() -> Needs:
    """The other ends of these ties are read with what they hold."""
    return Needs(ties=frozenset({"GUARANTEES", "SPOUSE_OF"}))


def debts(who: Snapshot) -> list[str]:
    """Identifiers of the running loans that somebody owes."""
    return [one.agreement_id for one in who.held() if one.family in CREDIT and one.role == "OWNER"]


def tied(who: Snapshot, kind: str) -> Iterator[Related]:
    """The ties of a kind that exist today."""
    return (one for one in who.related if one.kind == kind and one.held_on(who.as_of))


def guaranteed(who: Snapshot) -> list[Snapshot]:
    """The borrowers for whom somebody answers."""
    return [one.party for one in tied(who, "GUARANTEES") if one.outgoing and debts(one.party)]


@hookimpl
def propose(snapshots: Sequence[Snapshot]) -> list[Proposal]:
    """A life insurance for a guarantor whose household has debts of its own, at a login."""
    found = []
    for one in snapshots:
        if one.trigger is None or one.trigger.type != "login" or one.party.kind != "PERSON":
            continue
        borrowers = guaranteed(one)
        own = [*debts(one), *(debt for spouse in tied(one, "SPOUSE_OF") for debt in debts(spouse.party))]
        if not borrowers or not own:
            continue
        theirs = [debt for borrower in borrowers for debt in debts(borrower)]
        fact = Reason(
            "HOUSEHOLD_ANSWERS",
            f"the household owes {len(own)} loans and answers for {len(theirs)} of others",
            {"own": len(own), "guaranteed": len(theirs)},
            (*own, *theirs),
        )
        found.append(
            Proposal(
                party=one.id,
                rule="guarantor_insurance",
                offer="LIFE_INSURANCE",
                channels=["ONLINE", "BRANCH"],
                reasons="Your family answers for more than one loan: an insurance pays if something happens to you.",
                facts=(fact,),
                priority=180,
            )
        )
    return found


@hookimpl
def suitability(snapshots: Sequence[Snapshot], proposals: Sequence[Proposal]) -> list[Veto]:
    """No further credit for a household that answers for a loan in arrears."""
    asked = {(one.party, one.offer) for one in proposals if one.offer in CREDIT_PRODUCTS}
    found = []
    for one in snapshots:
        late = [
            held.agreement_id for borrower in guaranteed(one) for held in borrower.held() if held.status in LATE
        ] + [
            held.agreement_id
            for spouse in tied(one, "SPOUSE_OF")
            for held in spouse.party.held()
            if held.role == "GUARANTOR" and held.status in LATE
        ]
        if late:
            found += [
                Veto(
                    party=one.id,
                    code="GUARANTEED_LOAN_LATE",
                    reason="the household answers for a loan that is not paid",
                    offer=product,
                    evidence=tuple(late),
                )
                for product in CREDIT_PRODUCTS
                if (one.id, product) in asked
            ]
    return found
