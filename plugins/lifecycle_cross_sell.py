"""Cross-selling along a customer's life with the bank: loan -> current account -> card -> SMS informing.

These rules need no event: they are asked in a scan. They speak to people, not to companies. Nobody with an
agreement in default is approached.
"""

from __future__ import annotations

from graph_crm.rules import Rule, days, holds, hookimpl, in_default, is_person

LONG_ENOUGH = days(90)

loan_for_a_while = holds(family="LOAN", role="OWNER", for_at_least=LONG_ENOUGH, running=True)
current_account = holds(family="CURRENT_ACCOUNT", role="OWNER")
any_card = holds(family="CARD")


@hookimpl
def rules() -> list[Rule]:
    """Four steps of the ladder."""
    return [
        Rule(
            id="loan_to_current_account",
            title="A current account for those who only borrow",
            when=is_person() & loan_for_a_while & ~current_account & ~in_default(),
            offer="CURRENT_ACCOUNT",
            channels=["PHONE", "BRANCH", "ONLINE"],
            reasons="You have had a loan here for {days_held} days: an account with us makes paying it simple.",
            translations={"pl": "Ma Pan/Pani u nas kredyt od {days_held} dni: z kontem u nas spłata jest prostsza."},
            priority=300,
        ),
        Rule(
            id="loan_to_credit_card",
            title="A credit card for those who borrow and bank with us",
            when=is_person() & loan_for_a_while & current_account & ~any_card & ~in_default(),
            offer="CREDIT_CARD",
            channels=["PHONE", "ONLINE"],
            reasons="You have repaid your loan well for {days_held} days and have no card on your account yet.",
            translations={"pl": "Od {days_held} dni dobrze spłaca Pan/Pani kredyt, a do konta nie ma jeszcze karty."},
            priority=200,
        ),
        Rule(
            id="deposit_to_card",
            title="A card for those who save with us",
            when=(
                is_person()
                & holds(family="DEPOSIT", role="OWNER", for_at_least=LONG_ENOUGH)
                & ~any_card
                & ~in_default()
            ),
            offer="CARD_CLASSIC",
            channels=["ONLINE", "BRANCH"],
            reasons="You have had a deposit with us for {days_held} days and have no card yet.",
            translations={"pl": "Ma Pan/Pani u nas lokatę od {days_held} dni, a nie ma jeszcze karty."},
        ),
        Rule(
            id="card_to_sms_info",
            title="SMS informing for cardholders",
            when=is_person() & any_card & ~holds("SMS_INFO") & ~in_default(),
            offer="SMS_INFO",
            channels=["SMS", "ONLINE"],
            reasons="A message after every payment keeps your card safe.",
            translations={"pl": "Wiadomość po każdej płatności chroni kartę."},
            priority=50,
        ),
    ]
