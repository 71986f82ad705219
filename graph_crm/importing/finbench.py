"""Import of an LDBC FinBench data set: people, companies, accounts, loans and the money between them.

See docs/importing.md for the mapping. FinBench names no currency: all amounts are in the currency of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pycountry

from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.file_import import Converted, FileImport, run_import
from graph_crm.importing.loader import Progress, Record, no_progress
from graph_crm.importing.reading import DelimitedFile, check_folder
from graph_crm.importing.rejects import ImportReport
from graph_crm.importing.values import RowProblem, digest, hundredths, instant, integer, number, one_of
from graph_crm.parties.names import name_key

SOURCE = "finbench"
DEFAULT_CURRENCY = "USD"

COLUMNS = {
    "Person": ("personId", "personName", "isBlocked", "createTime", "gender", "birthday", "country", "city"),
    "Company": (
        *("companyId", "companyName", "isBlocked", "createTime", "country", "city", "business"),
        *("description", "url"),
    ),
    "Account": (
        *("accountId", "createTime", "isBlocked", "accoutType", "nickname", "phonenum", "email"),
        *("freqLoginType", "lastLoginTime", "accountLevel"),
    ),
    "Loan": ("loanId", "loanAmount", "balance", "createTime", "loanUsage", "interestRate"),
    "PersonOwnAccount": ("personId", "accountId", "createTime"),
    "CompanyOwnAccount": ("companyId", "accountId", "createTime"),
    "PersonApplyLoan": ("personId", "loanId", "createTime", "org"),
    "CompanyApplyLoan": ("companyId", "loanId", "createTime", "org"),
    "PersonGuaranteePerson": ("fromId", "toId", "createTime", "relation"),
    "CompanyGuaranteeCompany": ("fromId", "toId", "createTime", "relation"),
    "PersonInvestCompany": ("investorId", "companyId", "ratio", "createTime"),
    "CompanyInvestCompany": ("investorId", "companyId", "ratio", "createTime"),
    "AccountTransferAccount": (
        *("fromId", "toId", "amount", "createTime", "orderNum", "comment", "payType", "goodsType"),
    ),
    "AccountWithdrawAccount": ("fromId", "toId", "amount", "createTime"),
    "LoanDepositAccount": ("loanId", "accountId", "amount", "createTime"),
    "AccountRepayLoan": ("accountId", "loanId", "amount", "createTime"),
}
"""The files (`NAME.csv`) in the order of loading, each with its columns; the spelling is the data set's own."""

ACCOUNT_PRODUCTS = {
    "brokerage account": "SECURITIES_ACCOUNT",
    "certificate of deposit": "TERM_DEPOSIT",
    "corporate account": "BUSINESS_ACCOUNT",
    "credit card": "CREDIT_CARD",
    "custodial account": "SECURITIES_ACCOUNT",
    "debit card": "CARD_CLASSIC",
    "escrow account": "CURRENT_ACCOUNT",
    "foreign currency": "CURRENT_ACCOUNT",
    "internet account": "CURRENT_ACCOUNT",
    "merchant account": "BUSINESS_ACCOUNT",
    "prepaid card": "CARD_CLASSIC",
    "retirement account": "SAVINGS_ACCOUNT",
    "trust account": "SAVINGS_ACCOUNT",
}
"""The catalogue's product for each type of account; the type itself stays in the agreement's `purpose`."""

SEXES = {"male": "MALE", "female": "FEMALE"}
TRUTHS = {"true": "yes", "false": ""}
COUNTRY_NAMES = {
    "Burma": "MM",
    "Democratic_Republic_of_the_Congo": "CD",
    "England": "GB",
    "Ivory_Coast": "CI",
    "Northern_Ireland": "GB",
    "Republic_of_Macedonia": "MK",
    "Russia": "RU",
    "Scotland": "GB",
    "Turkey": "TR",
    "Wales": "GB",
}
"""Names of countries that are not those of ISO 3166."""


