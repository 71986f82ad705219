"""Import of the Berka data set (PKDD'99): a real Czech bank, anonymised. See docs/importing.md for the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.file_import import Converted, FileImport, run_import
from graph_crm.importing.loader import Progress, Record, no_progress
from graph_crm.importing.reading import DelimitedFile, check_folder
from graph_crm.importing.rejects import ImportReport
from graph_crm.importing.values import (
    RowProblem,
    birth_number,
    digest,
    hundredths,
    integer,
    key,
    one_of,
    plus_months,
    short_date,
    start_of_day,
)
from graph_crm.parties.names import name_key
from graph_crm.products.money import money_text

SOURCE = "berka"
CURRENCY = "CZK"

COLUMNS = {
    "district.asc": tuple(f"A{number}" for number in range(1, 17)),
    "client.asc": ("client_id", "birth_number", "district_id"),
    "account.asc": ("account_id", "district_id", "frequency", "date"),
    "disp.asc": ("disp_id", "client_id", "account_id", "type"),
    "loan.asc": ("loan_id", "account_id", "date", "amount", "duration", "payments", "status"),
    "card.asc": ("card_id", "disp_id", "type", "issued"),
    "order.asc": ("order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"),
    "trans.asc": (
        *("trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"),
    ),
}
"""The files in the order of loading, each with its columns."""

FREQUENCIES = {
    "POPLATEK MESICNE": "MONTHLY",
    "POPLATEK TYDNE": "WEEKLY",
    "POPLATEK PO OBRATU": "AFTER_TRANSACTION",
}
ROLES = {"OWNER": "OWNER", "DISPONENT": "AUTHORISED"}
LOAN_STATUSES = {"A": "CLOSED", "B": "DEFAULTED", "C": "ACTIVE", "D": "IN_ARREARS"}
CARD_PRODUCTS = {"junior": "CARD_JUNIOR", "classic": "CARD_CLASSIC", "gold": "CARD_GOLD"}
DIRECTIONS = {"PRIJEM": "CREDIT", "VYDAJ": "DEBIT", "VYBER": "DEBIT"}
OPERATIONS = {
    "VKLAD": "CASH_DEPOSIT",
    "VYBER": "CASH_WITHDRAWAL",
    "VYBER KARTOU": "CARD_WITHDRAWAL",
    "PREVOD Z UCTU": "TRANSFER_IN",
    "PREVOD NA UCET": "TRANSFER_OUT",
    "": "",
}
PURPOSES = {
    "": "",
    "UROK": "INTEREST",
    "SANKC. UROK": "PENALTY_INTEREST",
    "SLUZBY": "STATEMENT_FEE",
    "DUCHOD": "PENSION",
    "SIPO": "HOUSEHOLD",
    "POJISTNE": "INSURANCE",
    "LEASING": "LEASING",
    "UVER": "LOAN_PAYMENT",
}
WITHDRAWALS = {"VYBER": ("cash_withdrawal", "BRANCH"), "VYBER KARTOU": ("card_withdrawal", "ATM")}
"""Operations that are also events of the account's owner: their type and channel."""


def files(folder: Path) -> dict[str, DelimitedFile]:
    """The files of the data set in ``folder``; InvalidInput when it or one is missing or has another header."""
    check_folder(folder, list(COLUMNS))
    found = {name: DelimitedFile(folder / name, columns) for name, columns in COLUMNS.items()}
    for file in found.values():
        file.check()
    return found


async def import_berka(
    database: Database,
    folder: Path,
    *,
    reject_path: Path | None = None,
    progress: Progress = no_progress,
    batch_rows: int = 2000,
) -> ImportReport:
    """Load all files of the data set; rows that can't be used go to the reject file and do not stop the rest.

    The same files twice give the same graph. Events of the past are stored without outbox entries: history triggers
    no decisions. Raises InvalidInput for a missing file or a wrong header, before anything is written.
    """
    found = files(folder)
    await ensure_products(database, {"CURRENT_ACCOUNT", "CASH_LOAN", *CARD_PRODUCTS.values()})

    return await run_import(
        SOURCE,
        database,
        lambda run: load_files(run, found),
        reject_path=reject_path,
        progress=progress,
        batch_rows=batch_rows,
    )


async def load_files(run: FileImport, found: Mapping[str, DelimitedFile]) -> None:
    """Load the files in the order in which they refer to each other."""
    bank = _Berka(run)
    for name, convert in (
        ("district.asc", bank.district),
        ("client.asc", bank.client),
        ("account.asc", bank.account),
        ("disp.asc", bank.disposition),
        ("loan.asc", bank.loan),
        ("card.asc", bank.card),
        ("order.asc", bank.order),
        ("trans.asc", bank.transaction),
    ):
        await run.load(found[name], convert)


