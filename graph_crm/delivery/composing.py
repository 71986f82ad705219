"""A message in words: its template in the recipient's language, cut to what the channel carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from babel import Locale, UnknownLocaleError
from markupsafe import escape

from graph_crm import texts
from graph_crm.delivery.templates.library import Templates
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.delivery.verdict import Way
from graph_crm.errors import TemplateFailed
from graph_crm.rules.delivery import DeliveryChannel, Outgoing

_BRIEF: Final = frozenset({"SMS", "PUSH"})
"""Channels that carry the part ``short`` where a template has one."""
UNSUBSCRIBE_LINE: Final = "unsubscribe-line"
"""The sentence of `texts` that stands before the link in a promotional mail whose template has none."""


def compose(
    message: Mapping[str, Any], way: Way, channel: DeliveryChannel, templates: Templates, unsubscriber: Unsubscriber
) -> Outgoing:
    """The message (a row of `cypher.MESSAGE`) as the channel gets it. Raises TemplateFailed, NotFound."""
    delivery, party = message["delivery"], message["party"] or {}
    template = templates.get(delivery["template"], delivery["language"] or party.get("language"))
    promotional = delivery["actionClass"] == "PROMOTIONAL"
    link = None
    if promotional and delivery["partyId"] is not None:
        link = unsubscriber.link(delivery["partyId"], delivery["purpose"], way.channel, way.point)
    known: dict[str, Any] = {"name": party.get("displayName")}
    if link is not None:
        known["unsubscribe_url"] = link
    variables = known | orjson.loads(delivery["variables"])
    zone = party.get("timeZone") or variables.get("zone")
    done = template.render(variables, zone=zone if isinstance(zone, str) else None)

    text = done.short if way.channel in _BRIEF and done.short else done.text
    html = done.html
    if link is not None and way.channel == "EMAIL":
        sentence = texts.current().say(UNSUBSCRIBE_LINE, language=done.language)
        if link not in text:
            text = f"{text}\n\n{sentence} {link}"
        if html is not None and str(escape(link)) not in html:
            html = f'{html}\n<p>{escape(sentence)} <a href="{escape(link)}">{escape(link)}</a></p>'
    carries = channel.capability
    if carries.longest is not None and len(text) > carries.longest:
        raise TemplateFailed(
            f"Template {template.name}: {len(text):,} characters are too many for {channel.name}, which carries"
            f" {carries.longest:,}",
            hint="Give the template a part `short`.",
            template=template.name,
        )
    return Outgoing(
        id=delivery["id"],
        key=delivery["id"],
        channel=way.channel,
        to=_address(delivery, way),
        text=text,
        subject=done.subject if carries.subject else None,
        html=html if carries.html else None,
        language=done.language,
        party_id=delivery["partyId"],
        recipient=party.get("displayName"),
        address=postal_lines(party),
        template=template.name,
        promotional=promotional,
        unsubscribe=link,
        thread=message["request"],
    )


def _address(delivery: Mapping[str, Any], way: Way) -> str:
    """Where it goes: the value of the contact point, the address that the message names, else the party."""
    if way.point is not None:
        return way.point.partition(":")[2]
    return str(delivery["to"] or delivery["partyId"])


def postal_lines(party: Mapping[str, Any]) -> tuple[str, ...]:
    """The postal address as it stands on a letter; empty where street or place is not known."""
    street, city = party.get("street"), party.get("city")
    if not street or not city:
        return ()
    place = " ".join(each for each in (party.get("postalCode"), city) if each)
    country = party.get("country")
    return tuple(each for each in (party.get("displayName"), street, place, _country(country)) if each)


def _country(code: str | None) -> str | None:
    if code is None:
        return None
    try:
        return str(Locale.parse("en").territories.get(code, code))
    except UnknownLocaleError:  # pragma: no cover - English is always there
        return code


def channel_of(address: str) -> str:
    """The channel on which somebody is reached who has only an address: a mail, or a text message."""
    return "EMAIL" if "@" in address else "SMS"
