"""Text messages: what the gateway is sent, what its answers mean, how long a message is."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from gateway_server import GatewayServer, gateway_server
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.delivery.channels.sms import BODY, SmsChannel, SmsGateway, read_body, sms_channel
from graph_crm.delivery.channels.sms_text import sms_size
from graph_crm.delivery.channels.webhook import Gateway, OutcomeUnknown
from graph_crm.errors import ConfigurationError
from graph_crm.rules.delivery import Bounced, Outgoing, Refused, TryLater
from graph_crm.settings import Settings


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayServer]:
    with gateway_server() as made:
        yield made


@pytest.fixture
async def sms(gateway: GatewayServer) -> AsyncIterator[SmsChannel]:
    gateway.got.clear()
    gateway.answer(200, {"id": "m-1"})
    channel = SmsChannel(SmsGateway(gateway=Gateway(url=gateway.url, token="t0ken"), sender="Bank"))
    yield channel
    await channel.close()


def message(text: str = "Dobrý den") -> Outgoing:
    return Outgoing(id="delivery:1", key="key-1", channel="SMS", to="+420601000001", text=text)


async def test_the_gateway_gets_the_message_with_its_key(sms: SmsChannel, gateway: GatewayServer):
    sent = await sms.send(message())
    assert sent.provider_id == "m-1"
    (got,) = gateway.got
    assert got.json == {"from": "Bank", "to": "+420601000001", "text": "Dobrý den", "reference": "delivery:1"}
    assert got.headers["idempotency-key"] == "key-1"
    assert got.headers["authorization"] == "Bearer t0ken"


async def test_the_words_of_a_message_can_not_change_the_body(sms: SmsChannel, gateway: GatewayServer):
    text = 'Hi {to}", "to": "+1900", {sender!r} {{x}}'
    await sms.send(message(text))
    assert gateway.got[0].json["text"] == text
    assert gateway.got[0].json["to"] == "+420601000001"


async def test_another_gateway_takes_another_body_and_names_messages_elsewhere(gateway: GatewayServer):
    gateway.got.clear()
    gateway.answer(202, {"messages": [{"ref": 77}]})
    body = '{"messages": [{"dst": ["{to}"], "msg": {"text": "{text}"}, "flash": false, "ttl": 3600}]}'
    settings = SmsGateway(gateway=Gateway(url=gateway.url), sender="Bank", body=body, id_field="messages.0.ref")
    channel = SmsChannel(settings)
    assert (await channel.send(message("Hi"))).provider_id == "77"
    await channel.close()
    assert gateway.got[0].json == {
        "messages": [{"dst": ["+420601000001"], "msg": {"text": "Hi"}, "flash": False, "ttl": 3600}]
    }
    assert "authorization" not in gateway.got[0].headers


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (404, Refused),
        (410, Bounced),
        (422, Bounced),
        (401, TryLater),
        (403, TryLater),
        (429, TryLater),
        (503, TryLater),
        (302, TryLater),
        (500, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
async def test_what_an_answer_means(sms: SmsChannel, gateway: GatewayServer, status: int, error: type[Exception]):
    gateway.answer(status, {"error": "no"}, location="http://127.0.0.1:1/elsewhere")
    with pytest.raises(error):
        await sms.send(message())
    assert len(gateway.got) == 1


async def test_a_pause_that_the_gateway_asks_for_is_kept(sms: SmsChannel, gateway: GatewayServer):
    gateway.answer(429, {}, retry_after="17")
    with pytest.raises(TryLater) as later:
        await sms.send(message())
    assert later.value.seconds == 17


@pytest.mark.parametrize("answer", ["", "ok", "[1]", '{"id": null}', "x" * 200_000])
async def test_a_gateway_that_names_nothing_is_known_by_our_own_id(
    sms: SmsChannel, gateway: GatewayServer, answer: str
):
    gateway.answer(200, answer)
    assert (await sms.send(message())).provider_id == "delivery:1"


async def test_a_gateway_that_is_not_there_is_tried_later():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    channel = SmsChannel(SmsGateway(gateway=Gateway(url=url), sender="Bank"))
    with pytest.raises(TryLater, match="can't be reached"):
        await channel.send(message())
    await channel.close()


@pytest.mark.parametrize(
    ("text", "alphabet", "places", "parts"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" + "€" * 152, "GSM-7", 305, 2),
        ("€" * 153, "GSM-7", 306, 3),  # no escape is cut from its character: 76 in a part
        ("ř" * 70, "UCS-2", 70, 1),
        ("ř" * 71, "UCS-2", 71, 2),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 36, "UCS-2", 72, 2),
        ("ř" + "😀" * 67, "UCS-2", 135, 3),
    ],
)
def test_how_long_a_message_is(text: str, alphabet: str, places: int, parts: int):
    size = sms_size(text)
    assert (size.alphabet, size.places, size.parts) == (alphabet, places, parts)


@given(text=st.text(max_size=1000))
def test_the_parts_hold_the_message_and_none_is_needless(text: str):
    size = sms_size(text)
    room = {"GSM-7": 153, "UCS-2": 67}[size.alphabet]
    assert size.parts == 1 or size.places <= size.parts * room
    assert size.places > (size.parts - 1) * (room - 1) or size.parts == 1


async def test_a_message_of_too_many_parts_is_refused_before_it_is_sent(sms: SmsChannel, gateway: GatewayServer):
    with pytest.raises(Refused, match="7 parts in UCS-2"):
        await sms.send(message("ř" * 403))
    assert gateway.got == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "can't be read"),
        ('{"to": "{to}"}', "does not name {text}"),
        ('{"to": "{to}", "text": "{text} {colour}"}', "names 'colour'"),
        ('{"to": "{to", "text": "{text}"}', "can't be read"),
    ],
)
def test_a_body_that_can_not_be_is_refused_at_the_start(body: str, told: str):
    with pytest.raises(ConfigurationError, match=told):
        read_body(body)


def test_without_an_address_there_is_no_channel():
    assert sms_channel(Settings(sms_url=None)) is None
    made = sms_channel(Settings(sms_url="https://sms.example/v1", sms_idempotent=True))  # type: ignore[arg-type]
    assert made is not None
    assert made.capability.idempotent
    assert read_body(BODY)