def _versioned(identity: str, props: Record, **more: Any) -> Record:
    return {"id": identity, "props": props, "digest": digest({**props, **more}), **more}


def _amount(text: str, column: str) -> int:
    value = hundredths(text, column)
    if value < 0:
        raise RowProblem(f"{column}: {text} is negative")
    return value


class _Berka:
    """Rows of each file as records of the graph."""

    def __init__(self, run: FileImport) -> None:
        self._run = run

    def district(self, row: dict[str, str]) -> Converted:
        number = key(row["A1"], "A1")
        name, region = row["A2"].strip(), row["A3"].strip()
        if not name:
            raise RowProblem("A2: the district has no name")
        # A district is no node: its name and region stand on the clients who live there.
        return Converted(str(number), (), (("district", str(number), f"{name}\t{region}"),))

    def client(self, row: dict[str, str]) -> Converted:
        number = key(row["client_id"], "client_id")
        born, sex = birth_number(row["birth_number"], "birth_number")
        city, region = self._run.known("district", key(row["district_id"], "district_id"), "district_id").split("\t")
        name = f"Client {number}"
        identifiers = [str(number)]
        props = {
            "displayName": name,
            "nameKey": name_key(name),
            "identifiers": identifiers,
            "birthDate": born,
            "sex": sex,
            "city": city,
            "region": region or None,
            "country": "CZ",
            "language": "cs",
            "timeZone": "Europe/Prague",
            "source": SOURCE,
        }
        record = _versioned(f"berka:client:{number}", props)
        return Converted(str(number), ((cypher.PERSON, record),), (("client", str(number), ""),))

    def account(self, row: dict[str, str]) -> Converted:
        number = key(row["account_id"], "account_id")
        self._run.known("district", key(row["district_id"], "district_id"), "district_id")
        opened = short_date(row["date"], "date")
        props = {
            "number": str(number),
            "status": "ACTIVE",
            "statusDates": [opened],
            "statusValues": ["ACTIVE"],
            "openedOn": opened,
            "currency": CURRENCY,
            "frequency": one_of(row["frequency"], "frequency", FREQUENCIES),
            "source": SOURCE,
        }
        record = _versioned(f"berka:account:{number}", props, productCode="CURRENT_ACCOUNT")
        return Converted(str(number), ((cypher.AGREEMENT, record),), (("account", str(number), opened.isoformat()),))

    def disposition(self, row: dict[str, str]) -> Converted:
        number = key(row["disp_id"], "disp_id")
        client = key(row["client_id"], "client_id")
        account = key(row["account_id"], "account_id")
        self._run.known("client", client, "client_id")
        opened = date.fromisoformat(self._run.known("account", account, "account_id"))
        role = one_of(row["type"], "type", ROLES)
        keeps = [("disposition", str(number), f"{client}\t{account}")]
        if role == "OWNER":
            keeps.append(("owner", str(account), str(client)))
        return Converted(
            str(number), ((cypher.HOLDING, _holding(f"berka:disp:{number}", client, account, role, opened)),), keeps
        )

    def loan(self, row: dict[str, str]) -> Converted:
        number = key(row["loan_id"], "loan_id")
        account = key(row["account_id"], "account_id")
        self._run.known("account", account, "account_id")
        opened = short_date(row["date"], "date")
        months = key(row["duration"], "duration")
        try:
            matures = plus_months(opened, months)
        except (ValueError, OverflowError):
            raise RowProblem(f"duration: {months} months lead beyond the calendar") from None
        status = one_of(row["status"], "status", LOAN_STATUSES)
        closed = matures if status == "CLOSED" else None
        props = {
            "number": str(number),
            "status": status,
            # The file knows the last status only: a loan that ended well ran until its last month, the others have
            # had their status from the first day.
            "statusDates": [opened, matures] if closed else [opened],
            "statusValues": ["ACTIVE", "CLOSED"] if closed else [status],
            "openedOn": opened,
            "closedOn": closed,
            "maturesOn": matures,
            "amount": _amount(row["amount"], "amount"),
            "payment": _amount(row["payments"], "payments"),
            "termMonths": months,
            "currency": CURRENCY,
            "source": SOURCE,
        }
        identity = f"berka:loan:{number}"
        owners = self._run.keys.values("owner", str(account))
        if not owners:
            raise RowProblem(f"account_id: account {account} has no owner to owe the loan")
        records = [(cypher.AGREEMENT, _versioned(identity, props, productCode="CASH_LOAN"))]
        for owner in owners:
            holding = _holding(f"{identity}:owner:{owner}", owner, account, "OWNER", opened, closed)
            records.append((cypher.HOLDING, {**holding, "agreementId": identity}))
        records.append((cypher.LINK, _link(identity, account, "PAID_FROM")))
        return Converted(str(number), records)

    def card(self, row: dict[str, str]) -> Converted:
        number = key(row["card_id"], "card_id")
        disposition = key(row["disp_id"], "disp_id")
        client, account = self._run.known("disposition", disposition, "disp_id").split("\t")
        product = one_of(row["type"], "type", CARD_PRODUCTS)
        day, _, time = row["issued"].partition(" ")
        if time not in ("", "00:00:00"):
            raise RowProblem(f"issued: {row['issued']!r} is not a date YYMMDD")
        opened = short_date(day, "issued")
        props = {
            "number": str(number),
            "status": "ACTIVE",
            "statusDates": [opened],
            "statusValues": ["ACTIVE"],
            "openedOn": opened,
            "currency": CURRENCY,
            "source": SOURCE,
        }
        identity = f"berka:card:{number}"
        holding = _holding(f"{identity}:owner:{client}", client, account, "OWNER", opened)
        return Converted(
            str(number),
            (
                (cypher.AGREEMENT, _versioned(identity, props, productCode=product)),
                (cypher.HOLDING, {**holding, "agreementId": identity}),
                (cypher.LINK, _link(identity, account, "ISSUED_ON")),
            ),
        )

    def order(self, row: dict[str, str]) -> Converted:
        number = key(row["order_id"], "order_id")
        account = key(row["account_id"], "account_id")
        self._run.known("account", account, "account_id")
        props = {
            "toBank": row["bank_to"].strip() or None,
            "toAccount": row["account_to"].strip() or None,
            "amount": _amount(row["amount"], "amount"),
            "currency": CURRENCY,
            "purpose": one_of(row["k_symbol"].strip(), "k_symbol", PURPOSES) or None,
            "source": SOURCE,
        }
        record = {"id": f"berka:order:{number}", "agreementId": f"berka:account:{account}", "props": props}
        return Converted(str(number), ((cypher.STANDING_ORDER, record),))

    def transaction(self, row: dict[str, str]) -> Converted:
        number = key(row["trans_id"], "trans_id")
        account = key(row["account_id"], "account_id")
        self._run.known("account", account, "account_id")
        booked = short_date(row["date"], "date")
        amount = _amount(row["amount"], "amount")
        purpose = one_of(row["k_symbol"].strip(), "k_symbol", PURPOSES) or None
        identity = f"berka:trans:{number}"
        agreement = f"berka:account:{account}"
        props = {
            "bookedOn": booked,
            "direction": one_of(row["type"], "type", DIRECTIONS),
            "operation": one_of(row["operation"], "operation", OPERATIONS) or None,
            "amount": amount,
            "balance": hundredths(row["balance"], "balance"),
            "currency": CURRENCY,
            "purpose": purpose,
            "counterBank": row["bank"].strip() or None,
            "counterAccount": str(integer(row["account"], "account")) if row["account"].strip() else None,
            "source": SOURCE,
        }
        records: list[tuple[cypher.Kind, Record]] = [
            (cypher.MOVEMENT, {"id": identity, "agreementId": agreement, "props": props})
        ]
        withdrawal = WITHDRAWALS.get(row["operation"])
        owners = self._run.keys.values("owner", str(account)) if withdrawal else []
        if withdrawal and owners:
            kind, channel = withdrawal
            payload = {"amount": money_text(amount), "currency": CURRENCY, "purpose": purpose}
            event = {
                "type": kind,
                "at": start_of_day(booked),
                "channel": channel,
                "payload": orjson.dumps(payload).decode(),
                "source": SOURCE,
            }
            records.append(
                (
                    cypher.EVENT,
                    {
                        "id": identity,
                        "partyId": f"berka:client:{owners[0]}",
                        "agreementId": agreement,
                        "lockKey": agreement,
                        "props": event,
                    },
                )
            )
        return Converted(str(number), records)


def _holding(
    identity: str, client: int | str, account: int | str, role: str, since: date, until: date | None = None
) -> Record:
    return {
        "id": identity,
        "partyId": f"berka:client:{client}",
        "agreementId": f"berka:account:{account}",
        "props": {"role": role, "since": since, "until": until, "source": SOURCE},
    }


def _link(agreement: str, account: int | str, kind: str) -> Record:
    return {"agreementId": agreement, "toAgreementId": f"berka:account:{account}", "kind": kind, "only": True}
