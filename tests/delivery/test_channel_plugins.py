"""Channels that plugins bring, and how fast a channel is used."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from post_office import Bureau, Gateway

from graph_crm import bootstrap
from graph_crm.delivery.channels.book import Channels, Pace
from graph_crm.graph.database import Database
from graph_crm.rules.delivery import ChannelLimits, Outgoing
from graph_crm.rules.delivery_hooks import delivery_channels
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.source import read_source
from graph_crm.settings import Settings

GOOD = """
from graph_crm.rules import hookimpl
from graph_crm.rules.delivery import Capability, DeliveryChannel, Sent

class Pigeon(DeliveryChannel):
    name = "pigeon"
    channel = "EMAIL"
    capability = Capability(longest=20)

    async def send(self, message):
        return Sent(provider_id=message.key, delivered=True)

@hookimpl
def delivery_channels():
    return [Pigeon()]
"""
NO_MAIL = {"smtp_host": "mail.example", "smtp_from": "bank@bank.example"}


def book(tmp_path: Path, *texts: str) -> RuleBook:
    for number, text in enumerate(texts):
        (tmp_path / f"carrier_{number}.py").write_text(text, "utf-8")
    return RuleBook.load([tmp_path], installed=False)


async def test_the_channel_of_a_plugin_carries_messages_instead_of_the_platforms_own(
    empty_database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, **NO_MAIL)
    (pigeon, mail, *_) = bootstrap.channels(settings, book(tmp_path, GOOD))
    assert (pigeon.name, mail.name) == ("pigeon", "smtp")
    bureau = await Bureau(empty_database, pigeon, mail).people("anna")
    short = await bureau.tell(template="offer_push", variables={"product": "Loan", "script": "A loan?"})
    long = await bureau.tell(key="long")
    await bureau.work()
    assert (await bureau.one(short))["state"] == "DELIVERED"
    told = await bureau.one(long)
    assert (told["state"], told["stateReason"]) == ("FAILED", "TEMPLATE")
    assert "too many for pigeon, which carries 20" in told["diagnostic"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('channel = "EMAIL"', 'channel = "PIGEON"'), "carries one of PHONE"),
        (('name = "pigeon"', "name = 3"), "channels with a name"),
        (("return [Pigeon()]", "return Pigeon()"), "a list of"),
        (("return [Pigeon()]", "return [3]"), "it holds a int"),
        (("return [Pigeon()]", "raise OSError('no pigeons')"), "no pigeons"),
        (("Capability(longest=20)", "3"), "with a Capability"),
    ],
)
def test_a_plugin_without_a_proper_channel_brings_none_and_is_reported(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    broken = book(tmp_path, GOOD.replace(*change))
    assert delivery_channels(broken) == []
    assert problem in " ".join(broken.problems)


def test_of_two_channels_of_one_name_the_first_is_taken(tmp_path: Path) -> None:
    twice = book(tmp_path, GOOD, GOOD)
    assert len(delivery_channels(twice)) == 1
    assert "channel pigeon is in another plugin already" in " ".join(twice.problems)


def test_a_pace_gives_each_message_its_turn() -> None:
    pace = Pace(2.0, 8)
    assert [pace.take(10.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    assert pace.ahead(10.0) == 2.0
    assert pace.take(20.0) == 0.0
    assert Pace(None, 1).take(5.0) == Pace(None, 1).ahead(5.0) == 0.0


async def test_a_channel_with_a_pace_sends_back_to_the_queue_what_would_wait_long(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    gateway.limits = ChannelLimits(per_second=0.1)
    bureau = await Bureau(empty_database, gateway).people("anna", "jan")
    await bureau.tell("anna")
    await bureau.tell("jan")
    await bureau.work()
    states = sorted((one["state"], one.get("stateReason")) for one in await bureau.all())
    assert states == [("QUEUED", "PACE"), ("SENT", None)]


async def test_no_more_messages_than_a_channel_allows_are_handed_over_at_a_time(empty_database: Database) -> None:
    gateway = Gateway("EMAIL")
    gateway.limits = ChannelLimits(at_once=2)
    now, most = 0, 0

    async def count(_message: Outgoing) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    gateway.before = count
    people = [f"p{number}" for number in range(8)]
    bureau = await Bureau(empty_database, gateway).people(*people)
    for one in people:
        await bureau.tell(one)
    await bureau.work()
    assert len(gateway.given) == 8
    assert most == 2


def test_the_channels_that_are_set_up_are_known_by_their_word() -> None:
    first, second = Gateway("SMS"), Gateway("SMS")
    channels = Channels([first, second])
    assert list(channels) == ["SMS"]
    assert channels.get("SMS") is first
    assert channels.get("EMAIL") is None


def test_a_plugin_that_carries_messages_may_speak_to_the_outside_world(tmp_path: Path) -> None:
    (tmp_path / "carrier.py").write_text("import httpx\nimport asyncio\n" + GOOD, "utf-8")
    (tmp_path / "rule.py").write_text("import httpx\nfrom graph_crm.rules import hookimpl\n", "utf-8")
    assert [one.code for one in read_source(tmp_path / "carrier.py")] == []
    assert [one.code for one in read_source(tmp_path / "rule.py")] == ["OUTSIDE"]
