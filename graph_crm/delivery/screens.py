"""Screens: at a cash machine and in the online bank the customer comes, and the next screen asks what to show.

An offer waits for them from the moment at which it was made. Whether it is shown is judged when the screen asks, under
the ledgers of the customer, as advice to somebody who came: consent, the customer's situation and earlier refusals bind
it, contact limits and quiet hours do not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from graph_crm import snapshots
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.contacts.overrides import shipped
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.suppression import suppression
from graph_crm.decisions.kinds import ResponseOutcome
from graph_crm.decisions.offers.responses import SAME_CONTACT, NewResponse, ResponseService
from graph_crm.decisions.offers.states import OPEN
from graph_crm.delivery import screens_cypher as cypher
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.offers import ReservedOffer, scripts_of
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.rules.snapshot import Snapshot, ticked

SCREENS: Mapping[Channel, int] = MappingProxyType({Channel.ATM: 1, Channel.ONLINE: 3})
"""The screens, and how many promotional offers one of them shows at most."""
MOST = 10
"""Offers that a screen may ask for."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An offer as a screen shows it."""

    offer_id: str
    delivery_id: str
    interaction_id: str | None
    """The contact at which it was shown first in this visit."""
    product_code: str
    product: str | None
    """Name of the product."""
    action_class: str
    text: str
    reasons: tuple[str, ...]
    """Why it is shown, in the customer's language where the rule has it."""
    valid_until: dt.datetime | None


