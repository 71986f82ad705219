"""Text messages by a gateway that takes JSON over HTTP; what its body looks like is a setting."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from graph_crm.delivery.channels.sms_text import sms_size
from graph_crm.delivery.channels.webhook import Gateway, GatewayClient
from graph_crm.errors import ConfigurationError
from graph_crm.rules.delivery import Capability, ChannelLimits, DeliveryChannel, Outgoing, Refused, Sent
from graph_crm.settings import Settings

BODY: Final = '{"from": "{sender}", "to": "{to}", "text": "{text}", "reference": "{id}"}'
"""What is posted where no setting says otherwise."""
NAMES: Final = ("sender", "to", "text", "id", "key", "language")
"""What a body may name."""
MOST_PARTS: Final = 6
LONGEST: Final = 918
"""Characters of the longest message, in six parts of the GSM alphabet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsGateway:
    """How your gateway is reached, and what it is sent."""

    gateway: Gateway
    sender: str
    body: str = BODY
    id_field: str = "id"
    """The field of its answer that names the message, with dots for nested ones: ``messages.0.id``."""
    idempotent: bool = False
    """Whether it drops repeats of one ``Idempotency-Key``."""
    per_second: float | None = None


class SmsChannel(DeliveryChannel):
    """Sends text messages through one gateway."""

    name = "sms-gateway"
    channel = "SMS"

    def __init__(self, settings: SmsGateway, client: GatewayClient | None = None) -> None:
        self._settings = settings
        self._body = read_body(settings.body)
        self._client = client or GatewayClient(settings.gateway)
        self.capability = Capability(longest=LONGEST, idempotent=settings.idempotent)
        self.limits = ChannelLimits(per_second=settings.per_second)

    async def send(self, message: Outgoing) -> Sent:
        """Hand one message over. Raises: Bounced, Refused, TryLater; OutcomeUnknown."""
        size = sms_size(message.text)
        if size.parts > MOST_PARTS:
            raise Refused(f"The text takes {size.parts} parts in {size.alphabet}; {MOST_PARTS} are the most")
        values = {
            "sender": self._settings.sender,
            "to": message.to,
            "text": message.text,
            "id": message.id,
            "key": message.key,
            "language": message.language,
        }
        answer = await self._client.post(_filled(self._body, values), message.key)
        return Sent(provider_id=_named(answer, self._settings.id_field) or message.id)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def read_body(text: str) -> Any:
    """The JSON of a body with its ``{names}``. Raises ConfigurationError."""
    hint = f"Write JSON with these names in its texts: {', '.join(f'{{{name}}}' for name in NAMES)}."
    try:
        body = orjson.loads(text)
        used = set(_names(body))
    except ValueError as error:
        raise ConfigurationError(f"GRAPH_CRM_SMS_BODY can't be read: {error}", hint=hint) from None
    if unknown := sorted(used - set(NAMES)):
        raise ConfigurationError(f"GRAPH_CRM_SMS_BODY names {unknown[0]!r}, which there is not", hint=hint)
    if missing := [name for name in ("to", "text") if name not in used]:
        raise ConfigurationError(f"GRAPH_CRM_SMS_BODY does not name {{{missing[0]}}}", hint=hint)
    return body


def _names(body: Any) -> list[str]:
    if isinstance(body, str):
        return [name for _, name, _, _ in string.Formatter().parse(body) if name is not None]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [name for part in parts for name in _names(part)]


def _filled(body: Any, values: Mapping[str, str]) -> Any:
    """The body with its names replaced inside texts: what a message says can't change the shape of the JSON."""
    if isinstance(body, str):
        return "".join(
            literal + (values[name] if name is not None else "")
            for literal, name, _, _ in string.Formatter().parse(body)
        )
    if isinstance(body, dict):
        return {key: _filled(part, values) for key, part in body.items()}
    return [_filled(part, values) for part in body] if isinstance(body, list) else body


def _named(answer: Any, path: str) -> str | None:
    found = answer
    for part in path.split("."):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping):
            found = found.get(part)
        else:
            return None
    return str(found)[:200] if isinstance(found, str | int) and not isinstance(found, bool) else None


def sms_channel(settings: Settings) -> SmsChannel | None:
    """The text messages of these settings; None where no gateway is set. Raises ConfigurationError."""
    if settings.sms_url is None:
        return None
    token = settings.sms_key
    gateway = Gateway(url=str(settings.sms_url), token=None if token is None else token.get_secret_value())
    return SmsChannel(
        SmsGateway(
            gateway=gateway,
            sender=settings.sms_sender,
            body=settings.sms_body or BODY,
            id_field=settings.sms_id_field,
            idempotent=settings.sms_idempotent,
            per_second=settings.sms_per_second,
        )
    )
