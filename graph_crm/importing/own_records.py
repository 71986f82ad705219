"""Rows of the own format, already read and checked field by field, as records for the loader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.consent.kinds import Purpose
from graph_crm.consent.service import check_place
from graph_crm.contacts.kinds import Channel
from graph_crm.importing import cypher
from graph_crm.importing.file_import import Converted
from graph_crm.importing.loader import Record
from graph_crm.importing.values import RowProblem, digest
from graph_crm.parties import checks
from graph_crm.parties.contact_points import contact_value
from graph_crm.parties.kinds import ContactPointKind
from graph_crm.parties.names import name_key
from graph_crm.products.money import money_text

Values = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What the mapping says of all files: the source, the default currency, the country of national phone numbers."""

    source: str
    currency: str | None
    country: str | None


def _without(values: Values, *names: str) -> Values:
    return {name: value for name, value in values.items() if name not in names}


def _currency(values: Values, context: Context) -> Values:
    """The record's currency or the mapping's; an amount without one means nothing."""
    currency = values.get("currency") or context.currency
    if currency:
        return {"currency": currency}
    given = [name for name in ("amount", "balance", "payment") if values.get(name) is not None]
    if given:
        raise RowProblem(f"currency: is missing, and there is {given[0]}")
    return {}


def _span(values: Values, context: Context, **more: Any) -> Record:
    """The properties of a relationship; its end must come after its beginning."""
    since, until = values.get("since"), values.get("until")
    checks.period(since, until)
    return {**more, "since": since, "until": until, "source": context.source}


def _party(kind: cypher.Kind, values: Values, context: Context) -> Converted:
    name = values["displayName"]
    props = {
        **_without(values, "id"),
        "nameKey": name_key(name),
        "source": context.source,
    }
    return Converted(values["id"], ((kind, {"id": values["id"], "props": props, "digest": digest(props)}),))


def _person(values: Values, context: Context) -> Converted:
    name = values.get("displayName")
    if not name:
        parts = (values.get("givenName"), values.get("familyName"))
        name = " ".join(part for part in parts if part)
        if not name:
            raise RowProblem("displayName: neither a name nor its parts are there")
    born, died = values.get("birthDate"), values.get("deceasedOn")
    if born and died and died < born:
        raise RowProblem("deceasedOn: is before birthDate")
    return _party(cypher.PERSON, {**values, "displayName": name}, context)


def _organization(values: Values, context: Context) -> Converted:
    return _party(cypher.ORGANIZATION, values, context)


def _household(values: Values, context: Context) -> Converted:
    props = {"name": values["name"], "nameKey": name_key(values["name"]), "source": context.source}
    record = {"id": values["id"], "props": props, "digest": digest(props)}
    return Converted(values["id"], ((cypher.HOUSEHOLD, record),))


def _product(values: Values, context: Context) -> Converted:
    del context
    props = {"active": True, **_without(values, "code", "family")}
    record = {"id": values["code"], "familyCode": values["family"], "props": props}
    return Converted(values["code"], ((cypher.PRODUCT, record),))


def _membership(values: Values, context: Context) -> Converted:
    identity = f"{values['party']}:{values['household']}"
    record = {
        "id": f"membership:{identity}",
        "partyId": values["party"],
        "householdId": values["household"],
        "props": _span(values, context, role=values.get("role")),
    }
    return Converted(identity, ((cypher.MEMBERSHIP, record),))


def _contact_point(values: Values, context: Context) -> Converted:
    point = contact_value(ContactPointKind(values["kind"]), values["value"], context.country)
    identity = f"{values['party']}:{point.key}"
    record = {
        "id": f"reach:{identity}",
        "partyId": values["party"],
        "kind": point.kind.value,
        "value": point.value,
        "valueKey": point.key,
        "props": _span(values, context, usage=values.get("usage"), preferred=values.get("preferred")),
    }
    return Converted(identity, ((cypher.CONTACT_POINT, record),))


