"""The link that withdraws a consent: in every promotional mail, signed, and good for as long as the mail is kept."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from graph_crm.consent.kinds import REFUSALS, ConsentStatus, Purpose
from graph_crm.consent.service import ConsentService, Statement
from graph_crm.contacts.approach import POINT_KIND
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import InvalidInput, NotFound
from graph_crm.graph.database import Database

SOURCE: Final = "unsubscribe"
"""What a consent says of where it was withdrawn."""
LONGEST: Final = 2_000
"""Characters of a token."""
_ALGORITHM: Final = "HS256"
_USE: Final = b"graph-crm unsubscribe 1"


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """What a link withdraws."""

    party_id: str
    purpose: Purpose
    channel: Channel
    point: str | None
    """The contact point; None: all of the channel."""


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """What became of it."""

    named: Unsubscription
    recorded: bool
    """Whether it was recorded now; otherwise the customer had refused already."""


class Unsubscriber:
    """Makes and takes links. The key is made of the platform's secret and good for nothing else."""

    def __init__(self, database: Database, secret: str, public_url: str) -> None:
        derived = hmac.digest(secret.encode(), _USE, hashlib.sha256)
        self._key = OctKey.import_key(derived)
        self._url = public_url.rstrip("/")
        self._database = database
        self._consents = ConsentService(database)

    def token(self, party_id: str, purpose: str, channel: str, point: str | None) -> str:
        """A signed token that names what is withdrawn."""
        named = "\n".join((party_id, purpose, channel, point or ""))
        return jws.serialize_compact({"alg": _ALGORITHM}, named.encode(), self._key, algorithms=[_ALGORITHM])

    def link(self, party_id: str, purpose: str, channel: str, point: str | None) -> str:
        """The address of the page that withdraws; it takes a POST with one click as well (RFC 8058)."""
        return f"{self._url}/unsubscribe?k={quote(self.token(party_id, purpose, channel, point), safe='')}"

    def named(self, token: str) -> Unsubscription:
        """What ``token`` withdraws. Raises InvalidInput for one that this platform did not make."""
        try:
            if len(token) > LONGEST:
                raise ValueError("too long")  # noqa: TRY301 - told as any other that was not made here
            payload: Any = jws.deserialize_compact(token, self._key, algorithms=[_ALGORITHM]).payload
            party, purpose, channel, point = payload.decode().split("\n")
            return Unsubscription(party, Purpose(purpose), Channel(channel), point or None)
        except (JoseError, ValueError, UnicodeError, AttributeError) as error:
            raise InvalidInput(
                "The link is not complete or was not made by this bank",
                hint="Open it from the message again, all of it, or tell the bank.",
                field="k",
            ) from error

    async def withdraw(self, token: str) -> Unsubscribed:
        """Withdraw the consent that ``token`` names; what waits and is forbidden by it is cancelled with it.

        Again and again is the same as once; after a new consent the same link withdraws that one, too.
        Raises: InvalidInput, and NotFound where the customer is gone.
        """
        one = self.named(token)
        try:
            return await self._withdraw(token, one)
        except NotFound:
            if one.point is None:
                raise
            # The address is no longer the customer's: the wish is about the channel, then.
            return await self._withdraw(token, Unsubscription(one.party_id, one.purpose, one.channel, None))

    async def _withdraw(self, token: str, one: Unsubscription) -> Unsubscribed:
        point = one.point if POINT_KIND.get(one.channel) else None
        standing = await self._consents.standing(one.party_id, one.purpose, one.channel, point)
        if standing.status in {status.value for status in REFUSALS}:
            return Unsubscribed(one, recorded=False)
        statement = Statement(
            purpose=one.purpose,
            status=ConsentStatus.WITHDRAWN,
            channel=one.channel,
            point_key=point,
            source=SOURCE,
        )
        # Two clicks at a time withdraw the same consent: they are one.
        seen = hashlib.sha256(f"{token}|{point}|{standing.decided_by}".encode()).hexdigest()
        await self._consents.record(one.party_id, [statement], idempotency_key=f"unsubscribe:{seen}")
        return Unsubscribed(one, recorded=True)
