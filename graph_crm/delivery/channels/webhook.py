"""Speaking to a gateway by HTTP: one configured address, an idempotency key, a signature, and what its answers mean.

The address comes from the settings and from nowhere else, and redirections are not followed: no message and no
customer can make the platform call another one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn

import httpx
import orjson

from graph_crm.clock import CLOCK
from graph_crm.rules.delivery import Bounced, Refused, TryLater

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
LONGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are read."""
LONGEST_PAUSE: Final = 3600.0
"""Seconds of pause that a gateway may ask for."""
TIMESTAMP: Final = "X-Timestamp"
SIGNATURE: Final = "X-Signature"
KEY: Final = "Idempotency-Key"
_UNKNOWN_OUTCOME: Final = frozenset({408, 500, 502, 504})
"""The gateway may or may not have taken the message."""


class OutcomeUnknown(Exception):
    """Whether the gateway took the message is not known: the connection broke, or its answer says nothing."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body: HMAC-SHA256 over ``timestamp.body``, in hexadecimal."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """An address that messages are posted to."""

    url: str
    token: str | None = field(default=None, repr=False)
    """Sent as ``Authorization: Bearer``."""
    secret: str | None = field(default=None, repr=False)
    """Signs each request, see `sign`."""
    gone: frozenset[int] = frozenset({410, 422})
    """Answers that say: this recipient can't be reached, and never will."""


class GatewayClient:
    """Posts JSON to one gateway over connections that are kept; safe for many tasks at once."""

    def __init__(self, gateway: Gateway, *, at_once: int = 8, clock: Callable[[], float] = CLOCK.seconds) -> None:
        self._gateway = gateway
        self._clock = clock
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
        )

    async def post(self, body: Any, key: str) -> Mapping[str, Any]:
        """Post ``body`` as JSON under the idempotency ``key``; the JSON object of the answer, empty where it has none.

        Raises: Bounced, Refused, TryLater; OutcomeUnknown where the message may have gone.
        """
        content = orjson.dumps(body)
        gateway = self._gateway
        headers = {"Content-Type": "application/json", KEY: key}
        if gateway.token is not None:
            headers["Authorization"] = f"Bearer {gateway.token}"
        if gateway.secret is not None:
            timestamp = str(int(self._clock()))
            headers |= {TIMESTAMP: timestamp, SIGNATURE: sign(gateway.secret, timestamp, content)}
        try:
            async with self._client.stream("POST", gateway.url, content=content, headers=headers) as response:
                answer = await _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryLater(f"The gateway can't be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise OutcomeUnknown(f"The gateway did not answer: {type(error).__name__}") from error
        if not response.is_success:
            _refuse(response, answer, gateway.gone)
        return _object(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _read(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > LONGEST_ANSWER:
            break
    return b"".join(parts)[:LONGEST_ANSWER]


def _object(answer: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _refuse(response: httpx.Response, answer: bytes, gone: frozenset[int]) -> NoReturn:
    """Say what an answer other than a yes means."""
    status = response.status_code
    told = f"HTTP {status} {answer[:200].decode('utf-8', 'replace')}".strip()
    if status in gone:
        raise Bounced(told)
    if status in _UNKNOWN_OUTCOME:
        raise OutcomeUnknown(told)
    # A wrong key, a moved address or a pause is the bank's to mend, and not the message's fault.
    if status in (401, 403, 429) or status >= 500 or response.is_redirect:  # noqa: PLR2004 - HTTP's own numbers
        raise TryLater(told, _pause(response.headers.get("Retry-After")))
    raise Refused(told)


def _pause(asked: str | None) -> float | None:
    """The seconds of a ``Retry-After``, which is a number or a date; None where it is neither."""
    if asked is None:
        return None
    try:
        if asked.strip().isdigit():
            seconds = float(asked)
        else:
            seconds = parsedate_to_datetime(asked).timestamp() - CLOCK.seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)
