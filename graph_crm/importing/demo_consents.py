"""What customers of the demo bank said about being contacted; who was never asked said nothing, and that is no."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final

from pydantic import BaseModel, ConfigDict

from graph_crm.importing import cypher
from graph_crm.importing.cypher import Kind
from graph_crm.importing.demo_people import SOURCE
from graph_crm.importing.loader import Record

TEXT: Final = "2024-01"
"""Version of the text that the demo bank shows."""
_OFFERS: Final[Mapping[str, tuple[tuple[str, str | None, bool], ...]]] = {
    "granted": (("GRANTED", None, True),),
    "by_phone": (("GRANTED", "PHONE", True), ("GRANTED", "SMS", True)),
    "by_mail": (("GRANTED", "EMAIL", True), ("GRANTED", "ONLINE", True)),
    "withdrawn": (("GRANTED", None, True), ("WITHDRAWN", None, False)),
    "withdrawn_messages": (("GRANTED", None, True), ("WITHDRAWN", "SMS", False)),
    "denied": (("DENIED", None, True),),
}
"""By what the customer said about offers: status, channel (None: all), and whether it was said when it joined."""


class ConsentShares(BaseModel):
    """Shares of customers by what they said; what is left of the first six was never asked about offers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    granted: float
    by_phone: float
    by_mail: float
    withdrawn: float
    withdrawn_messages: float
    denied: float
    objects_to_profiling: float
    survey: float
    stopped_phone: float


def consents(
    party: str, phone: str, joined: date, today: date, *, shares: ConsentShares, seed: int
) -> Iterator[tuple[Kind, Record]]:
    """The statements of one customer, with random numbers of their own: they change nothing else of the bank."""
    chance = random.Random(f"{seed}:{party}:consent")  # noqa: S311 - a demo bank, not a secret
    numbers = count(1)

    def said(
        purpose: str, status: str, day: date, channel: str | None = None, point: str | None = None
    ) -> tuple[Kind, Record]:
        at = datetime.combine(day, time(chance.randint(8, 16), chance.randint(0, 59)), tzinfo=UTC)
        props = {
            "purpose": purpose,
            "status": status,
            "channel": channel,
            "at": at,
            "recordedAt": at,
            "textVersion": TEXT,
            "source": SOURCE,
        }
        return cypher.CONSENT, {
            "id": f"{party}:consent:{next(numbers)}",
            "partyId": party,
            "pointKey": point,
            "props": props,
        }

    later = joined + timedelta(days=chance.randint(1, max((today - joined).days - 1, 1)))
    answers = [*_OFFERS, "never asked"]
    drawn = [getattr(shares, name) for name in _OFFERS]
    answer = chance.choices(answers, [*drawn, max(0.0, 1 - sum(drawn))])[0]
    for status, channel, at_once in _OFFERS.get(answer, ()):
        yield said("MARKETING", status, joined if at_once else later, channel)
    if chance.random() < shares.survey:
        yield said("SURVEY", "GRANTED", joined)
    if chance.random() < shares.objects_to_profiling:
        yield said("PROFILING", "WITHDRAWN", later)
    if chance.random() < shares.stopped_phone:
        yield said("MARKETING", "WITHDRAWN", later, "PHONE", f"PHONE:{phone}")
