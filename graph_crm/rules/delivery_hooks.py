"""Asking plugins for the channels that they carry messages on."""

from __future__ import annotations

from graph_crm.errors import RuleError
from graph_crm.rules.delivery import Capability, ChannelLimits, DeliveryChannel
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import CHANNELS

MOST_CHANNELS = 20
"""A plugin brings so many channels at most."""


def delivery_channels(book: RuleBook) -> list[DeliveryChannel]:
    """The channels of all plugins, in the order of loading; a plugin that fails brings none, and is reported."""
    found: list[DeliveryChannel] = []
    for answer in book.ask("delivery_channels", _channels):
        for one in answer.value:
            if any(known.name == one.name for known in found):
                book.complain(answer.plugin, f"channel {one.name} is in another plugin already; it is left out")
            else:
                found.append(one)
    return found


def _channels(value: object) -> list[DeliveryChannel]:
    if not isinstance(value, list | tuple) or len(value) > MOST_CHANNELS:
        raise RuleError(f"a list of at most {MOST_CHANNELS} delivery channels")
    for one in value:
        if not isinstance(one, DeliveryChannel):
            raise RuleError(f"a list of delivery channels; it holds a {type(one).__name__}")
        if not isinstance(getattr(one, "name", None), str) or not one.name:
            raise RuleError("delivery channels with a name")
        if getattr(one, "channel", None) not in CHANNELS:
            raise RuleError(f"a delivery channel that carries one of {', '.join(CHANNELS)}")
        if not isinstance(one.capability, Capability) or not isinstance(one.limits, ChannelLimits):
            raise RuleError("delivery channels with a Capability and ChannelLimits")
        pace = one.limits.per_second
        if one.limits.at_once < 1 or one.limits.seconds <= 0 or (pace is not None and pace <= 0):
            raise RuleError("delivery channels with limits above 0")
    return list(value)
