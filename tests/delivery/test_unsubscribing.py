"""The link in every promotional mail: signed, naming one consent, which it withdraws."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from post_office import MAIL, SECRET, Bureau, Gateway

from graph_crm.consent.kinds import ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.unsubscribe import Unsubscriber, Unsubscription
from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue

pytestmark = pytest.mark.lts


def taken(link: str) -> str:
    return parse_qs(urlsplit(link).query)["k"][0]


async def test_the_link_of_a_mail_withdraws_the_consent_it_names_and_stops_what_waits(empty_database: Database) -> None:
    gateway = Gateway("EMAIL", idempotent=True)
    bureau = await Bureau(empty_database, gateway).people("anna")
    await bureau.promote(key="first")
    await bureau.work()
    link = gateway.given[0].unsubscribe
    assert link is not None
    assert link.startswith("https://bank.example/unsubscribe?k=")
    waiting = await bureau.promote(key="second")

    done = await bureau.unsubscriber.withdraw(taken(link))
    assert (done.recorded, done.named) == (True, Unsubscription("anna", Purpose.MARKETING, Channel.EMAIL, MAIL))
    row = await bureau.row("MATCH (c:Consent {status: 'WITHDRAWN'}) RETURN properties(c) AS c")
    assert {name: row["c"][name] for name in ("purpose", "channel", "pointKey", "source")} == {
        "purpose": "MARKETING",
        "channel": "EMAIL",
        "pointKey": MAIL,
        "source": "unsubscribe",
    }
    assert (await bureau.one(waiting))["state"] == "CANCELLED"
    by_text = await ConsentService(empty_database).standing("anna", Purpose.MARKETING, Channel.SMS)
    assert by_text.allowed, "the other channels were not meant"


async def test_again_and_again_and_at_the_same_time_is_the_same_as_once(empty_database: Database) -> None:
    bureau = await Bureau(empty_database).people("anna")
    token = bureau.unsubscriber.token("anna", "MARKETING", "EMAIL", MAIL)
    await asyncio.gather(*[bureau.unsubscriber.withdraw(token) for _ in range(8)])
    assert not (await bureau.unsubscriber.withdraw(token)).recorded
    assert (await bureau.row("MATCH (c:Consent {status: 'WITHDRAWN'}) RETURN count(c) AS n"))["n"] == 1


async def test_the_old_link_withdraws_a_new_consent_too(empty_database: Database) -> None:
    bureau = await Bureau(empty_database).people("anna")
    token = bureau.unsubscriber.token("anna", "MARKETING", "EMAIL", MAIL)
    await bureau.unsubscriber.withdraw(token)
    consents = ConsentService(empty_database)
    again = Statement(purpose=Purpose.MARKETING, status=ConsentStatus.GRANTED, channel=Channel.EMAIL, point_key=MAIL)
    await consents.record("anna", [again])
    assert (await consents.standing("anna", Purpose.MARKETING, Channel.EMAIL, MAIL)).allowed
    assert (await bureau.unsubscriber.withdraw(token)).recorded
    assert not (await consents.standing("anna", Purpose.MARKETING, Channel.EMAIL, MAIL)).allowed


async def test_an_address_that_is_no_longer_the_customers_withdraws_the_whole_channel(empty_database: Database) -> None:
    bureau = await Bureau(empty_database).people("anna")
    token = bureau.unsubscriber.token("anna", "MARKETING", "EMAIL", "EMAIL:old@example.com")
    assert (await bureau.unsubscriber.withdraw(token)).recorded
    assert not (await ConsentService(empty_database).standing("anna", Purpose.MARKETING, Channel.EMAIL, MAIL)).allowed


async def test_who_is_gone_can_withdraw_nothing(empty_database: Database) -> None:
    bureau = Bureau(empty_database)
    with pytest.raises(NotFound):
        await bureau.unsubscriber.withdraw(bureau.unsubscriber.token("nobody", "MARKETING", "EMAIL", None))


def unsigned(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(st.text(max_size=60))
def test_what_was_not_made_here_is_refused(text: str) -> None:
    made = Unsubscriber(None, SECRET, "https://bank.example")  # type: ignore[arg-type]
    other = Unsubscriber(None, SECRET[::-1], "https://bank.example")  # type: ignore[arg-type]
    good = made.token("anna", "MARKETING", "EMAIL", MAIL)
    head, body, sign = good.split(".")
    jan, none = unsigned("jan\nMARKETING\nEMAIL\n"), unsigned('{"alg":"none"}')
    forged = [
        text,
        good[:-3],
        f"{head}.{jan}.{sign}",
        f"{none}.{body}.",
        other.token("anna", "MARKETING", "EMAIL", MAIL),
        issue(SECRET, Role.ADMINISTRATOR),
        good + "x" * 3000,
    ]
    for one in forged:
        with pytest.raises(InvalidInput):
            made.named(one)
    assert made.named(good).party_id == "anna"