def _agreement(values: Values, context: Context) -> Converted:
    status = values.get("status") or "ACTIVE"
    opened, closed = values["openedOn"], values.get("closedOn")
    if (status == "CLOSED") != (closed is not None):
        raise RowProblem("closedOn: a closed agreement has the day of its end, another has none")
    checks.period(opened, closed)
    links = {"PAID_FROM": values.get("paidFrom"), "ISSUED_ON": values.get("issuedOn")}
    props = {
        **_without(values, "id", "product", "paidFrom", "issuedOn"),
        **_currency(values, context),
        "status": status,
        "statusDates": [opened, closed] if closed else [opened],
        "statusValues": ["ACTIVE", "CLOSED"] if closed else [status],
        "source": context.source,
    }
    record = {
        "id": values["id"],
        "productCode": values["product"],
        # What an agreement depends on may stand later in its file: the loader writes links after all agreements.
        "props": props,
        "digest": digest({**props, "productCode": values["product"]}),
    }
    records: list[tuple[cypher.Kind, Record]] = [(cypher.AGREEMENT, record)]
    for kind, target in links.items():
        if target:
            link = {"agreementId": values["id"], "toAgreementId": target, "kind": kind, "only": True}
            records.append((cypher.LINK, link))
    return Converted(values["id"], records)


def _holding(values: Values, context: Context) -> Converted:
    identity = f"{values['party']}:{values['agreement']}:{values['role']}"
    record = {
        "id": f"holding:{identity}",
        "partyId": values["party"],
        "agreementId": values["agreement"],
        "props": _span(values, context, role=values["role"]),
    }
    return Converted(identity, ((cypher.HOLDING, record),))


def _tie(values: Values, context: Context) -> Converted:
    kind, start, end = values["kind"], values["from"], values["to"]
    if start == end:
        raise RowProblem("to: is the same party as from")
    identity = f"{kind}:{start}:{end}"
    props = _span(values, context, share=values.get("share"), note=values.get("note"))
    record = {"id": f"tie:{identity}", "fromId": start, "toId": end, "props": props}
    return Converted(identity, ((cypher.TIES[kind], record),))


def _movement(values: Values, context: Context) -> Converted:
    props = {
        **_without(values, "id", "agreement"),
        **_currency(values, context),
        "source": context.source,
    }
    record = {"id": values["id"], "agreementId": values["agreement"], "props": props}
    return Converted(values["id"], ((cypher.MOVEMENT, record),))


def _event(values: Values, context: Context) -> Converted:
    payload = {"amount": values.get("amount"), "detail": values.get("detail")}
    if payload["amount"] is not None:
        payload["amount"] = money_text(payload["amount"])
    props = {
        "type": values["type"],
        "at": values["at"],
        "channel": values.get("channel"),
        "payload": orjson.dumps({name: value for name, value in payload.items() if value is not None}).decode(),
        "source": context.source,
    }
    record = {
        "id": values["id"],
        "partyId": values["party"],
        "agreementId": values.get("agreement"),
        "lockKey": values.get("agreement") or values["party"],
        "props": props,
    }
    return Converted(values["id"], ((cypher.EVENT, record),))


def _interaction(values: Values, context: Context) -> Converted:
    props = {
        **_without(values, "id", "party", "product"),
        "productCode": values.get("product"),
        "source": context.source,
    }
    return Converted(
        values["id"], ((cypher.INTERACTION, {"id": values["id"], "partyId": values["party"], "props": props}),)
    )


def _consent(values: Values, context: Context) -> Converted:
    purpose, channel, typed = values["purpose"], values.get("channel"), values.get("point")
    point = None
    if typed is not None:
        kind = ContactPointKind.EMAIL if "@" in typed else ContactPointKind.PHONE
        if channel == Channel.PUSH:
            kind = ContactPointKind.PUSH
        point = contact_value(kind, typed, context.country, "point").key
    check_place(Purpose(purpose), Channel(channel) if channel else None, point)
    props = {
        **_without(values, "id", "party", "point"),
        # The source knew it when it was said: a question as of an earlier day finds it.
        "recordedAt": values["at"],
        "source": context.source,
    }
    record = {"id": values["id"], "partyId": values["party"], "pointKey": point, "props": props}
    return Converted(values["id"], ((cypher.CONSENT, record),))


RECORDS: Mapping[str, Callable[[Values, Context], Converted]] = {
    "person": _person,
    "organization": _organization,
    "household": _household,
    "product": _product,
    "membership": _membership,
    "contact_point": _contact_point,
    "agreement": _agreement,
    "holding": _holding,
    "tie": _tie,
    "movement": _movement,
    "event": _event,
    "interaction": _interaction,
    "consent": _consent,
}
"""For each kind of record, what a row becomes."""