def files(folder: Path) -> dict[str, DelimitedFile]:
    """The files of the data set in ``folder``; InvalidInput when it or one is missing or has another header."""
    check_folder(folder, [f"{name}.csv" for name in COLUMNS])
    found = {
        name: DelimitedFile(folder / f"{name}.csv", columns, delimiter="|", quoted=False)
        for name, columns in COLUMNS.items()
    }
    for file in found.values():
        file.check()
    return found


async def import_finbench(
    database: Database,
    folder: Path,
    *,
    currency: str = DEFAULT_CURRENCY,
    reject_path: Path | None = None,
    progress: Progress = no_progress,
) -> ImportReport:
    """Load the data set; rows that can't be used go to the reject file and do not stop the rest.

    The same files twice give the same graph. Raises InvalidInput for a missing file or a wrong header, before
    anything is written.
    """
    found = files(folder)
    await ensure_products(database, {"CASH_LOAN", "BUSINESS_LOAN", *ACCOUNT_PRODUCTS.values()})
    return await run_import(
        SOURCE, database, lambda run: load_files(run, found, currency), reject_path=reject_path, progress=progress
    )


async def load_files(run: FileImport, found: Mapping[str, DelimitedFile], currency: str) -> None:
    """Load the files in the order in which they refer to each other."""
    bank = _FinBench(run, currency)
    for row in found["CompanyApplyLoan"].rows():
        if row.problem is None:  # who applied says what loan it is; a damaged row is reported when its turn comes
            run.keys.keep("business loan", row.values["loanId"], "")
    for name, convert in (
        ("Person", bank.person),
        ("Company", bank.company),
        ("Account", bank.account),
        ("Loan", bank.loan),
        ("PersonOwnAccount", bank.ownership("person")),
        ("CompanyOwnAccount", bank.ownership("company")),
        ("PersonApplyLoan", bank.application("person")),
        ("CompanyApplyLoan", bank.application("company")),
        ("PersonGuaranteePerson", bank.guarantee("person")),
        ("CompanyGuaranteeCompany", bank.guarantee("company")),
        ("PersonInvestCompany", bank.investment("person")),
        ("CompanyInvestCompany", bank.investment("company")),
        ("AccountTransferAccount", bank.transfer),
        ("AccountWithdrawAccount", bank.withdrawal),
        ("LoanDepositAccount", bank.deposit),
        ("AccountRepayLoan", bank.repayment),
    ):
        await run.load(found[name], convert)


def country_code(name: str) -> str | None:
    """ISO 3166 alpha-2 of a country as FinBench spells it (`Czech_Republic`); None for an unknown one."""
    known = COUNTRY_NAMES.get(name)
    if known:
        return known
    try:
        return str(pycountry.countries.lookup(name.replace("_", " ")).alpha_2)
    except LookupError:
        return None


def _key(text: str, column: str) -> int:
    value = integer(text, column)
    if value < 0:
        raise RowProblem(f"{column}: {text} is not a key")
    return value


def _amount(text: str, column: str) -> int:
    value = hundredths(text, column)
    if value < 0:
        raise RowProblem(f"{column}: {text} is negative")
    return value


def _at(row: dict[str, str]) -> datetime:
    return instant(row["createTime"], "createTime")


