"""Push messages of the app: a signed request to the bank's own push service, which speaks to Apple and Google."""

from __future__ import annotations

from typing import Final

from graph_crm.delivery.channels.webhook import Gateway, GatewayClient
from graph_crm.rules.delivery import Capability, DeliveryChannel, Outgoing, Sent
from graph_crm.settings import Settings

LONGEST: Final = 1000
"""Characters of the longest push message."""
_GONE: Final = frozenset({404, 410, 422})
"""The push service does not know the device any more: the app was removed."""


class PushChannel(DeliveryChannel):
    """Hands push messages to one endpoint, which must drop repeats of one ``Idempotency-Key``."""

    name = "push-webhook"
    channel = "PUSH"
    capability = Capability(subject=True, longest=LONGEST, idempotent=True)

    def __init__(self, gateway: Gateway, client: GatewayClient | None = None) -> None:
        self._client = client or GatewayClient(gateway)

    async def send(self, message: Outgoing) -> Sent:
        """Hand one message over. Raises: Bounced, Refused, TryLater; OutcomeUnknown."""
        body = {
            "id": message.id,
            "device": message.to,
            "title": message.subject,
            "text": message.text,
            "language": message.language,
            "thread": message.thread,
            "promotional": message.promotional,
            "unsubscribe": message.unsubscribe,
        }
        answer = await self._client.post(body, message.key)
        named = answer.get("id")
        return Sent(provider_id=named[:200] if isinstance(named, str) and named else message.id)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def push_channel(settings: Settings) -> PushChannel | None:
    """The push messages of these settings; None where no endpoint is set."""
    if settings.push_url is None:
        return None
    secret = settings.push_secret
    gateway = Gateway(
        url=str(settings.push_url), secret=None if secret is None else secret.get_secret_value(), gone=_GONE
    )
    return PushChannel(gateway)
