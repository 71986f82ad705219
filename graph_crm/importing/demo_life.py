"""What a customer of the demo bank has and does: agreements along the cross-sell ladder, payments, visits, contacts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import orjson
from pydantic import BaseModel, ConfigDict

from graph_crm.importing import cypher
from graph_crm.importing.cypher import Kind
from graph_crm.importing.demo_consents import ConsentShares
from graph_crm.importing.demo_people import SOURCE, Locale
from graph_crm.importing.loader import Record
from graph_crm.importing.values import digest, plus_months
from graph_crm.products.money import money_text

Item = tuple[Kind, Record]


class First(BaseModel):
    """Shares of adults by their first product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: float
    loan: float
    deposit: float


class Next(BaseModel):
    """How likely each next step is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: float
    gold: float
    credit_card: float
    sms: float
    account_after_loan: float
    savings: float
    deposit: float
    fund: float
    loan: float
    small_loan: float
    mortgage: float
    online: float
    loan_insurance: float
    life_insurance: float
    guarantor: float
    junior_card: float
    business_loan: float


class Loans(BaseModel):
    """Shares of loans that are not simply paid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    late_then_paid: float
    in_arrears: float
    defaulted: float


class Activity(BaseModel):
    """How much customers do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    salary: float
    standing_order: float
    card_payments_days: int
    card_payments: int
    logins: int
    atm_share: float
    interactions: int


class DemoSettings(BaseModel):
    """The settings of the generator (`seed/demo_bank.toml`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str
    history_days: int
    company_share: float
    couple_share: float
    children_share: float
    shared_phone_share: float
    second_phone_share: float
    email_share: float
    first: First
    next: Next
    loans: Loans
    activity: Activity
    consent: ConsentShares
    locales: list[Locale]


@dataclass
class Account:
    """A current account, as far as cards, loans and payments need to know it."""

    id: str
    opened: date
    record: Record


@dataclass
class Customer:
    """A party on its way through the bank: what it holds so far, as records to load."""

    party: str
    joined: date
    today: date
    chance: random.Random
    settings: DemoSettings
    items: list[Item] = field(default_factory=list)
    account: Account | None = None
    balance: int = 0
    payments: list[tuple[date, int]] = field(default_factory=list)
    """Instalments booked on the account: day and amount in hundredths."""
    has_card: bool = False
    _count: int = 0

    def likely(self, share: float) -> bool:
        """True in ``share`` of all cases."""
        return self.chance.random() < share

    def later(self, day: date, fewest: int, most: int) -> date | None:
        """A day between ``fewest`` and ``most`` days after ``day``; None when it has not come yet."""
        found = day + timedelta(days=self.chance.randint(fewest, most))
        return found if found < self.today else None

    def agreement(
        self,
        product: str,
        opened: date,
        *,
        role: str = "OWNER",
        history: list[tuple[date, str]] | None = None,
        matures: date | None = None,
        co_owner: str | None = None,
        **props: object,
    ) -> str:
        """Add an agreement with its holding and return its id. ``history``: the later states with their days."""
        self._count += 1
        identity = f"{self.party}:agreement:{self._count}"
        states = [(opened, "ACTIVE"), *(history or [])]
        status = states[-1][1]
        closed = states[-1][0] if status == "CLOSED" else None
        values = {
            "number": f"{abs(hash_number(identity)) % 10**10:010d}",
            "status": status,
            "statusDates": [day for day, _ in states],
            "statusValues": [state for _, state in states],
            "openedOn": opened,
            "closedOn": closed,
            "maturesOn": matures,
            "currency": self.settings.currency,
            "source": SOURCE,
            **props,
        }
        record = {"id": identity, "productCode": product, "props": values}
        record["digest"] = digest({**values, "productCode": product})
        self.items.append((cypher.AGREEMENT, record))
        self.hold(identity, self.party, role, opened, closed)
        if co_owner:
            self.hold(identity, co_owner, "OWNER", opened, closed)
        return identity

    def hold(self, agreement: str, party: str, role: str, since: date, until: date | None = None) -> None:
        """Add what ``party`` is in an agreement."""
        record = {
            "id": f"{agreement}:{party}:{role}",
            "partyId": party,
            "agreementId": agreement,
            "props": {"role": role, "since": since, "until": until, "source": SOURCE},
        }
        self.items.append((cypher.HOLDING, record))

    def link(self, agreement: str, kind: str) -> None:
        """Tie an agreement to the current account, where there is one."""
        if self.account:
            record = {"agreementId": agreement, "toAgreementId": self.account.id, "kind": kind, "only": True}
            self.items.append((cypher.LINK, record))

    def open_account(self, opened: date, product: str = "CURRENT_ACCOUNT", co_owner: str | None = None) -> None:
        """Open the current account."""
        identity = self.agreement(product, opened, co_owner=co_owner, frequency="MONTHLY")
        record = next(row for kind, row in self.items if kind is cypher.AGREEMENT and row["id"] == identity)
        self.account = Account(identity, opened, record)

    def card(self, product: str, opened: date) -> None:
        """Give out a card, perhaps with messages about its payments."""
        identity = self.agreement(product, opened)
        self.link(identity, "ISSUED_ON")
        self.has_card = True
        messages = self.later(opened, 1, 200)
        if messages and self.likely(self.settings.next.sms):
            self.agreement("SMS_INFO", messages)

    def loan(self, product: str, opened: date, guarantor: str | None = None, co_owner: str | None = None) -> None:
        """Grant a loan: amount, term, instalments, and how it went."""
        chance = self.chance
        months = {"SMALL_LOAN": 12, "MORTGAGE_STD": 300}.get(product) or chance.choice((12, 18, 24, 36, 48, 60))
        low, high = {
            "SMALL_LOAN": (300, 1_500),
            "MORTGAGE_STD": (60_000, 350_000),
            "BUSINESS_LOAN": (10_000, 200_000),
        }.get(product, (1_000, 20_000))
        amount = chance.randint(low // 100, high // 100) * 100_00
        rate = round(chance.uniform(0.03, 0.05) if months > 100 else chance.uniform(0.06, 0.13), 4)  # noqa: PLR2004 - a mortgage
        payment = round(amount * (1 + rate * months / 24) / months)
        matures = plus_months(opened, months)
        history = self._course(opened, matures)
        identity = self.agreement(
            product,
            opened,
            history=history,
            matures=matures,
            co_owner=co_owner,
            amount=amount,
            payment=payment,
            interestRate=rate,
            termMonths=months,
        )
        if guarantor and guarantor != self.party:
            self.hold(identity, guarantor, "GUARANTOR", opened)
            tie = {
                "id": f"{identity}:guarantee",
                "fromId": guarantor,
                "toId": self.party,
                "props": {"since": opened, "source": SOURCE, "note": "loan guarantee"},
            }
            self.items.append((cypher.TIES["GUARANTEES"], tie))
        if self.account and self.account.opened <= opened:
            self.link(identity, "PAID_FROM")
            unpaid = next((day for day, state in history if state == "IN_ARREARS"), self.today)
            day = plus_months(opened, 1)
            while day < min(unpaid, matures, self.today):
                self.payments.append((day, payment))
                day = plus_months(day, 1)
        if product in {"CASH_LOAN", "MORTGAGE_STD"} and self.likely(self.settings.next.loan_insurance):
            ended = [(matures, "CLOSED")] if matures <= self.today else []
            self.agreement("LOAN_INSURANCE", opened, history=ended, matures=matures)

    def _course(self, opened: date, matures: date) -> list[tuple[date, str]]:
        """How a loan went after its opening."""
        shares = self.settings.loans
        draw = self.chance.random()
        late = opened + timedelta(days=self.chance.randint(65, 300))
        if late < min(self.today, matures):
            if draw < shares.defaulted:
                lost = late + timedelta(days=90)
                return [(late, "IN_ARREARS"), *([(lost, "DEFAULTED")] if lost < self.today else [])]
            if draw < shares.defaulted + shares.in_arrears:
                return [(late, "IN_ARREARS")]
            if draw < shares.defaulted + shares.in_arrears + shares.late_then_paid:
                paid = late + timedelta(days=self.chance.randint(10, 60))
                if paid < min(self.today, matures):
                    closed = [(matures, "CLOSED")] if matures <= self.today else []
                    return [(late, "IN_ARREARS"), (paid, "ACTIVE"), *closed]
                return [(late, "IN_ARREARS")]
        return [(matures, "CLOSED")] if matures <= self.today else []

    def live(self, recent: list[str], partner: str | None) -> None:
        """The way of a person through the products, from the first one on."""
        steps, draw = self.settings.next, self.chance.random()
        first = self.settings.first
        guarantor = self.chance.choice(recent) if recent and self.likely(steps.guarantor) else None
        if draw < first.account:
            self._account_first(guarantor, partner)
        elif draw < first.account + first.loan:
            self.loan("CASH_LOAN", self.joined, guarantor)
            opened = self.later(self.joined, 20, 300)
            if opened and self.likely(steps.account_after_loan):
                self.open_account(opened)
            self._credit_card(self.joined)
        elif draw < first.account + first.loan + first.deposit:
            product = self.chance.choice(("TERM_DEPOSIT", "TERM_DEPOSIT", "SAVINGS_ACCOUNT"))
            amount = self.chance.randint(5, 400) * 100_00
            matures = plus_months(self.joined, 24) if product == "TERM_DEPOSIT" else None
            self.agreement(product, self.joined, matures=matures, amount=amount, balance=amount)
            self._credit_card(self.joined)
            fund = self.later(self.joined, 365, 700)
            if fund and self.likely(steps.fund):
                product = self.chance.choice(("INVESTMENT_FUND", "SECURITIES_ACCOUNT"))
                self.agreement(product, fund, balance=self.chance.randint(1, 90) * 100_00)

    def _credit_card(self, since: date) -> None:
        opened = self.later(since, 60, 400)
        if opened and self.likely(self.settings.next.credit_card):
            self.card("CREDIT_CARD", opened)

    def _account_first(self, guarantor: str | None, partner: str | None) -> None:
        steps = self.settings.next
        self.open_account(self.joined, co_owner=partner if self.likely(0.3) else None)
        for product, share, fewest, most in (
            ("ONLINE_BANKING", steps.online, 0, 60),
            ("SAVINGS_ACCOUNT", steps.savings, 90, 500),
            ("TERM_DEPOSIT", steps.deposit, 120, 600),
        ):
            opened = self.later(self.joined, fewest, most)
            if opened and self.likely(share):
                self.agreement(product, opened)
        opened = self.later(self.joined, 0, 30)
        if opened and self.likely(steps.card):
            self.card("CARD_CLASSIC", opened)
            gold = self.later(opened, 300, 600)
            if gold and self.likely(steps.gold):
                self.card("CARD_GOLD", gold)
        for product, share in (
            ("CASH_LOAN", steps.loan),
            ("SMALL_LOAN", steps.small_loan),
            ("MORTGAGE_STD", steps.mortgage),
        ):
            opened = self.later(self.joined, 30, 500)
            if opened and self.likely(share):
                self.loan(product, opened, guarantor, co_owner=partner if product == "MORTGAGE_STD" else None)
                if product == "MORTGAGE_STD":
                    self.agreement("HOME_INSURANCE", opened)
                    covered = self.later(opened, 30, 200)
                    if covered and self.likely(self.settings.next.life_insurance):
                        self.agreement("LIFE_INSURANCE", covered)

    def bookings(self) -> None:
        """Movements on the account in the order of their days, with the balance after each; the standing order."""
        if self.account is None:
            return
        chance, account = self.chance, self.account
        lines: list[tuple[date, int, str, str]] = [
            (day, -amount, "TRANSFER_OUT", "LOAN_PAYMENT") for day, amount in self.payments if day >= account.opened
        ]
        salary = chance.randint(12, 60) * 50_00 if self.likely(self.settings.activity.salary) else 0
        rent = chance.randint(3, 12) * 50_00 if self.likely(self.settings.activity.standing_order) else 0
        day = account.opened + timedelta(days=chance.randint(1, 28))
        while day < self.today:
            if salary:
                lines.append((day, salary, "TRANSFER_IN", "SALARY"))
            if rent:
                lines.append((min(day + timedelta(days=2), self.today), -rent, "TRANSFER_OUT", "HOUSEHOLD"))
            day = plus_months(day, 1)
        if self.has_card:
            for _ in range(chance.randint(0, self.settings.activity.card_payments)):
                day = self.today - timedelta(days=chance.randint(1, self.settings.activity.card_payments_days))
                if day > account.opened:
                    lines.append((day, -chance.randint(2_00, 150_00), "CARD_PAYMENT", "PURCHASE"))
        self.balance = chance.randint(1, 30) * 100_00
        for number, (day, amount, operation, purpose) in enumerate(sorted(lines), start=1):
            self.balance += amount
            record = {
                "id": f"{account.id}:{number:04d}",
                "agreementId": account.id,
                "props": {
                    "bookedOn": day,
                    "direction": "CREDIT" if amount > 0 else "DEBIT",
                    "operation": operation,
                    "amount": abs(amount),
                    "balance": self.balance,
                    "currency": self.settings.currency,
                    "purpose": purpose,
                    "source": SOURCE,
                },
            }
            self.items.append((cypher.MOVEMENT, record))
        values = account.record["props"]
        values["balance"] = self.balance
        account.record["digest"] = digest({**values, "productCode": account.record["productCode"]})
        if rent:
            order = {"toBank": "Demo Bank", "toAccount": f"{chance.randrange(10**9):09d}", "amount": rent}
            props = {**order, "currency": self.settings.currency, "purpose": "HOUSEHOLD", "source": SOURCE}
            self.items.append(
                (
                    cypher.STANDING_ORDER,
                    {"id": f"{account.id}:order", "agreementId": account.id, "props": props},
                )
            )

    def visits(self) -> None:
        """Events of the last weeks, and the contacts of the whole history."""
        chance, activity = self.chance, self.settings.activity
        found: list[tuple[datetime, str, str, Record, bool]] = []
        if self.account:
            found.extend(
                (self._moment(90), "login", "ONLINE", {"device": chance.choice(("phone", "web"))}, False)
                for _ in range(chance.randint(0, activity.logins))
            )
            if found and self.likely(0.5):
                page = chance.choice(("/loans/cash-loan", "/cards/credit", "/savings/term-deposit", "/mortgages"))
                found.append((self._moment(60), "page_view", "ONLINE", {"page": page}, False))
            if self.likely(activity.atm_share):
                place = {"atm": f"ATM-{chance.randint(1, 120):03d}", "balance": money_text(self.balance)}
                found.append((self._moment(30), "atm_balance_check", "ATM", place, True))
        for number, (at, kind, channel, payload, on_account) in enumerate(found, start=1):
            agreement = self.account.id if on_account and self.account else None
            record = {
                "id": f"{self.party}:event:{number}",
                "partyId": self.party,
                "agreementId": agreement,
                "lockKey": self.party,
                "props": {
                    "type": kind,
                    "at": at,
                    "channel": channel,
                    "payload": orjson.dumps(payload).decode(),
                    "source": SOURCE,
                },
            }
            self.items.append((cypher.EVENT, record))
        self.items.extend(self._contacts())

    def _contacts(self) -> Iterator[Item]:
        chance = self.chance
        for number in range(1, chance.randint(0, self.settings.activity.interactions) + 1):
            outbound = self.likely(0.6)
            channel = chance.choice(("PHONE", "PHONE", "EMAIL", "SMS") if outbound else ("BRANCH", "PHONE", "ONLINE"))
            outcomes = ("ACCEPTED", "REJECTED", "REJECTED", "NO_ANSWER", "LATER") if outbound else ("SOLVED", "SOLVED")
            product = chance.choice(("CREDIT_CARD", "SAVINGS_ACCOUNT", "CASH_LOAN", "SMS_INFO")) if outbound else None
            props = {
                "channel": channel,
                "direction": "OUTBOUND" if outbound else "INBOUND",
                "purpose": "OFFER" if outbound else "SERVICE",
                "outcome": chance.choice(outcomes),
                "at": self._moment(max((self.today - self.joined).days, 1)),
                "productCode": product,
                "source": SOURCE,
            }
            yield (
                cypher.INTERACTION,
                {"id": f"{self.party}:contact:{number}", "partyId": self.party, "props": props},
            )

    def _moment(self, days: int) -> datetime:
        """An instant in working hours of one of the last ``days`` days before today."""
        day = self.today - timedelta(days=self.chance.randint(1, max(days, 1)))
        clock = time(self.chance.randint(7, 20), self.chance.randint(0, 59), self.chance.randint(0, 59))
        return datetime.combine(day, clock, tzinfo=UTC)


def hash_number(text: str) -> int:
    """A number that looks random and is always the same for the same text."""
    return int(digest({"text": text})[:12], 16)