class _FinBench:
    """Rows of each file as records of the graph."""

    def __init__(self, run: FileImport, currency: str) -> None:
        self._run = run
        self._currency = currency

    def _known(self, kind: str, text: str, column: str) -> int:
        found = _key(text, column)
        self._run.known(kind, found, column)
        return found

    def _party(self, row: dict[str, str], name: str) -> Record:
        if not name.strip():
            raise RowProblem("the name is empty")
        shown = " ".join(name.split())
        return {
            "displayName": shown,
            "nameKey": name_key(shown),
            "country": country_code(row["country"]),
            "region": row["country"].replace("_", " ") or None,
            "city": row["city"].replace("_", " ") or None,
            "blocked": bool(one_of(row["isBlocked"], "isBlocked", TRUTHS)),
            "source": SOURCE,
        }

    def person(self, row: dict[str, str]) -> Converted:
        found = _key(row["personId"], "personId")
        _at(row)
        props = self._party(row, row["personName"])
        props |= {
            "identifiers": [str(found)],
            "sex": one_of(row["gender"], "gender", SEXES),
            "birthDate": instant(row["birthday"], "birthday").date(),
        }
        record = {"id": f"finbench:person:{found}", "props": props, "digest": digest(props)}
        return Converted(str(found), ((cypher.PERSON, record),), (("person", str(found), ""),))

    def company(self, row: dict[str, str]) -> Converted:
        found = _key(row["companyId"], "companyId")
        _at(row)
        props = self._party(row, row["companyName"])
        props |= {
            "identifiers": [str(found)],
            "legalName": props["displayName"],
            "industry": row["business"] or None,
            "website": row["url"] or None,
        }
        record = {"id": f"finbench:company:{found}", "props": props, "digest": digest(props)}
        return Converted(str(found), ((cypher.ORGANIZATION, record),), (("company", str(found), ""),))

    def account(self, row: dict[str, str]) -> Converted:
        found = _key(row["accountId"], "accountId")
        opened = _at(row).date()
        product = one_of(row["accoutType"], "accoutType", ACCOUNT_PRODUCTS)
        one_of(row["isBlocked"], "isBlocked", TRUTHS)
        props = {
            "number": str(found),
            "status": "ACTIVE",
            "statusDates": [opened],
            "statusValues": ["ACTIVE"],
            "openedOn": opened,
            "currency": self._currency,
            "purpose": row["accoutType"],
            "source": SOURCE,
        }
        return self._agreement("account", found, product, props)

    def loan(self, row: dict[str, str]) -> Converted:
        found = _key(row["loanId"], "loanId")
        opened = _at(row).date()
        props = {
            "number": str(found),
            "status": "ACTIVE",
            "statusDates": [opened],
            "statusValues": ["ACTIVE"],
            "openedOn": opened,
            "amount": _amount(row["loanAmount"], "loanAmount"),
            "balance": _amount(row["balance"], "balance"),
            "interestRate": number(row["interestRate"], "interestRate"),
            "currency": self._currency,
            "purpose": row["loanUsage"] or None,
            "source": SOURCE,
        }
        business = self._run.keys.values("business loan", str(found))
        return self._agreement("loan", found, "BUSINESS_LOAN" if business else "CASH_LOAN", props)

    @staticmethod
    def _agreement(kind: str, found: int, product: str, props: Record) -> Converted:
        record = {
            "id": f"finbench:{kind}:{found}",
            "productCode": product,
            "props": props,
            "digest": digest({**props, "productCode": product}),
        }
        return Converted(str(found), ((cypher.AGREEMENT, record),), ((kind, str(found), ""),))

    def ownership(self, kind: str) -> Any:
        """The conversion of a file that says which ``kind`` of party owns which account."""

        def convert(row: dict[str, str]) -> Converted:
            owner = self._known(kind, row[f"{kind}Id"], f"{kind}Id")
            account = self._known("account", row["accountId"], "accountId")
            return self._held(f"{kind}:{owner}", f"account:{account}", row)

        return convert

    def application(self, kind: str) -> Any:
        """The conversion of a file that says which ``kind`` of party applied for which loan."""

        def convert(row: dict[str, str]) -> Converted:
            owner = self._known(kind, row[f"{kind}Id"], f"{kind}Id")
            loan = self._known("loan", row["loanId"], "loanId")
            return self._held(f"{kind}:{owner}", f"loan:{loan}", row)

        return convert

    @staticmethod
    def _held(owner: str, agreement: str, row: dict[str, str]) -> Converted:
        record = {
            "id": f"finbench:held:{owner}:{agreement}",
            "partyId": f"finbench:{owner}",
            "agreementId": f"finbench:{agreement}",
            "props": {"role": "OWNER", "since": _at(row).date(), "until": None, "source": SOURCE},
        }
        return Converted(f"{owner}:{agreement}", ((cypher.HOLDING, record),))

    def guarantee(self, kind: str) -> Any:
        """The conversion of a file of guarantees among ``kind``; what they are to each other is the note."""

        def convert(row: dict[str, str]) -> Converted:
            start = self._known(kind, row["fromId"], "fromId")
            end = self._known(kind, row["toId"], "toId")
            props = {"since": _at(row).date(), "note": row["relation"] or None, "source": SOURCE}
            return self._tied("GUARANTEES", f"{kind}:{start}", f"{kind}:{end}", props)

        return convert

    def investment(self, kind: str) -> Any:
        """The conversion of a file that says which share of a company a ``kind`` of party owns."""

        def convert(row: dict[str, str]) -> Converted:
            start = self._known(kind, row["investorId"], "investorId")
            end = self._known("company", row["companyId"], "companyId")
            share = number(row["ratio"], "ratio")
            if not 0 <= share <= 1:
                raise RowProblem(f"ratio: {row['ratio']} is not between 0 and 1")
            props = {"since": _at(row).date(), "share": share, "source": SOURCE}
            return self._tied("OWNS", f"{kind}:{start}", f"company:{end}", props)

        return convert

    @staticmethod
    def _tied(relationship: str, start: str, end: str, props: Record) -> Converted:
        if start == end and relationship != "OWNS":  # a company may hold shares of itself
            raise RowProblem("the two sides are the same party")
        identity = f"{start}:{end}"
        record = {
            "id": f"finbench:{relationship.lower()}:{identity}",
            "fromId": f"finbench:{start}",
            "toId": f"finbench:{end}",
            "props": props,
        }
        return Converted(identity, ((cypher.TIES[relationship], record),))

    def _moved(self, name: str, row: dict[str, str], start: str, end: str, **props: Any) -> Converted:
        """Money from one agreement to another; the pair may repeat, its instant tells the transfers apart."""
        at = _at(row)
        amount = _amount(row["amount"], "amount")
        identity = f"{name}:{start}:{end}:{at.isoformat()}:{amount}"
        record = {
            "id": f"finbench:{identity}",
            "agreementId": f"finbench:{start}",
            "toAgreementId": f"finbench:{end}",
            "props": {"amount": amount, "currency": self._currency, "at": at, "source": SOURCE, **props},
        }
        return Converted(identity, ((cypher.TRANSFER, record),))

    def transfer(self, row: dict[str, str]) -> Converted:
        start = self._known("account", row["fromId"], "fromId")
        end = self._known("account", row["toId"], "toId")
        return self._moved(
            "transfer",
            row,
            f"account:{start}",
            f"account:{end}",
            channel=row["payType"] or None,
            purpose=row["goodsType"] or None,
        )

    def withdrawal(self, row: dict[str, str]) -> Converted:
        start = self._known("account", row["fromId"], "fromId")
        end = self._known("account", row["toId"], "toId")
        return self._moved("withdrawal", row, f"account:{start}", f"account:{end}", purpose="WITHDRAWAL")

    def deposit(self, row: dict[str, str]) -> Converted:
        loan = self._known("loan", row["loanId"], "loanId")
        account = self._known("account", row["accountId"], "accountId")
        return self._moved("deposit", row, f"loan:{loan}", f"account:{account}", purpose="LOAN_PAYOUT")

    def repayment(self, row: dict[str, str]) -> Converted:
        account = self._known("account", row["accountId"], "accountId")
        loan = self._known("loan", row["loanId"], "loanId")
        moved = self._moved("repayment", row, f"account:{account}", f"loan:{loan}", purpose="LOAN_PAYMENT")
        link = {
            "agreementId": f"finbench:loan:{loan}",
            "toAgreementId": f"finbench:account:{account}",
            "kind": "PAID_FROM",
            "only": False,  # a FinBench loan is repaid from several accounts
        }
        return Converted(moved.identity, (*moved.records, (cypher.LINK, link)))
