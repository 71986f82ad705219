"""Push messages: one signed request each, to the one address that is set."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pytest
from gateway_server import GatewayServer, gateway_server

from graph_crm.delivery.channels.push import PushChannel, push_channel
from graph_crm.delivery.channels.webhook import Gateway
from graph_crm.errors import ConfigurationError
from graph_crm.rules.delivery import Bounced, Outgoing
from graph_crm.settings import Settings, load

SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture(scope="module")
def service() -> Iterator[GatewayServer]:
    with gateway_server() as made:
        yield made


async def test_the_push_service_gets_a_signed_message(service: GatewayServer):
    channel = push_channel(Settings(push_url=service.url, push_secret=SECRET))  # type: ignore[arg-type]
    assert channel is not None
    message = Outgoing(id="d1", key="k1", channel="PUSH", to="token-of-a-device", text="Hello", subject="Your bank")
    assert (await channel.send(message)).provider_id == "m-1"
    await channel.close()
    (got,) = service.got
    assert got.json["device"] == "token-of-a-device"
    assert (got.json["title"], got.json["text"]) == ("Your bank", "Hello")
    assert got.headers["idempotency-key"] == "k1"
    signed = got.headers["x-timestamp"].encode() + b"." + got.body
    assert got.headers["x-signature"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("status", [404, 410])
async def test_a_device_that_is_gone_bounces(service: GatewayServer, status: int):
    channel = PushChannel(Gateway(url=service.url, secret=SECRET, gone=frozenset({404, 410, 422})))
    service.answer(status, {})
    with pytest.raises(Bounced):
        await channel.send(Outgoing(id="d1", key="k1", channel="PUSH", to="token-of-a-device", text="Hello"))
    await channel.close()


def test_requests_are_never_sent_unsigned(monkeypatch: pytest.MonkeyPatch):
    assert push_channel(Settings(push_url=None)) is None
    with pytest.raises(ConfigurationError, match="GRAPH_CRM_PUSH_SECRET is not"):
        load(push_url="https://push.example/v1")