class Screens:
    """Puts offers on screens and answers what the next screen shows. ``clock`` replaces the database's clock."""

    def __init__(
        self,
        database: Database,
        policy: Callable[[], ContactPolicy] = shipped,
        responses: ResponseService | None = None,
        *,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._responses = responses or ResponseService(database, clock=clock)
        self._clock = clock

    async def place(self, tx: Transaction, offer: ReservedOffer) -> None:
        """Let an offer wait for the screen that ``offer.place`` names, in the caller's transaction; once for each."""
        await self._put(
            tx,
            offer.place,
            {
                "partyId": offer.party_id,
                "offerId": offer.id,
                "reservationId": offer.reservation_id,
                "actionClass": offer.action_class,
                "purpose": offer.purpose,
                "expiresAt": offer.valid_until,
            },
        )

    async def next(self, party_id: str, channel: str, *, first: int = 1) -> list[Shown]:
        """What the next screen shows the customer, the best first, and that it was shown; often that is nothing.

        A cash machine shows one promotional offer at most, the online bank three; of one product one. What is asked for
        again within the hour is the same visit: it is recorded once. Raises: NotFound, InvalidInput.
        """
        screen = checks.one_of("channel", channel, Channel)
        if screen not in SCREENS:
            raise checks.refuse("channel", "is no screen that asks", f"Use one of: {', '.join(SCREENS)}.")
        if not 1 <= first <= MOST:
            raise checks.refuse("first", "is out of range", f"Ask for 1 to {MOST} offers.")
        known = await self._database.read(cypher.KNOWN, {"party": party_id})
        if not known:
            raise NotFound(
                "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
            )
        # Mostly there is nothing to show: then nobody is locked.
        if not await self._database.read(cypher.WAITING, self._asked(party_id, screen)):
            return []
        language = known[0]["language"]
        return await self._database.write(lambda tx: self._show(tx, party_id, screen, first, language), idempotent=True)

    async def _show(
        self, tx: Transaction, party_id: str, screen: Channel, first: int, language: str | None
    ) -> list[Shown]:
        locked = await ledger.lock_parties(tx, [party_id])
        if locked is None:
            return []
        now = locked.now if self._clock is None else ticked(self._clock())
        rows = await tx.run(cypher.WAITING, self._asked(party_id, screen, now))
        policy = self._policy()
        loaded = await snapshots.load(tx.run, [party_id], now=now, needs=policy.needs, memory=memory_of(policy))
        if not loaded:
            return []
        chosen = _chosen(rows, loaded[0], screen, policy, first)
        return [await self._shown(tx, row, party_id, screen, now, language) for row in chosen]

    async def _shown(
        self, tx: Transaction, row: Row, party_id: str, screen: Channel, now: dt.datetime, language: str | None
    ) -> Shown:
        offer = row["offer"]
        response = row["shown"]
        if response is None:
            told = NewResponse(offer_id=offer["id"], outcome=ResponseOutcome.PRESENTED, channel=screen)
            response = (await self._responses.record_within(tx, told, now, by="screen")).id
        valid = None if offer["validUntil"] is None else _EPOCH + dt.timedelta(milliseconds=offer["validUntil"])
        kind = offer["actionClass"] or ActionClass.PROMOTIONAL.value
        place = {
            "partyId": party_id,
            "offerId": offer["id"],
            "reservationId": None,
            "actionClass": kind,
            "purpose": "MARKETING" if kind == ActionClass.PROMOTIONAL else "SERVICE",
            "expiresAt": valid,
        }
        key = await self._put(tx, screen, place)
        (found,) = await tx.run(cypher.PRESENTED, {"key": key, "at": now, "response": response})
        reasons = _in(language, offer)
        return Shown(
            offer_id=offer["id"],
            delivery_id=found["id"],
            interaction_id=found["interaction"],
            product_code=offer["productCode"],
            product=row["product"],
            action_class=kind,
            text=scripts_of(offer).get(screen) or " ".join(reasons),
            reasons=reasons,
            valid_until=valid,
        )

    async def _put(self, tx: Transaction, screen: Channel, properties: Mapping[str, Any]) -> str:
        key = f"screen:{properties['offerId']}:{screen.value}"
        made = {
            "id": new_id("delivery"),
            "channel": screen.value,
            "template": "offer_screen",
            "variables": "{}",
            "state": DeliveryState.QUEUED.value,
            "attempts": 0,
            "attachments": [],
            **properties,
        }
        await tx.run(cypher.PLACE, {"key": key, "properties": made, "now": self._now()})
        return key

    def _asked(self, party_id: str, screen: Channel, now: dt.datetime | None = None) -> dict[str, Any]:
        return {
            "party": party_id,
            "channel": screen.value,
            "statuses": sorted(OPEN),
            "now": now or self._now(),
            "same": SAME_CONTACT // dt.timedelta(milliseconds=1),
        }

    def _now(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())


def _chosen(rows: Sequence[Row], customer: Snapshot, screen: Channel, policy: ContactPolicy, first: int) -> list[Row]:
    """The offers that the bank would show now: the best, one for each product, no more than the screen takes."""
    found: list[Row] = []
    products: set[str] = set()
    promoted = 0
    for row in sorted(rows, key=_rank):
        offer = row["offer"]
        kind = offer["actionClass"] or ActionClass.PROMOTIONAL.value
        promotional = kind == ActionClass.PROMOTIONAL
        if offer["productCode"] in products or (promotional and promoted >= SCREENS[screen]):
            continue
        approach = Approach(
            screen.value,
            at=customer.now,
            direction="INBOUND",
            action_class=kind,
            product=offer["productCode"],
            family=offer["familyCode"],
        )
        if not all(gate(customer, approach, policy).allowed for gate in (permission, suppression, cool_off)):
            continue
        found.append(row)
        products.add(offer["productCode"])
        promoted += promotional
        if len(found) == first:
            break
    return found


def _rank(row: Row) -> tuple[float, int, str]:
    """The best first: by priority, then the newest."""
    offer = row["offer"]
    priority = orjson.loads(offer["factors"]).get("priority") if offer["factors"] else None
    return (-float(priority) if isinstance(priority, int | float) else 0.0, -offer["createdAt"], offer["id"])


def _in(language: str | None, offer: Mapping[str, Any]) -> tuple[str, ...]:
    translated = orjson.loads(offer["translations"]) if offer["translations"] else {}
    own = translated.get((language or "").partition("-")[0].lower())
    return tuple(own or offer["reasons"] or ())
